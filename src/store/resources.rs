//! What trials cost, as columns: those of `trials.parquet` and `phases.parquet`, and the timeline of `resources.parquet`.

use std::path::Path;

use polars::prelude::{Column, DataFrame, PolarsResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::parquet::column;
use super::rows::counts;
use super::state::{PhaseRecord, RunState};
use super::{StoreError, timeline};
use crate::monitor::sampler::TimelineReading;
use crate::monitor::usage::{Counters, Usage};

/// What a trial or a phase cost. Null is what could not be read, with the reason in the trial's `resources_absent`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct UsageRow {
    /// What was added to the counters.
    #[serde(flatten)]
    pub counters: Counters,
    /// CPU time over wall time: 1 is one CPU in full.
    pub cpu_utilisation: Option<f64>,
    /// The resident sets of all processes together, on average over time, in bytes.
    pub mean_rss_bytes: Option<u64>,
    /// The largest of their proportional sets together that were read, in bytes.
    pub peak_pss_bytes: Option<u64>,
    /// The most threads that were seen at once.
    pub peak_threads: Option<u64>,
    /// The most processes that were seen at once.
    pub peak_processes: Option<u64>,
    /// The most device memory of the trial's processes, in bytes.
    pub gpu_peak_memory_bytes: Option<u64>,
    /// The devices' utilisation, in percent.
    pub gpu_mean_utilisation_percent: Option<f64>,
    /// The devices' power, in watts.
    pub gpu_mean_power_w: Option<f64>,
    /// The devices' highest temperature, in degrees Celsius.
    pub gpu_peak_temperature_c: Option<u32>,
    /// The devices' energy, in millijoules.
    pub gpu_energy_mj: Option<u64>,
}

impl From<&Usage> for UsageRow {
    fn from(usage: &Usage) -> Self {
        let gpu = usage.gpu.as_ref();
        Self {
            counters: usage.counters,
            cpu_utilisation: usage.cpu_utilisation(),
            mean_rss_bytes: usage.mean_rss_bytes,
            peak_pss_bytes: usage.peak_pss_bytes,
            peak_threads: usage.peak_threads,
            peak_processes: Some(usage.peak_processes).filter(|n| *n > 0),
            gpu_peak_memory_bytes: gpu.map(|gpu| gpu.peak_memory_bytes),
            gpu_mean_utilisation_percent: gpu.and_then(|gpu| gpu.mean_utilisation_percent),
            gpu_mean_power_w: gpu.and_then(|gpu| gpu.mean_power_w),
            gpu_peak_temperature_c: gpu.and_then(|gpu| gpu.peak_temperature_c),
            gpu_energy_mj: gpu.and_then(|gpu| gpu.energy_mj),
        }
    }
}

/// The columns of the counters of some rows.
fn counter_columns<'r, R>(rows: &'r [R], of: impl Fn(&'r R) -> &'r Counters) -> Vec<Column> {
    vec![
        column("cpu_ns", rows, |r| of(r).cpu_ns),
        column("cpu_user_ns", rows, |r| of(r).cpu_user_ns),
        column("cpu_system_ns", rows, |r| of(r).cpu_system_ns),
        column("minor_faults", rows, |r| of(r).minor_faults),
        column("major_faults", rows, |r| of(r).major_faults),
        column("voluntary_switches", rows, |r| of(r).voluntary_switches),
        column("involuntary_switches", rows, |r| of(r).involuntary_switches),
        column("read_bytes", rows, |r| of(r).read_bytes),
        column("written_bytes", rows, |r| of(r).written_bytes),
        column("disk_read_bytes", rows, |r| of(r).disk_read_bytes),
        column("disk_written_bytes", rows, |r| of(r).disk_written_bytes),
        column("energy_uj", rows, |r| of(r).energy_uj),
    ]
}

/// The columns of the costs of some rows.
pub fn usage_columns<'r, R>(rows: &'r [R], of: impl Fn(&'r R) -> &'r UsageRow) -> Vec<Column> {
    let mut columns = counter_columns(rows, |r| &of(r).counters);
    columns.extend([
        column("cpu_utilisation", rows, |r| of(r).cpu_utilisation),
        column("mean_rss_bytes", rows, |r| of(r).mean_rss_bytes),
        column("peak_pss_bytes", rows, |r| of(r).peak_pss_bytes),
        column("peak_threads", rows, |r| of(r).peak_threads),
        column("peak_processes", rows, |r| of(r).peak_processes),
        column("gpu_peak_memory_bytes", rows, |r| of(r).gpu_peak_memory_bytes),
        column("gpu_mean_utilisation_percent", rows, |r| of(r).gpu_mean_utilisation_percent),
        column("gpu_mean_power_w", rows, |r| of(r).gpu_mean_power_w),
        column("gpu_peak_temperature_c", rows, |r| of(r).gpu_peak_temperature_c),
        column("gpu_energy_mj", rows, |r| of(r).gpu_energy_mj),
    ]);
    columns
}

/// One row of `phases.parquet`: one phase of one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseRow {
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
    /// Its begin by the worker's clock, in nanoseconds since the worker was spawned.
    pub begin_ns: Option<u64>,
    /// Its end by the worker's clock, in nanoseconds since the worker was spawned; null where it did not end.
    pub end_ns: Option<u64>,
    /// How much later than its begin the figures begin, in nanoseconds.
    pub begin_lag_ns: u64,
    /// How much later than its end the figures end, in nanoseconds; null where it did not end.
    pub end_lag_ns: Option<u64>,
    /// The time between the two readings that the figures rest on, in nanoseconds.
    pub read_wall_ns: u64,
    /// Readings in it, both ends among them.
    pub readings: u64,
    /// The largest resident set, in bytes.
    pub peak_rss_bytes: Option<u64>,
    /// Whether that is only the largest reading, and not the kernel's high-water mark.
    pub peak_rss_sampled: bool,
    /// The median time of a call, in nanoseconds; null where there are no samples, or calls were timed together.
    pub p50_ns: Option<f64>,
    /// The 95th percentile; null also of fewer than 20 calls.
    pub p95_ns: Option<f64>,
    /// The 99th percentile; null also of fewer than 100 calls.
    pub p99_ns: Option<f64>,
    /// What it cost.
    #[serde(flatten)]
    pub usage: UsageRow,
}

/// The rows of the phases of every trial.
pub fn phases(state: &RunState) -> Vec<PhaseRow> {
    let complete = state.complete();
    let mut rows = Vec::new();
    for record in &state.trials {
        let since_spawn = |ns: u64| Some(ns.saturating_sub(record.spawned_ns?));
        let counted = counts(record, &complete);
        for phase in record.resources.iter().flat_map(|resources| &resources.phases) {
            let told = record.phase(&phase.phase);
            let latency = told.and_then(PhaseRecord::latency);
            rows.push(PhaseRow {
                trial: record.trial.id.clone(),
                case: record.trial.case.clone(),
                implementation: record.trial.implementation.clone(),
                block: record.trial.block,
                counted,
                phase: phase.phase.clone(),
                begin_ns: told.and_then(|told| since_spawn(told.begin_ns)),
                end_ns: told.and_then(|told| since_spawn(told.end_ns?)),
                begin_lag_ns: phase.begin_lag_ns,
                end_lag_ns: phase.end_lag_ns,
                read_wall_ns: phase.usage.wall_ns,
                readings: phase.usage.readings,
                peak_rss_bytes: phase.usage.peak_rss_bytes,
                peak_rss_sampled: phase.usage.peak_rss_sampled,
                p50_ns: latency.map(|l| l.p50),
                p95_ns: latency.and_then(|l| l.p95),
                p99_ns: latency.and_then(|l| l.p99),
                usage: (&phase.usage).into(),
            });
        }
    }
    rows
}

/// The columns of `phases.parquet`.
pub fn phase_columns(rows: &[PhaseRow]) -> Vec<Column> {
    let mut columns = vec![
        column("trial", rows, |r| &r.trial),
        column("case", rows, |r| &r.case),
        column("implementation", rows, |r| &r.implementation),
        column("block", rows, |r| r.block),
        column("counted", rows, |r| r.counted),
        column("phase", rows, |r| &r.phase),
        column("begin_ns", rows, |r| r.begin_ns),
        column("end_ns", rows, |r| r.end_ns),
        column("begin_lag_ns", rows, |r| r.begin_lag_ns),
        column("end_lag_ns", rows, |r| r.end_lag_ns),
        column("read_wall_ns", rows, |r| r.read_wall_ns),
        column("readings", rows, |r| r.readings),
        column("peak_rss_bytes", rows, |r| r.peak_rss_bytes),
        column("peak_rss_sampled", rows, |r| r.peak_rss_sampled),
        column("p50_ns", rows, |r| r.p50_ns),
        column("p95_ns", rows, |r| r.p95_ns),
        column("p99_ns", rows, |r| r.p99_ns),
    ];
    columns.extend(usage_columns(rows, |r| &r.usage));
    columns
}

/// The frames of `resources.parquet`: one for each trial whose timeline was kept. None where there is no timeline.
pub fn timeline_frames(folder: &Path, state: &RunState) -> Result<Vec<PolarsResult<DataFrame>>, StoreError> {
    let folder = folder.join(timeline::FOLDER);
    let mut frames = Vec::new();
    for record in state.trials.iter().filter(|_| folder.is_dir()) {
        let readings = timeline::read(&folder, &record.trial.id)?;
        if !readings.is_empty() {
            frames.push(DataFrame::new_infer_height(timeline_columns(&record.trial.id, &readings)));
        }
    }
    Ok(frames)
}

fn timeline_columns(trial: &String, rows: &[TimelineReading]) -> Vec<Column> {
    let gpu = |r: &TimelineReading, of: fn(&crate::monitor::gpu::DeviceReading) -> Option<u64>| {
        r.reading.gpu.iter().filter_map(of).reduce(|a, b| a + b)
    };
    let mut columns = vec![
        column("trial", rows, |_| trial),
        column("t_ns", rows, |r| r.t_ns),
        column("phase", rows, |r| &r.phase),
        column("processes", rows, |r| r.reading.processes),
        column("threads", rows, |r| r.reading.threads),
        column("rss_bytes", rows, |r| r.reading.rss_bytes),
        column("peak_rss_bytes", rows, |r| r.reading.peak_rss_bytes),
        column("pss_bytes", rows, |r| r.reading.pss_bytes),
        column("gpu_memory_bytes", rows, |r| gpu(r, |d| d.memory_bytes)),
        column("gpu_power_mw", rows, |r| gpu(r, |d| d.power_mw.map(u64::from))),
        column("gpu_energy_mj", rows, |r| gpu(r, |d| d.energy_mj)),
    ];
    columns.extend(counter_columns(rows, |r| &r.reading.counters));
    columns
}
