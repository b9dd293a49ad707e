//! Free space where a run writes. A journal that cannot be written ends the run.

use std::path::Path;

use super::{Finding, Layout};
use crate::monitor::system::System;
use crate::number::bytes;

/// Less than this and a night's journal, logs and raw outputs may fill the disk.
const LITTLE: u64 = 10 << 30;
/// Less than this and one data set with its bundles may.
const TOO_LITTLE: u64 = 1 << 30;

pub(super) fn findings(_: &System, layout: &Layout) -> Vec<Finding> {
    layout.folders.iter().map(|(name, folder)| judge(name, folder, free(folder))).collect()
}

/// Bytes that this user may still write, on the file system of a folder or of the nearest one above that is there.
fn free(folder: &Path) -> Result<u64, String> {
    let folder = std::path::absolute(folder).map_err(|e| e.to_string())?;
    let there = folder.ancestors().find(|f| f.exists()).unwrap_or(Path::new("/"));
    let of = rustix::fs::statvfs(there).map_err(|e| format!("{} does not tell: {e}", there.display()))?;
    Ok(of.f_bavail.saturating_mul(of.f_frsize))
}

#[expect(clippy::cast_precision_loss, reason = "disks of less than 8 PiB")]
fn judge(name: &str, folder: &Path, free: Result<u64, String>) -> Finding {
    let name = format!("space_{name}");
    let told = |free: u64| format!("{} free for {}", bytes(free as f64), folder.display());
    match free {
        Err(reason) => Finding::unknown(&name, reason),
        Ok(free) if free < TOO_LITTLE => {
            Finding::warning(&name, told(free)).advice("benchrun clean, or another disk")
        }
        Ok(free) if free < LITTLE => {
            Finding::notice(&name, told(free)).advice("benchrun clean, or another disk")
        }
        Ok(free) => Finding::ok(&name, told(free)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::doctor::Level;

    #[test]
    fn little_space_is_told() {
        let of = |free| judge("results", Path::new("r"), free).level;
        assert_eq!(of(Ok(100 << 30)), Level::Ok);
        assert_eq!(of(Ok(5 << 30)), Level::Notice);
        assert_eq!(of(Ok(500 << 20)), Level::Warning);
        assert_eq!(of(Err("no".to_owned())), Level::Unknown);
        let folder = tempfile::tempdir().unwrap();
        assert!(
            free(&folder.path().join("not/there/yet")).is_ok(),
            "a folder that is not made yet is on its parent's disk"
        );
    }
}
