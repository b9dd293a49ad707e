//! What a process can read of itself and of others: memory, CPUs, threads, mapped libraries. Absent is `None`, never zero.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::protocol::Memory;

/// Memory of this process.
pub fn memory() -> Memory {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bytes = |key: &str| {
        let line = status.lines().find_map(|l| l.strip_prefix(key))?;
        let kib: u64 = line.trim_start_matches(':').trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    };
    Memory { rss_bytes: bytes("VmRSS"), peak_rss_bytes: bytes("VmHWM") }
}

/// The processes that descend from one, itself left out, parents before children. Those that ended meanwhile may be among them; on a system
/// without `/proc` there are none.
pub fn descendants(of: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Some(parent) = parent(pid) else { continue };
        children.entry(parent).or_default().push(pid);
    }
    let mut found = children.remove(&of).unwrap_or_default();
    let mut next = 0;
    while next < found.len() {
        found.extend(children.remove(&found[next]).unwrap_or_default());
        next += 1;
    }
    found
}

/// The processes whose working folder is in a folder, or was before it was removed.
pub fn working_in(folder: &Path) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let working =
        |pid: &u32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(working).collect()
}

/// Waits until a child of this process has ended, and leaves its exit status to others.
pub fn await_exit(child: u32) {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let Some(pid) = pid(child) else { return };
    let until = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while matches!(waitid(WaitId::Pid(pid), until), Err(rustix::io::Errno::INTR)) {}
}

/// Takes the exit statuses of children that have ended: of orphans that this process adopted.
pub fn reap() {
    use rustix::process::{WaitOptions, wait};
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}

/// Has the orphans among this process's descendants become its children, where it can find them. Elsewhere than on Linux they do not.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// Kills a process; one that is gone already is no error.
pub fn kill(of: u32) {
    if let Some(pid) = pid(of) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// Kills a process group; one that is gone already is no error.
pub fn kill_group(of: u32) {
    if let Some(pid) = pid(of) {
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}

fn pid(of: u32) -> Option<rustix::process::Pid> {
    i32::try_from(of).ok().and_then(rustix::process::Pid::from_raw)
}

/// The parent of a process. Its name, which comes before in the line, may hold anything, also parentheses.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// The CPUs that this thread may run on.
#[cfg(target_os = "linux")]
pub fn cpu_set() -> Option<Vec<usize>> {
    let set = rustix::thread::sched_getaffinity(None).ok()?;
    Some((0..rustix::thread::CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect())
}

/// The CPUs that this thread may run on: unknown on this system.
#[cfg(not(target_os = "linux"))]
pub fn cpu_set() -> Option<Vec<usize>> {
    None
}

/// Restricts this thread, and the threads and processes that it starts from now on, to some CPUs. Tells whether that worked.
#[cfg(target_os = "linux")]
pub fn restrict_to(cpus: &[usize]) -> bool {
    let mut set = rustix::thread::CpuSet::new();
    for cpu in cpus {
        set.set(*cpu);
    }
    rustix::thread::sched_setaffinity(None, &set).is_ok()
}

/// Restricts this thread to some CPUs: not possible on this system.
#[cfg(not(target_os = "linux"))]
pub fn restrict_to(_: &[usize]) -> bool {
    false
}

/// Threads of this process that are alive.
pub fn threads() -> Option<usize> {
    fs::read_dir("/proc/self/task").ok().map(Iterator::count)
}

/// Names of the shared libraries mapped into this process.
pub fn libraries() -> Option<Vec<String>> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let names: BTreeSet<&str> = maps
        .lines()
        .filter_map(|l| l.split_whitespace().nth(5))
        .filter_map(|path| path.rsplit('/').next())
        .filter(|name| name.ends_with(".so") || name.contains(".so."))
        .collect();
    Some(names.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    #[test]
    #[cfg(target_os = "linux")]
    fn grandchildren_are_found_under_their_parents() {
        let mut child = Command::new("sh")
            .args(["-c", "sleep 1000 & echo $!; wait"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let grandchild: u32 = line.trim().parse().unwrap();
        assert_eq!(descendants(child.id()), [grandchild]);
        let own = descendants(std::process::id());
        let place = |pid| own.iter().position(|p| *p == pid).unwrap();
        assert!(place(child.id()) < place(grandchild));
        Command::new("kill").arg(grandchild.to_string()).status().unwrap();
        child.wait().unwrap();
    }
}
