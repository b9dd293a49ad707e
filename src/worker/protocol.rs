//! The worker protocol: one request line in, event lines out, JSON on both.
//!
//! A worker reads one [`Request`] from standard input and writes [`Event`]s, one JSON object a line, to its
//! original standard output. Before anything else it moves that descriptor away and points 1 at 2, so that a
//! library's `print` cannot corrupt the protocol. Arrays never travel here: inputs are read from the bundle,
//! raw outputs are written as safetensors into `output_dir`.
//!
//! `schemas/request.schema.json` and `schemas/event.schema.json` are generated from these types.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::task::parameter::Parameters;

/// The version of this protocol. A worker that reads another number answers `failed` and stops.
pub const PROTOCOL_VERSION: u32 = 1;

/// The device that every machine has.
pub const CPU: &str = "cpu";

/// The first of NVIDIA's devices that a worker sees.
pub const CUDA: &str = "cuda";

/// The variable that names the device to a worker that must load something for it before anything else; only where it is not the CPU.
pub const DEVICE_VARIABLE: &str = "BENCHRUN_DEVICE";

/// What one worker process is asked to do: one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The protocol version, [`PROTOCOL_VERSION`].
    pub protocol: u32,
    /// The id of the trial.
    pub trial: String,
    /// The implementation that is asked, for example `python/scikit-learn`.
    pub implementation: String,
    /// The task, for example `regression`.
    pub task: String,
    /// The algorithm of that task, for example `ridge`.
    pub algorithm: String,
    /// Every hyperparameter of the algorithm, defaults filled in.
    pub hyperparameters: Parameters,
    /// Settings of this implementation alone (solver tolerances, iteration caps), defaults filled in.
    pub settings: Parameters,
    /// The absolute path of the bundle's `manifest.json`.
    pub bundle: PathBuf,
    /// The absolute path of a safetensors file with what the block drew for all sides: the initial weights of a network, the order of its
    /// rows. Absent where the task draws nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draws: Option<PathBuf>,
    /// The absolute path of an existing, empty folder for raw outputs.
    pub output_dir: PathBuf,
    /// The trial's seed, the same for every implementation of one block.
    pub seed: u64,
    /// The number of threads the worker may use.
    pub threads: usize,
    /// The device, `cpu` or `cuda`.
    pub device: String,
    /// The floating-point type of the computation, for example `float64`.
    pub dtype: String,
    /// The timed phases in the order in which they run.
    pub phases: Vec<PhaseRequest>,
    /// A slow-down to inject into every sample of `phases`, as a fraction of its own time: at 0.05 the worker spins after the sample's
    /// calls, inside the clocks, until the sample has taken 1.05 times as long. It exists for `benchrun calibrate` alone, which asks
    /// whether the judge finds it; no spec can ask for it, and the run's manifest names it beside the arm that got it.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0.0))]
    pub slowdown: f64,
}

/// Whether nothing is slowed, so that ordinary requests and records do not mention it.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
pub(crate) fn is_zero(slowdown: &f64) -> bool {
    *slowdown == 0.0
}

/// One timed phase and how often to repeat it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhaseRequest {
    /// The kind of work that is timed.
    pub kind: PhaseKind,
    /// The phase's name in events and results: `fit_first`, `fit`, `predict@1`, `predict@all`.
    pub name: String,
    /// For `predict`: the number of rows of one call. It is at most the number of test rows. For `train`: the rows of one batch of an
    /// evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_rows: Option<usize>,
    /// How often the work is repeated.
    pub repeat: Repeat,
}

/// The kinds of work that a phase can time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PhaseKind {
    /// From the canonical row-major training arrays to a fitted model, estimator construction included.
    Fit,
    /// From a row-major batch of test rows to an array of predictions that the caller owns.
    Predict,
    /// From initial weights in memory to a network with its optimiser; from a model's folder to a model that answers.
    Build,
    /// A whole training. It has three series of samples: `train_step`, `epoch` and `evaluate`.
    Train,
    /// From the bundle's documents to token ids that the caller owns.
    Tokenize,
    /// Going on with rows of tokens. `generate@4` has two series of samples: `prefill@4`, from empty caches to the first token of each
    /// row, and `decode@4`, each further token of all rows.
    Generate,
}

impl PhaseRequest {
    /// The names under which its samples come, in this order.
    pub fn series(&self) -> Vec<String> {
        match self.kind {
            PhaseKind::Train => TRAINING_SERIES.map(str::to_owned).to_vec(),
            PhaseKind::Generate => {
                let at = self.name.split_once('@').map_or("", |(_, rows)| rows);
                GENERATION_SERIES.map(|series| format!("{series}@{at}")).to_vec()
            }
            PhaseKind::Fit | PhaseKind::Predict | PhaseKind::Build | PhaseKind::Tokenize => {
                vec![self.name.clone()]
            }
        }
    }
}

/// The series of a training: each optimiser step; each epoch, evaluations apart; each evaluation of all test rows.
pub const TRAINING_SERIES: [&str; 3] = ["train_step", "epoch", "evaluate"];

/// The series of a generation, each with the rows of a call: the first token of each row; every further one.
pub const GENERATION_SERIES: [&str; 2] = ["prefill", "decode"];

/// Bounds on the repetition of a phase.
///
/// A worker first makes `warmup` calls whose times are dropped. It then takes samples until it has
/// `max_samples`, or has at least `min_samples` and `max_time_ns` have passed since the phase's first sample began. A sample times as many calls
/// in a row as are needed for `min_sample_ns` (found during warm-up, one call if the work takes longer).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// Untimed calls before the first sample.
    pub warmup: u32,
    /// The least number of samples (at least 1).
    pub min_samples: u32,
    /// The largest number of samples.
    pub max_samples: u32,
    /// No further sample begins after this many nanoseconds, once `min_samples` are taken.
    pub max_time_ns: u64,
    /// Calls are batched until one sample lasts this many nanoseconds; 0 times every call alone.
    pub min_sample_ns: u64,
}

/// What a worker says, one JSON object a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The libraries are imported; nothing is loaded yet.
    Ready(Ready),
    /// A phase begins: `load`, then each of the request's phases.
    PhaseBegin {
        /// The phase's name.
        phase: String,
        /// The monotonic clock.
        monotonic_ns: u64,
    },
    /// A phase has ended.
    PhaseEnd {
        /// The phase's name.
        phase: String,
        /// The monotonic clock.
        monotonic_ns: u64,
        /// The worker's memory, read after the clock.
        memory: Memory,
    },
    /// The times of one phase, sent after it has ended. The three lists have equal lengths of at least one.
    Samples {
        /// The phase's name.
        phase: String,
        /// The number of calls that each sample timed together.
        calls: Vec<u64>,
        /// Wall-clock nanoseconds of each sample, all its calls together.
        wall_ns: Vec<u64>,
        /// CPU nanoseconds of the whole process (all threads) during each sample.
        cpu_ns: Vec<u64>,
    },
    /// A sign of life in long phases.
    Progress {
        /// The phase's name.
        phase: String,
        /// Units of work done.
        done: u64,
        /// Units of work in all.
        total: u64,
    },
    /// What was really used, read back from the library after the last timed phase.
    Receipt(Receipt),
    /// The raw outputs are on disk.
    Outputs {
        /// The file's path relative to `output_dir` (safetensors).
        path: PathBuf,
        /// The SHA-256 of the file, lower-case hexadecimal.
        sha256: String,
    },
    /// The implementation cannot honour the request. A result, not a failure; the last event.
    Unsupported {
        /// Why.
        reason: String,
    },
    /// The trial failed. The last event.
    Failed {
        /// The kind of error: an exception's class name, or a Rust error type.
        kind: String,
        /// The message.
        message: String,
        /// The traceback, where the language has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        traceback: Option<String>,
    },
    /// Everything was sent. The last event of a trial that worked.
    Done {},
}

/// Whether the three lists of the event `samples` fit together: as long as each other, not empty, and each sample of at least one call.
pub fn samples_fit(calls: &[u64], wall_ns: &[u64], cpu_ns: &[u64]) -> bool {
    let count = calls.len();
    count > 0 && wall_ns.len() == count && cpu_ns.len() == count && !calls.contains(&0)
}

/// The first event: who answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// The protocol version the worker speaks.
    pub protocol: u32,
    /// The implementation that answers.
    pub implementation: String,
    /// The worker's build: the runner refuses a worker whose build is not the one it planned with.
    pub build: String,
    /// The monotonic clock after the imports.
    pub monotonic_ns: u64,
    /// Versions by component: `rust` or `python`, the framework, its numerical libraries.
    pub versions: BTreeMap<String, String>,
    /// The CPUs this process may run on; absent where the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_set: Option<Vec<usize>>,
    /// Memory before anything is loaded.
    pub memory: Memory,
}

/// The worker's memory. Absent is null, never zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Resident set size now (`VmRSS`), in bytes.
    pub rss_bytes: Option<u64>,
    /// The largest resident set so far (`VmHWM`), in bytes. It never falls within a trial.
    pub peak_rss_bytes: Option<u64>,
}

/// What an implementation says it really used. Values are read back from the library after the fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Every hyperparameter under the task's names.
    pub hyperparameters: Parameters,
    /// Every setting of this implementation.
    pub settings: Parameters,
    /// The SHA-256 of the bundle's manifest, of the bytes that were loaded.
    pub bundle: String,
    /// The SHA-256 of the file of draws, of the bytes that were loaded, where the request names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draws: Option<String>,
    /// The floating-point type of the fitted parameters.
    pub dtype: String,
    /// The memory layout in which the framework computed: `row-major` or `column-major`.
    pub layout: String,
    /// Rows of the training array that the fit saw.
    pub train_rows: u64,
    /// Columns of the training array that the fit saw.
    pub features: u64,
    /// The device that computed.
    pub device: String,
    /// Threads.
    pub threads: Threads,
    /// The linear-algebra libraries that were loaded.
    pub blas: Vec<Blas>,
    /// Work done and how it ended: `iterations`, `converged`, `duality_gap`; keys are the implementation's.
    pub work: Parameters,
    /// How the code was built: `profile`, `target`, `target_features`, `allocator`, …
    pub build: BTreeMap<String, String>,
    /// Shared libraries mapped into the process at the end; absent where the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub libraries: Option<Vec<String>>,
}

/// The key of a receipt's `build` that names the kernels of a computation whose results are equal in every bit for equal inputs: the
/// library, its version, type, device and threads. Two sides that name the same are held to it; who promises nothing leaves it out.
pub const KERNELS: &str = "kernels";

/// The threads a worker had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Threads {
    /// The number the request allowed.
    pub allowed: usize,
    /// The largest size of any pool that a numerical library reports.
    pub pool: usize,
    /// Operating-system threads alive after the last timed phase; absent where the system does not tell.
    pub alive: Option<usize>,
}

/// One linear-algebra library, as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Blas {
    /// Its name: `openblas`, `mkl`, `faer`, `matrixmultiply`, …
    pub name: String,
    /// Its version, where it tells.
    pub version: Option<String>,
    /// The instruction set its dispatcher chose, where it tells.
    pub architecture: Option<String>,
    /// The number of threads it would use.
    pub threads: usize,
}
