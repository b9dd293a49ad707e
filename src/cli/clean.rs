//! `benchrun clean`: removes what the cache holds. Results are never touched.

use std::fs;
use std::path::Path;

use super::{CleanArgs, Cleaned, Exit, Failure, print};
use crate::files::cache_root;
use crate::number;

/// Removes folders of the cache.
pub fn clean(args: &CleanArgs) -> Result<Exit, Failure> {
    let cache = cache_root().map_err(|e| Failure::store(&e))?;
    let every = [Cleaned::Bundles, Cleaned::Data, Cleaned::Envs, Cleaned::Adapters, Cleaned::Calibration];
    for what in every.into_iter().filter(|w| args.what.is_empty() || args.what.contains(w)) {
        let folder = cache.join(match what {
            Cleaned::Bundles => "bundles",
            Cleaned::Data => "data",
            Cleaned::Envs => "envs",
            Cleaned::Adapters => "adapters",
            Cleaned::Calibration => crate::store::calibration::FOLDER,
        });
        if !folder.exists() {
            continue;
        }
        let size = number::bytes(size(&folder));
        if args.dry_run {
            print(&format!("would remove {} ({size})", folder.display()));
        } else {
            fs::remove_dir_all(&folder).map_err(|e| Failure::store(&e))?;
            print(&format!("removed {} ({size})", folder.display()));
        }
    }
    Ok(Exit::Done)
}

/// The bytes of all files below a folder. Links are not followed.
#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
fn size(folder: &Path) -> f64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size(&entry.path()),
            Ok(metadata) => metadata.len() as f64,
            Err(_) => 0.0,
        })
        .sum()
}
