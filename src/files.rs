//! Files that are never seen half written: hashing, atomic replacement, locks, and where the cache is.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The SHA-256 of some bytes, in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// The SHA-256 of a file, in lower-case hexadecimal.
///
/// # Errors
/// The file cannot be read.
pub fn sha256_file(path: &Path) -> io::Result<String> {
    sha256_reader(File::open(path)?)
}

/// The SHA-256 of everything that a reader yields, in lower-case hexadecimal.
///
/// # Errors
/// It cannot be read.
pub fn sha256_reader(mut file: impl Read) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hexadecimal(&digest.finalize())),
            n => digest.update(&buffer[..n]),
        }
    }
}

/// Bytes in lower-case hexadecimal.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Replaces `path` by `bytes` so that a reader sees the old file or the new one, also after a crash.
///
/// # Errors
/// The folder cannot be created or written.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // As any new file: others may read it as far as the user's mask allows.
    let mut file = tempfile::Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // The rename itself is durable only once the folder is synced.
    File::open(folder)?.sync_all()
}

/// An exclusive lock between processes, held until it is dropped.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held for its drop, which releases the lock")] File);

impl Lock {
    /// Waits until the lock on `path` is free and takes it.
    ///
    /// # Errors
    /// The lock file cannot be created.
    pub fn wait(path: &Path) -> io::Result<Self> {
        let file = Self::open(path)?;
        file.lock()?;
        Ok(Self(file))
    }

    /// Takes the lock on `path` if it is free.
    ///
    /// # Errors
    /// The lock file cannot be created.
    pub fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let file = Self::open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn open(path: &Path) -> io::Result<File> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        File::options().create(true).truncate(false).write(true).open(path)
    }
}

/// The cache's root: `$BENCHRUN_CACHE`, or `benchrun` in the user's cache folder.
///
/// # Errors
/// Neither the variable nor a home folder is set.
pub fn cache_root() -> io::Result<PathBuf> {
    std::env::var_os("BENCHRUN_CACHE")
        // An empty variable means the folder one happens to be in, and `clean` would remove what has the cache's names there.
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
        .or_else(|| dirs::cache_dir().map(|d| d.join("benchrun")))
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no cache folder: set BENCHRUN_CACHE or HOME"))
}
