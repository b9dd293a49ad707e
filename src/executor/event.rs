//! What happens in a run: the only interface from running to storing, showing and replaying.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::monitor::noise::Noise;
use crate::monitor::usage::Resources;
use crate::plan::stopping::PilotSpread;
use crate::task::{Check, Scores};
use crate::worker::limits::Limits;
use crate::worker::protocol::Event as WorkerEvent;

/// One event of a run. The journal holds one a line, synced before anyone else hears of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum TrialEvent {
    /// A session begins: the first, or a continuation. Only trials of one session are paired.
    SessionStarted {
        /// Counts from 0.
        session: u32,
        /// Milliseconds since 1970.
        unix_ms: u64,
        /// The runner's process.
        pid: u32,
    },
    /// A worker is about to be started.
    TrialStarted {
        /// Which trial.
        trial: Trial,
        /// Milliseconds since 1970.
        unix_ms: u64,
    },
    /// The worker's process exists.
    WorkerSpawned {
        /// The trial's id.
        trial: String,
        /// The worker's process and group.
        pid: u32,
        /// The monotonic clock just before.
        spawned_ns: u64,
        /// The CPUs it was restricted to; none where the system refused.
        cpus: Option<Vec<usize>>,
        /// The other limits, and what enforces them.
        #[serde(default)]
        limits: Option<Limits>,
    },
    /// The worker said something.
    Worker {
        /// The trial's id.
        trial: String,
        /// What it said.
        message: WorkerEvent,
    },
    /// What the trial cost, as the runner saw it. Comes before its end.
    TrialResources {
        /// The trial's id.
        trial: String,
        /// What it cost.
        resources: Resources,
    },
    /// The trial is over.
    TrialEnded {
        /// The trial's id.
        trial: String,
        /// How.
        status: Status,
        /// Why, unless it worked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The last lines of its log, if it neither worked nor was refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        log_tail: Option<String>,
        /// Wall time from before the start to after the end of the process, in nanoseconds.
        wall_ns: u64,
        /// Wall time in which the worker was timed: from its `ready` to its receipt (or its end), as the runner saw it, in nanoseconds.
        watched_ns: u64,
        /// CPU time that the runner itself used in that time, in nanoseconds.
        runner_cpu_ns: u64,
    },
    /// The trial is not run at all: the implementation failed alike before, and is given up.
    TrialSkipped {
        /// Which trial.
        trial: Trial,
        /// The failures that it is given up for.
        reason: String,
        /// Milliseconds since 1970.
        unix_ms: u64,
    },
    /// The scorer read the trial's raw outputs.
    TrialScored {
        /// The trial's id.
        trial: String,
        /// What it found.
        scores: Scores,
    },
    /// The scorer refused the trial's raw outputs: it failed after all.
    TrialRejected {
        /// The trial's id.
        trial: String,
        /// What is wrong with them.
        reason: String,
    },
    /// A block is complete and its pairs were compared.
    BlockJudged {
        /// The case.
        case: String,
        /// The block, from 1.
        block: u32,
        /// The attempt at it.
        attempt: u32,
        /// The points of the task's contract, for each pair of implementations that both gave outputs.
        pairs: Vec<JudgedPair>,
    },
    /// An attempt at a block is over, complete or split by an interruption: what else went on meanwhile.
    BlockNoise {
        /// The case.
        case: String,
        /// The block, from 1.
        block: u32,
        /// The attempt at it.
        attempt: u32,
        /// The session.
        session: u32,
        /// When the attempt began, in milliseconds since 1970.
        began_unix_ms: u64,
        /// What went on.
        noise: Noise,
    },
    /// The pilot of a case is complete, and its number of blocks is fixed once and for all.
    BlocksFixed {
        /// The case.
        case: String,
        /// Its number of blocks in all, the pilot's included.
        blocks: u32,
        /// The number that the precision takes: more than `blocks` where the largest number cut it off.
        wanted: u32,
        /// The planned comparisons of the run, m: each had the level 1 − 0.05/m.
        comparisons: u32,
        /// What the pilot showed of each comparison that had a say.
        pilot: Vec<PilotSpread>,
    },
    /// Every block of every case is there.
    RunFinished {
        /// Milliseconds since 1970.
        unix_ms: u64,
    },
}

/// One pair of a block under the task's contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JudgedPair {
    /// The implementation that is compared.
    pub contender: String,
    /// The one that it is compared with.
    pub baseline: String,
    /// The points of the contract.
    pub checks: Vec<Check>,
}

/// The coordinates of one trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Its id.
    pub id: String,
    /// The case.
    pub case: String,
    /// The implementation.
    pub implementation: String,
    /// The block, from 1; 0 is the discarded trial that warms an implementation's environment.
    pub block: u32,
    /// 0, or how often this block was begun before and split by an interruption.
    pub attempt: u32,
    /// The session.
    pub session: u32,
    /// Its place in the block's order, from 0.
    pub position: u32,
    /// The seed that every trial of the block shares.
    pub seed: u64,
}

/// How a trial ended. Every way is a result and a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It worked, and its outputs were scored.
    Ok,
    /// The implementation cannot honour the request.
    Unsupported,
    /// The worker reported an error, broke the protocol, or gave outputs that cannot be scored.
    Failed,
    /// The worker's process died.
    Crashed,
    /// The time limit passed.
    TimedOut,
    /// The memory limit was reached.
    OutOfMemory,
    /// The run was interrupted.
    Interrupted,
    /// It was not run: the implementation failed alike before.
    Skipped,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::Unsupported,
        Self::Failed,
        Self::Crashed,
        Self::TimedOut,
        Self::OutOfMemory,
        Self::Interrupted,
        Self::Skipped,
    ];

    /// The status of that word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.word() == word)
    }

    /// Its word in results and reports.
    pub fn word(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Unsupported => "unsupported",
            Status::Failed => "failed",
            Status::Crashed => "crashed",
            Status::TimedOut => "timed_out",
            Status::OutOfMemory => "out_of_memory",
            Status::Interrupted => "interrupted",
            Status::Skipped => "skipped",
        }
    }
}
