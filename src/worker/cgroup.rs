//! Control groups: a limit on the memory of a trial and all its children together, and a list of its processes that none can leave.
//!
//! Kernel documentation: `admin-guide/cgroup-v1/memory.rst` and `admin-guide/cgroup-v2.rst`. Version 1 is used where the runner's own
//! memory group is writable. Version 2 is used where the runner's group is writable and its memory controller reaches children: below
//! `systemd-run --user --scope -p Delegate=yes`, for example; its rule that a group with processes has no controlled children is met by
//! moving the runner, if it is alone, into a group of its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long killed processes may take to vanish.
const PATIENCE: Duration = Duration::from_secs(10);

/// The names of trials' groups begin with this and the runner's process id.
const PREFIX: &str = "benchrun-";

/// Which of the kernel's two interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// One hierarchy for each controller.
    V1,
    /// One hierarchy for all.
    V2,
}

impl Version {
    /// Its word in rows and manifests.
    pub fn word(self) -> &'static str {
        match self {
            Self::V1 => "cgroup_v1",
            Self::V2 => "cgroup_v2",
        }
    }
}

/// The group under which trials get theirs.
#[derive(Debug, Clone)]
pub struct Parent {
    /// Which interface it is of.
    pub version: Version,
    folder: PathBuf,
}

/// The group of one trial. Dropping it removes it; its processes must be gone.
#[derive(Debug)]
pub struct Group {
    /// Which interface it is of.
    pub version: Version,
    folder: PathBuf,
}

impl Parent {
    /// Finds the runner's own memory group, if trials can have groups below it.
    ///
    /// # Errors
    /// Why they cannot.
    pub fn find() -> Result<Self, String> {
        let read = |path: &str| fs::read_to_string(path).map_err(|e| format!("{path} cannot be read: {e}"));
        let found = locate(&read("/proc/self/cgroup")?, &read("/proc/self/mountinfo")?);
        let (version, folder) = found.ok_or("there is no memory controller")?;
        let parent = Self { version, folder };
        if version == Version::V2 {
            parent.delegate()?;
        }
        parent.sweep();
        // Whether it works is known once it was tried.
        parent.group("probe", u64::MAX >> 2).map(drop)?;
        Ok(parent)
    }

    /// Makes a group whose processes may use `memory_bytes` together.
    ///
    /// # Errors
    /// Why the kernel refuses.
    pub fn group(&self, name: &str, memory_bytes: u64) -> Result<Group, String> {
        let folder = self.folder.join(format!("{PREFIX}{}-{name}", std::process::id()));
        fs::create_dir(&folder).map_err(|e| format!("{} cannot be created: {e}", folder.display()))?;
        let group = Group { version: self.version, folder };
        let limit = memory_bytes.to_string();
        match self.version {
            Version::V1 => {
                group.write("memory.limit_in_bytes", &limit)?;
                // Memory and swap together: without it, what does not fit is swapped. It is absent where swap is not accounted.
                let _ = group.write("memory.memsw.limit_in_bytes", &limit);
            }
            Version::V2 => {
                group.write("memory.max", &limit)?;
                let _ = group.write("memory.swap.max", "0");
            }
        }
        Ok(group)
    }

    /// Ends and removes the groups of runners that were killed.
    fn sweep(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let runner = entry
                .file_name()
                .to_str()
                .and_then(|name| name.strip_prefix(PREFIX)?.split('-').next()?.parse::<u32>().ok());
            if runner.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
                let group = Group { version: self.version, folder: entry.path() };
                group.kill();
                drop(group);
            }
        }
    }

    /// Gives the memory controller to children. The runner, if it is alone in its group, first moves out of their way.
    fn delegate(&self) -> Result<(), String> {
        let path = |name: &str| self.folder.join(name);
        let has_memory = |name: &str| {
            fs::read_to_string(path(name)).is_ok_and(|t| t.split_whitespace().any(|c| c == "memory"))
        };
        if has_memory("cgroup.subtree_control") {
            return Ok(());
        }
        if !has_memory("cgroup.controllers") {
            return Err(format!("{} has no memory controller", self.folder.display()));
        }
        let own = std::process::id().to_string();
        if fs::read_to_string(path("cgroup.procs")).is_ok_and(|procs| procs.trim() == own) {
            let runner = path("benchrun-runner");
            let _ = fs::create_dir(&runner);
            fs::write(runner.join("cgroup.procs"), &own)
                .map_err(|e| format!("the runner cannot move: {e}"))?;
        }
        fs::write(path("cgroup.subtree_control"), "+memory")
            .map_err(|e| format!("{} gives its children no memory controller: {e}", self.folder.display()))
    }
}

impl Group {
    /// Moves the calling thread in, so that the processes it starts are born there. Tells whether that is possible: in version 1 alone.
    pub fn enter(&self) -> bool {
        let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
        self.version == Version::V1 && self.write("tasks", &thread).is_ok()
    }

    /// Moves a process in. What it allocated before stays with the group it came from.
    ///
    /// # Errors
    /// Why the kernel refuses.
    pub fn add(&self, pid: u32) -> Result<(), String> {
        self.write("cgroup.procs", &pid.to_string())
    }

    /// How often the kernel killed a process of the group because the limit was reached.
    pub fn memory_kills(&self) -> u64 {
        let file = match self.version {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        };
        let text = fs::read_to_string(self.folder.join(file)).unwrap_or_default();
        text.lines().find_map(|l| l.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
    }

    /// Kills every process of the group, and those that they start meanwhile, until there is none.
    pub fn kill(&self) {
        let began = Instant::now();
        loop {
            let text = fs::read_to_string(self.folder.join("cgroup.procs")).unwrap_or_default();
            let mut processes = text.lines().filter_map(|l| Pid::from_raw(l.trim().parse().ok()?)).peekable();
            if processes.peek().is_none() || began.elapsed() > PATIENCE {
                return;
            }
            if self.version == Version::V1 || self.write("cgroup.kill", "1").is_err() {
                for process in processes {
                    let _ = kill_process(process, Signal::KILL);
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn write(&self, file: &str, value: &str) -> Result<(), String> {
        let path = self.folder.join(file);
        fs::write(&path, value).map_err(|e| format!("{} does not take {value}: {e}", path.display()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A group is busy for a moment after its last process died.
        for _ in 0..100 {
            match fs::remove_dir(&self.folder) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                _ => return,
            }
        }
    }
}

/// The folder of the memory group that `/proc/self/cgroup` names, by the mounts of `/proc/self/mountinfo`.
fn locate(own: &str, mounts: &str) -> Option<(Version, PathBuf)> {
    // `4:memory:/path` is version 1, `0::/path` is version 2.
    let group = |wanted: &dyn Fn(&str) -> bool| {
        own.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            wanted(parts.next()?).then_some(parts.next()?)
        })
    };
    let mounted = |kind: &str, option: &str| {
        mounts.lines().find_map(|line| {
            let (before, after) = line.split_once(" - ")?;
            let mut after = after.split(' ');
            let (found, options) = (after.next()?, after.nth(1)?);
            let fits = found == kind && (option.is_empty() || options.split(',').any(|o| o == option));
            let mut fields = before.split(' ').skip(3);
            fits.then_some((fields.next()?, fields.next()?))
        })
    };
    let folder = |group: &str, (root, mount): (&str, &str)| {
        // Below a mount that shows only a part of the hierarchy, paths start at that part.
        let below = Path::new(group).strip_prefix(root).or_else(|_| Path::new(group).strip_prefix("/"));
        Some(Path::new(mount).join(below.ok()?))
    };
    let first = group(&|controllers| controllers.split(',').any(|c| c == "memory"));
    if let Some((group, mount)) = first.zip(mounted("cgroup", "memory")) {
        return Some((Version::V1, folder(group, mount)?));
    }
    let (group, mount) = group(&str::is_empty).zip(mounted("cgroup2", ""))?;
    Some((Version::V2, folder(group, mount)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_group_is_where_the_mounts_say() {
        let mounts = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
42 31 0:40 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";
        let own = "4:memory:/process/4405\n3:cpuset:/\n0::/session.scope\n";
        let v1 = PathBuf::from("/sys/fs/cgroup/memory/process/4405");
        assert_eq!(locate(own, mounts), Some((Version::V1, v1)));
        let v2 = PathBuf::from("/sys/fs/cgroup/unified/session.scope");
        assert_eq!(locate("3:cpuset:/\n0::/session.scope\n", mounts), Some((Version::V2, v2)));
        assert_eq!(locate(own, "31 23 0:28 / /sys rw - tmpfs tmpfs rw"), None);
        // A container sees a part of the hierarchy.
        let part = "35 31 0:32 /docker/12ab /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate";
        let below = Some((Version::V2, PathBuf::from("/sys/fs/cgroup/inner")));
        assert_eq!(locate("0::/docker/12ab/inner", part), below);
    }

    #[expect(clippy::print_stderr, reason = "a test that is skipped says why")]
    fn parent() -> Option<Parent> {
        Parent::find().map_err(|why| eprintln!("skipped: {why}")).ok()
    }

    #[test]
    fn the_kernel_kills_what_exceeds_the_limit_and_counts_it() {
        let Some(parent) = parent() else { return };
        let group = parent.group("limit", 32 << 20).unwrap();
        let mut child = Command::new("sh")
            .args(["-c", "read go; exec head -c 200m /dev/zero | tail -c 199m > /dev/null"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        group.add(child.id()).unwrap();
        drop(child.stdin.take());
        assert!(!child.wait().unwrap().success());
        assert!(group.memory_kills() > 0);
    }

    #[test]
    fn groups_of_runners_that_are_gone_are_ended_and_removed() {
        let Some(parent) = parent() else { return };
        let mut runner = Command::new("sleep").arg("1000").spawn().unwrap();
        let stale = parent.folder.join(format!("{PREFIX}{}-trial", runner.id()));
        fs::create_dir(&stale).unwrap();
        let mut worker = Command::new("sleep").arg("1000").spawn().unwrap();
        fs::write(stale.join("cgroup.procs"), worker.id().to_string()).unwrap();
        let own = parent.group("own", 1 << 30).unwrap();
        parent.sweep();
        assert!(stale.exists());
        runner.kill().unwrap();
        runner.wait().unwrap();
        parent.sweep();
        assert!(!worker.wait().unwrap().success());
        parent.sweep();
        assert!(!stale.exists());
        assert!(own.folder.exists());
    }

    #[test]
    fn no_process_leaves_its_group() {
        let Some(parent) = parent() else { return };
        let group = parent.group("escape", 1 << 30).unwrap();
        // The child starts a session of its own and ends; what it started is still there.
        let mut child = Command::new("sh")
            .args(["-c", "read go; setsid sh -c 'sleep 1000 & sleep 1000' > /dev/null 2>&1 &"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        group.add(child.id()).unwrap();
        drop(child.stdin.take());
        child.wait().unwrap();
        let processes = || fs::read_to_string(group.folder.join("cgroup.procs")).unwrap();
        assert_ne!(processes(), "");
        group.kill();
        assert_eq!(processes(), "");
        let folder = group.folder.clone();
        drop(group);
        assert!(!folder.exists());
    }
}
