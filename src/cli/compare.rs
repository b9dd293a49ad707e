//! `benchrun compare`: judges the trials of runs once more, from what they stored.

use std::collections::BTreeSet;
use std::path::Path;

use super::{CompareArgs, Exit, Failure, ReportArgs, print};
use crate::analysis::calibration::Calibration;
use crate::analysis::comparison::{Comparison, Options, compare as judge};
use crate::analysis::evidence::Evidence;
use crate::analysis::groups::groups;
use crate::analysis::regression::{Outcome, Regression, interleaved, separate_runs};
use crate::analysis::selection::{Shown, filter_keys, keys, quantities, select};
use crate::analysis::trend::trend;
use crate::files::cache_root;
use crate::plan::is_older_self;
use crate::report::{FORMATS, Report, View};
use crate::spec::problem::unknown;
use crate::store::{StoreError, run_folder};

/// Compares runs.
pub fn compare(args: &CompareArgs) -> Result<Exit, Failure> {
    let options = Options { baseline: args.baseline.clone() };
    let results = &args.places.results;
    let mut comparisons = Vec::new();
    for run in &args.runs {
        comparisons.push(read(&run_folder::find(results, run)?, &options)?);
    }
    comparisons.sort_by_key(|c| c.created_unix_ms);
    comparisons.dedup_by(|a, b| a.run == b.run && a.spec == b.spec);
    check(args, &comparisons)?;
    let view = View { shown: Shown::new(&args.metric), details: args.report.details };
    let earlier = match (&args.report.fail_on_regression, &comparisons[..]) {
        (Some(_), [only]) => earlier(results, only, &options)?,
        _ => Vec::new(),
    };
    let chosen = |comparisons: &[Comparison]| {
        let mut chosen = comparisons.to_vec();
        for comparison in &mut chosen {
            select(comparison, &args.filter);
        }
        chosen
    };
    let comparisons = chosen(&comparisons);
    if comparisons.iter().all(|c| c.cases.is_empty()) {
        return Err(Failure::usage("the filters leave no case"));
    }
    let regression = match args.report.fail_on_regression {
        Some(threshold) => {
            Some(gate(&[chosen(&earlier), comparisons.clone()].concat(), threshold, &view.shown)?)
        }
        None => None,
    };
    let report = Report {
        groups: (!args.by.is_empty()).then(|| groups(&comparisons, &args.by, &view.shown)),
        trend: if args.by.is_empty() { trend(&comparisons, &view.shown) } else { None },
        regression,
        comparisons,
    };
    Ok(show(&report, &view, &args.report))
}

/// The comparison of a run's folder.
fn read(folder: &Path, options: &Options) -> Result<Comparison, StoreError> {
    let mut comparison = judge(&Evidence::read(folder)?, options).0;
    carry_calibration(&mut comparison);
    Ok(comparison)
}

/// Has the verdicts of a run carry what the calibration of its machine showed, if there is one.
pub fn carry_calibration(comparison: &mut Comparison) {
    let machine = comparison.machine.as_ref();
    if let Some(calibration) =
        cache_root().ok().zip(machine).and_then(|(cache, m)| Calibration::load(&cache, m))
    {
        comparison.carry(&calibration);
    }
}

/// What a run is judged against unless the user says otherwise: the earlier runs of its spec, without those of other versions. A run
/// that holds its older self needs none.
fn earlier(results: &Path, newest: &Comparison, options: &Options) -> Result<Vec<Comparison>, Failure> {
    let mut found = Vec::new();
    if is_interleaved(newest) {
        return Ok(found);
    }
    for folder in run_folder::runs(results, &newest.spec)? {
        match read(&folder, options) {
            Ok(run) if run.created_unix_ms < newest.created_unix_ms => found.push(run),
            Ok(_) | Err(StoreError::Version { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

/// Everything that the command line names must be there.
fn check(args: &CompareArgs, comparisons: &[Comparison]) -> Result<(), Failure> {
    let filtered: Vec<String> = args.filter.iter().map(|f| f.key.clone()).collect();
    known("key of a filter", &filtered, &filter_keys(comparisons))?;
    known("key of a case", &args.by, &keys(comparisons))?;
    known("quantity", &args.metric, &quantities(comparisons))?;
    let arms = comparisons.iter().flat_map(|c| &c.cases).flat_map(|c| &c.arms);
    let implementations = arms.map(|a| a.implementation.clone()).collect();
    known("implementation", args.baseline.as_slice(), &implementations)
}

fn known(what: &str, names: &[String], known: &BTreeSet<String>) -> Result<(), Failure> {
    let Some(name) = names.iter().find(|name| !known.contains(*name)) else { return Ok(()) };
    let (message, hint) = unknown(what, name, known.iter().map(String::as_str));
    Err(Failure::usage(message).hint(Some(hint)))
}

/// Whether a run compares implementations with their older selves.
fn is_interleaved(comparison: &Comparison) -> bool {
    comparison.cases.iter().flat_map(|c| &c.pairs).any(|p| is_older_self(&p.baseline, &p.contender))
}

fn gate(comparisons: &[Comparison], threshold: f64, shown: &Shown) -> Result<Regression, Failure> {
    match comparisons {
        [only] if is_interleaved(only) => Ok(interleaved(only, threshold, shown)),
        runs => separate_runs(runs, threshold, shown).map_err(Failure::usage),
    }
}

/// The report on a run that was just made.
pub fn report(comparison: Comparison, results: &Path, args: &ReportArgs) -> Result<Exit, Failure> {
    let view = View { details: args.details, ..View::default() };
    let regression = match args.fail_on_regression {
        Some(threshold) => {
            let mut runs = earlier(results, &comparison, &Options::default())?;
            runs.push(comparison.clone());
            Some(gate(&runs, threshold, &view.shown)?)
        }
        None => None,
    };
    let report = Report { comparisons: vec![comparison], groups: None, trend: None, regression };
    Ok(show(&report, &view, args))
}

/// Prints a report, and says by which exit code it ends.
fn show(report: &Report, view: &View, args: &ReportArgs) -> Exit {
    let format = FORMATS.iter().find(|f| f.name == args.format).unwrap_or(&FORMATS[0]);
    print(&(format.render)(report, view));
    exit(report, args.strict)
}

fn exit(report: &Report, strict: bool) -> Exit {
    let count = |status: &str| report.comparisons.iter().filter_map(|c| c.trials.get(status)).sum::<u64>();
    let failed = ["failed", "crashed", "timed_out", "out_of_memory"].iter().any(|s| count(s) > 0);
    let disputed =
        report.comparisons.iter().flat_map(|c| &c.cases).flat_map(|c| &c.pairs).any(|p| !p.comparable);
    let gate = |outcome| report.regression.as_ref().is_some_and(|gate| gate.of(outcome).next().is_some());
    if gate(Outcome::Regressed) {
        Exit::Regressed
    } else if failed {
        Exit::TrialsFailed
    } else if strict && (disputed || count("unsupported") > 0 || gate(Outcome::Undecided)) {
        Exit::Strict
    } else {
        Exit::Done
    }
}
