//! What one implementation did on one case: times, quality, memory, failures, over the blocks that count.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::facts::TrialFacts;
use crate::executor::event::Status;
use crate::number::percent;
use crate::stats::describe::{mean, median};
use crate::stats::latency::Latency;
use crate::store::manifest::{ArmRecord, CaseRecord};
use crate::store::state::TrialRecord;
use crate::task::TO_TARGET;

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
    /// For each phase of a network, what it processes in a second: `case.rates` says what of. Over the time above.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rates: BTreeMap<String, f64>,
    /// For each phase in which a network answers, the percentiles of single calls: of each the median over blocks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub latencies: BTreeMap<String, LatencySummary>,
    /// In how many trials the case's target was reached. The time to it is among the phases only where it was in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Reached>,
    /// For each metric the median over blocks; in a cross-validation the mean over folds of each fold's mean.
    pub metrics: BTreeMap<String, f64>,
    /// The median over blocks of the largest resident set, in bytes.
    pub peak_rss_bytes: Option<f64>,
    /// The median over blocks of that less the resident set after the imports, in bytes.
    pub peak_increment_bytes: Option<f64>,
    /// Remarks that are no reason against a comparison, such as a reached iteration cap.
    pub remarks: Vec<String>,
}

/// Percentiles of the times of single calls, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LatencySummary {
    /// The time that half of the calls take at most.
    pub p50_ns: f64,
    /// The time that 95 % take at most; absent where a trial has fewer than 20 calls.
    pub p95_ns: Option<f64>,
    /// The time that 99 % take at most; absent where a trial has fewer than 100 calls.
    pub p99_ns: Option<f64>,
}

/// How often trainings reached the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reached {
    /// Trials that did.
    pub trials: u64,
    /// Trials that worked.
    pub of: u64,
}

impl Reached {
    /// Whether every trial did, of at least one.
    pub fn always(&self) -> bool {
        self.trials == self.of && self.of > 0
    }
}

/// In how many of the trials that worked the target was reached.
pub fn reached(trials: &[&TrialFacts]) -> Reached {
    let ok: Vec<bool> = trials.iter().filter(|t| t.is_ok()).map(|t| t.time_ns(TO_TARGET).is_some()).collect();
    Reached { trials: ok.iter().filter(|reached| **reached).count() as u64, of: ok.len() as u64 }
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
    let reached = case.target.as_ref().map(|_| reached(trials));
    if reached.is_some_and(|reached| !reached.always()) {
        phases.remove(TO_TARGET);
    }
    let latencies = case.rates.iter().flat_map(|_| phases.keys()).filter(|phase| phase.contains('@'));
    let latencies = latencies.filter_map(|phase| Some((phase.clone(), latency(&ok, phase)?))).collect();
    let medians = |many: BTreeMap<String, Vec<f64>>| {
        many.into_iter().filter_map(|(name, values)| Some((name, over(values)?))).collect()
    };
    let phases_ns: BTreeMap<String, f64> = medians(phases);
    let rate = |(phase, ns): (&String, &f64)| {
        #[expect(clippy::cast_precision_loss, reason = "rows of a call")]
        let items = case.rates.as_ref()?.of_call(phase)? as f64;
        Some((phase.clone(), items / ns * 1e9))
    };
    let increment = |t: &&TrialFacts| Some((t.peak_rss_bytes? - t.rss_ready_bytes?).max(0.0));
    ArmSummary {
        implementation: record.implementation.clone(),
        unsupported: record.unsupported.clone(),
        trials: trials.len() as u64,
        failures: failures(trials),
        rates: phases_ns.iter().filter_map(rate).collect(),
        phases_ns,
        latencies,
        reached,
        metrics: metrics.into_iter().filter_map(|(name, folds)| Some((name, quality(&folds)?))).collect(),
        peak_rss_bytes: over(ok.iter().filter_map(|t| t.peak_rss_bytes).collect()),
        peak_increment_bytes: over(ok.iter().filter_map(increment).collect()),
        remarks: remarks(record, &ok),
    }
}

/// The percentiles of a phase, each by the median over trials: the process is the unit of replication, and calls of all trials in one heap
/// would hide how processes differ. A percentile that one trial has too few calls for is absent.
fn latency(trials: &[&TrialFacts], phase: &str) -> Option<LatencySummary> {
    let of = |t: &&TrialFacts| t.phases.iter().find(|p| p.name == phase)?.latency;
    let found = trials.iter().map(of).collect::<Option<Vec<Latency>>>()?;
    let over =
        |of: fn(&Latency) -> Option<f64>| median(&found.iter().map(of).collect::<Option<Vec<f64>>>()?).ok();
    Some(LatencySummary { p50_ns: over(|l| Some(l.p50))?, p95_ns: over(|l| l.p95), p99_ns: over(|l| l.p99) })
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
    use super::super::facts::PhaseFacts;
    use super::*;
    use crate::task::{Rates, Target};

    fn phase(name: &str, median_ns: f64, latency: Option<Latency>) -> PhaseFacts {
        PhaseFacts { name: name.to_owned(), median_ns, wall_ns: None, cpus: None, latency }
    }

    /// The summary of one implementation whose trials have these phases, in a case with rates and a target.
    fn of_phases(trials: &[Vec<PhaseFacts>]) -> ArmSummary {
        let trials: Vec<TrialFacts> =
            (1..).zip(trials).map(|(b, p)| TrialFacts { phases: p.clone(), ..trial(CONTENDER, b) }).collect();
        let rows = [("train_step", 64), ("predict@32", 32)].map(|(phase, rows)| (phase.to_owned(), rows));
        let rates = Some(Rates { unit: "tokens".to_owned(), per_row: 10, rows: rows.into() });
        let target = Some(Target { metric: "accuracy".to_owned(), value: 0.9, at_most: false });
        let case = CaseRecord { target, rates, ..case() };
        let record = case.arms.iter().find(|a| a.implementation == CONTENDER).unwrap().clone();
        arm(&case, &record, &trials.iter().collect::<Vec<_>>())
    }

    #[test]
    fn percentiles_are_the_median_over_trials_and_absent_where_one_has_none() {
        let of = |p50, p99| Some(Latency { p50, p95: Some(2.0 * p50), p99 });
        let with = |p99s: [Option<f64>; 3]| {
            let trials = [1.0, 3.0, 2.0].into_iter().zip(p99s);
            let trials = trials.map(|(p50, p99)| {
                vec![phase("predict@32", p50, of(p50, p99)), phase("fit", 1.0, of(1.0, p99))]
            });
            of_phases(&trials.collect::<Vec<_>>()).latencies
        };
        let found = with([Some(9.0), Some(11.0), Some(10.0)]);
        let expected = LatencySummary { p50_ns: 2.0, p95_ns: Some(4.0), p99_ns: Some(10.0) };
        assert_eq!(found, [("predict@32".to_owned(), expected)].into(), "answers alone have a latency");
        assert_eq!(with([Some(9.0), None, Some(10.0)])["predict@32"].p99_ns, None);
        let some = [vec![phase("predict@32", 1.0, of(1.0, None))], vec![phase("predict@32", 1.0, None)]];
        assert!(of_phases(&some).latencies.is_empty());
    }

    #[test]
    fn rates_are_what_a_call_processes_over_its_time() {
        let times = [2e6, 4e6, 3e6].map(|ns| vec![phase("train_step", ns, None), phase("build", ns, None)]);
        let found = of_phases(&times).rates;
        assert_eq!(found.keys().collect::<Vec<_>>(), ["train_step"]);
        assert!((found["train_step"] / (640.0 / 3e-3) - 1.0).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn a_time_to_the_target_needs_every_trial_to_reach_it() {
        let all = of_phases(&[vec![phase(TO_TARGET, 1.0, None)], vec![phase(TO_TARGET, 3.0, None)]]);
        assert_eq!((all.phases_ns[TO_TARGET], all.reached), (2.0, Some(Reached { trials: 2, of: 2 })));
        let some = of_phases(&[vec![phase(TO_TARGET, 1.0, None)], vec![phase("epoch", 3.0, None)]]);
        assert_eq!((some.phases_ns.get(TO_TARGET), some.reached), (None, Some(Reached { trials: 1, of: 2 })));
        assert!(!of_phases(&[]).reached.unwrap().always(), "nobody is no proof");
    }

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
