//! The limits on a worker's process, and what enforces them.

use std::io;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
/// (`RLIMIT_DATA`) fail in both languages alike. No file may grow beyond as many bytes, the log among them, and none holds a core dump. Gives
/// the words for what limits the memory.
#[cfg(target_os = "linux")]
pub(super) fn limit_process(pid: u32, memory_bytes: u64) -> io::Result<Vec<String>> {
    use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    for (resource, most) in
        [(Resource::Data, memory_bytes), (Resource::Fsize, memory_bytes), (Resource::Core, 0)]
    {
        // A limit that the user put on the runner stays one: it was inherited, and may not be raised.
        let most = getrlimit(resource).maximum.map_or(most, |inherited| inherited.min(most));
        match prlimit(pid, resource, Rlimit { current: Some(most), maximum: Some(most) }) {
            // A worker that is gone already is told apart by its exit status.
            Err(rustix::io::Errno::SRCH) | Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(vec!["rlimit_data".to_owned()])
}

#[cfg(not(target_os = "linux"))]
pub(super) fn limit_process(_: u32, _: u64) -> io::Result<Vec<String>> {
    Ok(Vec::new())
}
