//! `results/<spec>/<run>/`: where a run lives, how it is found again, and who may write to it.

use std::fs;
use std::path::{Path, PathBuf};

use super::StoreError;
use super::journal::Journal;
use super::manifest::{Fingerprint, Manifest, is_read};
use super::state::RunState;
use crate::files::{Lock, write_atomic};
use crate::guard::file::{self, LARGEST_MANIFEST, first_link};
use crate::guard::name::is_plain;

const MANIFEST: &str = "manifest.json";
const SPEC: &str = "spec.toml";
/// Where trials work.
const WORK: &str = "work";

/// A run's folder, held by this process alone.
#[derive(Debug)]
pub struct RunFolder {
    /// Its path.
    pub path: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
    /// Its journal.
    pub journal: Journal,
    /// What the journal told so far, as far as decisions rest on it; [`RunFolder::told`] is all of it.
    pub state: RunState,
    _lock: Lock,
}

/// The newest run that could not be continued, and in what it differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotContinued {
    /// Its id.
    pub run: String,
    /// The parts of the fingerprint.
    pub differs_in: Vec<String>,
}

impl RunFolder {
    /// Makes the folder of a new run.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn create(results: &Path, manifest: Manifest, spec_text: &str) -> Result<Self, StoreError> {
        let path = results.join(&manifest.spec).join(&manifest.run);
        fs::create_dir_all(path.join("logs")).map_err(StoreError::io("create", &path))?;
        let lock = lock(&path)?;
        let write = |name: &str, bytes: &[u8]| {
            let file = path.join(name);
            write_atomic(&file, bytes).map_err(StoreError::io("write", &file))
        };
        write(SPEC, spec_text.as_bytes())?;
        // The manifest comes last: a folder without one is no run.
        write_manifest(&path, &manifest)?;
        let (journal, _) = Journal::open(&path)?;
        Ok(Self { path, manifest, journal, state: RunState::default(), _lock: lock })
    }

    /// Opens the newest unfinished run of a spec if its fingerprint is equal.
    ///
    /// # Errors
    /// A folder cannot be read, or another runner is at work in that run.
    pub fn resume(
        results: &Path,
        spec: &str,
        fingerprint: &Fingerprint,
    ) -> Result<Result<Self, Option<NotContinued>>, StoreError> {
        let mut refused = None;
        for path in runs(results, spec)?.into_iter().rev() {
            let manifest = match read_manifest(&path) {
                // What another version kept in another form cannot be continued.
                Err(StoreError::Version { .. }) => continue,
                manifest => manifest?,
            };
            // Foreign results have no journal: there is nothing to continue.
            if manifest.imported.is_some() {
                continue;
            }
            let finished = RunState::replay(&super::journal::read(&path).unwrap_or_default()).finished;
            if finished {
                continue;
            }
            let differs_in = fingerprint.differences(&manifest.fingerprint);
            if !differs_in.is_empty() {
                refused.get_or_insert(NotContinued { run: manifest.run, differs_in });
                continue;
            }
            // Whoever made the folder must not have us write somewhere else. What workers left below `work` is theirs.
            if let Some(link) = first_link(&path, WORK).map_err(StoreError::io("list", &path))? {
                return Err(StoreError::Link { path: link });
            }
            let lock = lock(&path)?;
            unlink_strays(&path.join(WORK)).map_err(StoreError::io("clear", &path))?;
            let (journal, events) = Journal::open(&path)?;
            let mut state = RunState::default();
            for event in &events {
                state.follow(event);
            }
            return Ok(Ok(Self { path, manifest, journal, state, _lock: lock }));
        }
        Ok(Err(refused))
    }
}

/// Removes what stands between the folders of the trials: a link there could take the place of a trial's folder. The link goes, not what it leads to.
fn unlink_strays(work: &Path) -> std::io::Result<()> {
    if !work.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(work)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

impl RunFolder {
    /// Everything that the journal told.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn told(&self) -> Result<RunState, StoreError> {
        Ok(RunState::replay(&super::journal::read(&self.path)?))
    }
}

fn lock(path: &Path) -> Result<Lock, StoreError> {
    let file = path.join(".lock");
    Lock::try_take(&file)
        .map_err(StoreError::io("lock", &file))?
        .ok_or_else(|| StoreError::Locked { path: path.to_owned() })
}

/// The folders of a spec's runs, oldest first.
///
/// # Errors
/// The folder cannot be listed.
pub fn runs(results: &Path, spec: &str) -> Result<Vec<PathBuf>, StoreError> {
    let folder = results.join(spec);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let io = || StoreError::io("list", &folder);
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).map_err(io())? {
        let path = entry.map_err(io())?.path();
        if path.join(MANIFEST).is_file() {
            found.push(path);
        }
    }
    // Ids begin with the time.
    found.sort();
    Ok(found)
}

/// Writes the manifest of a run's folder.
///
/// # Errors
/// It cannot be written.
pub fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<(), StoreError> {
    let path = folder.join(MANIFEST);
    let json = serde_json::to_vec_pretty(manifest)
        .map_err(|e| StoreError::Manifest { path: path.clone(), message: e.to_string() })?;
    write_atomic(&path, &json).map_err(StoreError::io("write", &path))
}

/// The manifest of a run's folder.
///
/// # Errors
/// It cannot be read or is malformed.
pub fn read_manifest(folder: &Path) -> Result<Manifest, StoreError> {
    let path = folder.join(MANIFEST);
    let bytes = file::read(&path, LARGEST_MANIFEST).map_err(StoreError::io("read", &path))?;
    let wrong = |e: serde_json::Error| StoreError::Manifest { path: path.clone(), message: e.to_string() };
    let json: serde_json::Value = serde_json::from_slice(&bytes).map_err(wrong)?;
    let found = &json["schema_version"];
    if !found.as_u64().is_some_and(is_read) {
        return Err(StoreError::Version { path, found: found.to_string() });
    }
    let manifest: Manifest = serde_json::from_value(json).map_err(wrong)?;
    // Both are joined to paths.
    for name in [&manifest.spec, &manifest.run] {
        if !is_plain(name) {
            let message = format!("`{name}` is no name of a folder");
            return Err(StoreError::Manifest { path, message });
        }
    }
    Ok(manifest)
}

/// The newest run in a spec's folder.
fn newest_below(folder: &Path) -> Option<PathBuf> {
    runs(folder.parent()?, folder.file_name()?.to_str()?).ok()?.pop()
}

/// The folder that a user means by a path, `spec/run`, `run`, or the name of a spec (its newest run).
///
/// # Errors
/// There is none.
pub fn find(results: &Path, asked: &str) -> Result<PathBuf, StoreError> {
    let direct = PathBuf::from(asked);
    if direct.join(MANIFEST).is_file() {
        return Ok(direct);
    }
    if let Some(newest) = newest_below(&direct) {
        return Ok(newest);
    }
    let below = results.join(asked);
    if below.join(MANIFEST).is_file() {
        return Ok(below);
    }
    let is_name = !asked.is_empty() && !asked.contains(['/', '\\']) && !asked.starts_with('.');
    if is_name {
        if let Some(newest) = runs(results, asked)?.pop() {
            return Ok(newest);
        }
        for spec in fs::read_dir(results).into_iter().flatten().flatten() {
            let path = spec.path().join(asked);
            if path.join(MANIFEST).is_file() {
                return Ok(path);
            }
        }
    }
    Err(StoreError::NoRun { path: below })
}
