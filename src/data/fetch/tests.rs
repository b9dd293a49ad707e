//! Fetching with scripts in the place of the clients.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::*;

static PACKAGE: Package =
    Package { origin: Origin::Wheel, name: "tiny", version: "1.0", bytes: 200, sha256: "0" };
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

/// A gzipped tar archive of files, and of a link out of it.
fn tar_gz(entries: &[(&str, &[u8])], link: Option<&str>) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in entries {
        let mut header = tar::Header::new_gnu();
        // Set by hand, since the builder refuses paths that climb.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(content.len() as u64);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    if let Some(path) = link {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, path, "/etc/passwd").unwrap();
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar.into_inner().unwrap()).unwrap();
    gzip.finish().unwrap()
}

fn unpacked(archive: &[u8], files: &[&InnerFile]) -> Result<Vec<Vec<u8>>, String> {
    unpack_tar(flate2::read::GzDecoder::new(archive), &PACKAGE, files).map_err(|error| error.to_string())
}

#[test]
fn single_files_are_read_out_of_a_tar_archive() {
    let hello = (HELLO.path, b"hello".as_slice());
    let others =
        [("../tiny/hello.csv", b"x".as_slice()), ("/tiny/hello.csv", b"x"), ("tiny/hello.csv/", b"x")];
    assert_eq!(unpacked(&tar_gz(&[&others[..], &[hello]].concat(), None), &[&HELLO]).unwrap(), [b"hello"]);
    assert_eq!(
        unpacked(&tar_gz(&others, Some(HELLO.path)), &[&HELLO]).unwrap_err(),
        "tiny 1.0 does not contain tiny/hello.csv"
    );
    let large = unpacked(&tar_gz(&[(HELLO.path, &vec![0; 1 << 16])], None), &[&HELLO]).unwrap_err();
    assert_eq!(large, "tiny/hello.csv of tiny 1.0 unpacks to more than the 5 bytes that are pinned for it");
    let altered = unpacked(&tar_gz(&[(HELLO.path, b"hallo")], None), &[&HELLO]).unwrap_err();
    assert!(altered.starts_with("tiny/hello.csv of tiny 1.0 has SHA-256 d3751d"), "{altered}");
    assert_eq!(unpacked(b"PK", &[&HELLO]).unwrap_err(), "tiny 1.0 cannot be read as a tar archive");

    let nested = InnerFile { path: "in/side.tar.gz!tiny/hello.csv", ..HELLO };
    let outer = tar_gz(&[("in/side.tar.gz", &tar_gz(&[hello], None))], None);
    assert_eq!(unpacked(&outer, &[&nested]).unwrap(), [b"hello"]);
    let error = unpacked(&outer, &[&HELLO]).unwrap_err();
    assert_eq!(error, "tiny 1.0 does not contain tiny/hello.csv", "only where it is pinned");
}

/// A script in the place of a client that leaves a file in the folder it runs in.
fn ensure_by(origin: Origin, name: &str, archive: &[u8]) -> (Result<(), DataError>, Vec<String>) {
    let fake = Fake::new(HELLO.path, b"hello");
    fs::write(fake.folder.path().join(name), archive).unwrap();
    let here = fake.folder.path().display();
    fake.script(&format!("echo \"$@\" >> {here}/calls; env >> {here}/environment; cp {here}/{name} ."));
    let (bytes, sha256) = (archive.len() as u64, sha256(archive).leak());
    let package = Package { origin, bytes, sha256, ..PACKAGE };
    let cache = tempfile::tempdir().unwrap();
    let done = ensure_with(fake.python().as_os_str(), &package, &[&HELLO], cache.path(), &mut |_| ());
    if done.is_ok() {
        assert_eq!(kept(cache.path()), [HELLO.sha256]);
    }
    (done, fake.calls())
}

#[test]
fn each_registry_has_its_client_and_its_archive() {
    let tar_gz = tar_gz(&[(HELLO.path, b"hello")], None);
    let (done, calls) = ensure_by(Origin::Npm, "tiny-1.0.tgz", &tar_gz);
    done.unwrap();
    assert_eq!(calls, ["pack --ignore-scripts --loglevel=error tiny@1.0"]);
    let (done, _) = ensure_by(Origin::Npm, "tiny-1.0.zip", &tar_gz);
    let told = "npm said that it fetched tiny 1.0, but left 0 archives instead of one";
    assert_eq!(done.unwrap_err().to_string(), told);
    let (done, calls) = ensure_by(Origin::Sdist, "tiny-1.0.tar.gz", &tar_gz);
    done.unwrap();
    assert!(
        calls[0].contains(" --no-binary=:all: --no-build-isolation ")
            && calls[0].contains(" --require-hashes")
    );

    // What is no package of Debian is told by dpkg-deb, or that there is none.
    let (done, calls) = ensure_by(Origin::Debian, "tiny_1.0_all.deb", &tar_gz);
    assert_eq!(calls, ["download tiny=1.0"]);
    assert!(matches!(done.unwrap_err(), DataError::InnerFileMissing { .. } | DataError::NoClient { .. }));
    for (client, words) in
        [("npm", "install npm"), ("apt-get", "on Debian or Ubuntu"), ("dpkg-deb", "on Debian or Ubuntu")]
    {
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        let error = DataError::NoClient { client: client.into(), package: PACKAGE.label(), source };
        assert!(error.hint().unwrap().contains(words) && error.to_string().contains(client), "{error}");
    }
}

/// pip asks the backend for name and version, and never runs `setup.py`.
#[test]
fn a_source_distribution_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("ran");
    let setup = format!(
        "open({mark:?}, 'w').close()\nfrom setuptools import setup\nsetup(name='tiny', version='1.0')\n"
    );
    let archive = tar_gz(
        &[
            ("tiny-1.0/PKG-INFO", b"Metadata-Version: 1.0\nName: tiny\nVersion: 1.0\n"),
            ("tiny-1.0/setup.py", setup.as_bytes()),
            ("tiny-1.0/hello.csv", b"hello"),
        ],
        None,
    );
    let index = folder.path().join("index");
    fs::create_dir(&index).unwrap();
    fs::write(index.join("tiny-1.0.tar.gz"), &archive).unwrap();
    let (bytes, sha256) = (archive.len() as u64, sha256(&archive).leak());
    let package = Package { origin: Origin::Sdist, bytes, sha256, ..PACKAGE };
    // A Python that looks nowhere but there.
    let python = folder.path().join("python");
    let script = format!(
        "#!/bin/bash\nexport PIP_NO_INDEX=1 PIP_FIND_LINKS={}\nexec {} \"$@\"\n",
        index.display(),
        python_path().display()
    );
    fs::write(folder.path().join("new"), script).unwrap();
    fs::set_permissions(folder.path().join("new"), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(Command::new("cp").arg(folder.path().join("new")).arg(&python).status().unwrap().success());
    let hello = InnerFile { path: "tiny-1.0/hello.csv", ..HELLO };
    let cache = tempfile::tempdir().unwrap();
    ensure_with(python.as_os_str(), &package, &[&hello], cache.path(), &mut |_| ()).unwrap();
    assert_eq!(hello.read(cache.path()).unwrap(), b"hello");
    assert!(!mark.exists(), "setup.py was run");
}

/// The interpreter that these tests download with elsewhere.
fn python_path() -> PathBuf {
    PathBuf::from(python())
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
    assert_eq!(error, format!("the package tiny 1.0 has SHA-256 {}, but 0 is pinned", fake.package.sha256));
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
    assert_eq!(error, "pip said that it fetched tiny 1.0, but left 0 archives instead of one");

    let nowhere = OsStr::new("/nonexistent/python");
    let error = ensure_with(nowhere, &PACKAGE, &[&HELLO], cache.path(), &mut |_| ()).unwrap_err();
    assert_eq!(error.to_string(), "cannot run `/nonexistent/python` to fetch tiny 1.0");
    assert!(kept(cache.path()).is_empty());
}
