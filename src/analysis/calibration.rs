//! Calibration: what the judge's promises are worth on one machine, from comparisons of implementations with themselves.
//!
//! Two questions, of every phase apart. How often does the plain 95 % interval exclude 1 where both sides are the same (A/A)? How often does it
//! find a slow-down that was injected, and how often does it hold the true ratio, `1 / (1 + slow-down)`? Every comparison is judged alone (m = 1),
//! by the rules that judge a run.
//!
//! The comparisons of one phase and one slow-down come from processes of their own, so their number is a binomial count and gets Wilson's
//! interval. Phases of the same trials are not independent of each other, nor are slow-downs that share a baseline's trials: their rates are never pooled.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::comparison::{ALPHA, MARGIN};
use super::evidence::Evidence;
use super::facts::{TrialFacts, phase_rank};
use super::pairing::{self, Quantity, Sides};
use crate::monitor::machine::Machine;
use crate::number::percent;
use crate::stats::autocorrelation::lag_one;
use crate::stats::describe::median;
use crate::stats::paired_ratio::{Family, Verdict, log_ratios, speedup, verdict};
use crate::stats::proportion::wilson;
use crate::store::rows::ParityRow;

/// Phases that a worker goes through once, before it is asked for anything: no slow-down is injected there.
const NEVER_SLOWED: [&str; 2] = ["start", "load"];

/// What one calibration measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Calibration {
    /// The spec whose cases were used.
    pub spec: String,
    /// The run that holds the trials.
    pub run: String,
    /// Whether every block is there.
    pub finished: bool,
    /// Where, with what and when.
    pub circumstances: Circumstances,
    /// The level of the intervals: the share of A/A comparisons whose interval should exclude 1.
    pub alpha: f64,
    /// The margin within which a verdict calls times equal.
    pub margin: f64,
    /// The fewest and the most blocks of a comparison.
    pub blocks: Option<[u64; 2]>,
    /// Pairs that could not be judged, by reason.
    pub not_comparable: BTreeMap<String, u64>,
    /// Each implementation's phases; where there are several implementations, then the phases of all of them together.
    pub phases: Vec<PhaseCalibration>,
}

/// Where, with what and when a calibration was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Circumstances {
    /// The machine.
    pub machine: Machine,
    /// The build of benchrun.
    pub build: String,
    /// When it was judged, in milliseconds since 1970.
    pub unix_ms: u64,
    /// The load of the machine just before the (last) session: processes that wanted to run, on average over a minute.
    pub load_average: Option<f64>,
}

/// One phase of one implementation, over all comparisons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseCalibration {
    /// The implementation; absent for all of them together.
    pub implementation: Option<String>,
    /// The phase.
    pub phase: String,
    /// Whether runs give verdicts on it.
    pub primary: bool,
    /// The comparisons with itself.
    pub identical: Option<Identical>,
    /// The comparisons with itself slowed, by slow-down.
    pub slowed: Vec<Slowed>,
}

/// Comparisons of an implementation with itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Identical {
    /// Intervals that exclude 1.
    pub false_positives: Rate,
    /// Verdicts `faster` or `slower`: such an interval also reaches beyond the margin.
    pub false_verdicts: Rate,
    /// Whether the rate of false positives is shown to be above the promise ([`promise_fails`]).
    pub promise_fails: bool,
    /// The median of the measured ratios.
    pub median_ratio: f64,
    /// The median of the standard deviations of the log-ratios between blocks: 0.01 is about 1 %.
    pub median_log_standard_deviation: f64,
    /// The median of the lag-1 autocorrelations of the log-ratios over blocks; −1/n of independent blocks. Absent with fewer than 3 blocks.
    pub median_autocorrelation: Option<f64>,
}

/// Comparisons of an implementation with itself slowed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Slowed {
    /// The slow-down, as a fraction of the time.
    pub slowdown: f64,
    /// The ratio that is true: `1 / (1 + slowdown)`.
    pub true_ratio: f64,
    /// Intervals below 1.
    pub detected: Rate,
    /// Verdicts `slower`: a slow-down within the margin should rather be called equal.
    pub called_slower: Rate,
    /// Verdicts `equal within ±margin`.
    pub called_equal: Rate,
    /// Intervals that hold the true ratio.
    pub covered: Rate,
    /// The median of the measured ratios.
    pub median_ratio: f64,
}

/// How many of some independent comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rate {
    /// How many.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// Their share.
    pub rate: f64,
    /// Wilson's 95 % interval of the share.
    pub interval: [f64; 2],
}

/// The log-ratios over blocks of one phase of one comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The implementation that was compared with itself.
    pub implementation: String,
    /// The phase.
    pub phase: String,
    /// Whether runs give verdicts on it.
    pub primary: bool,
    /// The slow-down of the contender, as a fraction.
    pub slowdown: f64,
    /// ln(baseline / contender) of each block, in their order.
    pub log_ratios: Vec<f64>,
}

impl Calibration {
    /// Judges the trials of a calibration's run. Beside the calibration it gives what the gate found, for `parity.parquet`.
    pub fn of(evidence: &Evidence, circumstances: Circumstances) -> (Self, Vec<ParityRow>) {
        let (observations, not_comparable, rows) = observations(evidence);
        let blocks = || observations.iter().map(|o| o.log_ratios.len() as u64);
        let calibration = Self {
            spec: evidence.manifest.spec.clone(),
            run: evidence.manifest.run.clone(),
            finished: evidence.finished,
            circumstances,
            alpha: ALPHA,
            margin: MARGIN,
            blocks: blocks().min().zip(blocks().max()).map(|(fewest, most)| [fewest, most]),
            not_comparable,
            phases: phases(&observations),
        };
        (calibration, rows)
    }

    /// Why verdicts on a phase of an implementation may not keep their promise on this machine, if that was shown. An implementation that
    /// was not calibrated is judged by all that were; a phase that was not is not judged.
    pub fn warning(&self, implementation: &str, phase: &str) -> Option<String> {
        let of = |who: Option<&str>| {
            self.phases.iter().find(|p| p.phase == phase && p.implementation.as_deref() == who)
        };
        let several = || self.phases.iter().filter(|p| p.phase == phase).count() > 1;
        // Of a single implementation there are no figures of all together.
        let any = || of(None).or_else(|| self.phases.iter().find(|p| p.phase == phase && !several()));
        let found = of(Some(implementation)).or_else(any)?;
        let identical = found.identical.as_ref().filter(|i| i.promise_fails)?;
        let Rate { rate, of, interval: [low, high], .. } = identical.false_positives;
        let who = found.implementation.as_deref().unwrap_or("every implementation");
        Some(format!(
            "calibrated on this machine, {phase} of {who} compared with itself was shown to differ in {:.1} % of {of} comparisons \
             (95 % interval {:.1} to {:.1} %), where {} % are promised: intervals may be too narrow here",
            rate * 100.0,
            low * 100.0,
            high * 100.0,
            percent(self.alpha),
        ))
    }
}

/// The promise fails where the rate of false positives is shown to be above α: where its whole interval is.
pub fn promise_fails(false_positives: &Rate, alpha: f64) -> bool {
    false_positives.interval[0] > alpha
}

/// The log-ratios of every comparison that the gate let pass, and the reasons of those that it did not.
fn observations(evidence: &Evidence) -> (Vec<Observation>, BTreeMap<String, u64>, Vec<ParityRow>) {
    let (mut observations, mut rows) = (Vec::new(), Vec::new());
    let mut not_comparable: BTreeMap<String, u64> = BTreeMap::new();
    for case in &evidence.manifest.cases {
        let trials = evidence.trials.get(&case.id).map_or(&[][..], Vec::as_slice);
        let of =
            |id: &str| -> Vec<&TrialFacts> { trials.iter().filter(|t| t.implementation == id).collect() };
        let others = of(&case.baseline);
        let compared = case.arms.iter().filter(|a| a.compared_with.as_ref() == Some(&case.baseline));
        for arm in compared.filter(|_| !trials.is_empty()) {
            let own = of(&arm.implementation);
            let (contender, baseline) = (&arm.implementation, &case.baseline);
            let manifest = &evidence.manifest;
            let sides = Sides { manifest, case, contender, baseline, own: &own, others: &others };
            let found = pairing::pair(&sides, &evidence.contract);
            rows.extend(found.rows);
            if !found.reasons.is_empty() {
                *not_comparable.entry(found.reasons.join("; ")).or_default() += 1;
                continue;
            }
            for (quantity, pairs) in found.values {
                let Quantity::Time(phase) = quantity else { continue };
                if arm.slowdown > 0.0 && NEVER_SLOWED.contains(&phase.as_str()) {
                    continue;
                }
                let (own, others): (Vec<f64>, Vec<f64>) =
                    pairs.iter().map(|p| (p.contender, p.baseline)).unzip();
                let Ok(log_ratios) = log_ratios(&others, &own) else { continue };
                observations.push(Observation {
                    implementation: baseline.clone(),
                    primary: case.primary_phases.contains(&phase),
                    phase,
                    slowdown: arm.slowdown,
                    log_ratios,
                });
            }
        }
    }
    (observations, not_comparable, rows)
}

/// Every phase of every implementation and, where there are several, of all together.
pub fn phases(observations: &[Observation]) -> Vec<PhaseCalibration> {
    let mut implementations: Vec<Option<&str>> =
        observations.iter().map(|o| Some(o.implementation.as_str())).collect();
    implementations.sort_unstable();
    implementations.dedup();
    if implementations.len() > 1 {
        implementations.push(None);
    }
    let mut phases = Vec::new();
    for implementation in implementations {
        let own: Vec<&Observation> =
            observations.iter().filter(|o| implementation.is_none_or(|id| o.implementation == id)).collect();
        let mut names: Vec<&str> = own.iter().map(|o| o.phase.as_str()).collect();
        names.sort_by(|a, b| phase_rank(a).cmp(&phase_rank(b)));
        names.dedup();
        for name in names {
            let of_phase: Vec<&Observation> = own.iter().copied().filter(|o| o.phase == name).collect();
            phases.push(phase(implementation, name, &of_phase));
        }
    }
    phases
}

fn phase(implementation: Option<&str>, name: &str, observations: &[&Observation]) -> PhaseCalibration {
    let mut slowdowns: Vec<f64> = observations.iter().map(|o| o.slowdown).collect();
    slowdowns.sort_by(f64::total_cmp);
    slowdowns.dedup();
    let judged = |slowdown: f64| -> Vec<Judged> {
        let of_slowdown = observations.iter().filter(|o| o.slowdown.total_cmp(&slowdown).is_eq());
        of_slowdown.filter_map(|o| Judged::of(&o.log_ratios)).collect()
    };
    PhaseCalibration {
        implementation: implementation.map(str::to_owned),
        phase: name.to_owned(),
        primary: observations.iter().any(|o| o.primary),
        identical: identical(&judged(0.0)),
        slowed: slowdowns.into_iter().filter(|s| *s > 0.0).filter_map(|s| slowed(s, &judged(s))).collect(),
    }
}

/// One comparison, judged alone.
struct Judged {
    ratio: f64,
    low: f64,
    high: f64,
    verdict: Verdict,
    log_standard_deviation: f64,
    autocorrelation: Option<f64>,
}

impl Judged {
    /// Nothing where there is a single block, and so no interval.
    fn of(log_ratios: &[f64]) -> Option<Self> {
        let found = speedup(log_ratios, Family { alpha: ALPHA, comparisons: 1 }, None).ok()?;
        let autocorrelation = if log_ratios.len() < 3 { None } else { lag_one(log_ratios).ok() };
        Some(Self {
            ratio: found.ratio,
            low: found.plain.low,
            high: found.plain.high,
            verdict: verdict(&found, MARGIN).ok()?,
            log_standard_deviation: found.spread.standard_deviation,
            autocorrelation,
        })
    }

    fn holds(&self, ratio: f64) -> bool {
        self.low <= ratio && ratio <= self.high
    }
}

fn identical(judged: &[Judged]) -> Option<Identical> {
    let false_positives = rate(judged, |j| !j.holds(1.0))?;
    Some(Identical {
        false_positives,
        false_verdicts: rate(judged, |j| matches!(j.verdict, Verdict::Faster | Verdict::Slower))?,
        promise_fails: promise_fails(&false_positives, ALPHA),
        median_ratio: middle(judged, |j| Some(j.ratio))?,
        median_log_standard_deviation: middle(judged, |j| Some(j.log_standard_deviation))?,
        median_autocorrelation: middle(judged, |j| j.autocorrelation),
    })
}

fn slowed(slowdown: f64, judged: &[Judged]) -> Option<Slowed> {
    let true_ratio = 1.0 / (1.0 + slowdown);
    Some(Slowed {
        slowdown,
        true_ratio,
        detected: rate(judged, |j| j.high < 1.0)?,
        called_slower: rate(judged, |j| matches!(j.verdict, Verdict::Slower))?,
        called_equal: rate(judged, |j| matches!(j.verdict, Verdict::EqualWithin { .. }))?,
        covered: rate(judged, |j| j.holds(true_ratio))?,
        median_ratio: middle(judged, |j| Some(j.ratio))?,
    })
}

#[expect(clippy::cast_precision_loss, reason = "fewer than 2⁵³ comparisons")]
fn rate(judged: &[Judged], is: impl Fn(&Judged) -> bool) -> Option<Rate> {
    let (count, of) = (judged.iter().filter(|j| is(j)).count(), judged.len());
    let interval = wilson(count, of, 0.05).ok()?;
    Some(Rate {
        count: count as u64,
        of: of as u64,
        rate: count as f64 / of as f64,
        interval: [interval.low, interval.high],
    })
}

fn middle(judged: &[Judged], value: impl Fn(&Judged) -> Option<f64>) -> Option<f64> {
    median(&judged.iter().filter_map(value).collect::<Vec<f64>>()).ok()
}

#[cfg(test)]
mod tests;
