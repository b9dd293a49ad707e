//! `adapter.toml`: what a Python adapter says of itself.
//!
//! Everything Rust knows of a Python framework stands in its manifest; adding one touches no Rust.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Cannot, Implementation, Launch, Offer, PythonAdapter, Registry, vendor};
use crate::guard::file;
use crate::guard::name::is_plain;
use crate::task::parameter::ParameterDef;
use crate::task::{AlgorithmDef, Equivalence};

/// The file that makes a folder an adapter.
pub const FILE_NAME: &str = "adapter.toml";

/// The largest manifest, in bytes: the shipped one has a hundredth of it.
const LARGEST: u64 = 1 << 20;

/// A manifest as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    implementation: String,
    module: String,
    lock: String,
    #[serde(default)]
    python: Option<String>,
    doc: String,
    algorithms: Vec<RawAlgorithm>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAlgorithm {
    task: String,
    name: String,
    doc: String,
    #[serde(default)]
    parameters: Vec<ParameterDef>,
    #[serde(default)]
    settings: Vec<ParameterDef>,
    #[serde(default)]
    cannot: Vec<Cannot>,
    #[serde(default)]
    work: Vec<String>,
    #[serde(default)]
    transductive: bool,
    #[serde(default)]
    equivalence: Option<Equivalence>,
}

/// A manifest that was read.
#[derive(Debug)]
pub struct Manifest {
    raw: RawManifest,
    kit: PathBuf,
}

/// What can be wrong with a manifest. Every variant names the file.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It cannot be read.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not a manifest.
    #[error("{path} is not an adapter's manifest: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The parser's message with the marked text.
        message: String,
    },
    /// It contradicts the tasks, another manifest or itself.
    #[error("{path}: {message}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong and what is allowed.
        message: String,
    },
}

/// The adapter folders below `root`, or `root` itself if it is one, in the order of their names.
///
/// # Errors
/// The folder cannot be listed.
pub fn folders(root: &Path) -> Result<Vec<PathBuf>, ManifestError> {
    if root.join(FILE_NAME).is_file() {
        return Ok(vec![root.to_owned()]);
    }
    let io = |source| ManifestError::Io { path: root.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(root).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.join(FILE_NAME).is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Reads the manifest of one adapter folder.
///
/// # Errors
/// The file is missing or malformed.
pub fn read(folder: &Path, kit: &Path) -> Result<Manifest, ManifestError> {
    let path = folder.join(FILE_NAME);
    let text = file::read(&path, LARGEST)
        .and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other))
        .map_err(|source| ManifestError::Io { path: path.clone(), source })?;
    let raw = toml::from_str(&text)
        .map_err(|e| ManifestError::Syntax { path, message: e.to_string().trim_end().to_owned() })?;
    Ok(Manifest { raw, kit: kit.to_owned() })
}

impl Manifest {
    /// Checks the manifest and adds what it offers.
    ///
    /// # Errors
    /// It names an unknown task or algorithm, repeats an implementation, or its files are missing.
    pub fn register(self, folder: &Path, registry: &mut Registry) -> Result<(), ManifestError> {
        let wrong = |message: String| ManifestError::Content { path: folder.join(FILE_NAME), message };
        let raw = self.raw;
        check_id(&raw.implementation).map_err(wrong)?;
        if registry.implementation(&raw.implementation).is_some() {
            return Err(wrong(format!("the implementation `{}` exists already", raw.implementation)));
        }
        let module = format!("{}.py", raw.module);
        if !is_plain(&module) || !folder.join(&module).is_file() {
            return Err(wrong(format!("`{module}` is not a file of this folder")));
        }
        if !names_a_lock(&raw.lock) || !folder.join(&raw.lock).is_file() {
            let lock = &raw.lock;
            return Err(wrong(format!(
                "`{lock}` is not a file of this folder or, as `../adapter/file`, of another adapter's"
            )));
        }
        if let Some(python) = &raw.python
            && python != super::environment::PYTHON_REQUIREMENT
        {
            return Err(wrong(format!(
                "python = \"{python}\" is not supported; write \"{}\"",
                super::environment::PYTHON_REQUIREMENT
            )));
        }
        let mut offers = Vec::new();
        for algorithm in raw.algorithms {
            offers.push(offer(algorithm, registry).map_err(wrong)?);
        }
        registry.implementations.push(Implementation {
            id: raw.implementation,
            doc: raw.doc,
            offers,
            launch: Launch::Python(PythonAdapter {
                folder: folder.to_owned(),
                kit: self.kit,
                lock: folder.join(raw.lock),
            }),
        });
        Ok(())
    }
}

/// Whether a text names a file of the adapter's folder, or of a folder beside it: adapters may share an environment.
fn names_a_lock(lock: &str) -> bool {
    match lock.strip_prefix("../") {
        Some(rest) => rest.split_once('/').is_some_and(|(folder, file)| is_plain(folder) && is_plain(file)),
        None => is_plain(lock),
    }
}

fn offer(raw: RawAlgorithm, registry: &mut Registry) -> Result<Offer, String> {
    let Some(task) = registry.task(&raw.task) else {
        let known: Vec<_> = registry.tasks.iter().map(|t| t.name.as_str()).collect();
        return Err(format!("there is no task `{}`; the tasks are {}", raw.task, known.join(", ")));
    };
    for definition in raw.parameters.iter().chain(&raw.settings) {
        definition
            .check(&definition.default)
            .map_err(|m| format!("the default of `{}` in `{}` {m}", definition.name, raw.name))?;
    }
    let is_own = raw.name.contains(':');
    match task.algorithm(&raw.name) {
        Some(_) if !is_own => {
            if !raw.parameters.is_empty()
                || raw.transductive
                || !raw.work.is_empty()
                || raw.equivalence.is_some()
            {
                return Err(format!(
                    "`{}` is the task's own algorithm, so the task defines its parameters, work and equivalence; an algorithm of your own is named `vendor:name`",
                    raw.name
                ));
            }
        }
        known if is_own => {
            let algorithm = AlgorithmDef {
                name: raw.name.clone(),
                doc: raw.doc.clone(),
                objective: None,
                parameters: raw.parameters,
                transductive: raw.transductive,
                work: raw.work,
                application: None,
                equivalence: raw.equivalence,
            };
            vendor::check(&algorithm).map_err(|m| format!("`{}`: {m}", raw.name))?;
            match known.map(|known| vendor::difference(known, &algorithm)) {
                Some(Some(difference)) => {
                    return Err(format!(
                        "`{}` has other {difference} than another adapter gives it; whoever offers it defines it in the same way",
                        raw.name
                    ));
                }
                Some(None) => {}
                None => {
                    registry.add_algorithm(&raw.task, algorithm);
                }
            }
        }
        _ => {
            let known: Vec<_> = task.algorithms.iter().map(|a| a.name.as_str()).collect();
            return Err(format!(
                "the task {} has no algorithm `{}` (it has {}); an algorithm of your own is named `vendor:name`",
                raw.task,
                raw.name,
                known.join(", ")
            ));
        }
    }
    Ok(Offer {
        task: raw.task,
        algorithm: raw.name,
        doc: raw.doc,
        settings: raw.settings,
        cannot: raw.cannot,
    })
}

/// Checks the name of an implementation.
///
/// # Errors
/// What is allowed.
pub fn check_id(id: &str) -> Result<(), String> {
    let part = |s: &str| {
        !s.is_empty() && s.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c))
    };
    let valid = id.split_once('/').is_some_and(|(language, rest)| {
        let mut pieces = rest.splitn(2, '+');
        part(language) && pieces.all(part)
    });
    if valid {
        Ok(())
    } else {
        Err(format!(
            "`{id}` is not an implementation's name; write `language/framework` or `language/framework+variant` in lower case"
        ))
    }
}
