//! Files whose place or content somebody else chose: opened only where they are plain files, read only up to a limit.
//!
//! Opening a named pipe blocks until somebody writes to it, a device may never end, a link may lead anywhere. So files are opened without
//! blocking and asked what they are before a byte is read; whoever swaps the path afterwards changes nothing, since the open file is asked.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// The largest file of raw outputs, in bytes: room for 10⁸ numbers. The runner holds those of two implementations at once.
pub const LARGEST_OUTPUTS: u64 = 1 << 30;

/// The largest file of data that is read into memory, in bytes, and the most that a compressed one may unpack to. The table that is made of it
/// takes as much again; the largest data set of the catalogue is a fortieth of it.
pub const LARGEST_DATA: u64 = 4 << 30;

/// The most that the values of one table of a run may take, in bytes: two hundred million samples. They are not all held at once.
pub const LARGEST_TABLE: u64 = 16 << 30;

/// The largest manifest of a run, of a bundle or of an adapter, in bytes. A run of 100 000 cases has one of a tenth of it.
pub const LARGEST_MANIFEST: u64 = 1 << 30;

/// Opens a plain file of at most `limit` bytes. A link is followed: where it leads must be a plain file.
///
/// # Errors
/// It cannot be opened, is a pipe, device, socket or folder, or is larger.
pub fn open(path: &Path, limit: u64) -> io::Result<File> {
    let file = File::options().read(true).custom_flags(flags(OFlags::empty())).open(path)?;
    plain(file, limit)
}

/// As [`open`], but a link in the place of the file is refused.
///
/// # Errors
/// As [`open`], or it is a link.
pub fn open_no_link(path: &Path, limit: u64) -> io::Result<File> {
    let file = File::options().read(true).custom_flags(flags(OFlags::NOFOLLOW)).open(path);
    plain(file.map_err(told)?, limit)
}

/// Opens a plain file of at most `limit` bytes that lies below a folder, without following a link on the way.
///
/// # Errors
/// As [`open`], or the path is absolute, climbs with `..`, or leads over a link.
pub fn open_below(folder: &Path, relative: &Path, limit: u64) -> io::Result<File> {
    let leaves = || io::Error::new(ErrorKind::InvalidInput, "the path leaves its folder");
    let names: Vec<_> = relative
        .components()
        .map(|part| if let Component::Normal(name) = part { Ok(name) } else { Err(leaves()) })
        .collect::<Result<_, _>>()?;
    let (last, folders) = names.split_last().ok_or_else(leaves)?;
    let open = |at: &File, name: &std::ffi::OsStr, kind: OFlags| {
        let flags =
            OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW | kind;
        rustix::fs::openat(at, name, flags, Mode::empty()).map(File::from).map_err(|e| told(e.into()))
    };
    let mut at = File::open(folder)?;
    for name in folders {
        at = open(&at, name, OFlags::DIRECTORY)?;
    }
    plain(open(&at, last, OFlags::empty())?, limit)
}

/// Reads a plain file of at most `limit` bytes whole.
///
/// # Errors
/// As [`open`], or it cannot be read.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open(path, limit)?;
    // As much room as the file says, at once: what grows while it is filled is copied again and again.
    let mut bytes = Vec::new();
    let length = usize::try_from(file.metadata()?.len()).map_err(|_| too_large(limit))?;
    bytes.try_reserve_exact(length).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    fill(bytes, file, limit)
}

/// Reads to the end, of at most `limit` bytes: more is an error, and is not held in memory.
///
/// # Errors
/// It cannot be read or yields more.
pub fn read_up_to(reader: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    fill(Vec::new(), reader, limit)
}

fn fill(mut bytes: Vec<u8>, reader: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    reader.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_large(limit)) } else { Ok(bytes) }
}

/// The first thing below a folder, itself included, that is neither a plain file nor a folder. Asked of a folder that somebody else may have filled,
/// before it is written to. Folders called `but_below` are not looked into.
///
/// # Errors
/// It cannot be listed.
pub fn first_link(folder: &Path, but_below: &str) -> io::Result<Option<PathBuf>> {
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        let kind = fs::symlink_metadata(&path)?.file_type();
        if kind.is_dir() {
            let is_left_out = path.file_name().is_some_and(|name| name == but_below);
            for entry in fs::read_dir(&path)?.filter(|_| !is_left_out) {
                open.push(entry?.path());
            }
        } else if !kind.is_file() {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn flags(more: OFlags) -> i32 {
    (OFlags::NONBLOCK | OFlags::NOCTTY | more).bits().cast_signed()
}

fn plain(file: File, limit: u64) -> io::Result<File> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a plain file"));
    }
    if metadata.len() > limit { Err(too_large(limit)) } else { Ok(file) }
}

fn too_large(limit: u64) -> io::Error {
    let limit = bytesize::ByteSize(limit);
    io::Error::new(ErrorKind::FileTooLarge, format!("it is larger than the limit of {limit}"))
}

/// The system says of a link that is not followed that there are too many links.
fn told(error: io::Error) -> io::Error {
    let is_link = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    if is_link { io::Error::new(ErrorKind::InvalidInput, "it is a link") } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn pipe(path: &Path) {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    }

    #[test]
    fn pipes_devices_and_folders_are_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        pipe(&at("pipe"));
        symlink("/dev/zero", at("device")).unwrap();
        symlink(at("pipe"), at("to pipe")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        for name in ["pipe", "device", "to pipe", "folder"] {
            let error = read(&at(name), 100).unwrap_err().to_string();
            assert_eq!(error, "it is not a plain file", "{name}");
        }
        for name in ["pipe", "folder"] {
            let error = open_below(folder.path(), Path::new(name), 100).unwrap_err().to_string();
            assert_eq!(error, "it is not a plain file", "{name}");
        }
    }

    #[test]
    fn nothing_is_read_outside_the_folder_or_over_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir_all(inner.join("deep")).unwrap();
        fs::write(folder.path().join("secret"), "s").unwrap();
        fs::write(inner.join("deep/file"), "f").unwrap();
        symlink("../secret", inner.join("link")).unwrap();
        symlink("..", inner.join("up")).unwrap();
        let said = |path: &str| match open_below(&inner, Path::new(path), 100) {
            Ok(file) => String::from_utf8(read_up_to(file, 100).unwrap()).unwrap(),
            Err(error) => error.to_string(),
        };
        assert_eq!(said("deep/file"), "f");
        assert_eq!(said("./deep/file"), "the path leaves its folder");
        for path in ["../secret", "/etc/passwd", "", "deep/../../secret"] {
            assert_eq!(said(path), "the path leaves its folder", "{path}");
        }
        assert_eq!(said("link"), "it is a link");
        assert!(!["s", "f"].contains(&said("up/secret").as_str()));
        assert_eq!(open_no_link(&inner.join("link"), 100).unwrap_err().to_string(), "it is a link");
        assert_eq!(read(&inner.join("link"), 100).unwrap(), b"s", "where a link is allowed it is followed");
        assert_eq!(first_link(&inner.join("deep"), "").unwrap(), None);
        assert!(first_link(folder.path(), "").unwrap().is_some());
        assert_eq!(first_link(folder.path(), "inner").unwrap(), None);
    }

    #[test]
    fn a_limit_holds_for_the_file_and_for_what_it_yields() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sparse");
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read(&path, LARGEST_DATA).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(read_up_to(io::repeat(0), 10).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(read_up_to(&[1_u8; 10][..], 10).unwrap(), [1; 10]);
    }
}
