//! `benchrun data`: fetches and verifies data sets of the catalogue.

use super::{DataCommand, Exit, Failure, print, say};
use crate::data::catalogue;
use crate::data::fetch::Cached;
use crate::files::cache_root;

/// Fetches or verifies.
pub fn data(command: &DataCommand) -> Result<Exit, Failure> {
    let cache = cache_root().map_err(|e| Failure::missing(&e))?;
    let (DataCommand::Fetch { names } | DataCommand::Verify { names }) = command;
    let names =
        if names.is_empty() { catalogue::names() } else { names.iter().map(String::as_str).collect() };
    // Unknown names are told before anything is downloaded.
    let entries = names.iter().map(|name| catalogue::find(name)).collect::<Result<Vec<_>, _>>()?;
    let mut damaged = 0;
    for entry in entries {
        match command {
            DataCommand::Fetch { .. } => {
                entry.fetch(&cache, &mut |line| say(line))?;
                print(&format!("{} is in the cache, its files' hashes as pinned", entry.name));
            }
            DataCommand::Verify { .. } => {
                for (file, state) in entry.verify(&cache)? {
                    let told = match &state {
                        Cached::Intact => "intact".to_owned(),
                        Cached::Missing => "not in the cache".to_owned(),
                        Cached::Damaged { found } => format!("damaged: its SHA-256 is {found}"),
                    };
                    damaged += usize::from(matches!(state, Cached::Damaged { .. }));
                    print(&format!("{}: {file}: {told}", entry.name));
                }
            }
        }
    }
    if damaged > 0 {
        let failure =
            Failure { exit: Exit::Missing, message: format!("{damaged} files are damaged"), hint: None };
        return Err(failure.hint(Some("`benchrun data fetch` fetches them anew")));
    }
    Ok(Exit::Done)
}
