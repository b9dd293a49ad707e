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
///
/// A repository's own configuration can name programs, and `git status` starts them: the monitor of the file system is switched off, hooks are not
/// looked for, and where a filter is configured the commit is followed by `+unknown`, since telling changes would run it.
pub fn git_state(folder: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-C"])
            .arg(folder)
            .args(arguments)
            .output()
            .ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "HEAD"])?;
    if git(&["config", "--local", "--includes", "--name-only", "--get-regexp", "^filter\\."]).is_some() {
        return Some(format!("{commit}+unknown"));
    }
    let changed = git(&["status", "--porcelain", "--ignore-submodules=all"]).is_some_and(|s| !s.is_empty());
    Some(if changed { format!("{commit}+changes") } else { commit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_asked_without_running_what_it_names() {
        let folder = tempfile::tempdir().unwrap();
        let git = |arguments: &[&str]| {
            let command = ["-c", "user.name=a", "-c", "user.email=a@b"];
            let done = Command::new("git")
                .arg("-C")
                .arg(folder.path())
                .args(command)
                .args(arguments)
                .output()
                .unwrap();
            assert!(done.status.success(), "{done:?}");
        };
        git(&["init", "--quiet"]);
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("file", "one");
        git(&["add", "file"]);
        git(&["commit", "--quiet", "-m", "first"]);
        let commit = git_state(folder.path()).unwrap();
        assert_eq!(commit.len(), 40);
        write("file", "two");
        assert_eq!(git_state(folder.path()).unwrap(), format!("{commit}+changes"));

        let marker = folder.path().join("ran");
        let program = format!("touch {}; cat", marker.display());
        git(&["config", "core.fsmonitor", &program]);
        assert_eq!(git_state(folder.path()).unwrap(), format!("{commit}+changes"));
        git(&["config", "filter.evil.clean", &program]);
        write(".gitattributes", "* filter=evil\n");
        // As long as it was: git has to look into it.
        write("file", "new");
        assert_eq!(git_state(folder.path()).unwrap(), format!("{commit}+unknown"));
        assert!(!marker.exists());
        // What is guarded against is real.
        let _ = Command::new("git")
            .arg("-C")
            .arg(folder.path())
            .args(["status", "--porcelain"])
            .output()
            .unwrap();
        assert!(marker.exists());
    }
}
