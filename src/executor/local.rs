//! One trial on this machine: a fresh worker process, watched until it ends.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ExecutorError;
use super::conversation::Conversation;
use super::event::{Status, Trial, TrialEvent};
use super::judge::Handed;
use super::outcome::{Outcome, from_exit, from_failure, log_tail, out_of_memory};
use crate::files::sha256_reader;
use crate::guard::file::{LARGEST_OUTPUTS, open_below};
use crate::monitor::sampler::{Monitor, Sampler};
use crate::monitor::usage::Resources;
use crate::store::journal::unix_ms;
use crate::store::timeline;
use crate::task::parameter::Parameters;
use crate::worker::clock::{Clock, SystemClock};
use crate::worker::handle::{End, Handle, Message, Start};
use crate::worker::interrupt::Interrupt;
use crate::worker::limits::Limits;
use crate::worker::protocol::{Event as WorkerEvent, KERNELS, Receipt, Request};

/// A worker's lines that come within this time count as one message.
const TOGETHER: Duration = Duration::from_millis(1);

/// So many more lines at most.
const TOGETHER_AT_MOST: usize = 1000;

/// How long a worker may linger after its last event.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// Everything that one trial needs.
#[derive(Debug)]
pub struct Job {
    /// Its coordinates.
    pub trial: Trial,
    /// What the worker is asked.
    pub request: Request,
    /// What the receipt must say of the draws.
    pub drawn: Option<Drawn>,
    /// How the worker is started.
    pub start: Start,
    /// The build that the worker must report.
    pub build: String,
    /// The longest time it may take.
    pub timeout: Duration,
}

/// What a block drew, as a receipt must tell it.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// The file of its tensors and the file's SHA-256, where there are any.
    pub file: Option<(PathBuf, String)>,
    /// The work that follows from them, or from the bundle.
    pub work: Parameters,
}

impl Drawn {
    /// What a receipt tells otherwise.
    fn contradiction(&self, receipt: &Receipt) -> Option<String> {
        if receipt.draws.as_ref() != self.file.as_ref().map(|(_, sha256)| sha256) {
            return Some("the worker read other draws than the block's".to_owned());
        }
        let mut work = self.work.iter();
        let (name, _) = work.find(|(name, value)| receipt.work.get(*name) != Some(value))?;
        Some(format!("the worker's {name} are not the ones that it was given"))
    }
}

/// Where events go first: synced into the journal, then to the listeners.
pub type Sink<'s> = dyn FnMut(Vec<TrialEvent>) -> Result<(), ExecutorError> + 's;

/// So many lines of its log are kept with a trial that did not work.
const LOG_LINES: usize = 20;

/// How a trial ended.
#[derive(Debug)]
pub struct Ended {
    /// How and why.
    pub outcome: Outcome,
    /// Whether its worker was ever ready: one that was not has measured nothing.
    pub was_ready: bool,
    /// What it handed in, if it worked.
    pub handed: Option<Handed>,
}

impl Ended {
    /// Whether the worker died or failed before it was ready, though it had time and memory: a fault of its environment.
    pub fn environment_failed(&self) -> bool {
        !self.was_ready && matches!(self.outcome.status, Status::Failed | Status::Crashed)
    }
}

/// Runs one trial to its end, whatever that is.
///
/// # Errors
/// The journal cannot be written. Everything that goes wrong with the worker is a status.
pub fn run(
    job: &Job,
    monitor: &Arc<Monitor>,
    interrupt: &Interrupt,
    sink: &mut Sink<'_>,
) -> Result<Ended, ExecutorError> {
    let id = &job.trial.id;
    sink(vec![TrialEvent::TrialStarted { trial: job.trial.clone(), unix_ms: unix_ms() }])?;
    let began = SystemClock.wall_ns();
    let talk = Conversation::new(&job.request.phases);
    let sampler = Sampler::new(monitor, &job.request.device, job.start.memory_bytes);
    let mut watch = Watch {
        job,
        talk,
        sampler,
        resources: None,
        outputs: None,
        kernels: None,
        ready: None,
        receipt: None,
    };
    let outcome = watch.run(interrupt, sink)?;
    // The reason has its end by now.
    let _ = crate::guard::log::shorten(&job.start.log);
    let ended = Reading::now();
    let wall_ns = ended.wall_ns - began;
    let ended = watch.receipt.unwrap_or(ended);
    let watched =
        watch.ready.map_or((0, 0), |ready| (ended.wall_ns - ready.wall_ns, ended.cpu_ns - ready.cpu_ns));
    let (watched_ns, runner_cpu_ns) = watched;
    if let Some(folder) = &monitor.timeline {
        timeline::keep(folder, id, &watch.sampler.timeline())?;
    }
    let resources = watch.resources.take();
    let resources = resources.map(|resources| TrialEvent::TrialResources { trial: id.clone(), resources });
    let ended = TrialEvent::TrialEnded {
        trial: id.clone(),
        status: outcome.status,
        reason: outcome.reason.clone(),
        log_tail: watch.log_tail(&outcome),
        wall_ns,
        watched_ns,
        runner_cpu_ns,
    };
    sink(resources.into_iter().chain([ended]).collect())?;
    let outputs = watch.outputs.filter(|_| outcome.status == Status::Ok);
    let handed = outputs.map(|(relative, _)| Handed {
        outputs: job.request.output_dir.join(relative),
        kernels: watch.kernels,
    });
    Ok(Ended { outcome, was_ready: watch.talk.is_ready(), handed })
}

/// The state of one trial that is being watched.
struct Watch<'j> {
    job: &'j Job,
    talk: Conversation<'j>,
    sampler: Arc<Sampler>,
    /// What the trial cost, once it is over.
    resources: Option<Resources>,
    /// The file of the outputs, below the trial's folder, and its hash as the worker told it.
    outputs: Option<(PathBuf, String)>,
    /// The kernels that it computed with, as its receipt names them.
    kernels: Option<String>,
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
    /// The end of the log of a trial that neither worked nor was refused.
    fn log_tail(&self, outcome: &Outcome) -> Option<String> {
        let wanted = !matches!(outcome.status, Status::Ok | Status::Unsupported);
        let lines = if wanted { log_tail(&self.job.start.log, LOG_LINES) } else { Vec::new() };
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    fn run(&mut self, interrupt: &Interrupt, sink: &mut Sink<'_>) -> Result<Outcome, ExecutorError> {
        let deadline = Instant::now() + self.job.timeout;
        let request = serde_json::to_string(&self.job.request).map_err(std::io::Error::from)?;
        let handle = match Handle::start(&self.job.start, request, interrupt, self.sampler.clone()) {
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
            limits: Some(Limits {
                timeout_ns: u64::try_from(self.job.timeout.as_nanos()).unwrap_or(u64::MAX),
                memory_bytes: self.job.start.memory_bytes,
                memory_by: handle.memory_by.clone(),
            }),
        }])?;
        loop {
            // Lines that arrive together are journalled with one sync; waiting a moment for the rest costs less than one more.
            let mut messages = vec![handle.next(deadline)];
            std::thread::sleep(TOGETHER);
            // No more than fit together: one that talks without end would never be heard out.
            messages.extend(std::iter::from_fn(|| handle.ready()).take(TOGETHER_AT_MOST));
            let (events, ended) = self.read(messages);
            if !events.is_empty() {
                sink(events)?;
            }
            if ended.is_some() {
                // Before the process is waited for: its id may be another's afterwards.
                self.resources = self.sampler.finish();
            }
            let (end, outcome) = match ended {
                None => continue,
                Some(Last::Reported(outcome)) => (handle.finish(Instant::now() + GRACE)?, Some(outcome)),
                Some(Last::Closed) => (handle.finish(Instant::now() + GRACE)?, None),
                Some(Last::Killed(outcome)) => (handle.kill()?, Some(outcome)),
            };
            return Ok(self.judge(end, outcome));
        }
    }

    /// How a trial ended whose worker is gone.
    fn judge(&self, end: End, outcome: Option<Outcome>) -> Outcome {
        let memory_bytes = self.job.start.memory_bytes;
        match outcome {
            // The kernel's word comes first: a worker whose child was killed may not know.
            Some(_) if end.memory_kill => {
                out_of_memory("the kernel killed a process of the trial", memory_bytes)
            }
            Some(Outcome { status: Status::Ok, .. }) if !end.status.success() => {
                from_exit(end, &self.job.start.log, memory_bytes)
            }
            Some(Outcome { status: Status::Ok, .. }) => self.verify().unwrap_or(Outcome::OK),
            Some(outcome) => outcome,
            None => from_exit(end, &self.job.start.log, memory_bytes),
        }
    }

    /// The events in some messages, and how the trial ended if it did.
    fn read(&mut self, messages: Vec<Message>) -> (Vec<TrialEvent>, Option<Last>) {
        let mut events = Vec::new();
        let mut closed = false;
        for message in messages {
            let line = match message {
                Message::Line(line) => line,
                Message::BadLine(problem) => {
                    return (events, Some(Last::Killed(Outcome::protocol(&problem))));
                }
                Message::Closed => {
                    closed = true;
                    continue;
                }
                Message::TimedOut => {
                    let outcome = Outcome::timed_out(self.job.timeout);
                    return (events, Some(Last::Killed(outcome)));
                }
                Message::OverMemory { bytes } => {
                    let shown = |bytes| bytesize::ByteSize::b(bytes).display().iec();
                    let reason = format!(
                        "the worker and its children held {} together, but may hold {}",
                        shown(bytes),
                        shown(self.job.start.memory_bytes)
                    );
                    return (events, Some(Last::Killed(Outcome::new(Status::OutOfMemory, reason))));
                }
                Message::Interrupted => {
                    let outcome = Outcome::new(Status::Interrupted, "the run was interrupted".to_owned());
                    return (events, Some(Last::Killed(outcome)));
                }
            };
            let event: WorkerEvent = match serde_json::from_str(&line) {
                Ok(event) => event,
                Err(error) => {
                    let shown: String = line.chars().take(200).collect();
                    let problem = format!("`{}` is no event: {error}", shown.trim_end());
                    return (events, Some(Last::Killed(Outcome::protocol(&problem))));
                }
            };
            // An event that breaks the protocol is no part of the run: readers of the journal rely on what the others promise.
            if let Err(problem) = self.talk.take(&event) {
                return (events, Some(Last::Killed(Outcome::protocol(&problem))));
            }
            let verdict = self.take(&event);
            events.push(TrialEvent::Worker { trial: self.job.trial.id.clone(), message: event });
            if verdict.is_some() {
                return (events, verdict);
            }
        }
        (events, closed.then_some(Last::Closed))
    }

    /// Takes note of one event.
    fn take(&mut self, event: &WorkerEvent) -> Option<Last> {
        match event {
            WorkerEvent::Ready(ready) if ready.build != self.job.build => {
                let (found, planned) = (&ready.build, &self.job.build);
                let reason = format!("the worker's build is {found}, but the run was planned with {planned}");
                Some(Last::Killed(Outcome::new(Status::Failed, reason)))
            }
            WorkerEvent::Ready(ready) if ready.implementation != self.job.request.implementation => {
                let (found, asked) = (&ready.implementation, &self.job.request.implementation);
                let reason = format!("the worker is {found}, but {asked} was asked");
                Some(Last::Killed(Outcome::new(Status::Failed, reason)))
            }
            WorkerEvent::Ready(_) => {
                self.ready = Some(Reading::now());
                None
            }
            WorkerEvent::Unsupported { reason } => {
                Some(Last::Reported(Outcome::new(Status::Unsupported, reason.clone())))
            }
            WorkerEvent::Failed { kind, message, .. } => {
                Some(Last::Reported(from_failure(kind, message, self.job.start.memory_bytes)))
            }
            WorkerEvent::Outputs { path, sha256 } => {
                self.outputs = Some((path.clone(), sha256.clone()));
                None
            }
            WorkerEvent::Done {} => Some(Last::Reported(Outcome::OK)),
            WorkerEvent::Receipt(receipt) => {
                self.receipt = Some(Reading::now());
                self.kernels = receipt.build.get(KERNELS).cloned();
                let contradiction = self.job.drawn.as_ref().and_then(|drawn| drawn.contradiction(receipt));
                contradiction.map(|reason| Last::Killed(Outcome::new(Status::Failed, reason)))
            }
            WorkerEvent::Samples { .. }
            | WorkerEvent::PhaseBegin { .. }
            | WorkerEvent::PhaseEnd { .. }
            | WorkerEvent::Progress { .. } => None,
        }
    }

    /// What is wrong with the outputs. They are read once the worker and all that it started are dead: whoever is alive could change them
    /// after they were verified.
    fn verify(&self) -> Option<Outcome> {
        let failed = |reason| Some(Outcome::new(Status::Failed, reason));
        let (relative, told) = self.outputs.as_ref()?;
        if relative.components().any(|c| !matches!(c, std::path::Component::Normal(_))) {
            return failed(format!("the outputs' path {} leaves the trial's folder", relative.display()));
        }
        // A link would lead out of the folder, and a pipe would never end.
        match open_below(&self.job.request.output_dir, relative, LARGEST_OUTPUTS).and_then(sha256_reader) {
            Ok(found) if found == *told => None,
            Ok(found) => failed(format!("the outputs have SHA-256 {found}, but the worker reported {told}")),
            Err(error) => failed(format!("the outputs {} cannot be read: {error}", relative.display())),
        }
    }
}

enum Last {
    /// The worker said so itself.
    Reported(Outcome),
    /// The worker closed its end without a last event.
    Closed,
    /// It has to be killed.
    Killed(Outcome),
}
