//! What a spec would run, for people and for scripts.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::DataError;
use crate::implementation::environment::Python;
use crate::implementation::{Launch, Registry};
use crate::number;
use crate::plan::estimate::Estimate;
use crate::plan::{Plan, order, trial_id};
use crate::spec::Blocks;
use crate::task::parameter::Parameters;

/// Text shows no more cases than this.
const SHOWN_CASES: usize = 60;

/// A plan.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PlanReport {
    /// The spec.
    pub spec: String,
    /// Blocks of each case. The largest number is the one that the budget leaves.
    pub blocks: Blocks,
    /// The largest number of blocks that the spec asks for, where the budget lowers it.
    pub max_blocks_asked: Option<u32>,
    /// The number of cases.
    pub cases: u64,
    /// The largest number of trials that are run.
    pub trials: u64,
    /// The expected time.
    pub expected: Estimate,
    /// The budget, in seconds.
    pub budget_seconds: Option<f64>,
    /// Whether the least number of blocks fits the budget. If not, a run is refused, or leaves out cases.
    pub within_budget: bool,
    /// What would be downloaded or built before the first trial.
    pub downloads: Vec<DownloadReport>,
    /// The bytes of all bundles, where the data sets' sizes are known beforehand.
    pub bundle_bytes: Option<u64>,
    /// Every case.
    pub matrix: Vec<CaseReport>,
    /// The first trials in their order, as many as were asked for, of the least number of blocks.
    pub order: Vec<TrialReport>,
}

/// Something that is not there yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct DownloadReport {
    /// What.
    pub what: String,
    /// Bytes, where they are known.
    pub bytes: Option<u64>,
}

/// One case.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CaseReport {
    /// Its id.
    pub id: String,
    /// The experiment.
    pub experiment: String,
    /// The data set.
    pub dataset: String,
    /// The algorithm.
    pub algorithm: String,
    /// Every hyperparameter.
    pub hyperparameters: Parameters,
    /// The implementations that run.
    pub implementations: Vec<String>,
    /// The implementations that cannot honour it, each with the reason.
    pub unsupported: Vec<(String, String)>,
}

/// One trial.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TrialReport {
    /// Its id.
    pub id: String,
    /// The block.
    pub block: u32,
    /// The case.
    pub case: String,
    /// The implementation.
    pub implementation: String,
}

impl PlanReport {
    /// Reports a plan with its first `shown` trials.
    ///
    /// # Errors
    /// A data set's description is not valid.
    pub fn new(
        plan: &Plan,
        expected: Estimate,
        within_budget: bool,
        registry: &Registry,
        cache: &Path,
        shown: u64,
    ) -> Result<Self, DataError> {
        let matrix = plan.cases.iter().map(|case| {
            let def = plan.def(case);
            CaseReport {
                id: case.id.clone(),
                experiment: plan.experiment(case).name.clone(),
                dataset: def.source.label(),
                algorithm: def.algorithm.clone(),
                hyperparameters: def.hyperparameters.clone(),
                implementations: case.runnable().map(|a| a.implementation.clone()).collect(),
                unsupported: case
                    .arms
                    .iter()
                    .filter_map(|a| Some((a.implementation.clone(), a.unsupported.clone()?)))
                    .collect(),
            }
        });
        Ok(Self {
            spec: plan.spec.name.clone(),
            blocks: plan.blocks,
            max_blocks_asked: plan.max_blocks_asked(),
            cases: plan.cases.len() as u64,
            trials: plan.trial_count(),
            expected,
            budget_seconds: plan.spec.protocol.budget.map(|budget| budget.as_secs_f64()),
            within_budget,
            downloads: downloads(plan, registry, cache)?,
            bundle_bytes: bundle_bytes(plan)?,
            matrix: matrix.collect(),
            order: first_trials(plan, shown),
        })
    }

    /// The plan as text.
    pub fn text(&self) -> String {
        let Blocks { min, max, .. } = self.blocks;
        let (blocks, up_to) =
            if min == max { (min.to_string(), "") } else { (format!("{min} to {max}"), "up to ") };
        let mut text =
            format!("{}: {} cases × {blocks} blocks, {up_to}{} trials\n", self.spec, self.cases, self.trials);
        let basis = match self.expected.measured_trials {
            0 => "at most, from the spec's limits on phases and an assumed process start".to_owned(),
            n if n == self.expected.trials => "as the newest run measured".to_owned(),
            n => format!("{n} trials as the newest run measured, the others from the spec's limits"),
        };
        let [least, most] = [self.expected.min_seconds, self.expected.max_seconds].map(whole_seconds);
        let range = if min == max { most } else { format!("{least} to {most}") };
        let _ = writeln!(text, "expected time: {range} ({basis})");
        if let Some(budget) = self.budget_seconds.map(whole_seconds) {
            if !self.within_budget {
                let _ = writeln!(text, "the budget of {budget} is too short for {min} blocks of each case");
            } else if let Some(asked) = self.max_blocks_asked {
                let _ = writeln!(
                    text,
                    "the budget of {budget} lowers the largest number of blocks from {asked} to {max}"
                );
            }
        }
        for download in &self.downloads {
            let size =
                download.bytes.map(|b| format!(" ({})", number::bytes(to_float(b)))).unwrap_or_default();
            let _ = writeln!(text, "to download: {}{size}", download.what);
        }
        if let Some(bytes) = self.bundle_bytes {
            let _ = writeln!(text, "bundles on disk: {}", number::bytes(to_float(bytes)));
        }
        text += "\ncases:\n";
        for case in self.matrix.iter().take(SHOWN_CASES) {
            let values: Vec<String> = case.hyperparameters.iter().map(|(k, v)| format!("{k}={v}")).collect();
            let _ = writeln!(
                text,
                "  {}  {} · {} · {} {}  [{}]",
                case.id,
                case.experiment,
                case.dataset,
                case.algorithm,
                values.join(" "),
                case.implementations.join(", ")
            );
            for (implementation, reason) in &case.unsupported {
                let _ = writeln!(text, "                {implementation} unsupported: {reason}");
            }
        }
        if self.matrix.len() > SHOWN_CASES {
            let _ =
                writeln!(text, "  … and {} more (--format json shows all)", self.matrix.len() - SHOWN_CASES);
        }
        if !self.order.is_empty() {
            text += "\nfirst trials:\n";
            for trial in &self.order {
                let _ = writeln!(text, "  {}", trial.id);
            }
        }
        text
    }
}

fn whole_seconds(seconds: f64) -> String {
    let duration = Duration::from_secs_f64(seconds.min(1e12));
    humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string()
}

#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
fn to_float(bytes: u64) -> f64 {
    bytes as f64
}

/// The first trials in their order. Those after the least number of blocks are left out: a pilot decides whether they are run.
fn first_trials(plan: &Plan, shown: u64) -> Vec<TrialReport> {
    let seed = plan.spec.protocol.seed;
    let mut trials = Vec::new();
    for round in 1..=plan.blocks.min {
        if trials.len() as u64 >= shown {
            break;
        }
        for index in order::round(seed, round, plan.cases.len()) {
            let case = &plan.cases[index];
            let arms: Vec<_> = case.runnable().collect();
            for arm in order::block(seed, &case.id, round, arms.len()) {
                if trials.len() as u64 >= shown {
                    return trials;
                }
                let implementation = arms[arm].implementation.clone();
                trials.push(TrialReport {
                    id: trial_id(&case.id, round, &implementation, 0),
                    block: round,
                    case: case.id.clone(),
                    implementation,
                });
            }
        }
    }
    trials
}

fn downloads(plan: &Plan, registry: &Registry, cache: &Path) -> Result<Vec<DownloadReport>, DataError> {
    let mut found = BTreeSet::new();
    let mut seen = Vec::new();
    for case in &plan.cases {
        let source = &plan.def(case).source;
        if seen.last() == Some(&source) || seen.contains(&source) {
            continue;
        }
        seen.push(source);
        for download in source.expected_downloads(cache)? {
            found.insert(DownloadReport { what: download.from, bytes: download.bytes });
        }
    }
    // Without a Python nothing can be said of environments; running will say so.
    if let Ok(python) = Python::find() {
        for implementation in plan.implementations(registry) {
            if let Launch::Python(adapter) = &implementation.launch
                && let Ok((environment, false)) = python.locate(adapter, cache)
            {
                let what = format!("the Python environment {} of {}", environment.key, implementation.id);
                found.insert(DownloadReport { what, bytes: None });
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// Features and target in float64 and the rows' numbers, of every data set and preparation once.
fn bundle_bytes(plan: &Plan) -> Result<Option<u64>, DataError> {
    let mut seen = BTreeSet::new();
    let mut total = 0_u64;
    for case in &plan.cases {
        let source = &plan.def(case).source;
        if !seen.insert((case.experiment, source.label())) {
            continue;
        }
        let Some(size) = source.dimensions()? else { return Ok(None) };
        total = total
            .saturating_add((size.rows as u64).saturating_mul(size.columns as u64 + 2).saturating_mul(8));
    }
    Ok(Some(total))
}
