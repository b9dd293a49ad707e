//! The parent's handle on one worker process: started in its own group under limits, fed one request, read without polling, and ended with
//! everything that it started.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use super::cgroup::{self, Group};
use super::clock::{Clock, SystemClock};
use super::interrupt::Interrupt;
use super::limits;
use super::process;

/// A line of the protocol is at most this long, in bytes; a longer one is a fault of the worker. The longest honest lines, receipts, have some kB.
const LONGEST_LINE: u64 = 16 << 20;

/// All lines of a worker are at most this long together, in bytes: they go into the journal.
const LONGEST_TALK: u64 = 64 << 20;

/// So many lines wait for the runner; a worker that says more waits too.
const WAITING_LINES: usize = 256;

/// How long the last lines of a worker that has exited are waited for. A process that it left behind may hold its end open for ever.
const LAST_WORDS: Duration = Duration::from_secs(2);

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
    /// The memory it may use, in bytes.
    pub memory_bytes: u64,
    /// Where it gets a control group of its own; none where the system has no writable ones.
    pub cgroup: Option<cgroup::Parent>,
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
    /// The process was started, when the monotonic clock showed `spawned_ns`.
    fn spawned(&self, pid: u32, spawned_ns: u64, alarm: Alarm);
    /// The worker said a line. It is passed on when this returns.
    fn line(&self, line: &str);
}

/// The way from an observer to whoever waits for the worker.
#[derive(Debug)]
pub struct Alarm(SyncSender<Heard>);

impl Alarm {
    /// The worker's processes hold too much memory together. Tells whether that was heard: there may be no place for it at the moment.
    pub fn over_memory(&self, bytes: u64) -> bool {
        self.0.try_send(Heard::Message(Message::OverMemory { bytes })).is_ok()
    }
}

#[cfg(test)]
impl Alarm {
    /// One that nobody hears.
    pub fn unheard() -> Self {
        Self(mpsc::sync_channel(1).0)
    }
}

/// What a handle hears.
#[derive(Debug)]
pub(super) enum Heard {
    /// Something for those who wait for messages.
    Message(Message),
    /// The worker's process has ended. Its last lines may still come.
    Exited,
}

/// A running worker. Dropping it kills it, with everything that it started.
#[derive(Debug)]
pub struct Handle {
    child: Child,
    messages: Receiver<Heard>,
    interrupt: Interrupt,
    group: Option<Group>,
    /// The monotonic clock just before the process was started.
    pub spawned_ns: u64,
    /// Whether the CPU restriction took hold.
    pub pinned: bool,
    /// What limits its memory.
    pub memory_by: Vec<String>,
    /// Whether its process has ended, its exit status not yet taken.
    exited: Cell<bool>,
    /// Whether its exit status was taken.
    ended: bool,
}

/// How a worker's process ended.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// Its exit status.
    pub status: ExitStatus,
    /// Whether the kernel killed it or a process it started because the memory limit was reached.
    pub memory_kill: bool,
    /// Whether it was killed because it did not exit in time after it had said its last word.
    pub lingered: bool,
}

impl Handle {
    /// Starts a worker and sends it the request.
    ///
    /// # Errors
    /// The program cannot be started, or the system refuses a limit.
    pub fn start(
        start: &Start,
        request: String,
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
        let name = start.log.file_stem().unwrap_or_default().to_string_lossy();
        // A group that cannot be made, though the run's first one could, is as none: the row says what did limit the trial.
        let group = start.cgroup.as_ref().and_then(|parent| parent.group(&name, start.memory_bytes).ok());
        let (started, group) = spawn_on(&start.cpus, group, command);
        let Spawned { pinned, entered, at_ns: spawned_ns, child } = started?;
        let (sender, messages) = mpsc::sync_channel(WAITING_LINES);
        let mut handle = Self {
            child,
            messages,
            interrupt: interrupt.clone(),
            group,
            spawned_ns,
            pinned,
            memory_by: Vec::new(),
            exited: Cell::new(false),
            ended: false,
        };
        handle.limit(entered, start.memory_bytes)?;
        interrupt.watch(handle.pid(), sender.clone());
        observer.spawned(handle.pid(), spawned_ns, Alarm(sender.clone()));
        let (stdout, stdin, pid) = (handle.child.stdout.take(), handle.child.stdin.take(), handle.pid());
        let of_exit = sender.clone();
        thread("worker exit", move || {
            process::await_exit(pid);
            let _ = of_exit.send(Heard::Exited);
        })?;
        if let Some(stdout) = stdout {
            thread("worker events", move || read_lines(stdout, &*observer, &sender))?;
        }
        if let Some(mut stdin) = stdin {
            // A worker that never reads must not block the runner; one that died before is told apart later, by its exit status.
            thread("worker request", move || {
                let _ = stdin.write_all(request.as_bytes()).and_then(|()| stdin.write_all(b"\n"));
            })?;
        }
        Ok(handle)
    }

    /// Puts the limits on the process.
    fn limit(&mut self, entered: bool, memory_bytes: u64) -> io::Result<()> {
        let pid = self.pid();
        if let Some(group) = &self.group
            && (entered || group.add(pid).is_ok())
        {
            self.memory_by.push(group.version.word().to_owned());
        } else {
            self.group = None;
        }
        self.memory_by.extend(limits::limit_process(pid, memory_bytes)?);
        Ok(())
    }

    /// The process's id, which is its group's id too.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Blocks until the worker says something or the deadline has passed.
    pub fn next(&self, deadline: Instant) -> Message {
        // A full channel has no place for the interruption itself.
        if self.interrupt.is_requested() {
            return Message::Interrupted;
        }
        // Nor may one that never stops talking outlast its time.
        if !self.exited.get() && Instant::now() >= deadline {
            return Message::TimedOut;
        }
        let until = if self.exited.get() { Instant::now() + LAST_WORDS } else { deadline };
        match self.messages.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Heard::Exited) => {
                self.exited.set(true);
                self.next(deadline)
            }
            Ok(Heard::Message(message)) => message,
            Err(RecvTimeoutError::Timeout) if !self.exited.get() => Message::TimedOut,
            Err(_) => Message::Closed,
        }
    }

    /// A message that is already there.
    pub fn ready(&self) -> Option<Message> {
        match self.messages.try_recv().ok()? {
            Heard::Exited => {
                self.exited.set(true);
                self.ready()
            }
            Heard::Message(message) => Some(message),
        }
    }

    /// Waits for the end of a worker that has said its last word or closed its end; one that lingers is killed.
    ///
    /// # Errors
    /// The system does not give the exit status.
    pub fn finish(mut self, deadline: Instant) -> io::Result<End> {
        while !self.exited.get() {
            match self.messages.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Heard::Exited) => break,
                // Whatever comes after a worker's last word counts for nothing.
                Ok(_) => {}
                // Without those who send, only the clock is left.
                Err(_) if Instant::now() >= deadline => return Ok(End { lingered: true, ..self.kill()? }),
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        let status = self.child.wait()?;
        Ok(self.ended(status))
    }

    /// Kills the worker and everything that it started.
    ///
    /// # Errors
    /// The system does not give the exit status.
    pub fn kill(mut self) -> io::Result<End> {
        self.kill_all();
        let status = self.child.wait()?;
        Ok(self.ended(status))
    }

    fn ended(&mut self, status: ExitStatus) -> End {
        self.kill_all();
        self.ended = true;
        let memory_kill = self.group.as_ref().is_some_and(|group| group.memory_kills() > 0);
        End { status, memory_kill, lingered: false }
    }

    /// The process group, the descendants that left it, and whoever else is in the control group.
    fn kill_all(&self) {
        let descendants = process::descendants(self.pid());
        process::kill_group(self.pid());
        for pid in descendants {
            process::kill(pid);
        }
        if let Some(group) = &self.group {
            group.kill();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.interrupt.unwatch();
        if !self.ended {
            self.kill_all();
            let _ = self.child.wait();
        }
    }
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

/// A process that was started.
struct Spawned {
    pinned: bool,
    /// Whether it was born in its control group.
    entered: bool,
    /// The monotonic clock just before.
    at_ns: u64,
    child: Child,
}

/// Starts the command from a thread that is restricted to the CPUs and in the control group, both of which the child inherits. No code runs
/// between fork and exec.
fn spawn_on(
    cpus: &[usize],
    group: Option<Group>,
    mut command: Command,
) -> (io::Result<Spawned>, Option<Group>) {
    let cpus = cpus.to_vec();
    let spawner = std::thread::scope(|scope| {
        let group = group.as_ref();
        let spawn = move || {
            let pinned = !cpus.is_empty() && process::restrict_to(&cpus);
            let entered = group.is_some_and(Group::enter);
            let at_ns = SystemClock.wall_ns();
            command.spawn().map(|child| Spawned { pinned, entered, at_ns, child })
        };
        let thread = std::thread::Builder::new().name("spawner".to_owned()).spawn_scoped(scope, spawn)?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the spawning thread panicked")))
    });
    (spawner, group)
}

fn read_lines(stdout: impl Read, observer: &dyn Observer, sender: &SyncSender<Heard>) {
    let mut reader = BufReader::new(stdout);
    let mut said = 0;
    loop {
        let mut line = Vec::new();
        let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
        said += line.len() as u64;
        let message = match read {
            Ok(0) => Message::Closed,
            Ok(_) if line.len() as u64 == LONGEST_LINE => {
                Message::BadLine(format!("a line is longer than {LONGEST_LINE} bytes"))
            }
            Ok(_) if said > LONGEST_TALK => {
                Message::BadLine(format!("its lines are longer than {LONGEST_TALK} bytes together"))
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
        if sender.send(Heard::Message(message)).is_err() || last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_lines_ends() {
        let (sender, messages) = mpsc::sync_channel(WAITING_LINES);
        let line = "x".repeat((1 << 20) - 1).into_bytes().into_iter().chain([b'\n']).collect();
        // As many as are allowed are taken away as they come; what never ends is cut off.
        let reader = std::thread::spawn(move || read_lines(Repeated { line, at: 0 }, &Nobody, &sender));
        let (mut lines, mut last) = (0, None);
        for message in messages {
            match message {
                Heard::Message(Message::Line(_)) => lines += 1,
                other => last = Some(other),
            }
        }
        reader.join().unwrap();
        assert_eq!(lines, LONGEST_TALK >> 20);
        assert!(
            matches!(last, Some(Heard::Message(Message::BadLine(problem))) if problem.contains("together"))
        );
    }

    /// Nobody looks.
    #[derive(Debug)]
    struct Nobody;

    impl Observer for Nobody {
        fn spawned(&self, _: u32, _: u64, _: Alarm) {}
        fn line(&self, _: &str) {}
    }

    /// A line again and again.
    struct Repeated {
        line: Vec<u8>,
        at: usize,
    }

    impl Read for Repeated {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(self.line.len() - self.at);
            buffer[..length].copy_from_slice(&self.line[self.at..self.at + length]);
            self.at = (self.at + length) % self.line.len();
            Ok(length)
        }
    }
}
