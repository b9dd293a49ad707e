//! `benchrun compare`: judges the trials of a run once more, from what it stored.

use super::run::{exit, report};
use super::{CompareArgs, Exit, Failure};
use crate::analysis::comparison::{Options, compare as judge};
use crate::analysis::evidence::Evidence;
use crate::store::run_folder;

/// Compares a run.
pub fn compare(args: &CompareArgs) -> Result<Exit, Failure> {
    let folder = run_folder::find(&args.places.results, &args.run)?;
    let (comparison, _) = judge(&Evidence::read(&folder)?, &Options::default());
    report(args.format, &comparison)?;
    Ok(exit(&comparison, args.strict))
}
