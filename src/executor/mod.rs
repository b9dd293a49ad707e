//! How a plan is executed: rounds of shuffled blocks, each trial in a fresh process, every event journalled first.

pub mod breaker;
pub mod conversation;
pub mod event;
pub mod judge;
pub mod launch;
pub mod local;
pub mod outcome;
mod pilot;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use crate::data::bundle::{Bundle, TEST_FEATURES, Tensor};
use crate::files::sha256;
use crate::monitor::noise::Watch;
use crate::monitor::sampler::Monitor;
use crate::monitor::system::System;
use crate::plan::{Arm, Case, Plan, order, seed, trial_id};
use crate::store::StoreError;
use crate::store::journal::unix_ms;
use crate::store::manifest::CaseRecord;
use crate::store::run_folder::RunFolder;
use crate::store::state::TrialRecord;
use crate::task::TaskError;
use crate::worker::cgroup;
use crate::worker::interrupt::Interrupt;
use crate::worker::process;
use crate::worker::protocol::{PROTOCOL_VERSION, Request};
use breaker::{Asked, Breaker};
use event::{Status, Trial, TrialEvent};
use judge::Handed;
use launch::Launcher;
use local::{Drawn, Ended, Job};
use outcome::Outcome;

/// Why a run ended early. Whatever a worker does is a result, never one of these.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// The journal or a result could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A block's draws could not be made.
    #[error("the draws of the case {case} could not be made")]
    Draws {
        /// The case.
        case: String,
        /// Why.
        source: TaskError,
    },
    /// The system refused something that every trial needs.
    #[error("the trial could not be set up")]
    Io(#[from] io::Error),
}

impl ExecutorError {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Io(error) => crate::store::hint(error),
            Self::Draws { .. } => None,
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// Every block is there.
    Finished,
    /// The user asked to stop; the same command continues.
    Interrupted,
}

/// The pause before the first repetition of a block; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How long processes that a trial left behind may take to die.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the trials of an attempt at a block ended.
enum Trials<'c> {
    /// Each has its row; these are the outputs of those that worked, by implementation.
    Complete(BTreeMap<&'c str, Handed>),
    /// The user asked to stop.
    Interrupted,
    /// A worker ended before it was ready.
    EnvironmentFailed,
}

/// A plan on its way through this machine.
#[derive(Debug)]
pub struct Execution<'e> {
    /// The plan, with the numbers of blocks that the run's manifest holds.
    pub plan: &'e Plan,
    /// The run's folder.
    pub folder: &'e mut RunFolder,
    /// The bundles, by case: one, or one for each fold.
    pub bundles: HashMap<&'e str, Vec<&'e Bundle>>,
    /// How each implementation's workers are started.
    pub launchers: &'e BTreeMap<String, Launcher>,
    /// What trials are watched with.
    pub monitor: Arc<Monitor>,
    /// The CPUs of a trial.
    pub cpus: Vec<usize>,
    /// Where trials get control groups; none where the system has no writable ones.
    pub cgroup: Option<cgroup::Parent>,
    /// A request to stop.
    pub interrupt: &'e Interrupt,
    /// Listeners hear every event after it is in the journal. They can neither fail nor delay a trial.
    pub listeners: Vec<Sender<TrialEvent>>,
    /// Whether raw outputs stay after their block is judged.
    pub keep_outputs: bool,
}

impl Execution<'_> {
    /// Runs what is not there yet.
    ///
    /// # Errors
    /// The journal cannot be written, or the system refuses to set up a trial.
    pub fn run(mut self) -> Result<RunEnd, ExecutorError> {
        let session = self.folder.state.sessions;
        self.bury_abandoned()?;
        // What a worker leaves behind becomes the runner's, who ends it.
        process::adopt_orphans();
        self.emit(vec![TrialEvent::SessionStarted { session, unix_ms: unix_ms(), pid: std::process::id() }])?;
        let mut breaker = Breaker::new(self.plan.spec.protocol.give_up_after, self.asked());
        self.warm_environments(session, &mut breaker)?;
        let spec_seed = self.plan.spec.protocol.seed;
        let mut round = 1;
        while self.plan.cases.iter().any(|case| self.is_open(case, round)) {
            for index in order::round(spec_seed, round, self.plan.cases.len()) {
                let case = &self.plan.cases[index];
                if self.interrupt.is_requested() {
                    return Ok(RunEnd::Interrupted);
                }
                if self.is_open(case, round) && !self.is_complete(case, round) {
                    self.block(case, round, session, &mut breaker)?;
                }
            }
            if self.interrupt.is_requested() {
                return Ok(RunEnd::Interrupted);
            }
            if round == self.plan.blocks.min {
                self.fix_blocks()?;
            }
            round += 1;
        }
        self.emit(vec![TrialEvent::RunFinished { unix_ms: unix_ms() }])?;
        Ok(RunEnd::Finished)
    }

    /// Journals some events, then tells the listeners.
    fn emit(&mut self, events: Vec<TrialEvent>) -> Result<(), ExecutorError> {
        self.folder.journal.append(&events)?;
        for event in events {
            log(&event);
            self.folder.state.follow(&event);
            self.listeners.retain(|listener| listener.send(event.clone()).is_ok());
        }
        Ok(())
    }

    /// Whether a case has a block in this round. One whose pilot is not over has those of the pilot.
    fn is_open(&self, case: &Case, round: u32) -> bool {
        let fixed = self.folder.state.fixed.get(&case.id);
        round <= fixed.map_or(self.plan.blocks.min, |decision| decision.blocks)
            && case.runnable().next().is_some()
    }

    /// Fixes the number of blocks of every case from its pilot, unless an earlier session did.
    fn fix_blocks(&mut self) -> Result<(), ExecutorError> {
        let RunFolder { manifest, state, .. } = &*self.folder;
        let events = pilot::decisions(self.plan, manifest, state, &self.bundles);
        if events.is_empty() { Ok(()) } else { self.emit(events) }
    }

    fn is_complete(&self, case: &Case, block: u32) -> bool {
        let first = (case.id.clone(), block, 0);
        let last = (case.id.clone(), block, u32::MAX);
        self.folder.state.judged.range(first..=last).next().is_some()
    }

    /// Ends the trials that a killed runner left behind, and whatever still runs of them.
    fn bury_abandoned(&mut self) -> Result<(), ExecutorError> {
        process::working_in(&self.folder.path.join("work")).into_iter().for_each(process::kill);
        let abandoned = self.folder.state.abandoned().map(|record| TrialEvent::TrialEnded {
            trial: record.trial.id.clone(),
            status: Status::Interrupted,
            reason: Some("the runner died".to_owned()),
            log_tail: None,
            wall_ns: 0,
            watched_ns: 0,
            runner_cpu_ns: 0,
        });
        let events: Vec<TrialEvent> = abandoned.collect();
        if events.is_empty() { Ok(()) } else { self.emit(events) }
    }

    /// What every case asks of every implementation.
    fn asked(&self) -> impl Iterator<Item = Asked<'_>> {
        self.plan.cases.iter().flat_map(|case| case.runnable().map(|arm| self.asked_of(case, arm)))
    }

    fn asked_of<'a>(&'a self, case: &'a Case, arm: &'a Arm) -> Asked<'a> {
        let algorithm = &self.plan.def(case).algorithm;
        Asked { case: &case.id, algorithm, implementation: &arm.implementation }
    }

    /// The case as the manifest holds it.
    fn record(&self, case: &Case) -> &CaseRecord {
        let records = &self.folder.manifest.cases;
        records.iter().find(|record| record.id == case.id).expect("the manifest was made from the plan")
    }

    /// The bundle that a block of a case works on.
    fn bundle(&self, case: &Case, block: u32) -> &Bundle {
        self.bundles[case.id.as_str()][self.record(case).fold(block)]
    }

    fn work_folder(&self, trial: &str) -> PathBuf {
        self.folder.path.join("work").join(trial)
    }

    /// Runs one trial of every implementation whose result is dropped: the first reads files from the disk, the later ones from memory.
    fn warm_environments(&mut self, session: u32, breaker: &mut Breaker) -> Result<(), ExecutorError> {
        let mut warmed: Vec<&str> = Vec::new();
        for case in &self.plan.cases {
            for arm in case.runnable() {
                if !warmed.contains(&arm.implementation.as_str()) && !self.interrupt.is_requested() {
                    warmed.push(&arm.implementation);
                    // One warm-up trial a session: the session tells their ids apart.
                    let drawn = self.draw(case, (0, session))?;
                    let ended = self.trial(case, arm, (0, session), session, 0, drawn.as_ref())?;
                    breaker.record(self.asked_of(case, arm), &ended);
                    let id = trial_id(&case.id, 0, &arm.implementation, session);
                    let _ = fs::remove_dir_all(self.work_folder(&id));
                    forget(drawn);
                }
            }
        }
        Ok(())
    }

    /// Runs every implementation of a case once, then compares their outputs with the baseline's. A block in which an environment fails
    /// is begun anew, whole, as often as the protocol allows; a worker that was ready has measured something, and is never repeated.
    fn block(
        &mut self,
        case: &Case,
        block: u32,
        session: u32,
        breaker: &mut Breaker,
    ) -> Result<(), ExecutorError> {
        let mut retries = (0..self.plan.spec.protocol.retries).map(|retry| FIRST_PAUSE * 2_u32.pow(retry));
        loop {
            let pause = retries.next();
            let attempt = self.folder.state.attempts(&case.id, block);
            let (began_unix_ms, watch) = (unix_ms(), Watch::begin(System::here(), &self.cpus));
            let ended = self.trials(case, (block, attempt), session, breaker, pause.is_some())?;
            let noise = watch.end();
            let case_id = case.id.clone();
            let mut events = vec![TrialEvent::BlockNoise {
                case: case_id.clone(),
                block,
                attempt,
                session,
                began_unix_ms,
                noise,
            }];
            if let Trials::Complete(outputs) = &ended {
                let pairs = judge::pairs(self.record(case), self.bundle(case, block), outputs);
                events.push(TrialEvent::BlockJudged { case: case_id, block, attempt, pairs });
            }
            self.emit(events)?;
            match ended {
                Trials::Complete(_) if self.keep_outputs => return Ok(()),
                Trials::Complete(_) => {
                    let _ = fs::remove_dir_all(self.folder.path.join("work"));
                    return Ok(());
                }
                Trials::Interrupted => return Ok(()),
                Trials::EnvironmentFailed => self.interrupt.pause(pause.unwrap_or_default()),
            }
        }
    }

    /// The trials of one attempt at a block. Where it may be repeated, it ends with the first environment that fails.
    fn trials<'c>(
        &mut self,
        case: &'c Case,
        (block, attempt): (u32, u32),
        session: u32,
        breaker: &mut Breaker,
        may_repeat: bool,
    ) -> Result<Trials<'c>, ExecutorError> {
        let arms: Vec<&Arm> = case.runnable().collect();
        let order = order::block(self.plan.spec.protocol.seed, &case.id, block, arms.len());
        let drawn = self.draw(case, (block, attempt))?;
        let mut outputs = BTreeMap::new();
        for (position, index) in (0_u32..).zip(order) {
            let arm = arms[index];
            if let Some(reason) = breaker.given_up(self.asked_of(case, arm)) {
                let trial = self.coordinates(case, arm, (block, attempt), session, position);
                self.emit(vec![TrialEvent::TrialSkipped { trial, reason, unix_ms: unix_ms() }])?;
                continue;
            }
            let ended = self.trial(case, arm, (block, attempt), session, position, drawn.as_ref())?;
            if ended.outcome.status == Status::Interrupted {
                return Ok(Trials::Interrupted);
            }
            breaker.record(self.asked_of(case, arm), &ended);
            if may_repeat && ended.environment_failed() {
                return Ok(Trials::EnvironmentFailed);
            }
            outputs.extend(ended.handed.map(|handed| (arm.implementation.as_str(), handed)));
        }
        forget(drawn);
        Ok(Trials::Complete(outputs))
    }

    /// Runs and scores one trial, and ends what it left behind. Outputs that cannot be scored are a failure.
    fn trial(
        &mut self,
        case: &Case,
        arm: &Arm,
        (block, attempt): (u32, u32),
        session: u32,
        position: u32,
        drawn: Option<&Drawn>,
    ) -> Result<Ended, ExecutorError> {
        let job = self.job(case, arm, (block, attempt), session, position, drawn)?;
        let id = job.trial.id.clone();
        let (monitor, interrupt) = (self.monitor.clone(), self.interrupt.clone());
        let mut ended = local::run(&job, &monitor, &interrupt, &mut |events| self.emit(events))?;
        end_orphans();
        if let Some(handed) = &ended.handed {
            let trial = self.folder.state.trial(&id);
            let series = trial.map(TrialRecord::series).unwrap_or_default();
            match judge::score(self.record(case), self.bundle(case, block), &handed.outputs, &series) {
                Ok(scores) => self.emit(vec![TrialEvent::TrialScored { trial: id, scores }])?,
                Err(error) => {
                    let reason = error.to_string();
                    self.emit(vec![TrialEvent::TrialRejected { trial: id, reason: reason.clone() }])?;
                    (ended.outcome, ended.handed) = (Outcome::new(Status::Failed, reason), None);
                }
            }
        }
        Ok(ended)
    }

    fn coordinates(
        &self,
        case: &Case,
        arm: &Arm,
        (block, attempt): (u32, u32),
        session: u32,
        position: u32,
    ) -> Trial {
        Trial {
            id: trial_id(&case.id, block, &arm.implementation, attempt),
            case: case.id.clone(),
            implementation: arm.implementation.clone(),
            block,
            attempt,
            session,
            position,
            seed: self.seed(case, block),
        }
    }

    /// The seed of a block, the same for all of its trials.
    fn seed(&self, case: &Case, block: u32) -> u64 {
        let run_seed = self.plan.spec.protocol.seed.to_string();
        seed(&[&run_seed, "trial", &case.id, &block.to_string()])
    }

    /// What an attempt at a block draws for all of its trials, as a file where it is tensors. It is drawn from the block's seed alone, and so always the same.
    fn draw(&self, case: &Case, (block, attempt): (u32, u32)) -> Result<Option<Drawn>, ExecutorError> {
        let drawn = judge::draw(self.record(case), self.bundle(case, block), self.seed(case, block));
        let drawn = drawn.map_err(|source| ExecutorError::Draws { case: case.id.clone(), source })?;
        let Some(draws) = drawn else { return Ok(None) };
        if draws.tensors.is_empty() {
            return Ok(Some(Drawn { file: None, work: draws.work }));
        }
        let folder = self.folder.path.join("work");
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{}-b{block:03}-a{attempt}-draws.safetensors", case.id));
        let bytes = Tensor::serialize_all(&draws.tensors);
        fs::write(&path, &bytes)?;
        Ok(Some(Drawn { file: Some((path, sha256(&bytes))), work: draws.work }))
    }

    fn job(
        &self,
        case: &Case,
        arm: &Arm,
        (block, attempt): (u32, u32),
        session: u32,
        position: u32,
        drawn: Option<&Drawn>,
    ) -> Result<Job, ExecutorError> {
        let plan = self.plan;
        let (experiment, def, protocol) = (plan.experiment(case), plan.def(case), &plan.spec.protocol);
        let bundle = self.bundle(case, block);
        let launcher = &self.launchers[&arm.base];
        let trial = self.coordinates(case, arm, (block, attempt), session, position);
        let folder = self.work_folder(&trial.id);
        let output_dir = folder.join("outputs");
        fs::create_dir_all(&output_dir)?;
        let request = Request {
            protocol: PROTOCOL_VERSION,
            trial: trial.id.clone(),
            implementation: launcher.implementation().to_owned(),
            task: experiment.task.clone(),
            algorithm: def.algorithm.clone(),
            hyperparameters: def.hyperparameters.clone(),
            settings: launcher.settings(experiment, &def.algorithm),
            bundle: bundle.path().to_owned(),
            draws: drawn.and_then(|drawn| drawn.file.as_ref()).map(|(path, _)| path.clone()),
            output_dir: output_dir.clone(),
            seed: trial.seed,
            threads: protocol.threads,
            device: protocol.device.clone(),
            dtype: experiment.dtype.clone(),
            phases: plan.phases(case, bundle.rows(TEST_FEATURES).unwrap_or(0)),
            slowdown: arm.slowdown,
        };
        let log = self.folder.path.join("logs").join(format!("{}.log", trial.id));
        let start = launcher.start(folder, log, protocol, &self.cpus, self.cgroup.clone());
        Ok(Job {
            trial,
            request,
            drawn: drawn.cloned(),
            start,
            build: launcher.build().to_owned(),
            timeout: protocol.timeout,
        })
    }
}

/// The run's log tells of sessions and of how trials ended; the journal holds everything.
fn log(event: &TrialEvent) {
    match event {
        TrialEvent::SessionStarted { session, pid, .. } => tracing::info!(session, pid, "session started"),
        TrialEvent::TrialEnded { trial, status: Status::Ok, wall_ns, .. } => {
            tracing::info!(trial, wall_ns, "ok")
        }
        TrialEvent::TrialEnded { trial, status, reason, .. } => {
            tracing::warn!(trial, status = status.word(), reason, "trial ended");
        }
        TrialEvent::TrialSkipped { trial, reason, .. } => tracing::warn!(trial.id, reason, "trial skipped"),
        TrialEvent::TrialRejected { trial, reason } => tracing::warn!(trial, reason, "outputs rejected"),
        TrialEvent::WorkerSpawned { trial, cpus: None, .. } => {
            tracing::warn!(trial, "the worker could not be restricted to its CPUs");
        }
        TrialEvent::BlockJudged { case, block, attempt, .. } => {
            tracing::info!(case, block, attempt, "block judged")
        }
        TrialEvent::BlocksFixed { case, blocks, wanted, .. } => {
            tracing::info!(case, blocks, wanted, "number of blocks fixed");
        }
        TrialEvent::RunFinished { .. } => tracing::info!("run finished"),
        TrialEvent::TrialStarted { .. }
        | TrialEvent::WorkerSpawned { .. }
        | TrialEvent::Worker { .. }
        | TrialEvent::TrialResources { .. }
        | TrialEvent::TrialScored { .. }
        | TrialEvent::BlockNoise { .. } => {}
    }
}

/// The draws of a block that is over: they can be drawn again.
fn forget(drawn: Option<Drawn>) {
    if let Some((path, _)) = drawn.and_then(|drawn| drawn.file) {
        let _ = fs::remove_file(path);
    }
}

/// Ends the processes that a trial left behind and that became the runner's own. Between trials it has no others.
fn end_orphans() {
    let began = Instant::now();
    loop {
        let orphans = process::descendants(std::process::id());
        orphans.iter().copied().for_each(process::kill);
        process::reap();
        if orphans.is_empty() {
            return;
        }
        if began.elapsed() > PATIENCE {
            tracing::warn!(?orphans, "processes that a trial left behind cannot be killed");
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
