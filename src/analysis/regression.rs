//! The CI gate: did anything become slower, larger or worse by more than a threshold?
//!
//! A regression is shown where the whole interval of the change lies beyond the threshold; it is excluded where the whole interval lies
//! within; everything else is undecided, and says what would decide. Two designs give that interval:
//!
//! * **Interleaved**: the old and the new build ran side by side in one run, block by block. The paired intervals of the judge.
//! * **Separate runs**: the newest run against at least [`BASELINE_RUNS`] earlier ones of the same machine. The run is the unit, since what
//!   differs from run to run (placement, temperature, other tenants) is shared by all trials of one. The interval is that of one new
//!   observation against the baseline's, `d ± t · s √(1 + 1/k)` with k − 1 degrees of freedom: a prediction interval (Hahn & Meeker 1991,
//!   "Statistical Intervals", section 4.7).
//!
//! All intervals of one gate hold together at 95 % (Bonferroni over everything that is judged).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::comparison::{ALPHA, Comparison, PairComparison, PhaseComparison, QualityComparison};
use super::selection::Shown;
use super::trend::{self, Kind, figure};
use crate::stats::StatsError;
use crate::stats::describe::mean;
use crate::stats::paired_ratio::{Family, Spread, speedup};
use crate::stats::t_test::{self, TTest};
use crate::store::manifest::CaseRecord;

/// Earlier runs that a judgement over separate runs needs.
pub const BASELINE_RUNS: usize = 5;

/// What the gate found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Regression {
    /// The largest change for the worse that passes: 0.05 is 5 %.
    pub threshold: f64,
    /// How old and new were measured.
    pub design: Design,
    /// One finding for each implementation, case and quantity.
    pub findings: Vec<Finding>,
}

/// How old and new were measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Design {
    /// Side by side in one run.
    Interleaved,
    /// In runs of their own.
    SeparateRuns {
        /// The run that is judged.
        newest: String,
        /// Those that it is judged against.
        baseline: Vec<String>,
    },
}

/// One thing that was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The case.
    pub case: CaseRecord,
    /// The implementation.
    pub implementation: String,
    /// The phase, `peak_memory`, or the metric.
    pub quantity: String,
    /// What it measures.
    pub kind: Kind,
    /// What is shown.
    pub outcome: Outcome,
    /// The change for the worse, over the old value: 0.1 is 10 % slower, larger or worse; below 0 it became better.
    pub change: Option<f64>,
    /// Its simultaneous interval.
    pub interval: Option<[f64; 2]>,
    /// Why it is undecided.
    pub reason: Option<String>,
}

/// What is shown of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It became worse by more than the threshold.
    Regressed,
    /// Neither is shown.
    Undecided,
    /// It did not become worse by more than the threshold.
    Passed,
}

impl Regression {
    /// Findings of one outcome.
    pub fn of(&self, outcome: Outcome) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |f| f.outcome == outcome)
    }
}

/// A finding before the size of the family is known.
struct Draft<'a> {
    case: &'a CaseRecord,
    implementation: &'a str,
    quantity: String,
    kind: Kind,
    evidence: Evidence<'a>,
}

enum Evidence<'a> {
    /// Paired ratios old / new of one run.
    Ratios(&'a PhaseComparison),
    /// Paired differences new − old of a metric.
    Differences(&'a QualityComparison),
    /// The newest run's value and the earlier ones'.
    Runs(f64, Vec<f64>),
    /// It works no more.
    Broken(String),
    /// Nothing can be said.
    Missing(String),
}

/// The gate on a run in which old and new were interleaved: each contender is judged against the implementation that it is compared with.
pub fn interleaved(comparison: &Comparison, threshold: f64, shown: &Shown) -> Regression {
    let mut drafts = Vec::new();
    for case in &comparison.cases {
        for pair in &case.pairs {
            let draft = |quantity: &str, kind, evidence| Draft {
                case: &case.case,
                implementation: &pair.contender,
                quantity: quantity.to_owned(),
                kind,
                evidence,
            };
            let broken = broken(case.arms.iter().find(|a| a.implementation == pair.contender), pair);
            let phases = case.case.primary_phases.iter().filter(|p| shown.in_overview(&case.case, p));
            for phase in phases {
                let found = pair.phases.iter().find(|p| p.phase == *phase);
                let open = || pair.open_phases.get(phase).cloned().unwrap_or_else(|| not_comparable(pair));
                let ran = case.arms.iter().any(|a| a.phases_ns.contains_key(phase));
                match (found, &broken) {
                    (_, Some(reason)) => {
                        drafts.push(draft(phase, Kind::Time, Evidence::Broken(reason.clone())))
                    }
                    (Some(found), _) => drafts.push(draft(phase, Kind::Time, Evidence::Ratios(found))),
                    (None, _) if ran => drafts.push(draft(phase, Kind::Time, Evidence::Missing(open()))),
                    (None, _) => {}
                }
            }
            if broken.is_some() {
                continue;
            }
            if let Some(memory) = pair.memory.as_ref().filter(|_| shown.memory()) {
                drafts.push(draft(super::selection::MEMORY, Kind::Memory, Evidence::Ratios(memory)));
            }
            for metric in shown.metrics(case) {
                if let Some(found) = pair.quality.iter().find(|q| q.metric == metric) {
                    drafts.push(draft(&metric, Kind::Quality, Evidence::Differences(found)));
                }
            }
        }
    }
    finish(drafts, Design::Interleaved, threshold)
}

/// Why a contender that failed where its baseline did not is a regression.
fn broken(arm: Option<&super::summary::ArmSummary>, pair: &PairComparison) -> Option<String> {
    let failures = &arm?.failures;
    let failure = failures.first()?;
    let baseline_failed = pair.reasons.iter().any(|r| {
        r.strip_prefix(&pair.baseline).and_then(|rest| rest.strip_prefix(' ')).is_some_and(|rest| {
            crate::executor::event::Status::ALL.iter().any(|s| rest.starts_with(s.word()))
        })
    });
    (!baseline_failed)
        .then(|| format!("{} in {} trials: {}", failure.status.word(), failure.trials, failure.reason))
}

fn not_comparable(pair: &PairComparison) -> String {
    format!("not comparable: {}", pair.reasons.join("; "))
}

/// The gate on separate runs: the newest against all others.
///
/// # Errors
/// There are fewer than two runs, or they are not of one spec: a phrase.
pub fn separate_runs(
    comparisons: &[Comparison],
    threshold: f64,
    shown: &Shown,
) -> Result<Regression, String> {
    let mut ordered: Vec<&Comparison> = comparisons.iter().collect();
    ordered.sort_by_key(|c| c.created_unix_ms);
    let Some((newest, earlier)) = ordered.split_last() else { return Err("there is no run".to_owned()) };
    if let Some(other) = earlier.iter().find(|c| c.spec != newest.spec) {
        return Err(format!(
            "runs of one spec are compared, but {} is of {} and {} of {}",
            newest.run, newest.spec, other.run, other.spec
        ));
    }
    let same_machine = |c: &Comparison| newest.machine.is_some() && c.machine == newest.machine;
    let usable: Vec<&Comparison> =
        earlier.iter().copied().filter(|c| same_machine(c) && c.finished).collect();
    let foreign = earlier.iter().filter(|c| !same_machine(c)).count();
    let mut drafts = Vec::new();
    for case in &newest.cases {
        for (implementation, quantity, kind) in trend::quantities(case, shown) {
            let arm = |of: &Comparison| {
                let case = of.cases.iter().find(|c| c.case.id == case.case.id)?;
                case.arms.iter().find(|a| a.implementation == implementation).cloned()
            };
            let before: Vec<f64> = usable.iter().filter_map(|c| figure(&arm(c)?, &quantity, kind)).collect();
            let own = case.arms.iter().find(|a| a.implementation == implementation);
            let evidence = match own.and_then(|a| figure(a, &quantity, kind)) {
                Some(now) if before.len() >= BASELINE_RUNS => Evidence::Runs(now, before),
                _ => Evidence::Missing(format!(
                    "{} earlier finished runs of this machine hold it, and {BASELINE_RUNS} are needed ({} runs are of another or an unknown machine)",
                    before.len(),
                    foreign
                )),
            };
            let implementation = own.map_or("", |a| a.implementation.as_str());
            drafts.push(Draft { case: &case.case, implementation, quantity, kind, evidence });
        }
        for arm in case.arms.iter().filter(|a| !a.failures.is_empty()) {
            let worked = |c: &&Comparison| {
                let before = c.cases.iter().find(|o| o.case.id == case.case.id);
                before
                    .and_then(|o| o.arms.iter().find(|a| a.implementation == arm.implementation))
                    .is_some_and(|a| a.failures.is_empty())
            };
            if usable.iter().any(worked) {
                let failure = &arm.failures[0];
                let reason =
                    format!("{} in {} trials: {}", failure.status.word(), failure.trials, failure.reason);
                drafts.push(Draft {
                    case: &case.case,
                    implementation: &arm.implementation,
                    quantity: "trials".to_owned(),
                    kind: Kind::Quality,
                    evidence: Evidence::Broken(reason),
                });
            }
        }
    }
    let design = Design::SeparateRuns {
        newest: newest.run.clone(),
        baseline: usable.iter().map(|c| c.run.clone()).collect(),
    };
    Ok(finish(drafts, design, threshold))
}

fn finish(drafts: Vec<Draft<'_>>, design: Design, threshold: f64) -> Regression {
    let judged =
        drafts.iter().filter(|d| !matches!(d.evidence, Evidence::Missing(_) | Evidence::Broken(_))).count();
    let family = Family { alpha: ALPHA, comparisons: judged.max(1) };
    Regression {
        threshold,
        design,
        findings: drafts.into_iter().map(|d| d.judge(family, threshold)).collect(),
    }
}

impl Draft<'_> {
    fn judge(self, family: Family, threshold: f64) -> Finding {
        let (outcome, change, reason) = match &self.evidence {
            Evidence::Broken(reason) => (Outcome::Regressed, None, Some(reason.clone())),
            Evidence::Missing(reason) => (Outcome::Undecided, None, Some(reason.clone())),
            Evidence::Ratios(found) => decide(of_ratios(found, family), threshold),
            Evidence::Differences(found) => {
                decide(of_differences(found, self.lower_is_better(), family), threshold)
            }
            Evidence::Runs(now, before) => decide(self.of_runs(*now, before, family), threshold),
        };
        Finding {
            case: self.case.clone(),
            implementation: self.implementation.to_owned(),
            quantity: self.quantity,
            kind: self.kind,
            outcome,
            change: change.map(|c| c.0),
            interval: change.map(|c| c.1),
            reason,
        }
    }

    fn lower_is_better(&self) -> bool {
        self.case.lower_is_better.contains(&self.quantity)
    }

    /// Times and bytes on the log scale, metrics on their own.
    fn of_runs(&self, now: f64, before: &[f64], family: Family) -> Option<(f64, [f64; 2])> {
        if self.kind == Kind::Quality {
            let scale = mean(before).ok()?;
            let (difference, [low, high]) = new_observation(now, before, family)?;
            return Some(worse(difference, [low, high], self.lower_is_better(), scale));
        }
        let logs: Vec<f64> = before.iter().map(|v| v.ln()).collect();
        let (difference, [low, high]) = new_observation(now.ln(), &logs, family)?;
        Some((difference.exp_m1(), [low.exp_m1(), high.exp_m1()]))
    }
}

/// The change for the worse and its interval against the threshold.
fn decide(
    found: Option<(f64, [f64; 2])>,
    threshold: f64,
) -> (Outcome, Option<(f64, [f64; 2])>, Option<String>) {
    let Some((_, [low, high])) = found else {
        return (Outcome::Undecided, None, Some("one block has no spread".to_owned()));
    };
    if low > threshold {
        (Outcome::Regressed, found, None)
    } else if high <= threshold {
        (Outcome::Passed, found, None)
    } else {
        (
            Outcome::Undecided,
            found,
            Some("the interval holds the threshold: more blocks or runs would decide".to_owned()),
        )
    }
}

/// The slow-down, from ratios old / new.
fn of_ratios(found: &PhaseComparison, family: Family) -> Option<(f64, [f64; 2])> {
    let pilot =
        found.pilot_blocks.and_then(|n| Spread::of(found.log_ratios.get(..usize::try_from(n).ok()?)?).ok());
    let speedup = speedup(&found.log_ratios, family, pilot).ok()?;
    let slowdown = |ratio: f64| 1.0 / ratio - 1.0;
    let interval = speedup.simultaneous;
    Some((slowdown(speedup.ratio), [slowdown(interval.high), slowdown(interval.low)]))
}

/// The worsening of a metric, over the old value's size.
fn of_differences(
    found: &QualityComparison,
    lower_is_better: bool,
    family: Family,
) -> Option<(f64, [f64; 2])> {
    let difference = mean(&found.differences).ok()?;
    let interval = interval_or_point(difference, &t_test::one_sample(&found.differences, 0.0), family)?;
    Some(worse(difference, interval, lower_is_better, found.baseline))
}

fn worse(difference: f64, [low, high]: [f64; 2], lower_is_better: bool, scale: f64) -> (f64, [f64; 2]) {
    let scale = scale.abs().max(f64::MIN_POSITIVE);
    if lower_is_better {
        (difference / scale, [low / scale, high / scale])
    } else {
        (-difference / scale, [-high / scale, -low / scale])
    }
}

/// One new observation less the mean of earlier ones, and its prediction interval.
fn new_observation(now: f64, before: &[f64], family: Family) -> Option<(f64, [f64; 2])> {
    let difference = now - mean(before).ok()?;
    Some((difference, interval_or_point(difference, &t_test::new_observation(now, before), family)?))
}

/// Values that are all equal have no spread: then a difference is known, not estimated. Deterministic learners give such.
fn interval_or_point(difference: f64, test: &Result<TTest, StatsError>, family: Family) -> Option<[f64; 2]> {
    match test {
        Ok(test) => test.interval(each(family)).ok().map(|interval| [interval.low, interval.high]),
        Err(StatsError::NoSpread { .. }) => Some([difference, difference]),
        Err(_) => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of comparisons")]
fn each(family: Family) -> f64 {
    family.alpha / family.comparisons as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::example::{Arm, arm, comparison};

    const BASE: [f64; 8] = [100.0, 102.0, 99.0, 101.0, 100.5, 98.5, 101.5, 99.5];

    fn times(factor: f64) -> Vec<f64> {
        // Another noise than the baseline's, so that ratios vary.
        BASE.iter().rev().map(|t| t * factor).collect()
    }

    fn against_older_self(new: &[f64]) -> Regression {
        let run =
            comparison("r", 1, &[arm("rust/x", Some("rust/x+old"), new), arm("rust/x+old", None, &BASE)]);
        interleaved(&run, 0.05, &Shown::default())
    }

    fn outcome<'a>(gate: &'a Regression, quantity: &str) -> &'a Finding {
        gate.findings.iter().find(|f| f.quantity == quantity).unwrap()
    }

    #[test]
    fn interleaved_builds_are_judged_by_their_whole_interval() {
        for (factor, wanted) in [
            (1.0, Outcome::Passed),
            (0.5, Outcome::Passed),
            (1.05, Outcome::Undecided),
            (1.2, Outcome::Regressed),
        ] {
            let gate = against_older_self(&times(factor));
            let found = outcome(&gate, "fit");
            assert_eq!(found.outcome, wanted, "{factor}: {found:?}");
            let (change, [low, high]) = (found.change.unwrap(), found.interval.unwrap());
            assert!((change - (factor - 1.0)).abs() < 0.01 && low <= change && change <= high);
            // Memory and quality are equal in every block: known, not estimated.
            assert_eq!(outcome(&gate, "peak_memory").outcome, Outcome::Passed);
            assert_eq!(outcome(&gate, "r2").interval, Some([0.0, 0.0]));
        }
    }

    #[test]
    fn quality_that_became_worse_is_a_regression_even_if_time_cannot_be_compared() {
        let worse = Arm { r2: 0.4, ..arm("rust/x", Some("rust/x+old"), &BASE) };
        let run = comparison("r", 1, &[worse, arm("rust/x+old", None, &BASE)]);
        let gate = interleaved(&run, 0.05, &Shown::default());
        let found = outcome(&gate, "r2");
        assert_eq!(found.outcome, Outcome::Regressed);
        assert!((found.change.unwrap() - 0.2).abs() < 1e-12, "{found:?}");
        let better = Arm { r2: 0.6, ..arm("rust/x", Some("rust/x+old"), &BASE) };
        let run = comparison("r", 1, &[better, arm("rust/x+old", None, &BASE)]);
        assert_eq!(outcome(&interleaved(&run, 0.05, &Shown::default()), "r2").outcome, Outcome::Passed);
    }

    #[test]
    fn what_works_no_more_is_a_regression_and_what_never_did_is_undecided() {
        let failed = [f64::NAN; 8];
        let gate = against_older_self(&failed);
        assert_eq!(outcome(&gate, "fit").outcome, Outcome::Regressed);
        assert!(outcome(&gate, "fit").reason.as_ref().unwrap().contains("planted"));
        let run =
            comparison("r", 1, &[arm("rust/x", Some("rust/x+old"), &BASE), arm("rust/x+old", None, &failed)]);
        let gate = interleaved(&run, 0.05, &Shown::default());
        assert_eq!(outcome(&gate, "fit").outcome, Outcome::Undecided);
        assert!(outcome(&gate, "fit").reason.as_ref().unwrap().starts_with("not comparable"));
    }

    fn runs(fits: &[f64]) -> Vec<Comparison> {
        let one = |(i, fit): (usize, &f64)| {
            let fit = [*fit; 2];
            comparison(
                &format!("r{i}"),
                i as u64,
                &[arm("rust/x", Some("python/a"), &fit), arm("python/a", None, &fit)],
            )
        };
        fits.iter().enumerate().map(one).collect()
    }

    #[test]
    fn separate_runs_need_five_earlier_ones_of_the_same_machine() {
        let mut few = runs(&[100.0, 101.0, 99.0, 100.0, 300.0]);
        let gate = separate_runs(&few, 0.05, &Shown::default()).unwrap();
        let found = outcome(&gate, "fit");
        assert_eq!(found.outcome, Outcome::Undecided);
        assert!(found.reason.as_ref().unwrap().starts_with("4 earlier finished runs"), "{found:?}");
        // Six are enough, but not if one of them is of another machine.
        few = runs(&[100.0, 101.0, 99.0, 100.0, 100.5, 300.0]);
        assert_eq!(
            outcome(&separate_runs(&few, 0.05, &Shown::default()).unwrap(), "fit").outcome,
            Outcome::Regressed
        );
        few[0].machine.as_mut().unwrap().host = "another".to_owned();
        assert_eq!(
            outcome(&separate_runs(&few, 0.05, &Shown::default()).unwrap(), "fit").outcome,
            Outcome::Undecided
        );
        few[0].machine = None;
        assert_eq!(
            outcome(&separate_runs(&few, 0.05, &Shown::default()).unwrap(), "fit").outcome,
            Outcome::Undecided
        );
    }

    #[test]
    fn the_run_is_the_unit() {
        // The runs differ by far more than the blocks within each: 103 is no regression, however sure each run is of itself.
        let wide = runs(&[90.0, 110.0, 95.0, 105.0, 100.0, 112.0]);
        let found = separate_runs(&wide, 0.05, &Shown::default()).unwrap();
        assert_eq!(outcome(&found, "fit").outcome, Outcome::Undecided);
        let quiet = runs(&[100.0, 100.1, 99.9, 100.05, 99.95, 112.0]);
        let found = separate_runs(&quiet, 0.05, &Shown::default()).unwrap();
        assert_eq!(outcome(&found, "fit").outcome, Outcome::Regressed);
        let equal = runs(&[100.0, 100.1, 99.9, 100.05, 99.95, 100.0]);
        let found = separate_runs(&equal, 0.05, &Shown::default()).unwrap();
        assert_eq!(outcome(&found, "fit").outcome, Outcome::Passed);
    }

    #[test]
    fn runs_of_other_specs_are_refused() {
        let mut runs = runs(&[1.0, 2.0]);
        runs[0].spec = "other".to_owned();
        assert!(separate_runs(&runs, 0.05, &Shown::default()).unwrap_err().contains("other"));
        assert!(separate_runs(&[], 0.05, &Shown::default()).is_err());
    }
}
