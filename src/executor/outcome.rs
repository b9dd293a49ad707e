//! How a trial ended, told from exit statuses, reported errors and logs.

use std::io::{Read, Seek};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::Duration;

use super::event::Status;
use super::local::GRACE;
use crate::guard::text::cut;
use crate::worker::handle::End;

/// So much of a log's end is read, in bytes.
const LOG_TAIL: u64 = 4096;

/// The longest reason, in characters; the journal holds what a worker said whole.
const LONGEST_REASON: usize = 8000;

/// How a trial ended and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How.
    pub status: Status,
    /// Why, unless it worked.
    pub reason: Option<String>,
}

impl Outcome {
    /// A trial that worked.
    pub const OK: Self = Self { status: Status::Ok, reason: None };

    /// An end with its reason.
    pub fn new(status: Status, reason: String) -> Self {
        Self { status, reason: Some(cut(&reason, LONGEST_REASON).into_owned()) }
    }

    /// A worker that broke the protocol.
    pub fn protocol(problem: &str) -> Self {
        Self::new(Status::Failed, format!("the worker broke the protocol: {problem}"))
    }

    /// A worker that did not end in time.
    pub fn timed_out(limit: Duration) -> Self {
        Self::new(Status::TimedOut, format!("not done after {}", humantime::format_duration(limit)))
    }
}

/// The end of a worker that reported a failure.
pub fn from_failure(kind: &str, message: &str, memory_bytes: u64) -> Outcome {
    // What Python raises when an allocation fails.
    let is_memory = kind == "MemoryError" || kind.ends_with("_ArrayMemoryError");
    let reason = if message.is_empty() { kind.to_owned() } else { format!("{kind}: {message}") };
    if is_memory { out_of_memory(&reason, memory_bytes) } else { Outcome::new(Status::Failed, reason) }
}

/// The end of a worker that died without a last event.
pub fn from_exit(end: End, log: &Path, memory_bytes: u64) -> Outcome {
    let tail = log_tail(log, 5).join(" | ");
    let ending = match (end.status.signal(), end.status.code()) {
        _ if end.lingered => {
            let grace = humantime::format_duration(GRACE);
            format!("did not exit within {grace} of the end of its events, and was killed")
        }
        (Some(signal), _) => format!("killed by {}", signal_name(signal)),
        (None, Some(0)) => "exited without a result".to_owned(),
        (None, Some(code)) => format!("exited with code {code} without a result"),
        (None, None) => "ended without a result".to_owned(),
    };
    // What Rust's, C++'s, Python's and OpenBLAS's runtimes print when an allocation fails.
    let words = ["memory allocation of", "std::bad_alloc", "MemoryError", "Memory allocation still failed"];
    let is_memory = end.memory_kill || words.iter().any(|word| tail.contains(word));
    let reason = if tail.is_empty() { ending } else { format!("{ending}; its log ends: {tail}") };
    if is_memory { out_of_memory(&reason, memory_bytes) } else { Outcome::new(Status::Crashed, reason) }
}

/// The end of a worker that reached its memory limit.
pub fn out_of_memory(how: &str, memory_bytes: u64) -> Outcome {
    let limit = bytesize::ByteSize(memory_bytes);
    Outcome::new(Status::OutOfMemory, format!("the memory limit of {limit} was reached: {how}"))
}

/// A signal by its name, where it is one that processes usually die of.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ, as a file grew beyond the memory limit",
        _ => return format!("signal {signal}"),
    };
    format!("signal {signal} ({name})")
}

/// The last lines of a trial's log.
pub fn log_tail(log: &Path, lines: usize) -> Vec<String> {
    let text = read_tail(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().map(str::trim_end).filter(|l| !l.is_empty()).collect();
    all[all.len().saturating_sub(lines)..].iter().map(ToString::to_string).collect()
}

/// The last few thousand bytes: a log may be huge.
fn read_tail(log: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = crate::guard::file::open(log, u64::MAX)?;
    let length = file.metadata()?.len();
    file.seek(std::io::SeekFrom::Start(length.saturating_sub(LOG_TAIL)))?;
    let mut text = Vec::new();
    file.take(LOG_TAIL).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn ending(script: &str, log: &str) -> Outcome {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), log).unwrap();
        let status = Command::new("sh").args(["-c", script]).status().unwrap();
        from_exit(End { status, memory_kill: false, lingered: false }, file.path(), 1 << 30)
    }

    #[test]
    fn exits_signals_and_failed_allocations_are_told_apart() {
        assert_eq!(ending("exit 3", "").reason.unwrap(), "exited with code 3 without a result");
        assert_eq!(ending("exit 0", "").status, Status::Crashed);
        assert_eq!(
            ending("kill -SEGV $$", "bye\n").reason.unwrap(),
            "killed by signal 11 (SIGSEGV); its log ends: bye"
        );
        assert_eq!(
            ending("kill -ABRT $$", "memory allocation of 8 bytes failed\n").status,
            Status::OutOfMemory
        );
        assert_eq!(from_failure("MemoryError", "", 1 << 30), out_of_memory("MemoryError", 1 << 30));
        assert_eq!(from_failure("ValueError", "no", 1).reason.unwrap(), "ValueError: no");
    }
}
