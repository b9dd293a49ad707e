//! Python environments, made by the tool from lock files with hashes.
//!
//! An environment lives in the cache under the hash of its lock, the exact Python, the system and the architecture. It is built under
//! a file lock and counts only once its completion marker is written, so an interrupted build is built again.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::{Deserialize, Serialize};

use super::{PythonAdapter, lock};
use crate::files::{Lock, sha256, write_atomic};
use crate::guard;

/// The Pythons that the adapter kit runs on.
pub const PYTHON_REQUIREMENT: &str = ">=3.11";

/// The steps that build an environment; a change here builds them anew.
const RECIPE: &str = "venv; pip install --require-hashes --no-deps --only-binary :all:; 2";
const MARKER: &str = "complete.json";

/// A complete environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Environment {
    /// Its key in the cache: changes with the lock, the Python, the system and the architecture.
    pub key: String,
    /// The exact Python, for example `CPython 3.11.7`.
    pub python: String,
    /// Its interpreter.
    pub interpreter: PathBuf,
    /// The packages that were installed and their versions; empty until it is built.
    pub packages: BTreeMap<String, String>,
}

/// Why there is no environment.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// No usable Python.
    #[error("no usable Python: {0}")]
    NoPython(String),
    /// A step of the build failed.
    #[error("building the Python environment of {lock} failed at `{step}`:\n{tail}")]
    Build {
        /// The lock file.
        lock: PathBuf,
        /// The command.
        step: String,
        /// The end of what it printed.
        tail: String,
    },
    /// The worker of a native implementation is missing, or is of another build.
    #[error("{implementation} has a worker of its own, and {message}")]
    Worker {
        /// The implementation.
        implementation: String,
        /// The command that builds it.
        command: &'static str,
        /// What is wrong.
        message: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl EnvironmentError {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Worker { command, .. } => Some(format!("in a checkout of benchrun, `{command}` builds it")),
            Self::NoPython(_) | Self::Build { .. } | Self::Io { .. } => None,
        }
    }
}

/// The Python that environments are built with.
#[derive(Debug, Clone, Deserialize)]
pub struct Python {
    #[serde(skip)]
    program: PathBuf,
    implementation: String,
    version: (u32, u32, u32),
    platform: String,
}

impl Python {
    /// `$BENCHRUN_PYTHON`, or `python3` on the path.
    ///
    /// # Errors
    /// It does not start, or is older than the kit needs.
    pub fn find() -> Result<Self, EnvironmentError> {
        let program =
            std::env::var_os("BENCHRUN_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
        let question = "import json, platform, sys, sysconfig; print(json.dumps({'implementation': \
             platform.python_implementation(), 'version': sys.version_info[:3], 'platform': sysconfig.get_platform()}))";
        let output = plain(&program)
            .args(["-c", question])
            .output()
            .map_err(|e| EnvironmentError::NoPython(format!("cannot start `{}`: {e}", program.display())))?;
        let mut python: Self = serde_json::from_slice(&output.stdout).map_err(|_| {
            EnvironmentError::NoPython(format!("`{}` does not answer: {}", program.display(), tail(&output)))
        })?;
        if python.version < (3, 11, 0) {
            let (major, minor, patch) = python.version;
            return Err(EnvironmentError::NoPython(format!(
                "`{}` is {major}.{minor}.{patch}, and the adapters need {PYTHON_REQUIREMENT}; set BENCHRUN_PYTHON to a newer one",
                program.display()
            )));
        }
        python.program = program;
        Ok(python)
    }

    fn name(&self) -> String {
        let (major, minor, patch) = self.version;
        format!("{} {major}.{minor}.{patch}", self.implementation)
    }

    /// Where the environment of an adapter is, or will be.
    ///
    /// # Errors
    /// The lock file cannot be read.
    pub fn locate(
        &self,
        adapter: &PythonAdapter,
        cache: &Path,
    ) -> Result<(Environment, bool), EnvironmentError> {
        let lock = fs::read(&adapter.lock)
            .map_err(|source| EnvironmentError::Io { path: adapter.lock.clone(), source })?;
        let description = format!("{RECIPE}\n{}\n{}\n{}\n", self.name(), self.platform, sha256(&lock));
        let key = sha256(description.as_bytes())[..16].to_owned();
        let folder = cache.join("envs").join(&key);
        let interpreter = folder.join("bin").join("python");
        let built =
            fs::read(folder.join(MARKER)).ok().and_then(|b| serde_json::from_slice::<Environment>(&b).ok());
        let complete = built.is_some();
        let packages = built.map(|e| e.packages).unwrap_or_default();
        Ok((Environment { key, python: self.name(), interpreter, packages }, complete))
    }

    /// Makes the environment of an adapter, unless it is there.
    ///
    /// `report` receives one line before the build.
    ///
    /// # Errors
    /// A step of the build failed: its output's end is in the error.
    pub fn sync(
        &self,
        adapter: &PythonAdapter,
        cache: &Path,
        report: &mut dyn FnMut(&str),
    ) -> Result<Environment, EnvironmentError> {
        let (found, _) = self.locate(adapter, cache)?;
        let folder = cache.join("envs").join(&found.key);
        let io = |source| EnvironmentError::Io { path: folder.clone(), source };
        let _lock = Lock::wait(&folder.with_extension("lock")).map_err(io)?;
        // Another process may have built it while this one waited.
        let (mut environment, complete) = self.locate(adapter, cache)?;
        if !complete {
            let text = fs::read_to_string(&adapter.lock).map_err(io)?;
            let wrong = |tail| EnvironmentError::Build {
                lock: adapter.lock.clone(),
                step: "reading the lock".to_owned(),
                tail,
            };
            lock::check(&text).map_err(wrong)?;
            report(&format!(
                "building the Python environment {} ({}) from {}",
                environment.key,
                environment.python,
                adapter.lock.display()
            ));
            if folder.exists() {
                fs::remove_dir_all(&folder).map_err(io)?;
            }
            let venv = plain(&self.program).args(["-m", "venv"]).arg(&folder).output();
            self.step(adapter, "python -m venv", venv)?;
            let pip = plain(&environment.interpreter)
                .envs(guard::environment::of_downloads())
                .args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"])
                .args(["--require-hashes", "--no-deps", "--only-binary", ":all:", "-r"])
                .arg(&adapter.lock)
                .output();
            self.step(adapter, "pip install --require-hashes", pip)?;
            environment.packages = self.installed(adapter, &environment)?;
            let marker = serde_json::to_vec_pretty(&environment).unwrap_or_default();
            write_atomic(&folder.join(MARKER), &marker).map_err(io)?;
        }
        // Compiled once here, so that no trial's start phase compiles. A read-only folder is compiled in every trial instead.
        let _ = plain(&environment.interpreter)
            .args(["-m", "compileall", "-q"])
            .args([&adapter.kit, &adapter.folder])
            .output();
        Ok(environment)
    }

    /// What pip installed, as pip tells.
    fn installed(
        &self,
        adapter: &PythonAdapter,
        environment: &Environment,
    ) -> Result<BTreeMap<String, String>, EnvironmentError> {
        #[derive(Deserialize)]
        struct Package {
            name: String,
            version: String,
        }
        let listed = plain(&environment.interpreter)
            .args(["-m", "pip", "list", "--disable-pip-version-check", "--format", "json"])
            .output();
        let json = listed.as_ref().map(|o| o.stdout.clone()).unwrap_or_default();
        self.step(adapter, "pip list", listed)?;
        let packages: Vec<Package> = serde_json::from_slice(&json).map_err(|e| EnvironmentError::Build {
            lock: adapter.lock.clone(),
            step: "pip list".to_owned(),
            tail: e.to_string(),
        })?;
        Ok(packages.into_iter().map(|p| (p.name, p.version)).collect())
    }

    fn step(
        &self,
        adapter: &PythonAdapter,
        step: &str,
        output: io::Result<Output>,
    ) -> Result<(), EnvironmentError> {
        let failed =
            |tail| EnvironmentError::Build { lock: adapter.lock.clone(), step: step.to_owned(), tail };
        match output {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(failed(tail(&output))),
            Err(error) => Err(failed(format!("{}: {error}", self.program.display()))),
        }
    }
}

/// A command that sees no more of the user's variables than a worker does.
fn plain(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(guard::environment::plain());
    command
}

/// The last lines of what a command printed.
fn tail(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// The identity of an adapter's code, as its worker computes it too (`benchrun_kit/build.py`).
///
/// SHA-256 over one line `prefix/path\nsha256\n` for each `.py`, `.toml`, `.lock` and `.txt` file of the kit, then of the adapter,
/// sorted by path; `__pycache__` and `tests` are skipped.
///
/// # Errors
/// A file cannot be read.
pub fn adapter_build(adapter: &PythonAdapter) -> Result<String, EnvironmentError> {
    let mut text = String::new();
    for (prefix, root) in [("kit", &adapter.kit), ("adapter", &adapter.folder)] {
        let mut files = Vec::new();
        collect(root, root, &mut files)
            .map_err(|source| EnvironmentError::Io { path: root.clone(), source })?;
        files.sort();
        for relative in files {
            let path = root.join(&relative);
            let hash =
                crate::files::sha256_file(&path).map_err(|source| EnvironmentError::Io { path, source })?;
            text += &format!("{prefix}/{relative}\n{hash}\n");
        }
    }
    Ok(sha256(text.as_bytes()))
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            if name != "__pycache__" && name != "tests" {
                collect(root, &path, files)?;
            }
        } else if entry.file_type()?.is_file()
            && path.extension().is_some_and(|e| ["py", "toml", "lock", "txt"].iter().any(|k| e == *k))
            && let Ok(relative) = path.strip_prefix(root)
        {
            let pieces: Vec<_> = relative.iter().map(|p| p.to_string_lossy()).collect();
            files.push(pieces.join("/"));
        }
    }
    Ok(())
}
