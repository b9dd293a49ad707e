//! What judging needs to know of a trial. Whatever a run, or a foreign record, does not tell is absent, and never assumed.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::executor::event::Status;
use crate::stats::latency::Latency;
use crate::task::TO_TARGET;
use crate::task::parameter::Parameters;

/// One trial.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialFacts {
    /// The case.
    pub case: String,
    /// The implementation.
    pub implementation: String,
    /// The block.
    pub block: u32,
    /// The attempt at the block.
    pub attempt: u32,
    /// How it ended.
    pub status: Status,
    /// Why, unless it worked.
    pub reason: Option<String>,
    /// What it says it really used.
    pub receipt: Option<ReceiptFacts>,
    /// The CPUs that its process could run on, as it read itself.
    pub cpu_set: Option<Vec<usize>>,
    /// The largest resident set, in bytes.
    pub peak_rss_bytes: Option<f64>,
    /// The resident set after the imports, in bytes.
    pub rss_ready_bytes: Option<f64>,
    /// The task's metrics.
    pub metrics: BTreeMap<String, f64>,
    /// The time of one call in each phase, in the order of [`phase_rank`].
    pub phases: Vec<PhaseFacts>,
}

/// One phase of one trial.
#[derive(Debug, Clone, PartialEq)]
pub struct PhaseFacts {
    /// Its name.
    pub name: String,
    /// The median over its samples of the wall time of one call, in nanoseconds.
    pub median_ns: f64,
    /// Wall nanoseconds of all samples together; absent for phases that are one stretch.
    pub wall_ns: Option<f64>,
    /// CPU time over wall time, on average over the samples: the CPUs that were busy.
    pub cpus: Option<f64>,
    /// Percentiles of single calls, in nanoseconds, where every call was timed alone and there were enough.
    pub latency: Option<Latency>,
}

/// What a receipt tells of the points that the gate asks for.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ReceiptFacts {
    /// Every hyperparameter under the task's names.
    pub hyperparameters: Parameters,
    /// The hash of the bundle that was loaded.
    pub bundle: Option<String>,
    /// The floating-point type.
    pub dtype: Option<String>,
    /// Rows of the training array.
    pub train_rows: Option<u64>,
    /// Its columns.
    pub features: Option<u64>,
    /// The device.
    pub device: Option<String>,
    /// Threads.
    pub threads: ThreadFacts,
    /// Work done.
    pub work: Parameters,
}

/// What a receipt tells of threads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ThreadFacts {
    /// The number that was allowed.
    pub allowed: Option<u64>,
    /// The size of the largest pool.
    pub pool: Option<u64>,
}

impl TrialFacts {
    /// Whether it worked.
    pub fn is_ok(&self) -> bool {
        self.status == Status::Ok
    }

    /// The time of one call in a phase, in nanoseconds.
    pub fn time_ns(&self, phase: &str) -> Option<f64> {
        self.phases.iter().find(|p| p.name == phase).map(|p| p.median_ns)
    }
}

/// Where a phase stands among others: in the order in which a trial goes through them.
pub fn phase_rank(name: &str) -> (u8, u64, &str) {
    let rows = name.split_once('@').map(|(_, rows)| rows.parse().unwrap_or(u64::MAX));
    match (name, rows) {
        ("start", _) => (0, 0, name),
        ("load", _) => (1, 0, name),
        ("fit_first" | "build", _) => (2, 0, name),
        ("fit" | "train_step", _) => (3, 0, name),
        ("epoch", _) => (3, 1, name),
        ("evaluate", _) => (3, 2, name),
        (TO_TARGET, _) => (3, 3, name),
        (_, Some(rows)) => (4, rows, name),
        (_, None) => (5, 0, name),
    }
}
