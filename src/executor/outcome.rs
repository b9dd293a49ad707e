//! How a trial ended, told from exit statuses, reported errors and logs.

use std::borrow::Cow;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

use super::event::Status;
use crate::guard::text::cut;

/// The bytes at the end of a log that a reason is taken from.
const TAIL: u64 = 4096;

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
    /// An end with its reason.
    pub fn new(status: Status, reason: String) -> Self {
        let reason = match cut(&reason, LONGEST_REASON) {
            Cow::Owned(cut) => cut,
            Cow::Borrowed(_) => reason,
        };
        Self { status, reason: Some(reason) }
    }

    /// A worker that broke the protocol.
    pub fn protocol(problem: &str) -> Self {
        Self::new(Status::Failed, format!("the worker broke the protocol: {problem}"))
    }
}

/// The end of a worker that reported a failure.
pub fn from_failure(kind: &str, message: &str) -> Outcome {
    // What Python raises when an allocation fails.
    let is_memory = kind == "MemoryError" || kind.ends_with("_ArrayMemoryError");
    let status = if is_memory { Status::OutOfMemory } else { Status::Failed };
    Outcome::new(status, format!("{kind}: {message}"))
}

/// The end of a worker that died without a last event.
pub fn from_exit(status: ExitStatus, log: &Path) -> Outcome {
    let tail = log_tail(log);
    let ending = match (status.signal(), status.code()) {
        (Some(signal), _) => format!("killed by signal {signal}"),
        (None, Some(0)) => "exited without a result".to_owned(),
        (None, Some(code)) => format!("exited with code {code} without a result"),
        (None, None) => "ended without a result".to_owned(),
    };
    // What Rust's, C++'s and Python's runtimes print when an allocation fails.
    let is_memory =
        ["memory allocation of", "std::bad_alloc", "MemoryError"].iter().any(|m| tail.contains(m));
    let reason = if tail.is_empty() { ending } else { format!("{ending}; its log ends: {tail}") };
    Outcome::new(if is_memory { Status::OutOfMemory } else { Status::Crashed }, reason)
}

/// The last lines of a trial's log.
fn log_tail(log: &Path) -> String {
    // A log may be larger than memory: only its end is read.
    let end = || -> std::io::Result<Vec<u8>> {
        let mut file = crate::guard::file::open(log, u64::MAX)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut text = Vec::new();
        file.take(TAIL).read_to_end(&mut text)?;
        Ok(text)
    };
    let text = String::from_utf8_lossy(&end().unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|l| !l.is_empty()).collect();
    lines[lines.len().saturating_sub(5)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn ending(script: &str, log: &str) -> Outcome {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), log).unwrap();
        from_exit(Command::new("sh").args(["-c", script]).status().unwrap(), file.path())
    }

    #[test]
    fn exits_signals_and_failed_allocations_are_told_apart() {
        assert_eq!(ending("exit 3", "").reason.unwrap(), "exited with code 3 without a result");
        assert_eq!(ending("exit 0", "").status, Status::Crashed);
        assert_eq!(
            ending("kill -SEGV $$", "bye\n").reason.unwrap(),
            "killed by signal 11; its log ends: bye"
        );
        assert_eq!(
            ending("kill -ABRT $$", "memory allocation of 8 bytes failed\n").status,
            Status::OutOfMemory
        );
        assert_eq!(from_failure("MemoryError", "").status, Status::OutOfMemory);
        assert_eq!(from_failure("ValueError", "no").reason.unwrap(), "ValueError: no");
    }
}
