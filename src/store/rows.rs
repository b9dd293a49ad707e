//! The rows that a run's Parquet holds. `results/README.md` documents every column.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::manifest::{CaseRecord, Manifest};
use super::resources::UsageRow;
use super::state::{BlockRecord, RunState, TrialRecord};
use crate::executor::event::Status;
use crate::task::Check;

/// One row of `trials.parquet`: one trial, or one implementation that was not asked (`status` `unsupported`, no `trial`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrialRow {
    /// The trial's id; null where an implementation was not asked.
    pub trial: Option<String>,
    /// The spec.
    pub spec: String,
    /// The run.
    pub run: String,
    /// The experiment.
    pub experiment: String,
    /// The task.
    pub task: String,
    /// The case.
    pub case: String,
    /// The data set.
    pub dataset: String,
    /// The algorithm.
    pub algorithm: String,
    /// Every hyperparameter, as JSON.
    pub hyperparameters: String,
    /// The implementation's settings, as JSON.
    pub settings: String,
    /// The implementation.
    pub implementation: String,
    /// The part before the slash.
    pub language: String,
    /// The bundle's hash; only foreign results may lack it.
    pub bundle: Option<String>,
    /// The fold that is tested on, from 0; null where one part is held out throughout.
    pub fold: Option<u32>,
    /// The block, from 1; 0 is the discarded warm-up trial.
    pub block: Option<u32>,
    /// 0, or how often the block was begun before.
    pub attempt: Option<u32>,
    /// The session.
    pub session: Option<u32>,
    /// The place in the block's order.
    pub position: Option<u32>,
    /// Whether the row counts in the comparison: the trial of a block that is complete.
    pub counted: bool,
    /// How the trial ended.
    pub status: String,
    /// Why, unless it worked.
    pub reason: Option<String>,
    /// The last lines of its log, if it neither worked nor was refused.
    pub log_tail: Option<String>,
    /// The traceback of a failure, where the language has one.
    pub traceback: Option<String>,
    /// The longest time it might take, in nanoseconds.
    pub timeout_ns: Option<u64>,
    /// The memory it might use, in bytes.
    pub memory_limit_bytes: Option<u64>,
    /// What limited its memory: `cgroup_v1`, `cgroup_v2`, `rlimit_data`, as JSON.
    pub memory_limited_by: Option<String>,
    /// The seed.
    pub seed: Option<u64>,
    /// When it began, in milliseconds since 1970.
    pub started_unix_ms: Option<u64>,
    /// Process start and imports, in nanoseconds.
    pub start_ns: Option<u64>,
    /// Loading the bundle, in nanoseconds.
    pub load_ns: Option<u64>,
    /// The whole trial as the runner saw it, in nanoseconds.
    pub wall_ns: Option<u64>,
    /// Wall time from the worker's `ready` to its receipt, in which it was timed, in nanoseconds.
    pub watched_ns: Option<u64>,
    /// CPU time of the runner in that time, in nanoseconds.
    pub runner_cpu_ns: Option<u64>,
    /// Resident set after the imports, in bytes.
    pub rss_ready_bytes: Option<u64>,
    /// Resident set after loading, in bytes.
    pub rss_load_bytes: Option<u64>,
    /// The largest resident set, in bytes.
    pub peak_rss_bytes: Option<u64>,
    /// The CPUs that the worker could run on, as JSON.
    pub cpu_set: Option<String>,
    /// Threads alive after the last timed phase.
    pub threads_alive: Option<u64>,
    /// Threads of the largest pool.
    pub threads_pool: Option<u64>,
    /// The worker's build.
    pub worker_build: Option<String>,
    /// Versions of its components, as JSON.
    pub versions: Option<String>,
    /// The receipt, as JSON.
    pub receipt: Option<String>,
    /// The SHA-256 of the raw outputs.
    pub outputs_sha256: Option<String>,
    /// Classification: rows of each class (outer) by the label they were given (inner), as JSON.
    pub confusion_matrix: Option<String>,
    /// What it cost, as the runner saw it.
    #[serde(flatten)]
    pub usage: UsageRow,
    /// Readings that time caused, beside those at the worker's events.
    pub resource_samples: Option<u64>,
    /// CPU time of the runner for all readings, in nanoseconds.
    pub sampling_cpu_ns: Option<u64>,
    /// Why figures of the cost are null, by their group, as JSON.
    pub resources_absent: Option<String>,
    /// The task's metrics; one column `metric_<name>` each.
    pub metrics: BTreeMap<String, f64>,
}

/// One row of `samples.parquet`: one timed repetition inside a phase of one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SampleRow {
    /// The trial.
    pub trial: String,
    /// The case.
    pub case: String,
    /// The implementation.
    pub implementation: String,
    /// The block.
    pub block: u32,
    /// Whether the trial counts in the comparison.
    pub counted: bool,
    /// The phase.
    pub phase: String,
    /// The sample's place in its phase, from 0.
    pub sample: u32,
    /// Calls that were timed together.
    pub calls: u64,
    /// Wall nanoseconds, all calls together.
    pub wall_ns: u64,
    /// CPU nanoseconds of all threads, all calls together; only foreign results may lack it.
    pub cpu_ns: Option<u64>,
}

/// One row of `parity.parquet`: one point of the parity contract for one pair of trials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ParityRow {
    /// The case.
    pub case: String,
    /// The block.
    pub block: u32,
    /// The attempt at the block.
    pub attempt: u32,
    /// The implementation that was compared.
    pub contender: String,
    /// The implementation that it was compared with.
    pub baseline: String,
    /// Where the point comes from: `contract` (the task's, on raw outputs), `condition` (the engine's, on receipts) or `quality` (a stochastic
    /// learner's, over all blocks up to this one).
    pub kind: String,
    /// The point.
    pub check: String,
    /// Whether the two agree on it.
    pub agrees: bool,
    /// The contender's value.
    pub contender_value: Option<String>,
    /// The baseline's value.
    pub baseline_value: Option<String>,
    /// The figure that was judged.
    pub figure: Option<f64>,
    /// The largest figure allowed.
    pub allowed: Option<f64>,
    /// The finding.
    pub finding: String,
}

/// One row of `blocks.parquet`: what else went on during one attempt at a block. `absent` says why figures are null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BlockRow {
    /// The case.
    pub case: String,
    /// The block.
    pub block: u32,
    /// The attempt at the block.
    pub attempt: u32,
    /// The session.
    pub session: u32,
    /// Whether the attempt completed its block.
    pub counted: bool,
    /// When it began, in milliseconds since 1970.
    pub began_unix_ms: u64,
    /// How long it took, in nanoseconds.
    pub wall_ns: u64,
    /// The number of the trial's CPUs; 0 where the system cannot restrict it.
    pub trial_cpus: u64,
    /// The share of the time of the trial's CPUs that the hypervisor gave to others.
    pub steal_share: Option<f64>,
    /// CPU time of others on the trial's CPUs over wall time.
    pub others_trial_cpus: Option<f64>,
    /// CPU time of others on all other CPUs over wall time.
    pub others_elsewhere_cpus: Option<f64>,
    /// How far the rounding to ticks can move CPU time on the trial's CPUs over wall time.
    pub rounding_cpus: Option<f64>,
    /// Processes that wanted to run, on average over the minute before the end.
    pub load: Option<f64>,
    /// The mean clock frequency of the trial's CPUs at the begin, in kHz.
    pub frequency_before_khz: Option<u64>,
    /// The same at the end.
    pub frequency_after_khz: Option<u64>,
    /// How often the trial's CPUs slowed down for heat.
    pub throttles: Option<u64>,
    /// Why figures are null, by their names, as JSON.
    pub absent: String,
}

/// Every row of noise, in the order in which the attempts ended.
pub fn blocks(state: &RunState) -> Vec<BlockRow> {
    let complete = state.complete();
    let row = |record: &BlockRecord| {
        let noise = &record.noise;
        BlockRow {
            case: record.case.clone(),
            block: record.block,
            attempt: record.attempt,
            session: record.session,
            counted: complete.get(&(record.case.as_str(), record.block)) == Some(&record.attempt),
            began_unix_ms: record.began_unix_ms,
            wall_ns: noise.wall_ns,
            trial_cpus: noise.trial_cpus,
            steal_share: noise.steal_share,
            others_trial_cpus: noise.others_trial_cpus,
            others_elsewhere_cpus: noise.others_elsewhere_cpus,
            rounding_cpus: noise.rounding_cpus,
            load: noise.load,
            frequency_before_khz: noise.frequency_before_khz,
            frequency_after_khz: noise.frequency_after_khz,
            throttles: noise.throttles,
            absent: serde_json::to_string(&noise.absent).unwrap_or_default(),
        }
    };
    state.noise.iter().map(row).collect()
}

/// Every trial's row: trials in the order in which they ran, then those that were not asked.
pub fn trials(manifest: &Manifest, state: &RunState) -> Vec<TrialRow> {
    let cases: BTreeMap<&str, &CaseRecord> = manifest.cases.iter().map(|c| (c.id.as_str(), c)).collect();
    let complete = state.complete();
    let ran = state.trials.iter().filter_map(|record| {
        let case = cases.get(record.trial.case.as_str())?;
        Some(trial_row(manifest, case, record, counts(record, &complete)))
    });
    let not_asked = manifest.cases.iter().flat_map(|case| {
        case.arms.iter().filter_map(move |arm| {
            let reason = arm.unsupported.clone()?;
            let mut row = empty_row(manifest, case, &arm.implementation);
            Status::Unsupported.word().clone_into(&mut row.status);
            row.reason = Some(reason);
            Some(row)
        })
    });
    ran.chain(not_asked).collect()
}

/// Every sample's row, made when it is asked for.
pub fn samples(state: &RunState) -> impl Iterator<Item = SampleRow> {
    let complete = state.complete();
    state.trials.iter().flat_map(move |record| {
        let counted = counts(record, &complete);
        record.phases.iter().flat_map(move |phase| {
            (0_u32..).zip(&phase.calls).zip(&phase.wall_ns).map(move |((sample, calls), wall_ns)| SampleRow {
                trial: record.trial.id.clone(),
                case: record.trial.case.clone(),
                implementation: record.trial.implementation.clone(),
                block: record.trial.block,
                counted,
                phase: phase.name.clone(),
                sample,
                calls: *calls,
                wall_ns: *wall_ns,
                cpu_ns: phase.cpu_ns.get(sample as usize).copied(),
            })
        })
    })
}

/// The rows of the tasks' contracts.
pub fn contract(state: &RunState) -> Vec<ParityRow> {
    let mut rows = Vec::new();
    for ((case, block, attempt), pairs) in &state.judged {
        for pair in pairs {
            let names = (pair.contender.as_str(), pair.baseline.as_str());
            for check in &pair.checks {
                rows.push(ParityRow::new("contract", (case, *block, *attempt), names, check));
            }
        }
    }
    rows
}

impl ParityRow {
    /// The row of a check of one pair in one attempt at one block of one case.
    pub fn new(kind: &str, block: (&str, u32, u32), names: (&str, &str), check: &Check) -> Self {
        Self {
            case: block.0.to_owned(),
            block: block.1,
            attempt: block.2,
            contender: names.0.to_owned(),
            baseline: names.1.to_owned(),
            kind: kind.to_owned(),
            check: check.name.clone(),
            agrees: check.agrees,
            contender_value: check.contender.clone(),
            baseline_value: check.baseline.clone(),
            figure: check.figure,
            allowed: check.allowed,
            finding: check.finding.clone(),
        }
    }
}

/// Whether a trial counts: it belongs to the attempt that completed its block.
pub fn counts(record: &TrialRecord, complete: &BTreeMap<(&str, u32), u32>) -> bool {
    let trial = &record.trial;
    complete.get(&(trial.case.as_str(), trial.block)) == Some(&trial.attempt)
}

fn trial_row(manifest: &Manifest, case: &CaseRecord, record: &TrialRecord, counted: bool) -> TrialRow {
    let load = record.phase("load");
    TrialRow {
        trial: Some(record.trial.id.clone()),
        bundle: case.bundle_of(record.trial.block).cloned(),
        fold: (!case.folds.is_empty())
            .then(|| u32::try_from(case.fold(record.trial.block)).unwrap_or(u32::MAX)),
        block: Some(record.trial.block),
        attempt: Some(record.trial.attempt),
        session: Some(record.trial.session),
        position: Some(record.trial.position),
        counted,
        status: record.status.unwrap_or(Status::Interrupted).word().to_owned(),
        reason: record.reason.clone(),
        log_tail: record.log_tail.clone(),
        traceback: record.traceback.clone(),
        timeout_ns: record.limits.as_ref().map(|l| l.timeout_ns),
        memory_limit_bytes: record.limits.as_ref().map(|l| l.memory_bytes),
        memory_limited_by: record.limits.as_ref().and_then(|l| serde_json::to_string(&l.memory_by).ok()),
        seed: Some(record.trial.seed),
        started_unix_ms: Some(record.started_unix_ms),
        start_ns: record.start_ns(),
        load_ns: load.and_then(|p| p.end_ns?.checked_sub(p.begin_ns)),
        wall_ns: record.wall_ns,
        watched_ns: record.watched_ns,
        runner_cpu_ns: record.runner_cpu_ns,
        rss_ready_bytes: record.ready.as_ref().and_then(|r| r.memory.rss_bytes),
        rss_load_bytes: load.and_then(|p| p.memory.rss_bytes),
        peak_rss_bytes: record.peak_rss_bytes(),
        cpu_set: record
            .ready
            .as_ref()
            .and_then(|r| r.cpu_set.as_ref())
            .and_then(|set| serde_json::to_string(set).ok()),
        threads_alive: record.receipt.as_ref().and_then(|r| r.threads.alive).map(|n| n as u64),
        threads_pool: record.receipt.as_ref().map(|r| r.threads.pool as u64),
        worker_build: record.ready.as_ref().map(|r| r.build.clone()),
        versions: record.ready.as_ref().and_then(|r| serde_json::to_string(&r.versions).ok()),
        receipt: record.receipt.as_ref().and_then(|r| serde_json::to_string(r).ok()),
        outputs_sha256: record.outputs_sha256.clone(),
        confusion_matrix: record
            .scores
            .as_ref()
            .filter(|s| !s.confusion.is_empty())
            .and_then(|s| serde_json::to_string(&s.confusion).ok()),
        usage: record.resources.as_ref().map(|r| (&r.total).into()).unwrap_or_default(),
        resource_samples: record.resources.as_ref().map(|r| r.samples),
        sampling_cpu_ns: record.resources.as_ref().map(|r| r.sampling_cpu_ns),
        resources_absent: record.resources.as_ref().and_then(|r| serde_json::to_string(&r.absent).ok()),
        metrics: record.scores.as_ref().map(|s| s.metrics.clone()).unwrap_or_default(),
        ..empty_row(manifest, case, &record.trial.implementation)
    }
}

/// The row of an implementation of a case, with everything that a trial fills left out.
pub fn empty_row(manifest: &Manifest, case: &CaseRecord, implementation: &str) -> TrialRow {
    let arm = case.arms.iter().find(|a| a.implementation == implementation);
    let text = |parameters| serde_json::to_string(parameters).unwrap_or_default();
    TrialRow {
        trial: None,
        spec: manifest.spec.clone(),
        run: manifest.run.clone(),
        experiment: case.experiment.clone(),
        task: case.task.clone(),
        case: case.id.clone(),
        dataset: case.dataset.clone(),
        algorithm: case.algorithm.clone(),
        hyperparameters: text(&case.hyperparameters),
        settings: arm.map(|a| text(&a.settings)).unwrap_or_default(),
        implementation: implementation.to_owned(),
        language: implementation.split('/').next().unwrap_or_default().to_owned(),
        bundle: case.bundle.clone(),
        fold: None,
        block: None,
        attempt: None,
        session: None,
        position: None,
        counted: false,
        status: String::new(),
        reason: None,
        log_tail: None,
        traceback: None,
        timeout_ns: None,
        memory_limit_bytes: None,
        memory_limited_by: None,
        seed: None,
        started_unix_ms: None,
        start_ns: None,
        load_ns: None,
        wall_ns: None,
        watched_ns: None,
        runner_cpu_ns: None,
        rss_ready_bytes: None,
        rss_load_bytes: None,
        peak_rss_bytes: None,
        cpu_set: None,
        threads_alive: None,
        threads_pool: None,
        worker_build: None,
        versions: None,
        receipt: None,
        outputs_sha256: None,
        confusion_matrix: None,
        usage: UsageRow::default(),
        resource_samples: None,
        sampling_cpu_ns: None,
        resources_absent: None,
        metrics: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::event::TrialEvent;
    use crate::monitor::noise::Noise;

    #[test]
    fn the_noise_of_a_split_block_and_of_its_replacement_are_told_apart() {
        let noise = |attempt, wall_ns| TrialEvent::BlockNoise {
            case: "c".to_owned(),
            block: 1,
            attempt,
            session: attempt,
            began_unix_ms: 5,
            noise: Noise {
                wall_ns,
                steal_share: Some(0.25),
                absent: [("load".to_owned(), "why".to_owned())].into(),
                ..Noise::default()
            },
        };
        let judged =
            |attempt| TrialEvent::BlockJudged { case: "c".to_owned(), block: 1, attempt, pairs: Vec::new() };
        let rows = blocks(&RunState::replay(&[noise(0, 7), noise(1, 9), judged(1)]));
        let seen: Vec<_> = rows.iter().map(|r| (r.attempt, r.session, r.wall_ns, r.counted)).collect();
        assert_eq!(seen, [(0, 0, 7, false), (1, 1, 9, true)]);
        assert_eq!((rows[0].steal_share, rows[0].load), (Some(0.25), None));
        assert_eq!(rows[0].absent, r#"{"load":"why"}"#);
    }
}
