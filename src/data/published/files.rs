//! The files of a published data set: of a folder on disk, or of an archive in memory.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::Place;
use crate::data::error::DataError;
use crate::data::fetch;
use crate::files::{sha256, sha256_reader};
use crate::guard::file::{self, LARGEST_DATA};

/// How deep folders are looked into: `train/class/name.png` is three.
const DEEPEST: usize = 4;
/// The largest number of files: ImageNet has 1.3 million.
const MOST_FILES: usize = 2_000_000;

/// Files by their names, which are relative paths with `/` between their parts, sorted.
#[derive(Debug)]
pub struct Files {
    /// For people: `the folder data/cifar`.
    place: String,
    names: Vec<String>,
    contents: Contents,
}

#[derive(Debug)]
enum Contents {
    Folder(PathBuf),
    Archive(BTreeMap<String, Vec<u8>>),
}

impl Files {
    /// The files at a place; an archive is downloaded if the cache has none with its hash.
    ///
    /// # Errors
    /// The place cannot be listed, the download fails or has another hash, or the archive is none.
    pub fn open(place: &Place, cache: &Path, report: &mut dyn FnMut(&str)) -> Result<Self, DataError> {
        match place {
            Place::Path(path) => Self::of_path(path),
            Place::Archive { url, sha256 } => {
                let bytes = fetch::url(url, sha256, cache, report)?;
                Self::of_archive(&place.file_name(), bytes, LARGEST_DATA)
            }
        }
    }

    /// The files below a folder, or a single file.
    ///
    /// # Errors
    /// It cannot be listed, or holds too many.
    pub fn of_path(path: &Path) -> Result<Self, DataError> {
        if path.is_file() {
            let folder = path.parent().unwrap_or(Path::new("")).to_owned();
            let names =
                path.file_name().and_then(|name| name.to_str()).map(str::to_owned).into_iter().collect();
            let place = format!("the file {}", path.display());
            return Ok(Self { place, names, contents: Contents::Folder(folder) });
        }
        let mut names = Vec::new();
        let mut open = vec![(path.to_owned(), String::new(), 1)];
        while let Some((folder, prefix, depth)) = open.pop() {
            for entry in fs::read_dir(&folder).map_err(DataError::io("list", &folder))? {
                let entry = entry.map_err(DataError::io("list", &folder))?;
                // What is no text is named by no format.
                let Some(name) = entry.file_name().to_str().map(|name| format!("{prefix}{name}")) else {
                    continue;
                };
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    if depth < DEEPEST {
                        open.push((entry.path(), format!("{name}/"), depth + 1));
                    }
                } else {
                    names.push(name);
                }
            }
            if names.len() > MOST_FILES {
                let problem = format!("it holds more than {MOST_FILES} files");
                return Err(DataError::Malformed { file: path.display().to_string(), problem });
            }
        }
        names.sort_unstable();
        let place = format!("the folder {}", path.display());
        Ok(Self { place, names, contents: Contents::Folder(path.to_owned()) })
    }

    /// The files of a `.tar.gz` or `.zip`, told apart by their first bytes; anything else is a single file. Nothing is written: the names lead nowhere.
    fn of_archive(name: &str, bytes: Vec<u8>, limit: u64) -> Result<Self, DataError> {
        let failed = || DataError::io("unpack", Path::new(name));
        let mut contents = BTreeMap::new();
        let mut left = limit;
        let mut keep = |name: String, entry: &mut dyn Read| -> std::io::Result<()> {
            let bytes = file::read_up_to(entry, left)?;
            left -= bytes.len() as u64;
            contents.insert(name, bytes);
            Ok(())
        };
        if bytes.starts_with(&[0x1f, 0x8b]) && !is_single(name) {
            let mut archive = tar::Archive::new(GzDecoder::new(bytes.as_slice()).take(limit));
            for entry in archive.entries().map_err(failed())? {
                let mut entry = entry.map_err(failed())?;
                let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                if entry.header().entry_type().is_file() {
                    keep(name, &mut entry).map_err(failed())?;
                }
            }
        } else if bytes.starts_with(b"PK") {
            let archive_error = |source| DataError::Archive { package: name.to_owned(), source };
            let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(archive_error)?;
            for place in 0..archive.len() {
                let mut entry = archive.by_index(place).map_err(archive_error)?;
                let name = entry.name().map_err(archive_error)?.into_owned();
                if entry.is_file() {
                    keep(name, &mut entry).map_err(failed())?;
                }
            }
        } else {
            contents.insert(name.to_owned(), bytes);
        }
        let names = contents.keys().cloned().collect();
        Ok(Self { place: name.to_owned(), names, contents: Contents::Archive(contents) })
    }

    /// The place for people.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// All names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The content of one file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, DataError> {
        match &self.contents {
            Contents::Folder(folder) => {
                let path = folder.join(name);
                file::read(&path, LARGEST_DATA).map_err(DataError::io("read", &path))
            }
            Contents::Archive(contents) => Ok(contents.get(name).cloned().unwrap_or_default()),
        }
    }

    /// The SHA-256 of one file.
    ///
    /// # Errors
    /// As [`Files::read`].
    pub fn sha256(&self, name: &str) -> Result<String, DataError> {
        match &self.contents {
            Contents::Folder(folder) => {
                let path = folder.join(name);
                file::open(&path, LARGEST_DATA).and_then(sha256_reader).map_err(DataError::io("read", &path))
            }
            Contents::Archive(_) => self.read(name).map(|bytes| sha256(&bytes)),
        }
    }
}

/// Whether a name that is packed by gzip is one file and no archive.
fn is_single(name: &str) -> bool {
    name.ends_with(".gz") && !name.ends_with(".tar.gz")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn archives_are_read_into_memory_up_to_a_limit() {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, content) in [("top/a.txt", "a"), ("top/b/c.txt", "long")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, path, content.as_bytes()).unwrap();
        }
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, "top/link", "/etc/passwd").unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&tar.into_inner().unwrap()).unwrap();
        let tar_gz = gzip.finish().unwrap();
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (path, content) in [("top/a.txt", "a"), ("top/b/c.txt", "long")] {
            zip.start_file(path, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        let zip = zip.finish().unwrap().into_inner();

        for (name, bytes) in [("x.tar.gz", &tar_gz), ("x.zip", &zip)] {
            let files = Files::of_archive(name, bytes.clone(), 1 << 20).unwrap();
            assert_eq!(files.names(), ["top/a.txt", "top/b/c.txt"], "{name}");
            assert_eq!(files.read("top/b/c.txt").unwrap(), b"long");
            assert!(Files::of_archive(name, bytes.clone(), 4).is_err(), "{name}: five bytes in all");
        }
        let single = Files::of_archive("x.txt", b"text".to_vec(), 10).unwrap();
        assert_eq!(
            (single.names(), single.read("x.txt").unwrap()),
            (["x.txt".to_owned()].as_slice(), b"text".to_vec())
        );
    }

    #[test]
    fn folders_are_listed_below_themselves_but_not_over_links() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("b/c")).unwrap();
        fs::write(folder.path().join("b/c/x"), "x").unwrap();
        fs::write(folder.path().join("a"), "a").unwrap();
        std::os::unix::fs::symlink("..", folder.path().join("b/up")).unwrap();
        let files = Files::of_path(folder.path()).unwrap();
        assert_eq!(files.names(), ["a", "b/c/x", "b/up"]);
        assert_eq!(files.read("b/c/x").unwrap(), b"x");
        assert_eq!(files.sha256("a").unwrap(), sha256(b"a"));
        assert!(files.read("b/up").is_err(), "a link to a folder is no plain file");
        assert_eq!(Files::of_path(&folder.path().join("a")).unwrap().names(), ["a"]);
        assert!(Files::of_path(&folder.path().join("none")).is_err());
    }
}
