//! `benchrun plan`: what a spec would run.

use super::workspace::Workspace;
use super::{Exit, Failure, Format, PlanArgs, print, print_json};
use crate::plan::Plan;
use crate::plan::estimate::{History, estimate, lower_blocks};
use crate::report::plan::PlanReport;

/// Prints a plan.
pub fn plan(args: &PlanArgs) -> Result<Exit, Failure> {
    let workspace = Workspace::open(&args.places)?;
    let (spec, _) = workspace.spec(&args.spec, args.max_trials)?;
    let mut plan = Plan::new(spec, &workspace.registry);
    let history = History::newest(&args.places.results, &plan.spec.name);
    let within_budget = lower_blocks(&mut plan, &history);
    let estimate = estimate(&plan, &history);
    let report =
        PlanReport::new(&plan, estimate, within_budget, &workspace.registry, &workspace.cache, args.trials)?;
    match args.format {
        Format::Text => print(&report.text()),
        Format::Json => print_json(&report)?,
    }
    Ok(Exit::Done)
}
