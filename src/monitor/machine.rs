//! The machine: what figures depend on. Absent is null.

use std::fs;
use std::path::Path;
use std::process::Command;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::worker::process;

/// The machine that a run ran on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// The host's name.
    pub host: String,
    /// The operating system.
    pub os: String,
    /// The kernel's release and version.
    pub kernel: String,
    /// The processor's architecture.
    pub architecture: String,
    /// The processor's model.
    pub cpu_model: Option<String>,
    /// CPUs that are online.
    pub cpus: usize,
    /// CPUs that the runner may use.
    pub cpu_set: Option<Vec<usize>>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// How the clock frequency is governed.
    pub governor: Option<String>,
}

impl Machine {
    /// Reads this machine.
    pub fn read() -> Self {
        let uname = rustix::system::uname();
        let text = |c: &std::ffi::CStr| c.to_string_lossy().into_owned();
        Self {
            host: text(uname.nodename()),
            os: text(uname.sysname()),
            kernel: format!("{} {}", text(uname.release()), text(uname.version())),
            architecture: text(uname.machine()),
            cpu_model: field("/proc/cpuinfo", "model name"),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            cpu_set: process::cpu_set(),
            memory_bytes: field("/proc/meminfo", "MemTotal")
                .and_then(|m| m.strip_suffix("kB")?.trim().parse::<u64>().ok())
                .map(|kib| kib * 1024),
            governor: fs::read_to_string("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
                .ok()
                .map(|g| g.trim().to_owned()),
        }
    }
}

/// Processes that wanted to run, on average over the last minute; nothing where the system does not tell.
pub fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

fn field(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|l| l.split(':').next().is_some_and(|k| k.trim() == key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The commit of the folder's git repository, with `+changes` if files differ from it; nothing outside a repository.
pub fn git_state(folder: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "HEAD"])?;
    let changed = git(&["status", "--porcelain"]).is_some_and(|s| !s.is_empty());
    Some(if changed { format!("{commit}+changes") } else { commit })
}
