//! A run's manifest: what was run, with what, on what. Written once, before the first trial.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::files::sha256;
use crate::monitor::machine::Machine;
use crate::spec::Blocks;
use crate::task::Tolerances;
use crate::task::parameter::Parameters;

/// The version of everything in a run's folder. It grows when a reader would have to know.
pub const SCHEMA_VERSION: u32 = 1;

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
    /// The run's seed.
    pub seed: u64,
    /// How many blocks a case gets. The largest number is the one that the budget leaves.
    #[serde(deserialize_with = "blocks")]
    pub blocks: Blocks,
    /// The largest number of blocks that the spec asks for, where the budget lowered it.
    pub max_blocks_asked: Option<u32>,
    /// The machine.
    pub machine: Machine,
    /// How the runner was built.
    pub build: BTreeMap<String, String>,
    /// How trials were limited.
    pub limits: Limits,
    /// The commit of the spec's folder, where it is in a git repository.
    pub git: Option<String>,
    /// The implementations' builds and environments.
    pub implementations: BTreeMap<String, ImplementationRecord>,
    /// The bundles by their hash.
    pub bundles: BTreeMap<String, BundleRecord>,
    /// The cases.
    pub cases: Vec<CaseRecord>,
}

/// Runs of before there were pilots hold one number. They must stay readable, since every run of a spec is looked at before one begins.
fn blocks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Blocks, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    match value.as_u64().and_then(|number| u32::try_from(number).ok()) {
        Some(number) => Ok(Blocks::fixed(number)),
        None => serde_json::from_value(value).map_err(D::Error::custom),
    }
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
        let names: std::collections::BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
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
    /// The hash of its bundle.
    pub bundle: String,
    /// Threads of a trial.
    pub threads: u64,
    /// The floating-point type.
    pub dtype: String,
    /// The device.
    pub device: String,
    /// The phases that get verdicts.
    pub primary_phases: Vec<String>,
    /// The metrics that reports show first.
    pub headline_metrics: Vec<String>,
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
    /// Why it is not asked.
    pub unsupported: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Blocks, blocks};

    #[test]
    fn one_number_of_blocks_is_read_as_bounds_that_are_equal() {
        assert_eq!(blocks(json!(7)).unwrap(), Blocks::fixed(7));
        let bounds = Blocks { min: 4, max: 30, precision: Some(0.03) };
        assert_eq!(blocks(json!({ "min": 4, "max": 30, "precision": 0.03 })).unwrap(), bounds);
        assert!(blocks(json!("many")).is_err());
    }
}
