//! The comparison of a run: for every case and contender, comparable or every reason why not; for every phase, a ratio and a verdict.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::calibration::Calibration;
use super::evidence::{Contract, Evidence};
use super::facts::TrialFacts;
use super::pairing::{self, Paired, Pairing, Quantity, Sides};
use super::parallel::in_parallel;
use super::scaling::{self, Growth};
use super::sensitivity::{self, Sensitivity};
use super::sentence;
use super::summary::{self, ArmSummary};
use super::warning;
use crate::executor::event::Status;
use crate::monitor::machine::Machine;
use crate::stats::describe::mean;
pub use crate::stats::paired_ratio::ALPHA;
use crate::stats::paired_ratio::{Family, Speedup, Spread, Verdict, log_ratios, speedup, verdict};
use crate::store::manifest::{CaseRecord, Manifest};
use crate::store::rows::ParityRow;

/// Differences within this are called equal.
pub const MARGIN: f64 = 0.05;

/// The comparison of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The spec.
    pub spec: String,
    /// The run.
    pub run: String,
    /// When it began, in milliseconds since 1970.
    pub created_unix_ms: u64,
    /// The machine; foreign results may lack it.
    pub machine: Option<Machine>,
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
    /// Conditions of the whole run under which intervals may not keep their promise.
    pub warnings: Vec<String>,
    /// The cases.
    pub cases: Vec<CaseComparison>,
    /// How times grow with the size of the data, where cases differ in that alone.
    pub growth: Vec<Growth>,
}

/// One case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseComparison {
    /// The case.
    pub case: CaseRecord,
    /// Complete blocks.
    pub blocks: u64,
    /// Its implementations, those that others are compared with last.
    pub arms: Vec<ArmSummary>,
    /// Each contender against the implementation that it is compared with.
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
    pub findings: BTreeMap<String, String>,
    /// The largest figure of each point of the contract.
    pub figures: BTreeMap<String, f64>,
    /// Phases of a comparable pair that cannot be compared, each with the reason: a claim of time to quality needs equivalent quality.
    pub open_phases: BTreeMap<String, String>,
    /// The phases; empty unless comparable.
    pub phases: Vec<PhaseComparison>,
    /// The largest resident sets, baseline over contender: above 1 the contender needs less. Absent unless comparable.
    pub memory: Option<PhaseComparison>,
    /// The metrics of both sides, as the one scorer found them: also of pairs that are not comparable.
    pub quality: Vec<QualityComparison>,
}

/// One metric of a pair, over the blocks that both have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QualityComparison {
    /// The metric.
    pub metric: String,
    /// The number of blocks.
    pub blocks: u64,
    /// The contender's mean.
    pub contender: f64,
    /// The baseline's mean.
    pub baseline: f64,
    /// The contender's values less the baseline's, block by block.
    pub differences: Vec<f64>,
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
    /// The number of pilot blocks whose spread the intervals rest on, where the number of blocks was chosen from it (Stein).
    pub pilot_blocks: Option<u64>,
    /// The geometric mean over blocks of baseline time / contender time: above 1 the contender is faster.
    pub ratio: f64,
    /// The logarithm of each block's ratio, in the order of the blocks.
    pub log_ratios: Vec<f64>,
    /// The standard deviation of the log-ratios that the intervals rest on: 0.01 is about 1 %.
    pub log_standard_deviation: f64,
    /// The 95 % interval of this comparison alone.
    pub interval: [f64; 2],
    /// The interval that holds together with all others of the family; primary phases only.
    pub simultaneous: Option<[f64; 2]>,
    /// Whether every block gave the same ratio, as times as coarse as their clock can: no proof of certainty.
    pub without_spread: bool,
    /// What it shows; primary phases only.
    pub verdict: Option<Judgement>,
    /// The verdict as a plain sentence; primary phases only.
    pub sentence: Option<String>,
    /// What else was computed. It decides nothing.
    pub sensitivity: Sensitivity,
    /// Conditions under which the interval may not keep its promise.
    pub warnings: Vec<String>,
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

/// How a run is compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The implementation that all others are compared with, in place of those that the spec names.
    pub baseline: Option<String>,
}

/// Compares everything that a run stored. Beside the comparison it gives what the gate found beside the
/// tasks' contracts, for `parity.parquet`.
pub fn compare(evidence: &Evidence, options: &Options) -> (Comparison, Vec<ParityRow>) {
    let manifest = &evidence.manifest;
    let mut trials: BTreeMap<String, u64> = BTreeMap::new();
    for trial in evidence.trials.values().flatten() {
        *trials.entry(trial.status.word().to_owned()).or_default() += 1;
    }
    let unsupported = manifest.cases.iter().flat_map(|c| &c.arms).filter(|a| a.unsupported.is_some()).count();
    if unsupported > 0 {
        *trials.entry(Status::Unsupported.word().to_owned()).or_default() += unsupported as u64;
    }
    let mut drafts: Vec<Draft<'_>> = in_parallel(&manifest.cases, |case| {
        let trials = evidence.trials.get(&case.id).map_or(&[][..], Vec::as_slice);
        Draft::new(manifest, &evidence.contract, case, trials, options)
    });
    let rows =
        drafts.iter_mut().flat_map(|d| &mut d.pairs).flat_map(|p| std::mem::take(&mut p.rows)).collect();
    let pairs = drafts.iter_mut().flat_map(|d| &mut d.pairs);
    let mut primary: Vec<&mut Ratios> =
        pairs.flat_map(|p| p.ratios.iter_mut().filter(|r| r.primary)).collect();
    let family = primary.len();
    let corrected = sensitivity::Corrected::family(primary.iter().map(|r| r.logs.as_slice()));
    for (ratios, corrected) in primary.iter_mut().zip(corrected) {
        ratios.corrected = Some(corrected);
    }
    let cases: Vec<CaseComparison> = in_parallel(drafts, |draft| draft.finish(family.max(1)));
    let comparison = Comparison {
        spec: manifest.spec.clone(),
        run: manifest.run.clone(),
        created_unix_ms: manifest.created_unix_ms,
        machine: manifest.machine.clone(),
        finished: evidence.finished,
        alpha: ALPHA,
        family: family as u64,
        margin: MARGIN,
        trials,
        warnings: [
            warning::of_run(&cases),
            warning::of_machine(manifest.doctor.as_ref()),
            warning::of_noise(&evidence.noise),
        ]
        .concat(),
        cases,
        growth: scaling::growth(manifest, &evidence.trials),
    };
    (comparison, rows)
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
    ratios: Vec<Ratios>,
    memory: Option<Ratios>,
    rows: Vec<ParityRow>,
}

/// The paired times of one phase.
struct Ratios {
    phase: String,
    primary: bool,
    pilot: Option<usize>,
    logs: Vec<f64>,
    pairs: Vec<Paired>,
    corrected: Option<sensitivity::Corrected>,
}

impl<'a> Draft<'a> {
    fn new(
        manifest: &'a Manifest,
        contract: &Contract,
        case: &'a CaseRecord,
        trials: &'a [TrialFacts],
        options: &Options,
    ) -> Self {
        let of =
            |id: &str| -> Vec<&TrialFacts> { trials.iter().filter(|t| t.implementation == id).collect() };
        let reference = |id: &str| id == options.baseline.as_ref().unwrap_or(&case.baseline);
        let mut arms: Vec<ArmSummary> =
            case.arms.iter().map(|arm| summary::arm(case, arm, &of(&arm.implementation))).collect();
        let compared =
            |id: &str| case.arms.iter().any(|a| a.implementation == id && a.compared_with.is_some());
        arms.sort_by_key(|arm| match options.baseline {
            Some(_) => reference(&arm.implementation),
            None => !compared(&arm.implementation) && arm.unsupported.is_none(),
        });
        let mut blocks: Vec<u32> = trials.iter().map(|t| t.block).collect();
        blocks.sort_unstable();
        blocks.dedup();
        let compared = case.arms.iter().filter(|a| a.unsupported.is_none()).filter_map(|arm| {
            let baseline = match &options.baseline {
                Some(baseline) => Some(baseline).filter(|b| **b != arm.implementation),
                None => arm.compared_with.as_ref(),
            };
            Some((&arm.implementation, baseline?))
        });
        let pairs = compared
            .map(|(contender, baseline)| {
                let (own, others) = (of(contender), of(baseline));
                let sides = Sides { manifest, case, contender, baseline, own: &own, others: &others };
                PairDraft::new(&sides, pairing::pair(&sides, contract))
            })
            .collect();
        Self { case, blocks: blocks.len(), arms, pairs }
    }

    fn finish(self, family: usize) -> CaseComparison {
        let pairs = self
            .pairs
            .into_iter()
            .map(|PairDraft { mut comparison, ratios, memory, .. }| {
                let mut phases: Vec<PhaseComparison> =
                    ratios.into_iter().filter_map(|of| of.compare(family)).collect();
                for phase in &mut phases {
                    phase.sentence = sentence::verdict(self.case, &comparison, phase);
                }
                comparison.phases = phases;
                comparison.memory = memory.and_then(|of| of.compare(family));
                comparison
            })
            .collect();
        CaseComparison { case: self.case.clone(), blocks: self.blocks as u64, arms: self.arms, pairs }
    }
}

impl PairDraft {
    fn new(sides: &Sides<'_>, pairing: Pairing) -> Self {
        let Sides { manifest, case, contender, baseline, .. } = *sides;
        // Where n was chosen from a pilot, only the pilot's spread keeps the level of an interval.
        let pilot = manifest.blocks.precision.map(|_| manifest.blocks.min as usize);
        let comparable = pairing.reasons.is_empty();
        let mut ratios = Vec::new();
        let mut memory = None;
        let mut quality = Vec::new();
        for (quantity, pairs) in pairing.values {
            let (own, others): (Vec<f64>, Vec<f64>) = pairs.iter().map(|p| (p.contender, p.baseline)).unzip();
            if let Quantity::Metric(metric) = &quantity {
                quality.extend(QualityComparison::new(metric, &own, &others));
                continue;
            }
            let Ok(logs) = log_ratios(&others, &own) else { continue };
            let of = |phase: String, primary| Ratios { phase, primary, pilot, logs, pairs, corrected: None };
            match quantity {
                _ if !comparable => {}
                Quantity::Time(phase) if pairing.open_phases.contains_key(&phase) => {}
                Quantity::Time(phase) => {
                    let primary = case.primary_phases.contains(&phase) && pairs_suffice(&own);
                    ratios.push(of(phase, primary));
                }
                Quantity::PeakMemory => memory = Some(of("peak memory".to_owned(), false)),
                Quantity::Metric(_) => {}
            }
        }
        let points = pairing.points;
        let comparison = PairComparison {
            contender: contender.to_owned(),
            baseline: baseline.to_owned(),
            comparable,
            reasons: pairing.reasons,
            findings: points.values().map(|c| (c.name.clone(), c.finding.clone())).collect(),
            figures: points.values().filter_map(|c| Some((c.name.clone(), c.figure?))).collect(),
            open_phases: pairing.open_phases,
            phases: Vec::new(),
            memory: None,
            quality,
        };
        Self { comparison, ratios, memory, rows: pairing.rows }
    }
}

impl Comparison {
    /// Has verdicts carry the warning where a calibration showed that the judge's promise fails.
    pub fn carry(&mut self, calibration: &Calibration) {
        for pair in self.cases.iter_mut().flat_map(|c| &mut c.pairs) {
            for phase in pair.phases.iter_mut().filter(|p| p.primary) {
                let sides = [&pair.contender, &pair.baseline];
                phase
                    .warnings
                    .extend(sides.into_iter().filter_map(|id| calibration.warning(id, &phase.phase)));
                phase.warnings.dedup();
            }
        }
    }
}

impl PairComparison {
    /// What best shows, in one phrase, that both sides gave the same answer.
    pub fn evidence(&self) -> Option<&str> {
        let known = ["predictions", "quality", "tokens", "cosine", "log-probabilities"]
            .iter()
            .find_map(|point| self.findings.get(*point));
        known.or_else(|| self.findings.values().next()).map(String::as_str)
    }
}

impl QualityComparison {
    fn new(metric: &str, own: &[f64], others: &[f64]) -> Option<Self> {
        Some(Self {
            metric: metric.to_owned(),
            blocks: own.len() as u64,
            contender: mean(own).ok()?,
            baseline: mean(others).ok()?,
            differences: own.iter().zip(others).map(|(a, b)| a - b).collect(),
        })
    }
}

/// One block has a ratio, but no spread and so no interval.
fn pairs_suffice(own: &[f64]) -> bool {
    own.len() >= 2
}

impl Ratios {
    fn compare(self, family: usize) -> Option<PhaseComparison> {
        let comparisons = if self.primary { family } else { 1 };
        let family = Family { alpha: ALPHA, comparisons };
        let pilot = self.pilot.and_then(|n| Spread::of(self.logs.get(..n)?).ok());
        let found = speedup(&self.logs, family, pilot).ok()?;
        let sensitivity = sensitivity::of(&self.pairs, &self.logs, family, self.corrected);
        Some(PhaseComparison {
            warnings: warning::of_comparison(&sensitivity),
            sensitivity,
            phase: self.phase,
            primary: self.primary,
            blocks: found.blocks as u64,
            pilot_blocks: pilot.map(|p| p.degrees_of_freedom as u64 + 1),
            ratio: found.ratio,
            log_ratios: self.logs,
            log_standard_deviation: found.spread.standard_deviation,
            interval: [found.plain.low, found.plain.high],
            simultaneous: self.primary.then_some([found.simultaneous.low, found.simultaneous.high]),
            without_spread: found.without_spread,
            verdict: if self.primary { judgement(&found) } else { None },
            sentence: None,
        })
    }
}

fn judgement(found: &Speedup) -> Option<Judgement> {
    Some(match verdict(found, MARGIN).ok()? {
        Verdict::EqualWithin { .. } => Judgement::EqualWithinMargin,
        Verdict::Faster => Judgement::Faster,
        Verdict::Slower => Judgement::Slower,
        Verdict::NoDifferenceShown { smallest_effect } => Judgement::NoDifferenceShown { smallest_effect },
    })
}
