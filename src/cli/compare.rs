//! `benchrun compare`: judges the trials of a run once more, from what it stored.

use super::run::{exit, report};
use super::{CompareArgs, Exit, Failure};
use crate::analysis::comparison::compare as judge;
use crate::store::state::RunState;
use crate::store::{journal, run_folder};

/// Compares a run.
pub fn compare(args: &CompareArgs) -> Result<Exit, Failure> {
    let folder = run_folder::find(&args.places.results, &args.run)?;
    let manifest = run_folder::read_manifest(&folder)?;
    let state = RunState::replay(&journal::read(&folder)?);
    let comparison = judge(&manifest, &state);
    report(args.format, &comparison)?;
    Ok(exit(&comparison, args.strict))
}
