//! What a process can read of itself and of others: memory, CPUs, threads, mapped libraries. Absent is `None`, never zero.

use std::collections::BTreeSet;
use std::fs;

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
