//! `benchrun import`: foreign results become a run that `benchrun compare` judges.

use super::workspace::Workspace;
use super::{Exit, Failure, ImportArgs, print, say};
use crate::import::{Import, Options};

/// Reads files of foreign results and writes a run's folder.
pub fn import(args: &ImportArgs) -> Result<Exit, Failure> {
    let workspace = Workspace::open(&args.places)?;
    let options = Options { name: args.name.clone(), baseline: args.baseline.clone() };
    let import = Import::read(&args.files, &workspace.registry, &workspace.cache, &options)
        .map_err(|problems| Failure::usage(problems.to_string()))?;
    let folder = import.write(&args.places.results)?;
    print(&folder.display().to_string());
    let (trials, cases) = (import.trials.len(), import.manifest.cases.len());
    say(&format!("imported {trials} trials of {cases} cases"));
    for note in &import.notes {
        say(&format!("note: {note}"));
    }
    say(&format!("hint: benchrun compare {}", import.manifest.spec));
    Ok(Exit::Done)
}
