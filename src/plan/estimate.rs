//! How long a plan is expected to take: from what the newest run of the spec measured, or from the spec's own limits.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Case, Plan};
use crate::executor::event::Status;
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
    /// Seconds.
    pub seconds: f64,
    /// Trials whose duration an earlier run measured; the others' is assumed from the spec's limits on its phases.
    pub measured_trials: u64,
    /// All trials.
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
    let phases = plan.phases(usize::MAX);
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

/// The expected duration of a plan.
pub fn estimate(plan: &Plan, history: &History) -> Estimate {
    let blocks = u64::from(plan.blocks.max);
    let (mut seconds, mut measured) = (0.0, 0);
    for case in &plan.cases {
        let (total, known) = block(plan, case, history);
        seconds += total.as_secs_f64() * f64::from(plan.blocks.max);
        measured += known * blocks;
    }
    Estimate { seconds, measured_trials: measured, trials: plan.trial_count() }
}

/// Checks a plan against its budget. With `trim`, leaves out cases from the end until it holds, and gives their number.
///
/// # Errors
/// The plan does not fit and may not be trimmed, or not one case fits: a phrase with both times.
pub fn fit_budget(plan: &mut Plan, results: &Path, trim: bool) -> Result<usize, String> {
    let Some(budget) = plan.spec.protocol.budget else { return Ok(0) };
    let history = History::newest(results, &plan.spec.name);
    let expected = Duration::from_secs_f64(estimate(plan, &history).seconds);
    if expected <= budget {
        return Ok(0);
    }
    let (shown, limit) = (
        humantime::format_duration(Duration::from_secs(expected.as_secs())),
        humantime::format_duration(budget),
    );
    if !trim {
        return Err(format!("{} is expected to take {shown}, but its budget is {limit}", plan.spec.name));
    }
    let mut left = budget;
    let fitting = plan.cases.iter().take_while(|case| {
        let needed = block(plan, case, &history).0 * plan.blocks.max;
        let fits = needed <= left;
        left = left.saturating_sub(needed);
        fits
    });
    let fitting = fitting.count();
    if fitting == 0 {
        return Err(format!("not even the first case of {} fits its budget of {limit}", plan.spec.name));
    }
    let trimmed = plan.cases.len() - fitting;
    plan.cases.truncate(fitting);
    Ok(trimmed)
}
