//! `benchrun calibrate`: what the judge's promises are worth on this machine, measured.

use std::time::Duration;

use super::prepare::prepare;
use super::run::{self, execute, on_interrupt, refuse_debug_build, results_folder};
use super::workspace::Workspace;
use super::{CalibrateArgs, DEFAULT_MAX_TRIALS, Exit, Failure, Format, logging, print, print_json, say};
use crate::analysis::calibration::{Calibration, Circumstances};
use crate::analysis::evidence::Evidence;
use crate::executor::RunEnd;
use crate::executor::event::Status;
use crate::monitor::machine::{Machine, load_average};
use crate::plan::Plan;
use crate::plan::calibration::calibration;
use crate::plan::estimate::{History, estimate};
use crate::report;
use crate::store::journal::unix_ms;
use crate::store::{parquet, rows};
use crate::worker::native;

/// Runs every implementation of a spec against itself, unchanged and slowed, and keeps what that shows of the judge.
pub fn calibrate(args: &CalibrateArgs) -> Result<Exit, Failure> {
    refuse_debug_build()?;
    let workspace = Workspace::open(&args.places)?;
    let (spec, text) = workspace.spec(&args.spec, DEFAULT_MAX_TRIALS)?;
    // Both are read before this process restricts itself to some of its CPUs and adds to the load.
    let (machine, load_average) = (Machine::read(), load_average());
    let plan = calibration(&Plan::new(spec, &workspace.registry), args.comparisons, &args.slowdowns);
    announce(&plan, args)?;
    let interrupt = on_interrupt()?;
    let prepared = prepare(&plan, &workspace, &machine, &text.folder, None, args.quiet)?;
    let mut folder = run::open(&results_folder(&args.places.results)?, args.fresh, &prepared, &text)?;
    logging::to_file(&folder.path.join("run.log"));

    let end = execute(&plan, &prepared, &mut folder, &interrupt, args.quiet, false, false)?;
    let told = folder.told()?;
    parquet::write_all(&folder.path, &folder.manifest, &told)?;
    let evidence = Evidence::read(&folder.path)?;
    let build = native::BUILD.to_owned();
    let circumstances = Circumstances { machine, build, unix_ms: unix_ms(), load_average };
    let (calibration, conditions) = Calibration::of(&evidence, circumstances);
    parquet::write_parity(&folder.path, &[rows::contract(&told), conditions].concat())?;
    match args.format {
        Format::Text => print(&report::calibration::calibration(&calibration)),
        Format::Json => print_json(&calibration)?,
    }
    say(&format!("results: {}", run::relative(&folder.path)));
    if end == RunEnd::Interrupted {
        return Ok(Exit::Interrupted);
    }
    calibration.keep(&workspace.cache)?;
    let failed = evidence.trials.values().flatten().any(|t| t.status != Status::Ok);
    Ok(if failed { Exit::TrialsFailed } else { Exit::Done })
}

/// Says what is about to run, unless it is nothing or too much.
fn announce(plan: &Plan, args: &CalibrateArgs) -> Result<(), Failure> {
    let trials = plan.trial_count();
    if trials == 0 {
        return Err(Failure::usage(format!("no implementation can run a case of {}", args.spec)));
    }
    if trials > DEFAULT_MAX_TRIALS {
        let message = format!("this calibration has {trials} trials, and the limit is {DEFAULT_MAX_TRIALS}");
        return Err(Failure::usage(message).hint(Some("ask for fewer `--comparisons` or a smaller spec")));
    }
    if !args.quiet {
        let history = History::newest(&args.places.results, &plan.spec.name);
        let expected =
            Duration::from_secs(Duration::from_secs_f64(estimate(plan, &history).max_seconds).as_secs());
        say(&format!(
            "{}: {} comparisons of implementations with themselves, {trials} trials, about {}",
            plan.spec.name,
            plan.cases.len(),
            humantime::format_duration(expected)
        ));
    }
    Ok(())
}
