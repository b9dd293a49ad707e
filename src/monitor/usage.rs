//! What a trial and its phases cost: figures between two readings.
//!
//! Counters are differences of two readings. Means are weighted by time (trapezoids), since readings come at marks as well as at
//! intervals. A peak is the largest reading, and exact where the process's own high-water mark rose in between.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::proc::Reading;

/// What only grows as long as a process lives, summed over a worker and its descendants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Counters {
    /// CPU time in nanoseconds.
    pub cpu_ns: Option<u64>,
    /// CPU time outside the kernel in nanoseconds, a multiple of the kernel's tick (10 ms).
    pub cpu_user_ns: Option<u64>,
    /// CPU time in the kernel in nanoseconds, a multiple of the kernel's tick (10 ms).
    pub cpu_system_ns: Option<u64>,
    /// Page faults that needed no disk.
    pub minor_faults: Option<u64>,
    /// Page faults that needed the disk.
    pub major_faults: Option<u64>,
    /// How often threads gave their CPU away, for example to wait. Threads that have ended are not counted.
    pub voluntary_switches: Option<u64>,
    /// How often threads were made to give their CPU away. Threads that have ended are not counted.
    pub involuntary_switches: Option<u64>,
    /// Bytes that calls such as read(2) gave, wherever they came from.
    pub read_bytes: Option<u64>,
    /// Bytes that calls such as write(2) took.
    pub written_bytes: Option<u64>,
    /// Bytes that were fetched from a disk.
    pub disk_read_bytes: Option<u64>,
    /// Bytes that are bound for a disk.
    pub disk_written_bytes: Option<u64>,
    /// Energy of the processor packages, of all that ran on them, in microjoules.
    pub energy_uj: Option<u64>,
}

impl Counters {
    /// Both together; nothing where one of them is unknown.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    /// What was added since an earlier reading. A counter that fell, because a process or thread ended, gives 0.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        self.zip(earlier, u64::saturating_sub)
    }

    fn zip(&self, other: &Self, of: fn(u64, u64) -> u64) -> Self {
        let both = |a: Option<u64>, b: Option<u64>| Some(of(a?, b?));
        Self {
            cpu_ns: both(self.cpu_ns, other.cpu_ns),
            cpu_user_ns: both(self.cpu_user_ns, other.cpu_user_ns),
            cpu_system_ns: both(self.cpu_system_ns, other.cpu_system_ns),
            minor_faults: both(self.minor_faults, other.minor_faults),
            major_faults: both(self.major_faults, other.major_faults),
            voluntary_switches: both(self.voluntary_switches, other.voluntary_switches),
            involuntary_switches: both(self.involuntary_switches, other.involuntary_switches),
            read_bytes: both(self.read_bytes, other.read_bytes),
            written_bytes: both(self.written_bytes, other.written_bytes),
            disk_read_bytes: both(self.disk_read_bytes, other.disk_read_bytes),
            disk_written_bytes: both(self.disk_written_bytes, other.disk_written_bytes),
            energy_uj: both(self.energy_uj, other.energy_uj),
        }
    }

    /// The counters of a process that was just made.
    fn zero() -> Self {
        let zero = Some(0);
        Self {
            cpu_ns: zero,
            cpu_user_ns: zero,
            cpu_system_ns: zero,
            minor_faults: zero,
            major_faults: zero,
            voluntary_switches: zero,
            involuntary_switches: zero,
            read_bytes: zero,
            written_bytes: zero,
            disk_read_bytes: zero,
            disk_written_bytes: zero,
            energy_uj: zero,
        }
    }
}

/// What a stretch of a trial cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// Wall time between the two readings that the figures rest on, in nanoseconds.
    pub wall_ns: u64,
    /// Readings in this stretch, both ends among them.
    pub readings: u64,
    /// What was added to the counters.
    pub counters: Counters,
    /// The resident sets of all processes together, on average over time, in bytes.
    pub mean_rss_bytes: Option<u64>,
    /// The largest resident set, in bytes: the worker's high-water mark where that rose here, or the largest reading where that is more,
    /// as with children.
    pub peak_rss_bytes: Option<u64>,
    /// Whether that is only the largest reading: the true peak may be higher, up to the trial's.
    pub peak_rss_sampled: bool,
    /// The largest of the proportional sets of all processes together that were read, in bytes.
    pub peak_pss_bytes: Option<u64>,
    /// The most threads that were seen at once.
    pub peak_threads: Option<u64>,
    /// The most processes that were seen at once.
    pub peak_processes: u64,
    /// The accelerators that the worker used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<super::gpu::GpuUsage>,
}

impl Usage {
    /// CPU time over wall time: 1 is one CPU in full.
    #[expect(clippy::cast_precision_loss, reason = "times of less than 100 days")]
    pub fn cpu_utilisation(&self) -> Option<f64> {
        (self.wall_ns > 0).then_some(self.counters.cpu_ns? as f64 / self.wall_ns as f64)
    }

    /// The cost of a stretch, from its readings in order. It is nothing where there are none. Counters are set against `before`.
    fn of(readings: &[Reading], before: (u64, &Counters), mark_before: Option<u64>) -> Self {
        let Some(last) = readings.last() else { return Self::default() };
        let largest = |of: fn(&Reading) -> Option<u64>| readings.iter().filter_map(of).max();
        let sampled = largest(|r| r.rss_bytes);
        let peak_processes = readings.iter().map(|r| r.processes).max().unwrap_or(0);
        // The kernel's high-water mark wavers by some pages, as its counts of each CPU's pages do: the largest reading is the one.
        // A mark that did not rise is older than this stretch. It is the worker's own: with children there may have been more.
        let risen =
            largest(|r| r.peak_rss_bytes).filter(|peak| mark_before.is_none_or(|before| *peak > before));
        Self {
            wall_ns: last.wall_ns.saturating_sub(before.0),
            readings: readings.len() as u64,
            counters: last.counters.since(before.1),
            mean_rss_bytes: mean(readings.iter().filter_map(|r| Some((r.wall_ns, r.rss_bytes?)))),
            peak_rss_bytes: risen.max(sampled),
            peak_rss_sampled: risen.is_none() || risen < sampled,
            peak_pss_bytes: largest(|r| r.pss_bytes),
            peak_threads: largest(|r| r.threads),
            peak_processes,
            gpu: super::gpu::usage(readings),
        }
    }
}

/// The mean over time of a figure that was read at some times, by trapezoids.
fn mean(readings: impl Iterator<Item = (u64, u64)> + Clone) -> Option<u64> {
    let (first, last) = (readings.clone().next()?, readings.clone().last()?);
    let span = u128::from(last.0 - first.0);
    if span == 0 {
        return Some(first.1);
    }
    let pairs = readings.clone().zip(readings.skip(1));
    let doubled: u128 = pairs.map(|(a, b)| u128::from(b.0 - a.0) * (u128::from(a.1) + u128::from(b.1))).sum();
    u64::try_from(doubled / (2 * span)).ok()
}

/// What one phase cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseUsage {
    /// Its name.
    pub phase: String,
    /// How long after the worker's own clock at the begin the parent had read, in nanoseconds. So much is missing of the phase.
    pub begin_lag_ns: u64,
    /// The same at the end. So much of what followed is in it; null where the phase did not end.
    pub end_lag_ns: Option<u64>,
    /// What it cost.
    pub usage: Usage,
}

/// What a trial cost, as its parent saw it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Resources {
    /// The whole trial, from the start of its process to the last reading.
    pub total: Usage,
    /// The worker's high-water mark at the last reading before its last phase ended, in bytes. What it tells of itself at that end lies
    /// between this and the total's: the parent looks a moment later, when the worker may already have gone on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_peak_rss_bytes: Option<u64>,
    /// Its phases, in order.
    pub phases: Vec<PhaseUsage>,
    /// Readings that an event of the worker caused, at once.
    pub marks: u64,
    /// Readings that time caused.
    pub samples: u64,
    /// CPU time of the runner for all of them, in nanoseconds.
    pub sampling_cpu_ns: u64,
    /// Why figures are absent, by their group.
    pub absent: BTreeMap<String, String>,
}

/// What an event of the worker marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarkKind {
    /// A phase's begin.
    Begin(String),
    /// A phase's end.
    End(String),
    /// The receipt: nothing is timed after it.
    Receipt,
    /// The worker's last event.
    Last,
}

/// An event of the worker, and the reading that it caused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// What it marks.
    pub kind: MarkKind,
    /// The worker's own clock, where the event has it.
    pub told_ns: Option<u64>,
    /// The reading's place.
    pub reading: usize,
}

/// The costs of a trial that was spawned at some time, and of its phases, from readings in order and marks in order.
pub fn fold(spawned_ns: u64, readings: &[Reading], marks: &[Mark]) -> Resources {
    let mut least_peak_rss_bytes = None;
    let mut total = Usage::of(readings, (spawned_ns, &Counters::zero()), None);
    let ends = |mark: &&Mark| matches!(mark.kind, MarkKind::End(_));
    // The peak is that of everything up to the last phase: writing the outputs is not part of it. A trial that did not come so far has
    // the peak of all that was seen.
    if marks.iter().any(|mark| mark.kind == MarkKind::Receipt)
        && let Some(last) = marks.iter().rfind(ends)
    {
        let timed = Usage::of(&readings[..=last.reading], (spawned_ns, &Counters::zero()), None);
        total.peak_rss_bytes = timed.peak_rss_bytes;
        total.peak_rss_sampled = timed.peak_rss_sampled;
        least_peak_rss_bytes = readings[..last.reading].last().and_then(|reading| reading.peak_rss_bytes);
    }
    let mut phases = Vec::new();
    for (i, mark) in marks.iter().enumerate() {
        let MarkKind::Begin(phase) = &mark.kind else { continue };
        let end = marks[i..].iter().find(|mark| mark.kind == MarkKind::End(phase.clone()));
        let last = end.map_or(readings.len(), |end| end.reading + 1);
        let (Some(begin), Some(stretch)) = (readings.get(mark.reading), readings.get(mark.reading..last))
        else {
            continue;
        };
        let lag = |mark: &Mark| Some(readings.get(mark.reading)?.wall_ns.saturating_sub(mark.told_ns?));
        phases.push(PhaseUsage {
            phase: phase.clone(),
            begin_lag_ns: lag(mark).unwrap_or(0),
            end_lag_ns: end.and_then(lag),
            usage: Usage::of(stretch, (begin.wall_ns, &begin.counters), begin.peak_rss_bytes.or(Some(0))),
        });
    }
    Resources { total, least_peak_rss_bytes, phases, marks: marks.len() as u64, ..Resources::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(wall_ns: u64, rss: u64, peak: u64, cpu: u64) -> Reading {
        Reading {
            wall_ns,
            processes: 1,
            threads: Some(2),
            rss_bytes: Some(rss),
            peak_rss_bytes: Some(peak),
            counters: Counters { cpu_ns: Some(cpu), ..Counters::default() },
            ..Reading::default()
        }
    }

    fn mark(kind: MarkKind, told_ns: u64, reading: usize) -> Mark {
        Mark { kind, told_ns: Some(told_ns), reading }
    }

    /// `early` rises to 900 and frees it, `late` stays at 200; then the outputs take 5000.
    fn trial() -> (Vec<Reading>, Vec<Mark>) {
        let readings = vec![
            reading(1_010, 50, 50, 5),
            reading(1_100, 100, 100, 50),
            reading(1_150, 700, 700, 90),
            reading(1_200, 100, 900, 140),
            reading(1_300, 100, 900, 150),
            reading(1_400, 200, 900, 180),
            reading(1_500, 100, 900, 250),
            reading(1_600, 5000, 5000, 300),
            reading(1_700, 5000, 6000, 350),
        ];
        let [begin, end] = [MarkKind::Begin, MarkKind::End];
        let marks = vec![
            mark(begin("early".to_owned()), 1_097, 1),
            mark(end("early".to_owned()), 1_198, 3),
            mark(begin("late".to_owned()), 1_300, 4),
            mark(end("late".to_owned()), 1_499, 6),
            mark(MarkKind::Receipt, 1_599, 7),
            mark(MarkKind::Last, 1_699, 8),
        ];
        (readings, marks)
    }

    #[test]
    fn each_phase_has_the_peak_that_is_its_own() {
        let (readings, marks) = trial();
        let Resources { total, phases, .. } = fold(1_000, &readings, &marks);
        let [early, late] = &phases[..] else { panic!("{phases:#?}") };
        assert_eq!((early.usage.peak_rss_bytes, early.usage.peak_rss_sampled), (Some(900), false));
        assert_eq!((late.usage.peak_rss_bytes, late.usage.peak_rss_sampled), (Some(200), true));
        // What the outputs took is no part of the trial's peak, but what an early phase took and freed is.
        assert_eq!((total.peak_rss_bytes, total.peak_rss_sampled), (Some(900), false));
        assert_eq!(fold(1_000, &readings, &marks).least_peak_rss_bytes, Some(900));
        assert_eq!((early.begin_lag_ns, early.end_lag_ns), (3, Some(2)));
        assert_eq!((late.usage.readings, late.usage.wall_ns), (3, 200));
        assert_eq!(late.usage.counters.cpu_ns, Some(100));
        assert_eq!(late.usage.cpu_utilisation(), Some(0.5));
        // Half the time from 100 to 200, half the time back.
        assert_eq!(late.usage.mean_rss_bytes, Some(150));
        assert_eq!((total.wall_ns, total.counters.cpu_ns), (700, Some(350)));
        assert_eq!(total.counters.minor_faults, None, "what no reading had is not zero");
    }

    #[test]
    fn a_trial_that_died_has_the_costs_of_all_that_was_seen() {
        let (readings, marks) = trial();
        let Resources { total, phases, .. } = fold(1_000, &readings[..6], &marks[..3]);
        assert_eq!(total.peak_rss_bytes, Some(900));
        assert_eq!(phases.len(), 2);
        assert_eq!(phases[1].end_lag_ns, None);
        assert_eq!(phases[1].usage.counters.cpu_ns, Some(30));
        // Writing outputs failed: the outputs' memory is none of a phase's.
        assert_eq!(fold(1_000, &readings, &marks[..5]).total.peak_rss_bytes, Some(900));
        assert_eq!(fold(1_000, &[], &[]), Resources::default());
    }

    #[test]
    fn with_children_the_readings_are_summed_and_sampled() {
        let (mut readings, marks) = trial();
        readings[5] =
            Reading { processes: 3, pss_bytes: Some(1500), rss_bytes: Some(2000), ..readings[5].clone() };
        let Resources { total, phases, .. } = fold(1_000, &readings, &marks);
        assert_eq!((total.peak_processes, total.peak_pss_bytes), (3, Some(1500)));
        assert_eq!((total.peak_rss_bytes, total.peak_rss_sampled), (Some(2000), true));
        assert_eq!(phases[0].usage.peak_processes, 1);
        assert_eq!(phases[1].usage.peak_rss_bytes, Some(2000));
    }

    #[test]
    fn a_counter_that_fell_gives_nothing_less_than_zero() {
        let counters = |switches| Counters { voluntary_switches: Some(switches), ..Counters::default() };
        assert_eq!(counters(5).since(&counters(9)).voluntary_switches, Some(0), "a thread ended");
        assert_eq!(counters(5).plus(&Counters::default()).voluntary_switches, None);
    }
}
