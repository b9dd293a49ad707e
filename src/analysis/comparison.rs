//! The comparison of a run: for every case and contender, comparable or every reason why not; for every phase, a ratio and a verdict.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::parity;
use super::summary::{self, ArmSummary};
use crate::executor::event::Status;
use crate::stats::paired_ratio::{Family, Speedup, Verdict, log_ratios, speedup, verdict};
use crate::store::manifest::{CaseRecord, Manifest};
use crate::store::rows::counts;
use crate::store::state::{RunState, TrialRecord};
use crate::task::Check;

/// The level of the family of verdicts.
const ALPHA: f64 = 0.05;
/// Differences within this are called equal.
pub const MARGIN: f64 = 0.05;

/// The comparison of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The spec.
    pub spec: String,
    /// The run.
    pub run: String,
    /// Whether every block is there.
    pub finished: bool,
    /// The level α of the family.
    pub alpha: f64,
    /// The number of comparisons with the baseline on primary phases: verdicts use intervals at level 1 − α/m.
    pub family: u64,
    /// The margin within which times are called equal.
    pub margin: f64,
    /// Trials by how they ended. Warm-up trials and those of replaced blocks are not counted.
    pub trials: BTreeMap<String, u64>,
    /// The cases.
    pub cases: Vec<CaseComparison>,
}

/// One case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseComparison {
    /// The case.
    pub case: CaseRecord,
    /// Complete blocks.
    pub blocks: u64,
    /// Its implementations, the baseline last.
    pub arms: Vec<ArmSummary>,
    /// Each contender against the baseline.
    pub pairs: Vec<PairComparison>,
}

/// One contender against the baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PairComparison {
    /// The implementation that is compared.
    pub contender: String,
    /// The implementation that it is compared with.
    pub baseline: String,
    /// Whether both provably solved the same problem.
    pub comparable: bool,
    /// Every reason why not.
    pub reasons: Vec<String>,
    /// What the task's contract found, one phrase a point, the widest of all blocks.
    pub findings: Vec<String>,
    /// The largest figure of each point of the contract.
    pub figures: BTreeMap<String, f64>,
    /// The phases; empty unless comparable.
    pub phases: Vec<PhaseComparison>,
}

/// One phase of a comparable pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseComparison {
    /// The phase.
    pub phase: String,
    /// Whether it belongs to the family of verdicts.
    pub primary: bool,
    /// The number of blocks.
    pub blocks: u64,
    /// The geometric mean over blocks of baseline time / contender time: above 1 the contender is faster.
    pub ratio: f64,
    /// The 95 % interval of this comparison alone.
    pub interval: [f64; 2],
    /// The interval that holds together with all others of the family; primary phases only.
    pub simultaneous: Option<[f64; 2]>,
    /// Whether every block gave the same ratio, as times as coarse as their clock can: no proof of certainty.
    pub without_spread: bool,
    /// What it shows; primary phases only.
    pub verdict: Option<Judgement>,
}

/// What a comparison showed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Judgement {
    /// The simultaneous interval lies within the margin.
    EqualWithinMargin,
    /// The contender takes less time.
    Faster,
    /// The contender takes more time.
    Slower,
    /// Neither.
    NoDifferenceShown {
        /// The smallest ratio that these blocks could have shown with a power of 80 %.
        smallest_effect: f64,
    },
}

/// Compares everything that a run stored.
pub fn compare(manifest: &Manifest, state: &RunState) -> Comparison {
    let complete = state.complete();
    let counted: Vec<&TrialRecord> = state.trials.iter().filter(|t| counts(t, &complete)).collect();
    let mut by_case: BTreeMap<&str, Vec<&TrialRecord>> = BTreeMap::new();
    let mut trials: BTreeMap<String, u64> = BTreeMap::new();
    for trial in counted {
        by_case.entry(&trial.trial.case).or_default().push(trial);
        *trials.entry(trial.status.unwrap_or(Status::Interrupted).word().to_owned()).or_default() += 1;
    }
    let drafts: Vec<Draft<'_>> = manifest
        .cases
        .iter()
        .map(|case| {
            Draft::new(manifest, state, case, by_case.get(case.id.as_str()).map_or(&[], Vec::as_slice))
        })
        .collect();
    let family: usize = drafts.iter().map(Draft::primary_comparisons).sum();
    let unsupported: usize =
        manifest.cases.iter().flat_map(|c| &c.arms).filter(|a| a.unsupported.is_some()).count();
    if unsupported > 0 {
        *trials.entry(Status::Unsupported.word().to_owned()).or_default() += unsupported as u64;
    }
    Comparison {
        spec: manifest.spec.clone(),
        run: manifest.run.clone(),
        finished: state.finished,
        alpha: ALPHA,
        family: family as u64,
        margin: MARGIN,
        trials,
        cases: drafts.into_iter().map(|draft| draft.finish(family.max(1))).collect(),
    }
}

/// A case whose ratios are known and whose verdicts wait for the size of the family.
struct Draft<'a> {
    case: &'a CaseRecord,
    blocks: usize,
    arms: Vec<ArmSummary>,
    pairs: Vec<PairDraft>,
}

struct PairDraft {
    comparison: PairComparison,
    /// Log-ratios of every phase that both sides have, in the order of the phases.
    ratios: Vec<(String, Vec<f64>)>,
}

impl<'a> Draft<'a> {
    fn new(
        manifest: &'a Manifest,
        state: &'a RunState,
        case: &'a CaseRecord,
        trials: &[&'a TrialRecord],
    ) -> Self {
        let of = |id: &str| -> Vec<&TrialRecord> {
            trials.iter().copied().filter(|t| t.trial.implementation == id).collect()
        };
        let mut arms: Vec<ArmSummary> =
            case.arms.iter().map(|arm| summary::arm(arm, &of(&arm.implementation))).collect();
        arms.sort_by_key(|arm| arm.implementation == case.baseline);
        let blocks: BTreeSet<u32> = trials.iter().map(|t| t.trial.block).collect();
        let baseline = of(&case.baseline);
        let asked = case.arms.iter().filter(|a| a.unsupported.is_none() && a.implementation != case.baseline);
        let pairs = asked
            .map(|arm| pair(manifest, state, case, &arm.implementation, &of(&arm.implementation), &baseline))
            .collect();
        Self { case, blocks: blocks.len(), arms, pairs }
    }

    fn primary_comparisons(&self) -> usize {
        self.pairs
            .iter()
            .flat_map(|p| &p.ratios)
            .filter(|(phase, ratios)| self.case.primary_phases.contains(phase) && ratios.len() >= 2)
            .count()
    }

    fn finish(self, family: usize) -> CaseComparison {
        let primary_phases = &self.case.primary_phases;
        let pairs = self
            .pairs
            .into_iter()
            .map(|PairDraft { mut comparison, ratios }| {
                comparison.phases = ratios
                    .into_iter()
                    .filter_map(|(phase, ratios)| {
                        let primary = primary_phases.contains(&phase);
                        phase_comparison(phase, &ratios, primary, family)
                    })
                    .collect();
                comparison
            })
            .collect();
        CaseComparison { case: self.case.clone(), blocks: self.blocks as u64, arms: self.arms, pairs }
    }
}

fn pair(
    manifest: &Manifest,
    state: &RunState,
    case: &CaseRecord,
    contender: &str,
    own: &[&TrialRecord],
    baseline: &[&TrialRecord],
) -> PairDraft {
    let mut reasons = Reasons::default();
    let mut points: BTreeMap<String, Check> = BTreeMap::new();
    let mut times: Vec<(String, Vec<f64>, Vec<f64>)> = Vec::new();
    for (name, trials) in [(contender, own), (case.baseline.as_str(), baseline)] {
        for failure in summary::failures(trials) {
            let (status, reason) = (failure.status.word(), failure.reason);
            reasons.add(format!(
                "{name} {status} in {} of {} blocks: {reason}",
                failure.trials,
                trials.len()
            ));
        }
    }
    let worked = |trials: &[&TrialRecord]| trials.iter().filter(|t| t.status == Some(Status::Ok)).count();
    if worked(own) == 0 && worked(baseline) == 0 && reasons.is_empty() {
        reasons.add("no block is complete".to_owned());
    } else if baseline.is_empty() {
        reasons.add(format!("the baseline {} was not run", case.baseline));
    }
    let ok = |t: &&&TrialRecord| t.status == Some(Status::Ok);
    for a in own.iter().filter(ok) {
        let Some(b) = baseline.iter().filter(ok).find(|b| b.trial.block == a.trial.block) else { continue };
        let mut checks = match manifest.bundles.get(&case.bundle) {
            Some(bundle) => parity::checks(case, bundle, a, b),
            None => {
                reasons.add("the manifest does not describe the case's bundle".to_owned());
                Vec::new()
            }
        };
        let judged = state.judged.get(&(case.id.clone(), a.trial.block, a.trial.attempt));
        match judged.and_then(|pairs| pairs.get(contender)) {
            Some(of_task) => {
                for check in of_task {
                    widest(&mut points, check);
                }
                checks.extend(of_task.iter().cloned());
            }
            None => reasons.add("the outputs of a block were never compared".to_owned()),
        }
        for check in checks.into_iter().filter(|c| !c.agrees) {
            reasons.add(check.finding);
        }
        collect_times(&mut times, a, b);
    }
    let reasons = reasons.into_texts();
    let comparable = reasons.is_empty();
    let ratios = if comparable {
        times.into_iter().filter_map(|(phase, a, b)| Some((phase, log_ratios(&b, &a).ok()?))).collect()
    } else {
        Vec::new()
    };
    let comparison = PairComparison {
        contender: contender.to_owned(),
        baseline: case.baseline.clone(),
        comparable,
        reasons,
        findings: points.values().map(|c| c.finding.clone()).collect(),
        figures: points.values().filter_map(|c| Some((c.name.clone(), c.figure?))).collect(),
        phases: Vec::new(),
    };
    PairDraft { comparison, ratios }
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

fn collect_times(times: &mut Vec<(String, Vec<f64>, Vec<f64>)>, a: &TrialRecord, b: &TrialRecord) {
    let baseline: BTreeMap<String, f64> = summary::phase_times(b).into_iter().collect();
    for (phase, time) in summary::phase_times(a) {
        let Some(reference) = baseline.get(&phase) else { continue };
        match times.iter_mut().find(|(known, _, _)| *known == phase) {
            Some((_, own, others)) => {
                own.push(time);
                others.push(*reference);
            }
            None => times.push((phase, vec![time], vec![*reference])),
        }
    }
}

fn phase_comparison(phase: String, ratios: &[f64], primary: bool, family: usize) -> Option<PhaseComparison> {
    let comparisons = if primary { family } else { 1 };
    let found = speedup(ratios, Family { alpha: ALPHA, comparisons }, None).ok()?;
    Some(PhaseComparison {
        phase,
        primary,
        blocks: found.blocks as u64,
        ratio: found.ratio,
        interval: [found.plain.low, found.plain.high],
        simultaneous: primary.then_some([found.simultaneous.low, found.simultaneous.high]),
        without_spread: found.without_spread,
        verdict: if primary { judgement(&found) } else { None },
    })
}

fn judgement(found: &Speedup) -> Option<Judgement> {
    Some(match verdict(found, MARGIN).ok()? {
        Verdict::EqualWithin { .. } => Judgement::EqualWithinMargin,
        Verdict::Faster => Judgement::Faster,
        Verdict::Slower => Judgement::Slower,
        Verdict::NoDifferenceShown { smallest_effect } => Judgement::NoDifferenceShown { smallest_effect },
    })
}
