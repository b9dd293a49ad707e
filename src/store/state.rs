//! The state of a run: a fold over its events. Resuming, showing, storing and comparing all start from it.

use std::collections::{BTreeMap, HashMap};

use crate::executor::event::{JudgedPair, Status, Trial, TrialEvent};
use crate::monitor::noise::Noise;
use crate::monitor::usage::Resources;
use crate::plan::stopping::Decision;
use crate::stats::latency::{Latency, latency};
use crate::task::{Scores, Series, TO_TARGET};
use crate::worker::limits::Limits;
use crate::worker::protocol::{Event as WorkerEvent, Memory, Ready, Receipt, samples_fit};

/// Everything that is known of a run.
#[derive(Debug, Clone, Default)]
pub struct RunState {
    /// The number of sessions so far.
    pub sessions: u32,
    /// The trials in the order in which they began.
    pub trials: Vec<TrialRecord>,
    /// The contract's points for every pair, by case, block and attempt.
    pub judged: BTreeMap<(String, u32, u32), Vec<JudgedPair>>,
    /// What else went on during each attempt at a block, in the order of their ends.
    pub noise: Vec<BlockRecord>,
    /// The number of blocks of each case whose pilot decided it, and what it rests on.
    pub fixed: BTreeMap<String, Decision>,
    /// Whether every block is there.
    pub finished: bool,
    by_id: HashMap<String, usize>,
    /// How often each block was begun.
    attempts: BTreeMap<(String, u32), u32>,
}

/// What went on during one attempt at a block.
#[derive(Debug, Clone)]
pub struct BlockRecord {
    /// The case.
    pub case: String,
    /// The block.
    pub block: u32,
    /// The attempt.
    pub attempt: u32,
    /// The session.
    pub session: u32,
    /// When it began, in milliseconds since 1970.
    pub began_unix_ms: u64,
    /// What went on.
    pub noise: Noise,
}

/// Everything that is known of one trial.
#[derive(Debug, Clone)]
pub struct TrialRecord {
    /// Its coordinates.
    pub trial: Trial,
    /// When it began, in milliseconds since 1970.
    pub started_unix_ms: u64,
    /// The worker's process.
    pub pid: Option<u32>,
    /// The monotonic clock before the worker was started.
    pub spawned_ns: Option<u64>,
    /// The CPUs that it was restricted to.
    pub cpus: Option<Vec<usize>>,
    /// Its other limits.
    pub limits: Option<Limits>,
    /// What the worker said of itself.
    pub ready: Option<Ready>,
    /// The phases in their order.
    pub phases: Vec<PhaseRecord>,
    /// What was really used.
    pub receipt: Option<Receipt>,
    /// The SHA-256 of the raw outputs.
    pub outputs_sha256: Option<String>,
    /// The traceback of a failure.
    pub traceback: Option<String>,
    /// How it ended; nothing while it runs, or if the runner died.
    pub status: Option<Status>,
    /// Why, unless it worked.
    pub reason: Option<String>,
    /// The last lines of its log, unless it worked.
    pub log_tail: Option<String>,
    /// Wall time of the whole trial.
    pub wall_ns: Option<u64>,
    /// Wall time from the worker's `ready` to its receipt.
    pub watched_ns: Option<u64>,
    /// CPU time of the runner in that time.
    pub runner_cpu_ns: Option<u64>,
    /// What it cost, as the runner saw it.
    pub resources: Option<Resources>,
    /// What the scorer found.
    pub scores: Option<Scores>,
}

/// One phase of one trial, or one of the series of samples of a phase, which has neither clocks nor memory of its own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PhaseRecord {
    /// Its name.
    pub name: String,
    /// The monotonic clock at its begin.
    pub begin_ns: u64,
    /// The monotonic clock at its end.
    pub end_ns: Option<u64>,
    /// The worker's memory at its end.
    pub memory: Memory,
    /// Calls of each sample.
    pub calls: Vec<u64>,
    /// Wall nanoseconds of each sample.
    pub wall_ns: Vec<u64>,
    /// CPU nanoseconds of each sample.
    pub cpu_ns: Vec<u64>,
}

impl TrialRecord {
    fn new(trial: Trial, started_unix_ms: u64) -> Self {
        Self {
            trial,
            started_unix_ms,
            pid: None,
            spawned_ns: None,
            cpus: None,
            limits: None,
            ready: None,
            phases: Vec::new(),
            receipt: None,
            outputs_sha256: None,
            traceback: None,
            status: None,
            reason: None,
            log_tail: None,
            wall_ns: None,
            watched_ns: None,
            runner_cpu_ns: None,
            resources: None,
            scores: None,
        }
    }

    /// The wall times of its samples by their series.
    pub fn series(&self) -> Series<'_> {
        self.phases.iter().map(|p| (p.name.as_str(), p.wall_ns.as_slice())).collect()
    }

    /// The phase of that name.
    pub fn phase(&self, name: &str) -> Option<&PhaseRecord> {
        self.phases.iter().find(|p| p.name == name)
    }

    /// From the start of the process to the end of its imports.
    pub fn start_ns(&self) -> Option<u64> {
        Some(self.ready.as_ref()?.monotonic_ns.saturating_sub(self.spawned_ns?))
    }

    /// The most memory of the trial up to its last phase. Of one process it is the kernel's high-water mark of the resident set: as the
    /// worker read it at the end of that phase, held between what the runner read before and after. With children it is the largest of the
    /// proportional sets of all processes together that the runner read, unless the worker alone had more.
    pub fn peak_rss_bytes(&self) -> Option<u64> {
        let told = self.phases.iter().filter_map(|p| p.memory.peak_rss_bytes).max();
        let Some(resources) = &self.resources else { return told };
        let total = &resources.total;
        if total.peak_processes > 1 {
            return told.max(total.peak_pss_bytes.or(total.peak_rss_bytes));
        }
        match (told, resources.least_peak_rss_bytes, total.peak_rss_bytes) {
            (Some(told), Some(least), Some(most)) => Some(told.clamp(least, most.max(least))),
            (told, _, seen) => seen.or(told),
        }
    }

    /// Whether it ended by itself, well or badly.
    pub fn is_over(&self) -> bool {
        self.status.is_some_and(|s| s != Status::Interrupted)
    }

    /// Lets go of what no later decision rests on: the tables take it from the journal.
    fn slim(&mut self) {
        (self.receipt, self.resources, self.traceback, self.log_tail) = (None, None, None, None);
        if let Some(ready) = &mut self.ready {
            ready.versions.clear();
            ready.cpu_set = None;
        }
    }

    /// The scorer found this. Where the target was reached, the epochs up to then are a phase: their times are the worker's samples.
    fn scored(&mut self, scores: &Scores) {
        let epochs = scores.epochs_to_target.and_then(|n| usize::try_from(n).ok());
        let sum = |times: &[u64], epochs| {
            Some(times.get(..epochs)?.iter().fold(0, |sum: u64, ns| sum.saturating_add(*ns)))
        };
        let times = epochs
            .zip(self.phase("epoch"))
            .and_then(|(epochs, of)| Some((sum(&of.wall_ns, epochs)?, sum(&of.cpu_ns, epochs)?)));
        if let Some((wall_ns, cpu_ns)) = times {
            self.phases.push(PhaseRecord {
                name: TO_TARGET.to_owned(),
                calls: vec![1],
                wall_ns: vec![wall_ns],
                cpu_ns: vec![cpu_ns],
                ..PhaseRecord::default()
            });
        }
        self.scores = Some(scores.clone());
    }

    fn said(&mut self, message: &WorkerEvent) {
        match message {
            WorkerEvent::Ready(ready) => self.ready = Some(ready.clone()),
            WorkerEvent::PhaseBegin { phase, monotonic_ns } => self.phases.push(PhaseRecord {
                name: phase.clone(),
                begin_ns: *monotonic_ns,
                ..PhaseRecord::default()
            }),
            WorkerEvent::PhaseEnd { phase, monotonic_ns, memory } => {
                if let Some(record) = self.phases.iter_mut().rfind(|p| p.name == *phase) {
                    record.end_ns = Some(*monotonic_ns);
                    record.memory = *memory;
                }
            }
            // What does not fit together failed its trial, and is in the journal all the same.
            WorkerEvent::Samples { calls, wall_ns, cpu_ns, .. } if !samples_fit(calls, wall_ns, cpu_ns) => {}
            WorkerEvent::Samples { phase, calls, wall_ns, cpu_ns } => {
                let place = self.phases.iter().rposition(|p| p.name == *phase).unwrap_or_else(|| {
                    self.phases.push(PhaseRecord { name: phase.clone(), ..PhaseRecord::default() });
                    self.phases.len() - 1
                });
                let record = &mut self.phases[place];
                record.calls.clone_from(calls);
                record.wall_ns.clone_from(wall_ns);
                record.cpu_ns.clone_from(cpu_ns);
            }
            WorkerEvent::Receipt(receipt) => self.receipt = Some(receipt.clone()),
            WorkerEvent::Outputs { sha256, .. } => self.outputs_sha256 = Some(sha256.clone()),
            WorkerEvent::Failed { traceback, .. } => self.traceback.clone_from(traceback),
            WorkerEvent::Progress { .. } | WorkerEvent::Unsupported { .. } | WorkerEvent::Done {} => {}
        }
    }
}

impl PhaseRecord {
    /// The median over the samples of the wall time of one call, in nanoseconds.
    #[expect(clippy::cast_precision_loss, reason = "times of less than 100 days")]
    pub fn median_ns(&self) -> Option<f64> {
        let per_call: Vec<f64> =
            self.wall_ns.iter().zip(&self.calls).map(|(wall, calls)| *wall as f64 / *calls as f64).collect();
        crate::stats::describe::median(&per_call).ok()
    }

    /// The percentiles of its calls, in nanoseconds; nothing where calls were timed together.
    #[expect(clippy::cast_precision_loss, reason = "times of less than 100 days")]
    pub fn latency(&self) -> Option<Latency> {
        let alone = self.calls.iter().all(|calls| *calls == 1);
        let calls: Vec<f64> = self.wall_ns.iter().map(|ns| *ns as f64).collect();
        latency(&calls).ok().filter(|_| alone)
    }
}

impl RunState {
    /// The state after some events.
    pub fn replay(events: &[TrialEvent]) -> Self {
        let mut state = Self::default();
        for event in events {
            state.apply(event);
        }
        state
    }

    /// Takes one more event into account.
    pub fn apply(&mut self, event: &TrialEvent) {
        match event {
            TrialEvent::SessionStarted { session, .. } => self.sessions = session.saturating_add(1),
            TrialEvent::TrialStarted { trial, unix_ms } => self.begin(trial, *unix_ms),
            TrialEvent::TrialSkipped { trial, reason, unix_ms } => {
                self.begin(trial, *unix_ms);
                if let Some(record) = self.record(&trial.id) {
                    record.status = Some(Status::Skipped);
                    record.reason = Some(reason.clone());
                }
            }
            TrialEvent::WorkerSpawned { trial, pid, spawned_ns, cpus, limits } => {
                if let Some(record) = self.record(trial) {
                    record.pid = Some(*pid);
                    record.spawned_ns = Some(*spawned_ns);
                    record.cpus.clone_from(cpus);
                    record.limits.clone_from(limits);
                }
            }
            TrialEvent::Worker { trial, message } => {
                if let Some(record) = self.record(trial) {
                    record.said(message);
                }
            }
            TrialEvent::TrialResources { trial, resources } => {
                if let Some(record) = self.record(trial) {
                    record.resources = Some(resources.clone());
                }
            }
            TrialEvent::TrialEnded {
                trial,
                status,
                reason,
                log_tail,
                wall_ns,
                watched_ns,
                runner_cpu_ns,
            } => {
                if let Some(record) = self.record(trial) {
                    record.status = Some(*status);
                    record.reason.clone_from(reason);
                    record.log_tail.clone_from(log_tail);
                    record.wall_ns = Some(*wall_ns);
                    record.watched_ns = Some(*watched_ns);
                    record.runner_cpu_ns = Some(*runner_cpu_ns);
                }
            }
            TrialEvent::TrialScored { trial, scores } => {
                if let Some(record) = self.record(trial) {
                    record.scored(scores);
                }
            }
            TrialEvent::TrialRejected { trial, reason } => {
                if let Some(record) = self.record(trial) {
                    record.status = Some(Status::Failed);
                    record.reason = Some(reason.clone());
                }
            }
            TrialEvent::BlockJudged { case, block, attempt, pairs } => {
                self.judged.insert((case.clone(), *block, *attempt), pairs.clone());
            }
            TrialEvent::BlockNoise { case, block, attempt, session, began_unix_ms, noise } => {
                self.noise.push(BlockRecord {
                    case: case.clone(),
                    block: *block,
                    attempt: *attempt,
                    session: *session,
                    began_unix_ms: *began_unix_ms,
                    noise: noise.clone(),
                });
            }
            TrialEvent::BlocksFixed { case, blocks, wanted, comparisons, pilot } => {
                // A number is fixed once: whatever a journal says later comes too late.
                self.fixed.entry(case.clone()).or_insert_with(|| Decision {
                    blocks: *blocks,
                    wanted: *wanted,
                    comparisons: *comparisons,
                    pilot: pilot.clone(),
                });
            }
            TrialEvent::RunFinished { .. } => self.finished = true,
        }
    }

    /// Takes one more event into account as a runner does: without what no later decision rests on, so that a night of trials does not
    /// fill its memory.
    pub fn follow(&mut self, event: &TrialEvent) {
        self.apply(event);
        match event {
            TrialEvent::TrialEnded { trial, .. } => {
                if let Some(record) = self.record(trial) {
                    record.slim();
                }
            }
            TrialEvent::BlockJudged { case, block, attempt, .. } => {
                self.judged.insert((case.clone(), *block, *attempt), Vec::new());
            }
            TrialEvent::BlockNoise { .. } => self.noise.clear(),
            _ => {}
        }
    }

    fn begin(&mut self, trial: &Trial, unix_ms: u64) {
        self.by_id.insert(trial.id.clone(), self.trials.len());
        let attempts = self.attempts.entry((trial.case.clone(), trial.block)).or_default();
        *attempts = (*attempts).max(trial.attempt.saturating_add(1));
        self.trials.push(TrialRecord::new(trial.clone(), unix_ms));
    }

    fn record(&mut self, id: &str) -> Option<&mut TrialRecord> {
        self.by_id.get(id).map(|i| &mut self.trials[*i])
    }

    /// The trial of that id.
    pub fn trial(&self, id: &str) -> Option<&TrialRecord> {
        self.by_id.get(id).map(|i| &self.trials[*i])
    }

    /// Trials of complete blocks.
    pub fn counted_trials(&self) -> u64 {
        let complete = self.complete();
        self.trials.iter().filter(|t| super::rows::counts(t, &complete)).count() as u64
    }

    /// How often a block was begun: the number of its next attempt.
    pub fn attempts(&self, case: &str, block: u32) -> u32 {
        self.attempts.get(&(case.to_owned(), block)).copied().unwrap_or(0)
    }

    /// Trials that began and never ended: the runner died.
    pub fn abandoned(&self) -> impl Iterator<Item = &TrialRecord> {
        self.trials.iter().filter(|t| t.status.is_none())
    }

    /// Complete blocks: the last attempt at each block that was judged.
    pub fn complete(&self) -> BTreeMap<(&str, u32), u32> {
        self.judged.keys().map(|(case, block, attempt)| ((case.as_str(), *block), *attempt)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::usage::Usage;

    fn record() -> TrialRecord {
        let trial = Trial {
            id: "t".to_owned(),
            case: "c".to_owned(),
            implementation: "i".to_owned(),
            block: 1,
            attempt: 0,
            session: 0,
            position: 0,
            seed: 0,
        };
        TrialRecord::new(trial, 0)
    }

    /// The peak of a trial whose worker told some figure, and whose parent read some.
    fn peak(told: Option<u64>, least: Option<u64>, seen: Usage) -> Option<u64> {
        let mut record = record();
        let memory = Memory { rss_bytes: None, peak_rss_bytes: told };
        record.phases.push(PhaseRecord { memory, ..PhaseRecord::default() });
        record.resources =
            Some(Resources { total: seen, least_peak_rss_bytes: least, ..Resources::default() });
        record.peak_rss_bytes()
    }

    #[test]
    fn the_epochs_up_to_the_target_are_a_phase() {
        let of = |epochs_to_target, samples: usize| {
            let mut record = record();
            let times = [30, 20, 10][..samples].to_vec();
            let (wall_ns, cpu_ns, calls) = (times.clone(), times, vec![1; samples]);
            record.phases.push(PhaseRecord {
                name: "epoch".to_owned(),
                wall_ns,
                cpu_ns,
                calls,
                ..PhaseRecord::default()
            });
            record.scored(&Scores { epochs_to_target, ..Scores::default() });
            record.phase(TO_TARGET).map(|p| (p.wall_ns.clone(), p.cpu_ns.clone(), p.calls.clone()))
        };
        assert_eq!(of(Some(2), 3), Some((vec![50], vec![50], vec![1])));
        assert_eq!(of(None, 3), None, "it was not reached");
        assert_eq!(of(Some(2), 1), None, "a damaged journal");
    }

    #[test]
    fn a_peak_is_what_the_worker_told_as_far_as_its_parent_saw_it() {
        let alone = |peak| Usage { peak_rss_bytes: peak, peak_processes: 1, ..Usage::default() };
        assert_eq!(peak(Some(105), Some(100), alone(Some(110))), Some(105));
        assert_eq!(peak(Some(5), Some(100), alone(Some(110))), Some(100), "it cannot make itself small");
        assert_eq!(peak(Some(999), Some(100), alone(Some(110))), Some(110), "nor large");
        assert_eq!(
            peak(Some(105), None, alone(Some(300))),
            Some(300),
            "a trial that did not come to its end"
        );
        assert_eq!(peak(None, None, alone(Some(300))), Some(300));
        assert_eq!(peak(Some(105), None, Usage::default()), Some(105), "a system without /proc");
        assert_eq!(peak(None, None, Usage::default()), None);
        let family = Usage { peak_pss_bytes: Some(500), peak_processes: 3, ..alone(Some(900)) };
        assert_eq!(peak(Some(105), Some(100), family.clone()), Some(500));
        assert_eq!(
            peak(Some(600), Some(100), family),
            Some(600),
            "a sampled sum can miss what one process had"
        );
    }
}
