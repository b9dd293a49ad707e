//! The parent's handle on one worker process: started in its own group, fed one request, read without polling.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::clock::{Clock, SystemClock};
use super::process;

/// A line of the protocol is at most this long; a longer one is a fault of the worker.
const LONGEST_LINE: u64 = 16 << 20;

/// How to start a worker.
#[derive(Debug, Clone)]
pub struct Start {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its working folder.
    pub folder: PathBuf,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
    /// The CPUs it may run on; empty for no restriction.
    pub cpus: Vec<usize>,
    /// The memory it may allocate, in bytes.
    pub memory_bytes: u64,
    /// Where its standard error goes.
    pub log: PathBuf,
}

/// What a worker, the clock or the user said.
#[derive(Debug)]
pub enum Message {
    /// One line of the protocol.
    Line(String),
    /// A line that is too long or is no UTF-8.
    BadLine(String),
    /// The worker closed its end.
    Closed,
    /// The worker's processes hold more memory together than they may.
    OverMemory {
        /// So much.
        bytes: u64,
    },
    /// The deadline has passed.
    TimedOut,
    /// The user asked to stop.
    Interrupted,
}

/// Somebody who watches a worker from the moment of its start, in the threads that start and hear it.
pub trait Observer: std::fmt::Debug + Send + Sync {
    /// The process was started, when the monotonic clock showed `spawned_ns`. What is sent to `alarm` reaches whoever waits for the worker.
    fn spawned(&self, pid: u32, spawned_ns: u64, alarm: &Sender<Message>);
    /// The worker said a line. It is passed on when this returns.
    fn line(&self, line: &str);
}

/// A request to stop that wakes whoever waits for a worker.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    requested: Arc<AtomicBool>,
    waiting: Arc<Mutex<Option<Sender<Message>>>>,
}

impl Interrupt {
    /// Asks to stop. Tells whether that was asked before.
    pub fn request(&self) -> bool {
        let before = self.requested.swap(true, Ordering::SeqCst);
        if let Some(sender) = &*self.waiting.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = sender.send(Message::Interrupted);
        }
        before
    }

    /// Whether somebody asked to stop.
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    fn wake(&self, sender: Option<Sender<Message>>) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = sender;
    }
}

/// A running worker. Dropping it kills its whole process group.
#[derive(Debug)]
pub struct Handle {
    child: Child,
    messages: Receiver<Message>,
    interrupt: Interrupt,
    /// The monotonic clock just before the process was started.
    pub spawned_ns: u64,
    /// Whether the CPU restriction took hold.
    pub pinned: bool,
    ended: bool,
}

impl Handle {
    /// Starts a worker and sends it the request.
    ///
    /// # Errors
    /// The program cannot be started, or the pipe broke at once.
    pub fn start(
        start: &Start,
        request: &str,
        interrupt: &Interrupt,
        observer: Arc<dyn Observer>,
    ) -> io::Result<Self> {
        let log = File::create(&start.log)?;
        let mut command = Command::new(&start.program);
        command
            .args(&start.arguments)
            .current_dir(&start.folder)
            .env_clear()
            .envs(start.environment.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0);
        let (pinned, spawned_ns, child) = spawn_on(&start.cpus, command)?;
        let (sender, messages) = mpsc::channel();
        interrupt.wake(Some(sender.clone()));
        let mut handle =
            Self { child, messages, interrupt: interrupt.clone(), spawned_ns, pinned, ended: false };
        limit_memory(handle.pid(), start.memory_bytes)?;
        observer.spawned(handle.pid(), spawned_ns, &sender);
        if let Some(stdout) = handle.child.stdout.take() {
            std::thread::Builder::new()
                .name("worker events".to_owned())
                .spawn(move || read_lines(stdout, &*observer, &sender))?;
        }
        if let Some(mut stdin) = handle.child.stdin.take() {
            // A worker that died before it read its request is told apart later, by its exit status.
            let _ = stdin.write_all(request.as_bytes()).and_then(|()| stdin.write_all(b"\n"));
        }
        if interrupt.is_requested() {
            interrupt.request();
        }
        Ok(handle)
    }

    /// The process's id, which is its group's id too.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Blocks until the worker says something or the deadline has passed.
    pub fn next(&self, deadline: Instant) -> Message {
        match self.messages.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => Message::TimedOut,
            Err(RecvTimeoutError::Disconnected) => Message::Closed,
        }
    }

    /// A message that is already there.
    pub fn ready(&self) -> Option<Message> {
        self.messages.try_recv().ok()
    }

    /// Waits for a worker that has closed its end; one that lingers is killed with its group.
    ///
    /// # Errors
    /// The system does not give the exit status.
    pub fn finish(mut self, deadline: Instant) -> io::Result<ExitStatus> {
        // The event pipe closes when the process exits; a short wait covers the time between the two.
        let mut pause = std::time::Duration::from_micros(200);
        loop {
            if let Some(status) = self.child.try_wait()? {
                self.kill_group();
                self.ended = true;
                return Ok(status);
            }
            if Instant::now() >= deadline {
                return self.kill();
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(std::time::Duration::from_millis(20));
        }
    }

    /// Kills the worker and everything in its group.
    ///
    /// # Errors
    /// The system does not give the exit status.
    pub fn kill(mut self) -> io::Result<ExitStatus> {
        self.kill_group();
        self.ended = true;
        self.child.wait()
    }

    fn kill_group(&self) {
        kill_group(self.pid());
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.interrupt.wake(None);
        if !self.ended {
            self.kill_group();
            let _ = self.child.wait();
        }
    }
}

/// Kills a process group; one that is gone already is no error.
pub fn kill_group(pid: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

/// Starts the command from a thread that is restricted to the CPUs, which the child inherits. No code runs between fork and exec.
fn spawn_on(cpus: &[usize], mut command: Command) -> io::Result<(bool, u64, Child)> {
    let cpus = cpus.to_vec();
    let spawner = std::thread::Builder::new().name("spawner".to_owned()).spawn(move || {
        let pinned = !cpus.is_empty() && process::restrict_to(&cpus);
        let spawned_ns = SystemClock.wall_ns();
        command.spawn().map(|child| (pinned, spawned_ns, child))
    })?;
    spawner.join().unwrap_or_else(|_| Err(io::Error::other("the spawning thread panicked")))
}

/// Limits the private writable memory of a process (`RLIMIT_DATA`): allocations beyond it fail in both languages alike.
#[cfg(target_os = "linux")]
fn limit_memory(pid: u32, bytes: u64) -> io::Result<()> {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    match prlimit(pid, Resource::Data, limit) {
        // A worker that is gone already is told apart by its exit status.
        Err(rustix::io::Errno::SRCH) | Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn limit_memory(_: u32, _: u64) -> io::Result<()> {
    Ok(())
}

fn read_lines(stdout: impl Read, observer: &dyn Observer, sender: &Sender<Message>) {
    let mut reader = BufReader::new(stdout);
    loop {
        let mut line = Vec::new();
        let message = match reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) => Message::Closed,
            Ok(_) if line.len() as u64 == LONGEST_LINE => {
                Message::BadLine(format!("a line is longer than {LONGEST_LINE} bytes"))
            }
            Ok(_) => match String::from_utf8(line) {
                Ok(line) => Message::Line(line),
                Err(error) => Message::BadLine(format!("a line is no UTF-8: {error}")),
            },
            Err(error) => Message::BadLine(format!("the events cannot be read: {error}")),
        };
        if let Message::Line(line) = &message {
            observer.line(line);
        }
        let last = !matches!(message, Message::Line(_));
        if sender.send(message).is_err() || last {
            return;
        }
    }
}
