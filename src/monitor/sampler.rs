//! Watches what one trial costs, from its parent.
//!
//! Two things cause a reading: an event of the worker (a phase's begin or end, the receipt, the last event), in the thread that reads its
//! lines and before anything else is done with the line; and time, in a thread of its own that sleeps in between. Both run on the
//! runner's CPUs, and their own CPU time is recorded with the trial.
//!
//! Nothing is written to the worker's `/proc`: its high-water mark is never reset (`clear_refs`). A reset would lose a peak that comes
//! between the last look and the reset, and would change what the worker itself reports.

use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::energy::{self, EnergyMeter};
use super::gpu::Gpus;
use super::proc::{self, Reading};
use super::usage::{self, Mark, MarkKind, Resources};
use crate::worker::clock::thread_cpu_ns;
use crate::worker::handle::{Alarm, Observer};

/// A line longer than this is no mark: those that are hold a name and a few numbers, or a receipt.
const LONGEST_MARK: usize = 1 << 18;

/// What a run watches its trials with.
#[derive(Debug)]
pub struct Monitor {
    /// The time between two readings; nothing for readings at events alone.
    pub interval: Option<Duration>,
    /// Where every reading of each trial is kept; nothing to keep none.
    pub timeline: Option<PathBuf>,
    energy: Result<EnergyMeter, String>,
    gpus: OnceLock<Result<Gpus, String>>,
}

impl Monitor {
    /// Finds what there is to read with.
    pub fn open(interval: Option<Duration>, timeline: Option<PathBuf>) -> Self {
        let energy = EnergyMeter::open(energy::FOLDER.as_ref());
        Self { interval, timeline, energy, gpus: OnceLock::new() }
    }

    /// The accelerators, if a trial may use one. The library is loaded for the first such trial of a run.
    fn gpus(&self, device: &str) -> Result<&Gpus, String> {
        if device == "cpu" {
            return Err("the trial's device is the CPU".to_owned());
        }
        self.gpus.get_or_init(Gpus::open).as_ref().map_err(Clone::clone)
    }
}

/// One reading of a trial, as `--timeline` keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineReading {
    /// Since the worker was spawned, in nanoseconds.
    pub t_ns: u64,
    /// The phase in which it fell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// What was read.
    pub reading: Reading,
}

/// The watch over one trial.
#[derive(Debug)]
pub struct Sampler {
    shared: Arc<Shared>,
    /// Dropped to end the thread.
    running: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

#[derive(Debug)]
struct Shared {
    monitor: Arc<Monitor>,
    /// The device that the trial may use.
    device: String,
    /// The memory that the trial's processes may hold together.
    memory_bytes: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pid: u32,
    spawned_ns: u64,
    alarm: Option<Alarm>,
    energy: Option<EnergyMeter>,
    readings: Vec<Reading>,
    marks: Vec<Mark>,
    samples: u64,
    cpu_ns: u64,
    absent: std::collections::BTreeMap<String, String>,
}

impl Sampler {
    /// A watch over a trial that may use a device, and so much memory with all its processes together.
    pub fn new(monitor: &Arc<Monitor>, device: &str, memory_bytes: u64) -> Arc<Self> {
        let state = State { energy: monitor.energy.as_ref().ok().cloned(), ..State::default() };
        let monitor = Arc::clone(monitor);
        let shared = Shared { monitor, device: device.to_owned(), memory_bytes, state: Mutex::new(state) };
        Arc::new(Self { shared: Arc::new(shared), running: Mutex::new(None) })
    }

    /// Ends the watch, with a last reading if the worker has not said its last event. Must be called before the process is waited for:
    /// its id may be another's afterwards. Nothing where no process was started.
    pub fn finish(&self) -> Option<Resources> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((stop, thread)) = running {
            drop(stop);
            let _ = thread.join();
        }
        let began = thread_cpu_ns();
        let mut state = self.shared.lock();
        if state.pid == 0 {
            return None;
        }
        state.alarm = None;
        if !state.marks.iter().any(|mark| mark.kind == MarkKind::Last) {
            self.shared.read(&mut state, false);
        }
        state.cpu_ns += thread_cpu_ns() - began;
        let costs = usage::fold(state.spawned_ns, &state.readings, &state.marks);
        let absent = self.shared.absent(&state, &costs.total);
        Some(Resources { samples: state.samples, sampling_cpu_ns: state.cpu_ns, absent, ..costs })
    }

    /// Every reading, with the phase in which it fell.
    pub fn timeline(&self) -> Vec<TimelineReading> {
        let state = self.shared.lock();
        let mut phase = None;
        let mut marks = state.marks.iter().peekable();
        let mut timeline = Vec::with_capacity(state.readings.len());
        for (i, reading) in state.readings.iter().enumerate() {
            let mut of_reading = phase.clone();
            while let Some(mark) = marks.next_if(|mark| mark.reading == i) {
                match &mark.kind {
                    MarkKind::Begin(name) => {
                        phase = Some(name.clone());
                        of_reading.clone_from(&phase);
                    }
                    MarkKind::End(_) => phase = None,
                    MarkKind::Receipt | MarkKind::Last => {}
                }
            }
            let t_ns = reading.wall_ns.saturating_sub(state.spawned_ns);
            timeline.push(TimelineReading { t_ns, phase: of_reading, reading: reading.clone() });
        }
        timeline
    }
}

impl Observer for Sampler {
    fn spawned(&self, pid: u32, spawned_ns: u64, alarm: Alarm) {
        {
            let mut state = self.shared.lock();
            (state.pid, state.spawned_ns, state.alarm) = (pid, spawned_ns, Some(alarm));
        }
        let (stop, stopped) = mpsc::channel::<()>();
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name("sampler".to_owned()).spawn(move || {
            let mut spent = 0;
            loop {
                let mut state = shared.lock();
                if state.samples == 0 {
                    state.absent = proc::absent(pid);
                }
                if shared.read(&mut state, false) {
                    state.samples += 1;
                }
                // The thread's clock counts from its start.
                let now = thread_cpu_ns();
                state.cpu_ns += now - spent;
                spent = now;
                drop(state);
                let ended = match shared.monitor.interval {
                    Some(interval) => stopped.recv_timeout(interval) != Err(RecvTimeoutError::Timeout),
                    None => true,
                };
                if ended {
                    return;
                }
            }
        });
        if let Ok(thread) = thread {
            *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some((stop, thread));
        }
    }

    fn line(&self, line: &str) {
        let began = thread_cpu_ns();
        let mark = mark(line);
        let mut state = self.shared.lock();
        if let Some((kind, told_ns)) = mark {
            // Nothing is timed after the receipt, so that the worker may be looked at for longer.
            let untimed = matches!(kind, MarkKind::Receipt | MarkKind::Last);
            if self.shared.read(&mut state, untimed) {
                let reading = state.readings.len() - 1;
                state.marks.push(Mark { kind, told_ns, reading });
            }
        }
        state.cpu_ns += thread_cpu_ns() - began;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a reading; tells whether the worker was still there.
    fn read(&self, state: &mut State, pss: bool) -> bool {
        let Some((mut reading, processes)) = proc::read(state.pid, pss) else { return false };
        reading.counters.energy_uj = state.energy.as_mut().and_then(EnergyMeter::read);
        if let Ok(gpus) = self.monitor.gpus(&self.device) {
            reading.gpu = gpus.read(&processes);
        }
        if let Some(bytes) = held(&reading, state.pid, self.memory_bytes)
            && state.alarm.as_ref().is_some_and(|alarm| alarm.over_memory(bytes))
        {
            state.alarm = None;
        }
        state.readings.push(reading);
        true
    }

    /// Why figures are absent.
    fn absent(&self, state: &State, total: &usage::Usage) -> std::collections::BTreeMap<String, String> {
        let counters = &total.counters;
        let gone = || "the worker was gone before it could be read".to_owned();
        let missing = |group: &str| state.absent.get(group).or(state.absent.get("process")).cloned();
        let mut absent = std::collections::BTreeMap::new();
        let mut tell = |group: &str, is_absent: bool, why: Option<String>| {
            if is_absent {
                absent.insert(group.to_owned(), why.unwrap_or_else(gone));
            }
        };
        tell("process", total.mean_rss_bytes.is_none(), missing("process"));
        tell("counters", counters.minor_faults.is_none(), missing("counters"));
        tell("io", counters.read_bytes.is_none(), missing("io"));
        let unread = || "it is read after the last timed phase, which the worker did not reach".to_owned();
        tell("pss", total.peak_pss_bytes.is_none(), missing("pss").or_else(|| Some(unread())));
        tell("energy", counters.energy_uj.is_none(), self.monitor.energy.as_ref().err().cloned());
        let unseen = || "the worker's processes were on no device".to_owned();
        tell("gpu", total.gpu.is_none(), Some(self.monitor.gpus(&self.device).err().unwrap_or_else(unseen)));
        absent
    }
}

/// The memory that no file backs, where the processes hold more than they may together. Each process alone is limited by the kernel.
fn held(reading: &Reading, pid: u32, allowed_bytes: u64) -> Option<u64> {
    // Shared pages count twice here, and so do pages of files: the costly look follows only where even so much is too much.
    let upper = reading.rss_bytes.filter(|bytes| *bytes > allowed_bytes)?;
    let exact = match reading.unbacked_bytes {
        None => proc::read(pid, true).and_then(|(reading, _)| reading.unbacked_bytes),
        known => known,
    };
    Some(exact.unwrap_or(upper)).filter(|bytes| *bytes > allowed_bytes)
}

/// What a line of the protocol marks, and the worker's own clock in it.
fn mark(line: &str) -> Option<(MarkKind, Option<u64>)> {
    #[derive(Deserialize)]
    struct Line<'l> {
        event: std::borrow::Cow<'l, str>,
        phase: Option<String>,
        monotonic_ns: Option<u64>,
    }
    if line.len() > LONGEST_MARK {
        return None;
    }
    let line: Line<'_> = serde_json::from_str(line).ok()?;
    let kind = match (&*line.event, line.phase) {
        ("phase_begin", Some(phase)) => MarkKind::Begin(phase),
        ("phase_end", Some(phase)) => MarkKind::End(phase),
        ("receipt", _) => MarkKind::Receipt,
        ("done" | "failed" | "unsupported", _) => MarkKind::Last,
        _ => return None,
    };
    Some((kind, line.monotonic_ns))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
