//! One contender against one baseline: their trials paired by block, the gate on every pair, and the paired figures that are left.

use std::collections::BTreeMap;

use super::evidence::Contract;
use super::facts::{TrialFacts, phase_rank};
use super::{parity, summary};
use crate::number::significant;
use crate::stats::Interval;
use crate::stats::equivalence::{self, Outcome};
use crate::store::manifest::{CaseRecord, Manifest};
use crate::store::rows::ParityRow;
use crate::task::{Check, Equivalence};

/// Both sides of a comparison.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// The run.
    pub manifest: &'a Manifest,
    /// The case.
    pub case: &'a CaseRecord,
    /// The contender's id.
    pub contender: &'a str,
    /// The baseline's id.
    pub baseline: &'a str,
    /// The contender's trials.
    pub own: &'a [&'a TrialFacts],
    /// The baseline's trials.
    pub others: &'a [&'a TrialFacts],
}

/// What pairing found.
#[derive(Debug, Clone, Default)]
pub struct Pairing {
    /// Every reason why the two cannot be compared; none if they can.
    pub reasons: Vec<String>,
    /// For phases that cannot be compared although the pair can: the reason.
    pub open_phases: BTreeMap<String, String>,
    /// Each point of the contract in the block in which the two sides were furthest apart.
    pub points: BTreeMap<String, Check>,
    /// Every condition of every block, and the test of quality.
    pub rows: Vec<ParityRow>,
    /// Paired figures of each quantity, in the order of its phases: the block, the contender's value, the baseline's.
    pub values: Vec<(Quantity, Vec<Paired>)>,
}

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quantity {
    /// The time of one call in a phase.
    Time(String),
    /// The largest resident set.
    PeakMemory,
    /// A metric of the task.
    Metric(String),
}

/// The two figures of one block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired {
    /// The block.
    pub block: u32,
    /// The contender's.
    pub contender: f64,
    /// The baseline's.
    pub baseline: f64,
}

/// Pairs the trials of two implementations of one case.
pub fn pair(sides: &Sides<'_>, contract: &Contract) -> Pairing {
    let mut reasons = Reasons::default();
    let mut pairing = Pairing::default();
    for (name, trials) in [(sides.contender, sides.own), (sides.baseline, sides.others)] {
        for failure in summary::failures(trials) {
            let (status, reason) = (failure.status.word(), failure.reason);
            reasons.add(format!(
                "{name} {status} in {} of {} blocks: {reason}",
                failure.trials,
                trials.len()
            ));
        }
        if trials.is_empty() {
            reasons.add(format!("no block with {name} is complete"));
        }
    }
    let baseline: BTreeMap<u32, &TrialFacts> =
        sides.others.iter().filter(|t| t.is_ok()).map(|t| (t.block, *t)).collect();
    let mut paired = 0;
    for a in sides.own.iter().filter(|t| t.is_ok()) {
        let Some(b) = baseline.get(&a.block) else { continue };
        paired += 1;
        let block = (a.case.as_str(), a.block, a.attempt);
        let names = (sides.contender, sides.baseline);
        let conditions = parity::conditions(sides.manifest, sides.case, a, b);
        pairing.rows.extend(conditions.iter().map(|check| ParityRow::new("condition", block, names, check)));
        let judged = contract.checks(a, b).unwrap_or_else(|| {
            let finding = "no raw outputs were compared: nothing shows that both solved the same problem";
            vec![Check::disagreement("outputs", finding.to_owned())]
        });
        for check in &judged {
            widest(&mut pairing.points, check);
        }
        for check in conditions.into_iter().chain(judged).filter(|c| !c.agrees) {
            reasons.add(check.finding);
        }
        collect(&mut pairing.values, a, b);
    }
    if paired == 0 && reasons.is_empty() {
        reasons.add("no block holds trials of both".to_owned());
    }
    if let Some(rule) = &sides.case.equivalence {
        quality(sides, rule, &mut reasons, &mut pairing);
    }
    pairing.reasons = reasons.into_texts();
    pairing.values.sort_by(|(a, _), (b, _)| a.rank().cmp(&b.rank()));
    pairing
}

impl Quantity {
    fn rank(&self) -> (u8, (u8, u64, &str)) {
        match self {
            Self::Time(phase) => (0, phase_rank(phase)),
            Self::PeakMemory => (1, (0, 0, "")),
            Self::Metric(name) => (2, (0, 0, name)),
        }
    }
}

fn collect(values: &mut Vec<(Quantity, Vec<Paired>)>, a: &TrialFacts, b: &TrialFacts) {
    let mut add = |quantity: Quantity, contender: f64, baseline: f64| {
        let paired = Paired { block: a.block, contender, baseline };
        match values.iter_mut().find(|(known, _)| *known == quantity) {
            Some((_, list)) => list.push(paired),
            None => values.push((quantity, vec![paired])),
        }
    };
    for phase in &a.phases {
        if let Some(other) = b.time_ns(&phase.name) {
            add(Quantity::Time(phase.name.clone()), phase.median_ns, other);
        }
    }
    if let (Some(own), Some(other)) = (a.peak_rss_bytes, b.peak_rss_bytes) {
        add(Quantity::PeakMemory, own, other);
    }
    for (name, value) in &a.metrics {
        if let Some(other) = b.metrics.get(name) {
            add(Quantity::Metric(name.clone()), *value, *other);
        }
    }
}

/// The level of each one-sided test of equivalence.
const ALPHA: f64 = 0.05;

/// Stochastic learners: quality over distinct seeds, by two one-sided tests. A shown difference is a reason against every claim; where
/// neither is shown, time to quality stays open, and time per unit of work does not.
fn quality(sides: &Sides<'_>, rule: &Equivalence, reasons: &mut Reasons, pairing: &mut Pairing) {
    let margin = sides.case.tolerances.quality.unwrap_or(rule.margin);
    let metric = &rule.metric;
    let of = |trials: &[&TrialFacts]| -> Vec<f64> {
        trials.iter().filter(|t| t.is_ok()).filter_map(|t| t.metrics.get(metric).copied()).collect()
    };
    let (own, others) = (of(sides.own), of(sides.others));
    let bounds = Interval { low: -margin, high: margin };
    let mut check = Check::disagreement("quality", String::new());
    check.allowed = Some(margin);
    let mut open = |reason: &str| {
        for phase in &rule.quality_phases {
            pairing.open_phases.insert(phase.clone(), reason.to_owned());
        }
    };
    match found(&own, &others, bounds) {
        Ok((difference, interval, outcome)) => {
            check.figure = Some(difference.abs());
            let text = format!(
                "mean {metric} differs by {} (90 % interval {} to {}, margin ±{})",
                significant(difference),
                significant(interval.low),
                significant(interval.high),
                significant(margin),
            );
            match outcome {
                Outcome::Equivalent => {
                    check.agrees = true;
                    check.finding = format!("quality equivalent over {} seeds: {text}", own.len());
                }
                Outcome::Different => {
                    check.finding = format!("quality different over {} seeds: {text}", own.len());
                    reasons.add(check.finding.clone());
                }
                Outcome::Undecided { needed } => {
                    let needed = needed.map_or("more than a million".to_owned(), |n| n.to_string());
                    check.finding = format!(
                        "quality undecided over {} seeds: {text}; {needed} seeds would decide",
                        own.len()
                    );
                    open(&check.finding);
                }
            }
        }
        Err(error) => {
            check.finding = format!("quality undecided: {metric} over seeds: {error}");
            open(&check.finding);
        }
    }
    let last = pairing.rows.last().map(|row| (row.case.clone(), row.block, row.attempt));
    if let Some((case, block, attempt)) = last {
        let names = (sides.contender, sides.baseline);
        pairing.rows.push(ParityRow::new("quality", (&case, block, attempt), names, &check));
    }
    pairing.points.insert(check.name.clone(), check);
}

/// The difference of means, its 90 % interval, and what it shows. Where no seed changes anything, the difference is exact.
fn found(
    own: &[f64],
    others: &[f64],
    bounds: Interval,
) -> Result<(f64, Interval, Outcome), crate::stats::StatsError> {
    let constant =
        |values: &[f64]| values.len() >= 2 && values.iter().all(|v| v.to_bits() == values[0].to_bits());
    if constant(own) && constant(others) {
        let difference = own[0] - others[0];
        let outcome = if bounds.contains(difference) { Outcome::Equivalent } else { Outcome::Different };
        return Ok((difference, Interval { low: difference, high: difference }, outcome));
    }
    let found = equivalence::welch(own, others, bounds, ALPHA)?;
    Ok((found.test.difference, found.interval, found.outcome))
}

/// Distinct reasons in the order in which they came, each with the number of blocks that gave it.
#[derive(Default)]
struct Reasons(Vec<(String, u32)>);

impl Reasons {
    fn add(&mut self, text: String) {
        match self.0.iter_mut().find(|(known, _)| *known == text) {
            Some((_, count)) => *count += 1,
            None => self.0.push((text, 1)),
        }
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn into_texts(self) -> Vec<String> {
        self.0
            .into_iter()
            .map(|(text, count)| if count > 1 { format!("{text} (in {count} blocks)") } else { text })
            .collect()
    }
}

/// Keeps, for each point of the contract, the block in which the two sides were furthest apart.
fn widest(points: &mut BTreeMap<String, Check>, check: &Check) {
    let share = |c: &Check| match (c.figure, c.allowed) {
        (Some(figure), Some(allowed)) => figure / allowed,
        _ => 0.0,
    };
    match points.get(&check.name) {
        Some(known) if share(known) >= share(check) => {}
        _ => {
            points.insert(check.name.clone(), check.clone());
        }
    }
}
