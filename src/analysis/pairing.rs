//! One contender against one baseline: their trials paired by block, the gate on every pair, and the paired figures that are left.

use std::collections::BTreeMap;

use super::evidence::Contract;
use super::facts::{TrialFacts, phase_rank};
use super::summary::Reached;
use super::{parity, summary};
use crate::number::significant;
use crate::stats::Interval;
use crate::stats::equivalence::{self, Outcome};
use crate::store::manifest::{CaseRecord, Manifest};
use crate::store::rows::ParityRow;
use crate::task::{Check, EQUAL_BITS, Equivalence, TO_TARGET, Target};

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
    let (mut paired, mut equal) = (0, 0);
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
        equal += usize::from(judged.iter().any(|check| check.name == EQUAL_BITS && check.agrees));
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
        quality(sides, rule, &mut reasons, &mut pairing, paired > 0 && equal == paired);
    }
    if let Some(target) = sides.case.target.as_ref().filter(|_| paired > 0) {
        censored(sides, target, &mut pairing);
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

/// A time to the target is compared only if every trial of both sides reached it: the quick ones alone would be a censored sample.
fn censored(sides: &Sides<'_>, target: &Target, pairing: &mut Pairing) {
    let reached = [sides.own, sides.others].map(summary::reached);
    if reached.iter().all(Reached::always) {
        return;
    }
    let told: Vec<String> = [sides.contender, sides.baseline]
        .iter()
        .zip(reached)
        .map(|(name, reached)| format!("{name} in {} of {} trials", reached.trials, reached.of))
        .collect();
    let reason = format!("{target} was reached by {}", told.join(", by "));
    pairing.open_phases.insert(TO_TARGET.to_owned(), reason);
}

/// The level of each one-sided test of equivalence.
const ALPHA: f64 = 0.05;

/// Stochastic learners: quality over distinct seeds, by two one-sided tests. A shown difference is a reason against every claim; where
/// neither is shown, time to quality stays open, and time per unit of work does not. Trajectories of equal bits are stronger than any test.
fn quality(
    sides: &Sides<'_>,
    rule: &Equivalence,
    reasons: &mut Reasons,
    pairing: &mut Pairing,
    equal_bits: bool,
) {
    let margin = sides.case.tolerances.quality.unwrap_or(rule.margin);
    let metric = &rule.metric;
    let of = |trials: &[&TrialFacts]| -> Vec<f64> {
        trials.iter().filter(|t| t.is_ok()).filter_map(|t| t.metrics.get(metric).copied()).collect()
    };
    let (own, others) = (of(sides.own), of(sides.others));
    let seeds = own.len().min(others.len());
    let bounds = Interval { low: -margin, high: margin };
    let mut check = Check::disagreement("quality", String::new());
    check.allowed = Some(margin);
    let mut open = |reason: &str| {
        let timed = |phase: &&String| *phase != TO_TARGET || sides.case.target.is_some();
        for phase in rule.quality_phases.iter().filter(timed) {
            pairing.open_phases.insert(phase.clone(), reason.to_owned());
        }
    };
    match found(&own, &others, bounds) {
        _ if equal_bits => {
            (check.agrees, check.figure) = (true, Some(0.0));
            check.finding = format!("quality equal over {seeds} seeds: equal in every bit");
        }
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
                    check.finding = format!("quality equivalent over {seeds} seeds: {text}");
                }
                Outcome::Different => {
                    check.finding = format!("quality different over {seeds} seeds: {text}");
                    reasons.add(check.finding.clone());
                }
                Outcome::Undecided { needed } => {
                    let needed = needed.map_or("more than a million".to_owned(), |n| n.to_string());
                    check.finding =
                        format!("quality undecided over {seeds} seeds: {text}; {needed} seeds would decide");
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

#[cfg(test)]
mod tests {
    use super::super::example::{BASELINE, CONTENDER, case, manifest, trial};
    use super::super::facts::PhaseFacts;
    use super::*;
    use crate::executor::event::Status;

    /// A contract in which the outputs of every pair of some blocks agree, but for those of some.
    fn contract(blocks: &[u32], differ_in: &[u32]) -> Contract {
        let mut contract = Contract::default();
        for block in blocks {
            let differs = differ_in.contains(block);
            let check = Check {
                agrees: !differs,
                contender: Some("c".to_owned()),
                baseline: Some("b".to_owned()),
                figure: Some(f64::from(*block)),
                allowed: Some(10.0),
                ..Check::disagreement("predictions", format!("block {block}"))
            };
            contract.add(("case", *block, 0), (CONTENDER, BASELINE), check);
        }
        contract
    }

    fn paired(case: &CaseRecord, own: &[TrialFacts], others: &[TrialFacts], contract: &Contract) -> Pairing {
        let (own, others): (Vec<_>, Vec<_>) = (own.iter().collect(), others.iter().collect());
        let names = |trials: &[&TrialFacts], other: &str| match trials.first() {
            Some(first) => first.implementation.clone(),
            None => other.to_owned(),
        };
        let (contender, baseline) = (names(&own, CONTENDER), names(&others, BASELINE));
        let manifest = manifest();
        let sides = Sides {
            manifest: &manifest,
            case,
            contender: &contender,
            baseline: &baseline,
            own: &own,
            others: &others,
        };
        pair(&sides, contract)
    }

    fn side(implementation: &str, blocks: std::ops::RangeInclusive<u32>) -> Vec<TrialFacts> {
        blocks.map(|block| trial(implementation, block)).collect()
    }

    #[test]
    fn trials_are_paired_by_block_whichever_side_is_called_contender() {
        let (a, b) = (side(CONTENDER, 1..=3), side(BASELINE, 2..=4));
        for (own, others) in [(&a, &b), (&b, &a)] {
            let pairing = paired(&case(), own, others, &contract(&[2, 3], &[]));
            assert_eq!(pairing.reasons, Vec::<String>::new());
            let blocks: Vec<u32> = pairing.values[0].1.iter().map(|p| p.block).collect();
            assert_eq!((&pairing.values[0].0, blocks), (&Quantity::Time("fit".to_owned()), vec![2, 3]));
            assert_eq!(pairing.values.len(), 3, "time, memory, one metric");
            // The widest of all blocks, with the values of the side that is asked about.
            let point = &pairing.points["predictions"];
            assert_eq!((point.figure, &point.finding[..]), (Some(3.0), "block 3"));
            let first = if own[0].implementation == CONTENDER { "c" } else { "b" };
            assert_eq!(point.contender.as_deref(), Some(first));
            assert!(
                pairing.rows.iter().all(|r| r.kind == "condition" && r.contender == own[0].implementation)
            );
        }
    }

    #[test]
    fn a_contract_is_found_from_both_sides() {
        let contract = contract(&[1], &[]);
        let (a, b) = (trial(CONTENDER, 1), trial(BASELINE, 1));
        let values =
            |checks: &[Check]| (checks[0].contender.clone().unwrap(), checks[0].baseline.clone().unwrap());
        assert_eq!(values(&contract.checks(&a, &b).unwrap()), ("c".to_owned(), "b".to_owned()));
        assert_eq!(values(&contract.checks(&b, &a).unwrap()), ("b".to_owned(), "c".to_owned()));
        assert_eq!(contract.checks(&trial(CONTENDER, 2), &trial(BASELINE, 2)), None);
        let mut again = trial(CONTENDER, 1);
        again.attempt = 1;
        assert_eq!(contract.checks(&again, &b), None, "another attempt was not judged");
    }

    #[test]
    fn reasons_are_counted_by_block_and_one_block_is_enough() {
        let (mut a, b) = (side(CONTENDER, 1..=3), side(BASELINE, 1..=3));
        for trial in &mut a[..2] {
            trial.receipt.as_mut().unwrap().train_rows = Some(40);
        }
        let pairing = paired(&case(), &a, &b, &contract(&[1, 2], &[2]));
        assert_eq!(
            pairing.reasons,
            [
                "training rows should be 80, but rust/a used 40 and python/b used 80 (in 2 blocks)",
                "block 2",
                "no raw outputs were compared: nothing shows that both solved the same problem"
            ]
        );
    }

    #[test]
    fn a_failure_on_either_side_and_a_side_without_trials_are_reasons() {
        let (a, mut b) = (side(CONTENDER, 1..=2), side(BASELINE, 1..=2));
        (b[1].status, b[1].reason) = (Status::TimedOut, Some("not done after 1s".to_owned()));
        let timed_out = ["python/b timed_out in 1 of 2 blocks: not done after 1s"];
        assert_eq!(paired(&case(), &a, &b, &contract(&[1, 2], &[])).reasons, timed_out);
        assert_eq!(paired(&case(), &b, &a, &contract(&[1, 2], &[])).reasons, timed_out);
        assert_eq!(
            paired(&case(), &a, &[], &contract(&[], &[])).reasons,
            ["no block with python/b is complete"]
        );
        let reasons = paired(&case(), &[], &b, &contract(&[], &[])).reasons;
        assert_eq!(reasons, ["no block with rust/a is complete", timed_out[0]]);
        let apart = paired(&case(), &side(CONTENDER, 1..=2), &side(BASELINE, 3..=4), &contract(&[1, 3], &[]));
        assert_eq!(apart.reasons, ["no block holds trials of both"]);
    }

    /// Both sides' qualities in as many blocks, judged with a margin.
    fn of_quality(own: &[f64], others: &[f64], spec: Option<f64>) -> Pairing {
        let mut case = case();
        case.equivalence = Some(Equivalence {
            metric: "r2".to_owned(),
            margin: 0.01,
            quality_phases: vec!["fit".to_owned()],
        });
        case.tolerances.quality = spec;
        let trials = |id: &str, values: &[f64]| -> Vec<TrialFacts> {
            let with = |(block, value): (u32, &f64)| {
                let mut trial = trial(id, block);
                trial.metrics.insert("r2".to_owned(), *value);
                trial
            };
            (1..).zip(values).map(with).collect()
        };
        let blocks: Vec<u32> = (1..).take(own.len()).collect();
        paired(&case, &trials(CONTENDER, own), &trials(BASELINE, others), &contract(&blocks, &[]))
    }

    #[test]
    fn quality_has_three_outcomes() {
        let [low, near, high] =
            [[0.500, 0.501, 0.502, 0.503], [0.5, 0.502, 0.502, 0.504], [0.6, 0.601, 0.602, 0.603]];
        let equivalent = of_quality(&low, &near, None);
        assert_eq!((&equivalent.reasons[..], equivalent.open_phases.len()), (&[][..], 0));
        assert!(equivalent.points["quality"].finding.starts_with("quality equivalent over 4 seeds: mean r2"));
        assert_eq!(equivalent.rows.last().map(|r| &r.kind[..]), Some("quality"));

        for different in [of_quality(&low, &high, None), of_quality(&high, &low, None)] {
            assert_eq!(different.reasons.len(), 1);
            assert!(
                different.reasons[0].starts_with("quality different over 4 seeds: mean r2"),
                "{different:#?}"
            );
        }

        let wide = [0.45, 0.55, 0.48, 0.52];
        let undecided = of_quality(&low, &wide, None);
        assert_eq!(undecided.reasons, Vec::<String>::new(), "undecided is no reason against the pair");
        let open = &undecided.open_phases["fit"];
        assert!(
            open.starts_with("quality undecided over 4 seeds") && open.ends_with(" seeds would decide"),
            "{open}"
        );
        assert_eq!(undecided.open_phases.len(), 1);
        let tolerant = of_quality(&low, &wide, Some(0.2));
        assert!(tolerant.points["quality"].finding.contains("margin ±0.2"), "{tolerant:#?}");
        assert!(tolerant.open_phases.is_empty());
    }

    #[test]
    fn quality_without_spread_or_without_the_metric_is_told() {
        let equal = of_quality(&[0.5, 0.5], &[0.5, 0.5], None);
        assert!(equal.points["quality"].agrees, "{equal:#?}");
        let constant = of_quality(&[0.5, 0.5], &[0.6, 0.6], None);
        assert!(constant.reasons[0].starts_with("quality different"), "{constant:#?}");
        let single = of_quality(&[0.5], &[0.5], None);
        assert!(single.open_phases["fit"].starts_with("quality undecided: r2 over seeds"), "{single:#?}");
    }

    #[test]
    fn a_time_to_the_target_is_compared_if_all_reached_it() {
        let target = Target { metric: "accuracy".to_owned(), value: 0.9, at_most: false };
        let rule = Equivalence {
            metric: "r2".to_owned(),
            margin: 0.1,
            quality_phases: ["epoch", TO_TARGET].map(str::to_owned).to_vec(),
        };
        let with = |own: &[u32], others: &[u32], target: Option<Target>, r2: f64| {
            let case = CaseRecord { target, equivalence: Some(rule.clone()), ..case() };
            let reaching = |id, blocks: &[u32]| {
                let mut trials = side(id, 1..=2);
                for trial in &mut trials {
                    let phase = trial.phases[0].clone();
                    trial.metrics.insert("r2".to_owned(), if trial.block == 1 { 0.5 } else { r2 });
                    if blocks.contains(&trial.block) {
                        trial.phases.push(PhaseFacts { name: TO_TARGET.to_owned(), ..phase });
                    }
                }
                trials
            };
            let (own, others) = (reaching(CONTENDER, own), reaching(BASELINE, others));
            paired(&case, &own, &others, &contract(&[1, 2], &[])).open_phases
        };
        let target = Some(target);
        assert_eq!(with(&[1, 2], &[1, 2], target.clone(), 0.5), BTreeMap::new());
        let some = with(&[1, 2], &[2], target.clone(), 0.5);
        let told = "accuracy ≥ 0.9 was reached by rust/a in 2 of 2 trials, by python/b in 1 of 2 trials";
        assert_eq!(some, [(TO_TARGET.to_owned(), told.to_owned())].into());
        assert!(with(&[], &[], target.clone(), 0.5)[TO_TARGET].contains("rust/a in 0 of 2 trials"));
        let undecided = with(&[1, 2], &[1, 2], target, 0.9);
        assert!(undecided[TO_TARGET].starts_with("quality undecided"), "{undecided:?}");
        assert_eq!(
            with(&[], &[], None, 0.9).keys().collect::<Vec<_>>(),
            ["epoch"],
            "no target, no claim of one"
        );
    }

    #[test]
    fn quantities_come_in_the_order_of_a_trial() {
        let (mut a, mut b) = (side(CONTENDER, 1..=1), side(BASELINE, 1..=1));
        for trial in [&mut a[0], &mut b[0]] {
            let phase = trial.phases[0].clone();
            for name in ["predict@all", "predict@10", "predict@1", "load"] {
                trial.phases.push(PhaseFacts { name: name.to_owned(), ..phase.clone() });
            }
        }
        b[0].phases.retain(|p| p.name != "predict@10");
        let pairing = paired(&case(), &a, &b, &contract(&[1], &[]));
        let names: Vec<&Quantity> = pairing.values.iter().map(|(quantity, _)| quantity).collect();
        let time = |name: &str| Quantity::Time(name.to_owned());
        let expected = [
            time("load"),
            time("fit"),
            time("predict@1"),
            time("predict@all"),
            Quantity::PeakMemory,
            Quantity::Metric("r2".to_owned()),
        ];
        assert_eq!(names, expected.iter().collect::<Vec<_>>(), "a phase of one side alone is left out");
    }
}
