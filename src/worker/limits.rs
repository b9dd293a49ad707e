//! The limits on a worker's process, and what enforces them.

use std::io;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::file::LARGEST_OUTPUTS;

/// What limited a trial, beside its CPUs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The longest time it may take, in nanoseconds.
    pub timeout_ns: u64,
    /// The memory it may use, in bytes.
    pub memory_bytes: u64,
    /// What limits its memory: `cgroup_v1` and `cgroup_v2` count what all its processes have in memory, `rlimit_data` what each of them allocates.
    pub memory_by: Vec<String>,
}

/// Limits one process, and each that it starts from now on. Allocations beyond `memory_bytes` of private writable memory
/// (`RLIMIT_DATA`) fail in both languages alike. No file, the log among them, may grow beyond the largest outputs that are read: writing more
/// fails, in most languages by a signal. None holds a core dump. Gives the words for what limits the memory.
#[cfg(target_os = "linux")]
pub(super) fn limit_process(pid: u32, memory_bytes: u64) -> io::Result<Vec<String>> {
    use rustix::process::Resource;
    limit(pid, Resource::Data, memory_bytes)?;
    limit(pid, Resource::Fsize, LARGEST_OUTPUTS)?;
    limit(pid, Resource::Core, 0)?;
    Ok(vec!["rlimit_data".to_owned()])
}

#[cfg(not(target_os = "linux"))]
pub(super) fn limit_process(_: u32, _: u64) -> io::Result<Vec<String>> {
    Ok(Vec::new())
}

/// Limits one resource of a process. A lower limit that the user put on the runner stays: it was inherited, and may not be raised.
#[cfg(target_os = "linux")]
fn limit(pid: u32, resource: rustix::process::Resource, most: u64) -> io::Result<()> {
    use rustix::process::{Pid, Rlimit, getrlimit, prlimit};
    let most = getrlimit(resource).maximum.map_or(most, |inherited| inherited.min(most));
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    match prlimit(pid, resource, Rlimit { current: Some(most), maximum: Some(most) }) {
        // A worker that is gone already is told apart by its exit status.
        Err(rustix::io::Errno::SRCH) | Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::io::Write;
    use std::process::{Command, Stdio};

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_cannot_write_beyond_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut child = Command::new("sh")
            .args(["-c", "read go; exec head -c 10000000 /dev/zero >&2"])
            .stdin(Stdio::piped())
            .stderr(File::create(&path).unwrap())
            .spawn()
            .unwrap();
        limit(child.id(), rustix::process::Resource::Fsize, 1 << 20).unwrap();
        child.stdin.take().unwrap().write_all(b"go\n").unwrap();
        assert!(!child.wait().unwrap().success());
        assert_eq!(fs::metadata(&path).unwrap().len(), 1 << 20);
    }
}
