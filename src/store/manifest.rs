//! A run's manifest: what was run, with what, on what. Written once, before the first trial.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::DataError;
use crate::data::bundle::{Bundle, TEST_FEATURES, TRAIN_FEATURES};
use crate::files::sha256;
use crate::monitor::doctor::Diagnosis;
use crate::monitor::machine::Machine;
use crate::spec::Blocks;
use crate::task::network::given::WeightsFile;
use crate::task::parameter::Parameters;
use crate::task::{Equivalence, Rates, Target, Tolerances};
use crate::worker::protocol::is_zero;

/// The version of everything in a run's folder. It grows when a reader would have to know.
pub const SCHEMA_VERSION: u32 = 3;

/// The oldest version that is read. Version 3 added the limits of a trial, the ends of logs, and trials that are skipped: what older runs
/// lack is absent.
pub const OLDEST_VERSION: u32 = 2;

/// Whether runs of a version are read.
pub fn is_read(version: u64) -> bool {
    (u64::from(OLDEST_VERSION)..=u64::from(SCHEMA_VERSION)).contains(&version)
}

/// A run's manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The version of benchrun.
    pub benchrun: String,
    /// The spec's name.
    pub spec: String,
    /// The run's id: when it began, and the begin of its fingerprint.
    pub run: String,
    /// When it began, in milliseconds since 1970.
    pub created_unix_ms: u64,
    /// What must be equal for a run to be continued.
    pub fingerprint: Fingerprint,
    /// The run's seed; none of an import.
    pub seed: Option<u64>,
    /// How many blocks a case gets. The largest number is the one that the budget leaves.
    pub blocks: Blocks,
    /// The largest number of blocks that the spec asks for, where the budget lowered it.
    pub max_blocks_asked: Option<u32>,
    /// The machine; foreign results may lack it.
    pub machine: Option<Machine>,
    /// What on it could make figures noisy, as it was just before the run. No part of the fingerprint: a run is continued under another load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doctor: Option<Diagnosis>,
    /// Where the trials came from, if benchrun did not run them.
    pub imported: Option<Imported>,
    /// How the runner was built.
    pub build: BTreeMap<String, String>,
    /// The time between two readings of what a trial costs, in nanoseconds; none where they are read at their events alone.
    #[serde(default)]
    pub sampling_ns: Option<u64>,
    /// How trials were limited; foreign results lack it.
    pub limits: Option<Limits>,
    /// The commit of the spec's folder, where it is in a git repository.
    pub git: Option<String>,
    /// The implementations' builds and environments.
    pub implementations: BTreeMap<String, ImplementationRecord>,
    /// The bundles by their hash.
    pub bundles: BTreeMap<String, BundleRecord>,
    /// The cases.
    pub cases: Vec<CaseRecord>,
}

/// Foreign results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Imported {
    /// The files by name, each with its SHA-256.
    pub files: BTreeMap<String, String>,
    /// The tool that measured, as the files say.
    pub tool: Option<String>,
}

/// How trials were limited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Limits {
    /// The longest time of a trial, in nanoseconds.
    pub timeout_ns: u64,
    /// The memory of a trial, in bytes.
    pub memory_bytes: u64,
    /// How the memory limit is enforced.
    pub memory_method: String,
    /// The CPUs of a trial; empty where the system cannot restrict it.
    pub cpus: Vec<usize>,
}

/// Parts that must be equal for a run to be continued, each with its hash or text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fingerprint(pub BTreeMap<String, String>);

impl Fingerprint {
    /// One hash of all parts.
    pub fn hash(&self) -> String {
        sha256(serde_json::to_string(&self.0).unwrap_or_default().as_bytes())
    }

    /// The names of the parts in which two fingerprints differ.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        names.into_iter().filter(|n| self.0.get(*n) != other.0.get(*n)).cloned().collect()
    }
}

/// One implementation of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImplementationRecord {
    /// The build that its workers must report.
    pub build: String,
    /// The key of its Python environment.
    pub environment: Option<String>,
    /// The exact Python.
    pub python: Option<String>,
    /// Versions of its libraries.
    pub libraries: BTreeMap<String, String>,
}

/// One bundle of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BundleRecord {
    /// The data set's label.
    pub dataset: String,
    /// The hash of the data set's content.
    pub dataset_sha256: String,
    /// The hashes of the files it was decoded from.
    pub source_sha256: BTreeMap<String, String>,
    /// Training rows.
    pub train_rows: u64,
    /// Test rows.
    pub test_rows: u64,
    /// Features.
    pub features: u64,
}

/// One case of a run, with everything that judging it needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseRecord {
    /// Its id.
    pub id: String,
    /// The experiment.
    pub experiment: String,
    /// The task.
    pub task: String,
    /// The data set's label.
    pub dataset: String,
    /// The algorithm.
    pub algorithm: String,
    /// Every hyperparameter.
    pub hyperparameters: Parameters,
    /// The hyperparameters that tell it from its neighbours, for people.
    pub label: String,
    /// The hyperparameters that must agree.
    pub binding: Vec<String>,
    /// The implementation that the others are compared with.
    pub baseline: String,
    /// The hash of its bundle, with folds that of the first; only foreign results may lack it.
    pub bundle: Option<String>,
    /// Cross-validation: the hash of each fold's bundle. Block 1 has the first, block 2 the second, and so on around.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folds: Vec<String>,
    /// The initial weights of a network, where they are given and not drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightsFile>,
    /// Threads that a trial may use; only foreign results may lack it.
    pub threads: Option<u64>,
    /// The floating-point type; only foreign results may lack it.
    pub dtype: Option<String>,
    /// The device; only foreign results may lack it.
    pub device: Option<String>,
    /// Work that must agree beside the rows: keys of the receipts' `work`, such as `epochs`.
    pub work: Vec<String>,
    /// How the quality of a stochastic learner is compared; none where raw outputs are.
    pub equivalence: Option<Equivalence>,
    /// The quality that a training is to reach, where the spec names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// What calls of its phases process; none where times are no rates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rates: Option<Rates>,
    /// The phases that get verdicts.
    pub primary_phases: Vec<String>,
    /// The metrics that reports show first.
    pub headline_metrics: Vec<String>,
    /// Those of the metrics of which less is better.
    pub lower_is_better: Vec<String>,
    /// Tolerances that the spec sets.
    pub tolerances: Tolerances,
    /// The implementations.
    pub arms: Vec<ArmRecord>,
}

/// One implementation asked to solve a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArmRecord {
    /// Its id.
    pub implementation: String,
    /// Its settings.
    pub settings: Parameters,
    /// The implementation that it is compared with; none for the case's baseline and for one that others alone are compared with.
    pub compared_with: Option<String>,
    /// Why it is not asked.
    pub unsupported: Option<String>,
    /// The slow-down that was injected into its timed phases, as a fraction: only `benchrun calibrate` injects one, and 0 is left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub slowdown: f64,
}

impl CaseRecord {
    /// The place of the fold that a block is tested on, from 0; 0 where there are no folds, and for the discarded warm-up trial.
    pub fn fold(&self, block: u32) -> usize {
        (block.saturating_sub(1) as usize).checked_rem(self.folds.len()).unwrap_or(0)
    }

    /// The hash of the bundle of a block.
    pub fn bundle_of(&self, block: u32) -> Option<&String> {
        self.folds.get(self.fold(block)).or(self.bundle.as_ref())
    }
}

impl BundleRecord {
    /// What a manifest holds of a bundle.
    ///
    /// # Errors
    /// It has no training or test features.
    pub fn of(bundle: &Bundle) -> Result<Self, DataError> {
        let dataset = &bundle.manifest().dataset;
        // A language model was trained before.
        let train_rows = if bundle.model_folder().is_some() { 0 } else { bundle.rows(TRAIN_FEATURES)? };
        Ok(Self {
            dataset: dataset.label.clone(),
            dataset_sha256: dataset.sha256.clone(),
            source_sha256: dataset.source_sha256.clone(),
            train_rows: train_rows as u64,
            test_rows: bundle.rows(TEST_FEATURES)? as u64,
            features: bundle.columns(TEST_FEATURES)? as u64,
        })
    }
}

/// Labels each case with its numbers, and with whatever else differs between its algorithm's cases.
pub fn label_cases(cases: &mut [CaseRecord], is_plain: impl Fn(&CaseRecord, &str) -> bool) {
    let mut values: HashMap<(String, String, String), BTreeSet<String>> = HashMap::new();
    let key =
        |case: &CaseRecord, name: &String| (case.experiment.clone(), case.algorithm.clone(), name.clone());
    for case in &*cases {
        for (name, value) in &case.hyperparameters {
            values.entry(key(case, name)).or_default().insert(value.to_string());
        }
    }
    for case in cases {
        let differs = |name: &String| values[&key(case, name)].len() > 1;
        let shown: Vec<String> = case
            .hyperparameters
            .iter()
            .filter(|(name, value)| differs(name) || (value.as_float().is_some() && !is_plain(case, name)))
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        case.label = shown.join(" ");
    }
}

/// The id of a run that begins now.
pub fn run_id(fingerprint: &Fingerprint) -> String {
    format!("{}-{}", timestamp(), &fingerprint.hash()[..6])
}

/// The time, sortable as text: `20261121T064023Z`.
fn timestamp() -> String {
    let text = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    text.chars().filter(|c| *c != '-' && *c != ':').collect()
}
