//! Foreign results as a file holds them. `docs/import.md` shows how to write one.
//!
//! Whatever is absent stays absent: nothing is assumed for it, and the gate refuses a pair for want of proof.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::executor::event::Status;
use crate::monitor::machine::Machine;
use crate::task::parameter::Parameters;

/// What `format` must say.
pub const FORMAT: &str = "benchrun-records";
/// The version of the form.
pub const VERSION: u32 = 1;

/// The content of one file: trials that one tool measured on one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Records<T = TrialRecord> {
    /// Always `benchrun-records`.
    #[schemars(extend("const" = FORMAT))]
    pub format: String,
    /// The version of the form: 1.
    #[schemars(extend("const" = VERSION))]
    pub version: u32,
    /// The name of the results, of letters, digits, `-` and `_`: the run lands in `results/<name>/`. `--name` goes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The tool that measured, such as `hyperfine 1.19`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The machine, as in the `manifest.json` of a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// The trials, in any order.
    pub trials: Vec<T>,
}

/// One case, run once, by one implementation, in one process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialRecord {
    /// The task, such as `regression`; without it no outputs can be judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The data set. With a bundle in the receipt: the label that benchrun gives it, such as `diabetes`.
    pub dataset: String,
    /// The algorithm; one of the task's where its outputs are to be judged, such as `ridge`.
    pub algorithm: String,
    /// The hyperparameters that were asked for. Trials of one case have the same ones.
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    pub hyperparameters: Parameters,
    /// Settings of this implementation alone, such as a solver; never compared.
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    pub settings: Parameters,
    /// `language/framework` or `language/framework+variant` in lower case, such as `python/scikit-learn`.
    pub implementation: String,
    /// The repetition, from 1. Trials of one block, session and machine are paired: they ran close together, in random order.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub block: u32,
    /// The session: trials of different sessions are never paired. Give each tool run a number of its own where the sides were not interleaved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<u32>,
    /// How it ended; absent is `ok`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Why, unless it is `ok`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The seed of everything random in the trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What was timed; at least one phase where the trial is `ok`.
    #[serde(default)]
    pub phases: Vec<PhaseTimes>,
    /// From process start to the end of imports, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_ns: Option<u64>,
    /// Loading the data, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_ns: Option<u64>,
    /// The largest resident set, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_rss_bytes: Option<u64>,
    /// The resident set after imports, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rss_ready_bytes: Option<u64>,
    /// The CPUs that the process could run on, as numbers of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_set: Option<Vec<usize>>,
    /// Scores as the tool claims them. They are kept as `claimed_<name>` and decide nothing: the judge scores `outputs` itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
    /// Versions of the libraries, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
    /// What was really used, read back after the fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<PartialReceipt>,
    /// The raw outputs as safetensors, from the folder of this file. They are judged where the receipt's bundle is in the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<PathBuf>,
}

/// The samples of one phase of one trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhaseTimes {
    /// `fit_first` (the first fit of the process), `fit`, `predict@<rows>`, `predict@all`, or a name of your own.
    pub name: String,
    /// Wall nanoseconds of each sample, all of its calls together.
    #[schemars(inner(range(min = 1)))]
    pub wall_ns: Vec<u64>,
    /// The number of calls in each sample; absent if each is one call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(inner(range(min = 1)))]
    pub calls: Option<Vec<u64>>,
    /// CPU nanoseconds of all threads in each sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_ns: Option<Vec<u64>>,
}

/// What a trial really used, as far as it is known. Each fact must come from the library after the fit, never from the request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartialReceipt {
    /// Every hyperparameter under the task's names.
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    pub hyperparameters: Parameters,
    /// Settings of this implementation alone.
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    pub settings: Parameters,
    /// The SHA-256 of the bundle's `manifest.json` whose arrays were loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<String>,
    /// The floating-point type of the fitted parameters, such as `float64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtype: Option<String>,
    /// The memory layout in which the framework computed: `row-major` or `column-major`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// The device that computed, such as `cpu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Rows of the training array that the fit saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_rows: Option<u64>,
    /// Columns of the training array that the fit saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<u64>,
    /// Threads.
    #[serde(default)]
    pub threads: PartialThreads,
    /// Work done and how it ended: `epochs`, `iterations`, `converged`; keys are the implementation's.
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    pub work: Parameters,
    /// How the code was built: `profile`, `target`, and whatever else is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub build: BTreeMap<String, String>,
}

/// The threads of a trial, as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartialThreads {
    /// The number that was allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<u64>,
    /// The largest size of any pool that a numerical library reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<u64>,
    /// Operating-system threads alive after the last timed phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alive: Option<u64>,
}

impl TrialRecord {
    /// How it ended.
    pub fn status(&self) -> Status {
        self.status.unwrap_or(Status::Ok)
    }
}
