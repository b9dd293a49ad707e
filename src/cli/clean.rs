//! `benchrun clean`: removes what the cache holds. Results are never touched.

use std::fs;
use std::io;
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
            match remove(&folder).map_err(|e| Failure::store(&e))? {
                0 => print(&format!("removed {} ({size})", folder.display())),
                left => print(&format!(
                    "cleaned {}, and left {left} entries that are not the cache's",
                    folder.display()
                )),
            }
        }
    }
    Ok(Exit::Done)
}

/// Removes what the cache made in one of its folders, and the folder if nothing else is in it. Gives the number of what is left: whoever sets
/// `BENCHRUN_CACHE` to a folder of other things must not lose them.
fn remove(folder: &Path) -> io::Result<usize> {
    let mut left = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !is_of_cache(&entry.file_name().to_string_lossy()) {
            left += 1;
        } else if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            // Of a link, the link.
            fs::remove_file(entry.path())?;
        }
    }
    if left == 0 && !folder.is_symlink() {
        fs::remove_dir(folder)?;
    }
    Ok(left)
}

/// Whether the cache gives such names: hashes or begins of them, locks, the index of bundles, and what was left half made.
fn is_of_cache(name: &str) -> bool {
    let stem = name.strip_suffix(".json").unwrap_or(name);
    let is_hash = stem.len() >= 16 && stem.bytes().all(|b| b.is_ascii_hexdigit());
    is_hash || name == "index" || name.ends_with(".lock") || name.starts_with(".tmp")
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
