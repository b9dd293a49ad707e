//! One trial on this machine: a fresh worker process, watched until it ends.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ExecutorError;
use super::event::{Status, Trial, TrialEvent};
use super::outcome::{Outcome, from_exit, from_failure};
use crate::monitor::sampler::{Monitor, Sampler};
use crate::monitor::usage::Resources;
use crate::store::journal::unix_ms;
use crate::store::timeline;
use crate::worker::clock::{Clock, SystemClock};
use crate::worker::handle::{Handle, Interrupt, Message, Start};
use crate::worker::protocol::{Event as WorkerEvent, PROTOCOL_VERSION, Request};

/// A worker's lines that come within this time count as one message.
const TOGETHER: Duration = Duration::from_millis(1);

/// How long a worker may linger after its last event.
const GRACE: Duration = Duration::from_secs(10);

/// Everything that one trial needs.
#[derive(Debug)]
pub struct Job {
    /// Its coordinates.
    pub trial: Trial,
    /// What the worker is asked.
    pub request: Request,
    /// How the worker is started.
    pub start: Start,
    /// The build that the worker must report.
    pub build: String,
    /// The longest time it may take.
    pub timeout: Duration,
}

/// Where events go first: synced into the journal, then to the listeners.
pub type Sink<'s> = dyn FnMut(Vec<TrialEvent>) -> Result<(), ExecutorError> + 's;

/// Runs one trial to its end, whatever that is. Gives the path of the outputs if it worked.
///
/// # Errors
/// The journal cannot be written. Everything that goes wrong with the worker is a status.
pub fn run(
    job: &Job,
    monitor: &Arc<Monitor>,
    interrupt: &Interrupt,
    sink: &mut Sink<'_>,
) -> Result<(Status, Option<PathBuf>), ExecutorError> {
    let id = &job.trial.id;
    sink(vec![TrialEvent::TrialStarted { trial: job.trial.clone(), unix_ms: unix_ms() }])?;
    let began = SystemClock.wall_ns();
    let sampler = Sampler::new(monitor, &job.request.device, job.start.memory_bytes);
    let mut watch = Watch { job, sampler, resources: None, outputs: None, ready: None, receipt: None };
    let outcome = watch.run(interrupt, sink)?;
    let ended = Reading::now();
    let wall_ns = ended.wall_ns - began;
    let ended = watch.receipt.unwrap_or(ended);
    let watched =
        watch.ready.map_or((0, 0), |ready| (ended.wall_ns - ready.wall_ns, ended.cpu_ns - ready.cpu_ns));
    let (watched_ns, runner_cpu_ns) = watched;
    if let Some(folder) = &monitor.timeline {
        timeline::keep(folder, id, &watch.sampler.timeline())?;
    }
    let resources =
        watch.resources.map(|resources| TrialEvent::TrialResources { trial: id.clone(), resources });
    let ended = TrialEvent::TrialEnded {
        trial: id.clone(),
        status: outcome.status,
        reason: outcome.reason,
        wall_ns,
        watched_ns,
        runner_cpu_ns,
    };
    sink(resources.into_iter().chain([ended]).collect())?;
    Ok((outcome.status, watch.outputs.filter(|_| outcome.status == Status::Ok)))
}

/// The state of one trial that is being watched.
struct Watch<'j> {
    job: &'j Job,
    sampler: Arc<Sampler>,
    /// What the trial cost, once it is over.
    resources: Option<Resources>,
    outputs: Option<PathBuf>,
    /// The runner's clocks when the worker was ready.
    ready: Option<Reading>,
    /// The runner's clocks when the receipt came, after the last timed phase.
    receipt: Option<Reading>,
}

/// The runner's own clocks.
#[derive(Debug, Clone, Copy)]
struct Reading {
    wall_ns: u64,
    cpu_ns: u64,
}

impl Reading {
    fn now() -> Self {
        Self { wall_ns: SystemClock.wall_ns(), cpu_ns: SystemClock.cpu_ns() }
    }
}

impl Watch<'_> {
    fn run(&mut self, interrupt: &Interrupt, sink: &mut Sink<'_>) -> Result<Outcome, ExecutorError> {
        let deadline = Instant::now() + self.job.timeout;
        let request = serde_json::to_string(&self.job.request).map_err(std::io::Error::from)?;
        let handle = match Handle::start(&self.job.start, &request, interrupt, self.sampler.clone()) {
            Ok(handle) => handle,
            Err(error) => {
                let program = self.job.start.program.display();
                return Ok(Outcome::new(Status::Failed, format!("cannot start {program}: {error}")));
            }
        };
        sink(vec![TrialEvent::WorkerSpawned {
            trial: self.job.trial.id.clone(),
            pid: handle.pid(),
            spawned_ns: handle.spawned_ns,
            cpus: handle.pinned.then(|| self.job.start.cpus.clone()),
        }])?;
        loop {
            // Lines that arrive together are journalled with one sync; waiting a moment for the rest costs less than one more.
            let mut messages = vec![handle.next(deadline)];
            std::thread::sleep(TOGETHER);
            while let Some(message) = handle.ready() {
                messages.push(message);
            }
            let (events, ended) = self.read(messages);
            if !events.is_empty() {
                sink(events)?;
            }
            if ended.is_some() {
                self.resources = self.sampler.finish();
            }
            match ended {
                None => {}
                Some(Ended::Reported(outcome)) => {
                    let status = handle.finish(Instant::now() + GRACE)?;
                    return Ok(if status.success() || outcome.status != Status::Ok {
                        outcome
                    } else {
                        from_exit(status, &self.job.start.log)
                    });
                }
                Some(Ended::Closed) => {
                    let status = handle.finish(deadline.min(Instant::now() + GRACE))?;
                    return Ok(from_exit(status, &self.job.start.log));
                }
                Some(Ended::Killed(outcome)) => {
                    handle.kill()?;
                    return Ok(outcome);
                }
            }
        }
    }

    /// The events in some messages, and how the trial ended if it did.
    fn read(&mut self, messages: Vec<Message>) -> (Vec<TrialEvent>, Option<Ended>) {
        let mut events = Vec::new();
        let mut closed = false;
        for message in messages {
            let line = match message {
                Message::Line(line) => line,
                Message::BadLine(problem) => {
                    return (events, Some(Ended::Killed(Outcome::protocol(&problem))));
                }
                Message::Closed => {
                    closed = true;
                    continue;
                }
                Message::TimedOut => {
                    let limit = humantime::format_duration(self.job.timeout);
                    let outcome = Outcome::new(Status::TimedOut, format!("not done after {limit}"));
                    return (events, Some(Ended::Killed(outcome)));
                }
                Message::OverMemory { bytes } => {
                    let shown = |bytes| bytesize::ByteSize::b(bytes).display().iec();
                    let reason = format!(
                        "the worker and its children held {} together, but may hold {}",
                        shown(bytes),
                        shown(self.job.start.memory_bytes)
                    );
                    return (events, Some(Ended::Killed(Outcome::new(Status::OutOfMemory, reason))));
                }
                Message::Interrupted => {
                    let outcome = Outcome::new(Status::Interrupted, "the run was interrupted".to_owned());
                    return (events, Some(Ended::Killed(outcome)));
                }
            };
            let event: WorkerEvent = match serde_json::from_str(&line) {
                Ok(event) => event,
                Err(error) => {
                    let shown: String = line.chars().take(200).collect();
                    let problem = format!("`{}` is no event: {error}", shown.trim_end());
                    return (events, Some(Ended::Killed(Outcome::protocol(&problem))));
                }
            };
            let verdict = self.take(&event);
            events.push(TrialEvent::Worker { trial: self.job.trial.id.clone(), message: event });
            if verdict.is_some() {
                return (events, verdict);
            }
        }
        (events, closed.then_some(Ended::Closed))
    }

    /// Takes note of one event.
    fn take(&mut self, event: &WorkerEvent) -> Option<Ended> {
        let protocol = |problem: &str| Some(Ended::Killed(Outcome::protocol(problem)));
        match event {
            WorkerEvent::Ready(_) if self.ready.is_some() => protocol("`ready` came twice"),
            WorkerEvent::Ready(ready) => {
                self.ready = Some(Reading::now());
                if ready.protocol != PROTOCOL_VERSION {
                    return protocol(&format!(
                        "the worker speaks protocol {}, not {PROTOCOL_VERSION}",
                        ready.protocol
                    ));
                }
                if ready.build != self.job.build {
                    return Some(Ended::Killed(Outcome::new(
                        Status::Failed,
                        format!(
                            "the worker's build is {}, but the run was planned with {}",
                            ready.build, self.job.build
                        ),
                    )));
                }
                None
            }
            WorkerEvent::Unsupported { reason } => {
                Some(Ended::Reported(Outcome::new(Status::Unsupported, reason.clone())))
            }
            WorkerEvent::Failed { kind, message, .. } => Some(Ended::Reported(from_failure(kind, message))),
            _ if self.ready.is_none() => protocol("an event came before `ready`"),
            WorkerEvent::Samples { phase, calls, wall_ns, cpu_ns } => {
                let count = calls.len();
                let fits =
                    count > 0 && wall_ns.len() == count && cpu_ns.len() == count && !calls.contains(&0);
                if fits { None } else { protocol(&format!("the samples of `{phase}` do not fit together")) }
            }
            WorkerEvent::Outputs { path, sha256 } => self.outputs(path.clone(), sha256),
            WorkerEvent::Done {} => Some(Ended::Reported(match &self.outputs {
                Some(_) => Outcome { status: Status::Ok, reason: None },
                None => Outcome::protocol("`done` came without `outputs`"),
            })),
            WorkerEvent::Receipt(_) => {
                self.receipt = Some(Reading::now());
                None
            }
            WorkerEvent::PhaseBegin { .. } | WorkerEvent::PhaseEnd { .. } | WorkerEvent::Progress { .. } => {
                None
            }
        }
    }

    fn outputs(&mut self, relative: PathBuf, sha256: &str) -> Option<Ended> {
        let failed = |reason| Some(Ended::Killed(Outcome::new(Status::Failed, reason)));
        if relative.components().any(|c| !matches!(c, std::path::Component::Normal(_))) {
            return failed(format!("the outputs' path {} leaves the trial's folder", relative.display()));
        }
        let path = self.job.request.output_dir.join(relative);
        match crate::files::sha256_file(&path) {
            Ok(found) if found == sha256 => {
                self.outputs = Some(path);
                None
            }
            Ok(found) => {
                failed(format!("the outputs have SHA-256 {found}, but the worker reported {sha256}"))
            }
            Err(error) => failed(format!("the outputs {} cannot be read: {error}", path.display())),
        }
    }
}

enum Ended {
    /// The worker said so itself.
    Reported(Outcome),
    /// The worker closed its end without a last event.
    Closed,
    /// It has to be killed.
    Killed(Outcome),
}
