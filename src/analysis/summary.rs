//! What one implementation did on one case: times, quality, memory, failures, over the blocks that count.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::facts::TrialFacts;
use crate::executor::event::Status;
use crate::number::percent;
use crate::stats::describe::{mean, median};
use crate::store::manifest::{ArmRecord, CaseRecord};
use crate::store::state::TrialRecord;

/// One implementation on one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArmSummary {
    /// The implementation.
    pub implementation: String,
    /// Why it was not asked.
    pub unsupported: Option<String>,
    /// Trials that count.
    pub trials: u64,
    /// Ends of trials that did not work, each with the first reason.
    pub failures: Vec<Failure>,
    /// For each phase the median over blocks of the trials' medians, in nanoseconds a call.
    pub phases_ns: BTreeMap<String, f64>,
    /// For each metric the median over blocks; in a cross-validation the mean over folds of each fold's mean.
    pub metrics: BTreeMap<String, f64>,
    /// The median over blocks of the largest resident set, in bytes.
    pub peak_rss_bytes: Option<f64>,
    /// The median over blocks of that less the resident set after the imports, in bytes.
    pub peak_increment_bytes: Option<f64>,
    /// Remarks that are no reason against a comparison, such as a reached iteration cap.
    pub remarks: Vec<String>,
}

/// A way in which trials ended badly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// How.
    pub status: Status,
    /// How often.
    pub trials: u64,
    /// The first one's reason.
    pub reason: String,
}

/// Summarises the trials of one implementation on one case that count.
pub fn arm(case: &CaseRecord, record: &ArmRecord, trials: &[&TrialFacts]) -> ArmSummary {
    let ok: Vec<&TrialFacts> = trials.iter().copied().filter(|t| t.is_ok()).collect();
    let over = |values: Vec<f64>| median(&values).ok();
    let mut phases: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut metrics: BTreeMap<String, BTreeMap<usize, Vec<f64>>> = BTreeMap::new();
    for trial in &ok {
        for phase in &trial.phases {
            phases.entry(phase.name.clone()).or_default().push(phase.median_ns);
        }
        for (name, value) in &trial.metrics {
            metrics.entry(name.clone()).or_default().entry(case.fold(trial.block)).or_default().push(*value);
        }
    }
    let medians = |many: BTreeMap<String, Vec<f64>>| {
        many.into_iter().filter_map(|(name, values)| Some((name, over(values)?))).collect()
    };
    let increment = |t: &&TrialFacts| Some((t.peak_rss_bytes? - t.rss_ready_bytes?).max(0.0));
    ArmSummary {
        implementation: record.implementation.clone(),
        unsupported: record.unsupported.clone(),
        trials: trials.len() as u64,
        failures: failures(trials),
        phases_ns: medians(phases),
        metrics: metrics.into_iter().filter_map(|(name, folds)| Some((name, quality(&folds)?))).collect(),
        peak_rss_bytes: over(ok.iter().filter_map(|t| t.peak_rss_bytes).collect()),
        peak_increment_bytes: over(ok.iter().filter_map(increment).collect()),
        remarks: remarks(record, &ok),
    }
}

/// One figure for a metric: the median over blocks, or the mean over folds, to which each contributes alike however often it was tested.
fn quality(folds: &BTreeMap<usize, Vec<f64>>) -> Option<f64> {
    if folds.len() == 1 {
        return median(folds.values().next()?).ok();
    }
    let means = folds.values().map(|values| mean(values)).collect::<Result<Vec<f64>, _>>().ok()?;
    mean(&means).ok()
}

/// The time of one call in each phase of a trial: the median of its samples; process start and loading have one sample each.
#[expect(clippy::cast_precision_loss, reason = "times of less than 100 days")]
pub fn phase_times(trial: &TrialRecord) -> Vec<(String, f64)> {
    let load = trial.phase("load").and_then(|p| Some(p.end_ns?.saturating_sub(p.begin_ns) as f64));
    let own = [("start".to_owned(), trial.start_ns().map(|ns| ns as f64)), ("load".to_owned(), load)];
    let timed = trial.phases.iter().filter(|p| p.name != "load").map(|p| (p.name.clone(), p.median_ns()));
    own.into_iter().chain(timed).filter_map(|(name, time)| Some((name, time?))).collect()
}

/// The ends of trials that did not work, by status.
pub fn failures(trials: &[&TrialFacts]) -> Vec<Failure> {
    let mut failures: BTreeMap<Status, Failure> = BTreeMap::new();
    for trial in trials.iter().filter(|t| !t.is_ok()) {
        let (status, reason) = (trial.status, trial.reason.clone().unwrap_or_default());
        failures.entry(status).or_insert(Failure { status, trials: 0, reason }).trials += 1;
    }
    failures.into_values().collect()
}

fn remarks(record: &ArmRecord, ok: &[&TrialFacts]) -> Vec<String> {
    use crate::task::parameter::Value;
    let capped = ok
        .iter()
        .filter_map(|t| t.receipt.as_ref())
        .find(|r| r.work.get("converged") == Some(&Value::Bool(false)));
    let slowed = (record.slowdown > 0.0)
        .then(|| format!("was slowed by {} % for calibration", percent(record.slowdown)));
    let capped = capped.map(|receipt| match receipt.work.get("iterations") {
        Some(iterations) => format!("stopped at its iteration cap ({iterations})"),
        None => "stopped at its iteration cap".to_owned(),
    });
    slowed.into_iter().chain(capped).collect()
}

#[cfg(test)]
mod tests {
    use super::super::example::{CONTENDER, case, trial};
    use super::*;

    #[test]
    fn the_quality_of_a_cross_validation_is_the_mean_over_folds() {
        let with = |block: u32, r2: f64| {
            let mut trial = trial(CONTENDER, block);
            trial.metrics.insert("r2".to_owned(), r2);
            trial
        };
        // Blocks 1, 4 are fold 0; 2, 5 fold 1; 3 fold 2.
        let trials = [with(1, 0.2), with(2, 0.5), with(3, 0.9), with(4, 0.4), with(5, 0.5)];
        let trials: Vec<&TrialFacts> = trials.iter().collect();
        let mut case = case();
        let record = case.arms.iter().find(|a| a.implementation == CONTENDER).unwrap().clone();
        assert!((arm(&case, &record, &trials).metrics["r2"] - 0.5).abs() < 1e-15, "the median");
        case.folds = ["a", "b", "c"].map(str::to_owned).to_vec();
        assert!((arm(&case, &record, &trials).metrics["r2"] - (0.3 + 0.5 + 0.9) / 3.0).abs() < 1e-15);
    }
}
