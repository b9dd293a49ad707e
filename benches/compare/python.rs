//! The environment of the reference script: made once, in benchrun's cache, from pinned versions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use benchrun::files::{Lock, cache_root, sha256};

const REQUIREMENTS: &str = include_str!("requirements.txt");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/compare/reference.py");

/// The interpreter of the environment, which is made if it is not there.
pub fn environment() -> Result<PathBuf, String> {
    let cache = cache_root().map_err(|e| e.to_string())?.join("bench-compare");
    let folder = cache.join(&sha256(REQUIREMENTS.as_bytes())[..16]);
    let python = folder.join("bin/python");
    // Written last: an environment that was interrupted is made again.
    let complete = folder.join(".complete");
    let _lock = Lock::wait(&folder.with_extension("lock")).map_err(|e| e.to_string())?;
    if complete.exists() {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let requirements = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/compare/requirements.txt");
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement", requirements]))?;
    fs::write(complete, REQUIREMENTS).map_err(|e| e.to_string())?;
    Ok(python)
}

/// The script on a run's folder.
pub fn reference(python: &Path, folder: &Path, out: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(python);
    command.arg(SCRIPT).arg(folder).arg(out).args(options);
    command
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().display().to_string();
    match command.output() {
        Ok(done) if done.status.success() => Ok(()),
        Ok(done) => {
            Err(format!("{program} ended with {}: {}", done.status, String::from_utf8_lossy(&done.stderr)))
        }
        Err(error) => Err(format!("{program} does not start: {error}")),
    }
}
