//! How long a plan is expected to take: from what the newest run of the spec measured, or from the spec's own limits.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Case, Plan};
use crate::executor::event::Status;
use crate::spec::Blocks;
use crate::stats::describe::median;
use crate::store::journal;
use crate::store::run_folder::runs;
use crate::store::state::RunState;

/// What a trial is assumed to take beside its phases where nothing was measured: process start, imports, loading.
const ASSUMED_PYTHON: Duration = Duration::from_millis(1500);
const ASSUMED_NATIVE: Duration = Duration::from_millis(100);

/// An expected duration and what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// Seconds, with the least number of blocks.
    pub min_seconds: f64,
    /// Seconds, with the largest number of blocks.
    pub max_seconds: f64,
    /// Trials whose duration an earlier run measured; the others' is assumed from the spec's limits on its phases.
    pub measured_trials: u64,
    /// All trials, with the largest number of blocks.
    pub trials: u64,
}

/// Durations of trials that an earlier run measured, by case and implementation.
#[derive(Debug, Default)]
pub struct History(HashMap<(String, String), Duration>);

impl History {
    /// The newest finished run of a spec. Nothing where there is none or it cannot be read. An unfinished one is left out, so that its
    /// continuation is judged as its beginning was.
    pub fn newest(results: &Path, spec: &str) -> Self {
        let folders = runs(results, spec).unwrap_or_default();
        for folder in folders.iter().rev() {
            let state = RunState::replay(&journal::read(folder).unwrap_or_default());
            if !state.finished {
                continue;
            }
            let mut walls: HashMap<(String, String), Vec<f64>> = HashMap::new();
            for record in state.trials.iter().filter(|t| t.status == Some(Status::Ok) && t.trial.block > 0) {
                if let Some(wall) = record.wall_ns {
                    let key = (record.trial.case.clone(), record.trial.implementation.clone());
                    walls.entry(key).or_default().push(Duration::from_nanos(wall).as_secs_f64());
                }
            }
            if !walls.is_empty() {
                let medians = walls
                    .into_iter()
                    .filter_map(|(key, walls)| Some((key, Duration::from_secs_f64(median(&walls).ok()?))));
                return Self(medians.collect());
            }
        }
        Self::default()
    }
}

/// The expected duration of one block of a case.
fn block(plan: &Plan, case: &Case, history: &History) -> (Duration, u64) {
    let protocol = &plan.spec.protocol;
    let phases = plan.phases(case, usize::MAX);
    let repeated: u64 = phases.iter().map(|p| p.repeat.max_time_ns).fold(0, u64::saturating_add);
    let repeated = Duration::from_nanos(repeated).min(protocol.timeout);
    let mut total = Duration::ZERO;
    let mut measured = 0;
    for arm in case.runnable() {
        let key = (case.id.clone(), arm.implementation.clone());
        total += match history.0.get(&key) {
            Some(wall) => {
                measured += 1;
                *wall
            }
            None if arm.implementation.starts_with("python/") => ASSUMED_PYTHON + repeated,
            None => ASSUMED_NATIVE + repeated,
        };
    }
    (total, measured)
}

/// The expected seconds of one round, in which every case has a block, and the number of its trials that were measured.
fn round(plan: &Plan, history: &History) -> (f64, u64) {
    let blocks = plan.cases.iter().map(|case| block(plan, case, history));
    blocks
        .fold((0.0, 0), |(seconds, measured), (time, known)| (seconds + time.as_secs_f64(), measured + known))
}

/// The expected duration of a plan.
pub fn estimate(plan: &Plan, history: &History) -> Estimate {
    let (seconds, measured) = round(plan, history);
    let Blocks { min, max, .. } = plan.blocks;
    Estimate {
        min_seconds: seconds * f64::from(min),
        max_seconds: seconds * f64::from(max),
        measured_trials: measured * u64::from(max),
        trials: plan.trial_count(),
    }
}

/// Lowers the largest number of blocks until the expected time is within the budget: one number for all cases, never below the
/// least. Gives whether the budget holds; it does not where even the least number takes longer.
pub fn lower_blocks(plan: &mut Plan, history: &History) -> bool {
    let Some(budget) = plan.spec.protocol.budget else { return true };
    let (seconds, _) = round(plan, history);
    let fits = |blocks: &u32| seconds * f64::from(*blocks) <= budget.as_secs_f64();
    let Blocks { min, max, .. } = plan.spec.protocol.blocks;
    let largest = (min..=max).rev().find(fits);
    plan.blocks.max = largest.unwrap_or(min);
    largest.is_some()
}

/// Fits a plan to its budget: lowers the largest number of blocks, and where that is not enough and `trim` is set leaves out cases
/// from the end. Gives the number of cases left out.
///
/// # Errors
/// The least number of blocks does not fit and no case may be left out, or not one case fits: a phrase with both times.
pub fn fit_budget(plan: &mut Plan, results: &Path, trim: bool) -> Result<usize, String> {
    let Some(budget) = plan.spec.protocol.budget else { return Ok(0) };
    let history = History::newest(results, &plan.spec.name);
    if lower_blocks(plan, &history) {
        return Ok(0);
    }
    let (name, min) = (&plan.spec.name, plan.blocks.min);
    let limit = humantime::format_duration(budget);
    if !trim {
        let expected = Duration::from_secs_f64(estimate(plan, &history).min_seconds.min(1e12));
        let shown = humantime::format_duration(Duration::from_secs(expected.as_secs()));
        return Err(format!(
            "{name} is expected to take {shown} with {min} blocks of each case, but its budget is {limit}"
        ));
    }
    let mut left = budget;
    let fitting = plan.cases.iter().take_while(|case| {
        let needed = block(plan, case, &history).0 * min;
        let fits = needed <= left;
        left = left.saturating_sub(needed);
        fits
    });
    let fitting = fitting.count();
    if fitting == 0 {
        return Err(format!("not even the first case of {name} fits its budget of {limit}"));
    }
    let trimmed = plan.cases.len() - fitting;
    plan.cases.truncate(fitting);
    // What the cases left out would have taken may be enough for more blocks of the others.
    lower_blocks(plan, &history);
    Ok(trimmed)
}
