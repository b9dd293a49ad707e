//! What the kernel says of a process and of those that descend from it: the files of `/proc/PID` (proc(5)) and its CPU clock
//! (clock_getcpuclockid(3)). The parsers are pure; absent is `None`, never zero.
//!
//! CPU time comes twice. `stat` splits it into user and system, in ticks of 10 ms; the CPU clock has nanoseconds and no parts. Both count
//! threads that have ended. Children that were waited for are added by `stat` in ticks (`cutime`, `cminflt`, …), and by `io` in full.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use super::usage::Counters;
use crate::worker::clock::{Clock, SystemClock};
use crate::worker::process::descendants;

/// No file that is read here is longer, unless a process has very many children.
const LONGEST: u64 = 1 << 20;

/// Everything that was read of a worker and its descendants at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The monotonic clock before the reading.
    pub wall_ns: u64,
    /// The processes that are alive.
    pub processes: u64,
    /// Their threads.
    pub threads: Option<u64>,
    /// Their resident sets, summed: pages that two of them share count twice.
    pub rss_bytes: Option<u64>,
    /// The worker's own largest resident set so far (`VmHWM`).
    pub peak_rss_bytes: Option<u64>,
    /// Their proportional sets, summed: a shared page counts once. Nothing where it was not asked for.
    pub pss_bytes: Option<u64>,
    /// The part of it that no file backs, which is what a limit means.
    pub unbacked_bytes: Option<u64>,
    /// What only grows.
    pub counters: Counters,
    /// The devices that the worker may use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpu: Vec<super::gpu::DeviceReading>,
}

/// Reads a worker and its descendants, and gives their ids; nothing where it is gone or dead.
///
/// Proportional sets are read where they are asked for, and always where there are several processes: the kernel walks every page of a
/// process for them.
pub fn read(pid: u32, pss: bool) -> Option<(Reading, Vec<u32>)> {
    let wall_ns = SystemClock.wall_ns();
    let (mut reading, threads) = one(pid)?;
    let mut processes = vec![pid];
    // The kernel lists the children of each thread; where it does not, all of `/proc` is searched.
    let (mut open, is_whole) = match children(pid, &threads) {
        Some(children) => (children, false),
        None => (descendants(pid), true),
    };
    while let Some(pid) = open.pop() {
        let Some((child, threads)) = one(pid) else { continue };
        processes.push(pid);
        reading.processes += 1;
        reading.threads = sum(reading.threads, child.threads);
        reading.rss_bytes = sum(reading.rss_bytes, child.rss_bytes);
        reading.counters = reading.counters.plus(&child.counters);
        if !is_whole {
            open.extend(children(pid, &threads).unwrap_or_default());
        }
    }
    if pss || reading.processes > 1 {
        for rollup in processes.iter().filter_map(|pid| rollup(&text(*pid, "smaps_rollup").ok()?)) {
            reading.pss_bytes = Some(reading.pss_bytes.unwrap_or(0) + rollup.pss_bytes);
            reading.unbacked_bytes = Some(reading.unbacked_bytes.unwrap_or(0) + rollup.unbacked_bytes);
        }
    }
    Some((Reading { wall_ns, ..reading }, processes))
}

/// Why figures of a process cannot be read here, by the group of figures. Nothing that can be read is in it.
pub fn absent(pid: u32) -> BTreeMap<String, String> {
    let files = [("process", "status"), ("counters", "stat"), ("io", "io"), ("pss", "smaps_rollup")];
    let why = |file: &str| text(pid, file).err().map(|error| format!("/proc/{pid}/{file}: {error}"));
    files.iter().filter_map(|(figures, file)| Some(((*figures).to_owned(), why(file)?))).collect()
}

fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    Some(a? + b?)
}

fn text(pid: u32, file: &str) -> io::Result<String> {
    // With room from the start, and without asking for the length, which the kernel says is 0, a file takes four calls.
    let mut bytes = Vec::with_capacity(4096);
    File::open(format!("/proc/{pid}/{file}"))?.take(LONGEST).read_to_end(&mut bytes)?;
    // A process may give itself a name that is no UTF-8.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// One process without its descendants, and its threads.
fn one(pid: u32) -> Option<(Reading, Vec<u32>)> {
    let own = status(&text(pid, "status").ok()?);
    // A process that has ended and was not waited for has no memory any more.
    own.rss_bytes?;
    let stat = text(pid, "stat").ok().and_then(|text| stat(&text));
    let io = text(pid, "io").ok().map(|text| io_bytes(&text)).unwrap_or_default();
    let threads = if own.threads == Some(1) { vec![pid] } else { threads(pid) };
    // A process's own `status` has the switches of its first thread alone.
    let each: Vec<Status> = match &threads[..] {
        [_] => vec![own],
        threads => threads
            .iter()
            .filter_map(|thread| Some(status(&text(pid, &format!("task/{thread}/status")).ok()?)))
            .collect(),
    };
    let switches = |of: fn(&Status) -> Option<u64>| each.iter().filter_map(of).reduce(u64::saturating_add);
    let ticks = |own: fn(&Stat) -> u64, waited: fn(&Stat) -> u64| {
        stat.as_ref().map(|stat| (own(stat) + waited(stat)) * tick_ns())
    };
    let waited_ns =
        stat.as_ref().map(|stat| (stat.children_user_ticks + stat.children_system_ticks) * tick_ns());
    let reading = Reading {
        wall_ns: 0,
        processes: 1,
        threads: own.threads,
        rss_bytes: own.rss_bytes,
        peak_rss_bytes: own.peak_rss_bytes,
        pss_bytes: None,
        unbacked_bytes: None,
        counters: Counters {
            cpu_ns: sum(cpu_clock_ns(pid), waited_ns),
            cpu_user_ns: ticks(|s| s.user_ticks, |s| s.children_user_ticks),
            cpu_system_ns: ticks(|s| s.system_ticks, |s| s.children_system_ticks),
            minor_faults: stat.as_ref().map(|s| s.minor_faults),
            major_faults: stat.as_ref().map(|s| s.major_faults),
            voluntary_switches: switches(|s| s.voluntary_switches),
            involuntary_switches: switches(|s| s.involuntary_switches),
            ..io
        },
        gpu: Vec::new(),
    };
    Some((reading, threads))
}

/// The CPU time of a process and all its threads, also those that have ended.
#[cfg(target_os = "linux")]
fn cpu_clock_ns(pid: u32) -> Option<u64> {
    let clock =
        nix::time::ClockId::pid_cpu_clock_id(nix::unistd::Pid::from_raw(i32::try_from(pid).ok()?)).ok()?;
    let time = clock.now().ok()?;
    Some(u64::try_from(time.tv_sec()).ok()? * 1_000_000_000 + u64::try_from(time.tv_nsec()).ok()?)
}

/// The CPU time of a process: unknown on this system.
#[cfg(not(target_os = "linux"))]
fn cpu_clock_ns(_: u32) -> Option<u64> {
    None
}

#[cfg(target_os = "linux")]
fn tick_ns() -> u64 {
    1_000_000_000 / rustix::param::clock_ticks_per_second().max(1)
}

#[cfg(not(target_os = "linux"))]
fn tick_ns() -> u64 {
    0
}

/// The threads of a process that are alive.
fn threads(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The children of a process's threads; nothing where the kernel does not list them.
fn children(pid: u32, threads: &[u32]) -> Option<Vec<u32>> {
    let mut found = Vec::new();
    for thread in threads {
        match text(pid, &format!("task/{thread}/children")) {
            Ok(list) => found.extend(list.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok())),
            // The first thread is there as long as its process: the file itself is missing.
            Err(_) if *thread == pid => return None,
            Err(_) => {}
        }
    }
    Some(found)
}

/// What `/proc/PID/status` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Status {
    rss_bytes: Option<u64>,
    peak_rss_bytes: Option<u64>,
    threads: Option<u64>,
    voluntary_switches: Option<u64>,
    involuntary_switches: Option<u64>,
}

fn status(text: &str) -> Status {
    // Its first line holds the name, in which the kernel writes a line's end as `\n`.
    let field = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let count = |key: &str| field(key)?.trim().parse::<u64>().ok();
    let bytes = |key: &str| Some(field(key)?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024);
    Status {
        rss_bytes: bytes("VmRSS"),
        peak_rss_bytes: bytes("VmHWM"),
        threads: count("Threads"),
        voluntary_switches: count("voluntary_ctxt_switches"),
        involuntary_switches: count("nonvoluntary_ctxt_switches"),
    }
}

/// What `/proc/PID/stat` says. Faults are those of the process and of the children that it waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Stat {
    minor_faults: u64,
    major_faults: u64,
    user_ticks: u64,
    system_ticks: u64,
    children_user_ticks: u64,
    children_system_ticks: u64,
}

fn stat(text: &str) -> Option<Stat> {
    // The name stands in parentheses and may hold anything, also parentheses and spaces: the last one ends it.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    // Fields are numbered from 1 in proc(5); the state is the third.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat {
        minor_faults: field(10)? + field(11)?,
        major_faults: field(12)? + field(13)?,
        user_ticks: field(14)?,
        system_ticks: field(15)?,
        children_user_ticks: field(16)?,
        children_system_ticks: field(17)?,
    })
}

/// What `/proc/PID/io` says.
fn io_bytes(text: &str) -> Counters {
    let field = |key: &str| {
        text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')?.trim().parse().ok())
    };
    Counters {
        read_bytes: field("rchar"),
        written_bytes: field("wchar"),
        disk_read_bytes: field("read_bytes"),
        disk_written_bytes: field("write_bytes"),
        ..Counters::default()
    }
}

/// What `/proc/PID/smaps_rollup` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rollup {
    pss_bytes: u64,
    unbacked_bytes: u64,
}

fn rollup(text: &str) -> Option<Rollup> {
    let bytes = |key: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        Some(value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    };
    let pss_bytes = bytes("Pss")?;
    // Older kernels do not tell the parts.
    let unbacked = bytes("Pss_Anon").zip(bytes("Pss_Shmem")).map(|(anonymous, shared)| anonymous + shared);
    Some(Rollup { pss_bytes, unbacked_bytes: unbacked.unwrap_or(pss_bytes) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Read of a process whose name is `a) R (b`, which had waited for a child.
    const STAT: &str = "4242 (a) R (b) S 4177 4242 4177 0 -1 4194304 1234 56 7 8 310 45 21 2 20 0 3 0 5110311 2629632 320 \
        18446744073709551615 94646805614592 94646805632521 140726943028480 0 0 0 0 6 0 0 0 0 17 0 0 0 0 0 0 94646805646608 \
        94646805647872 94646886817792 140726943034076 140726943034085 140726943034085 140726943035369 0\n";

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let expected = Stat {
            minor_faults: 1234 + 56,
            major_faults: 7 + 8,
            user_ticks: 310,
            system_ticks: 45,
            children_user_ticks: 21,
            children_system_ticks: 2,
        };
        assert_eq!(stat(STAT), Some(expected));
        assert_eq!(stat("4242 (cut) S 1 2"), None);
        assert_eq!(stat(""), None);
    }

    #[test]
    fn status_is_read_by_its_keys() {
        let text = "Name:\tVmHWM: 9 kB\nState:\tS (sleeping)\nTgid:\t6854\nVmPeak:\t    2920 kB\nVmHWM:\t    1664 kB\nVmRSS:\t    1600 kB\n\
            RssAnon:\t     112 kB\nThreads:\t3\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t5\n";
        let expected = Status {
            rss_bytes: Some(1600 * 1024),
            peak_rss_bytes: Some(1664 * 1024),
            threads: Some(3),
            voluntary_switches: Some(12),
            involuntary_switches: Some(5),
        };
        assert_eq!(status(text), expected);
        // A process that has ended has no memory, which is not the same as none.
        let ended = status("Name:\tsh\nState:\tZ (zombie)\nThreads:\t1\n");
        assert_eq!((ended.rss_bytes, ended.peak_rss_bytes, ended.threads), (None, None, Some(1)));
    }

    #[test]
    fn bytes_of_calls_and_of_disks_are_told_apart() {
        let counters = io_bytes(
            "rchar: 6976\nwchar: 12\nsyscr: 10\nsyscw: 0\nread_bytes: 8192\nwrite_bytes: 4096\ncancelled_write_bytes: 0\n",
        );
        let expected = Counters {
            read_bytes: Some(6976),
            written_bytes: Some(12),
            disk_read_bytes: Some(8192),
            disk_written_bytes: Some(4096),
            ..Counters::default()
        };
        assert_eq!(counters, expected);
        assert_eq!(io_bytes(""), Counters::default());
    }

    #[test]
    fn files_are_no_part_of_what_a_limit_means() {
        let text = "5614ad3a3000-7ffd8b733000 ---p 00000000 00:00 0                          [rollup]\nRss:                1664 kB\n\
            Pss:                 351 kB\nPss_Dirty:           112 kB\nPss_Anon:            100 kB\nPss_File:            239 kB\n\
            Pss_Shmem:            12 kB\n";
        assert_eq!(rollup(text), Some(Rollup { pss_bytes: 351 * 1024, unbacked_bytes: 112 * 1024 }));
        let old = rollup("Rss: 10 kB\nPss: 7 kB\n");
        assert_eq!(old, Some(Rollup { pss_bytes: 7 * 1024, unbacked_bytes: 7 * 1024 }), "kernels before 5.3");
        assert_eq!(rollup("Rss: 10 kB\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_can_be_read_and_a_missing_one_says_why() {
        let (reading, processes) = read(std::process::id(), true).unwrap();
        let (rss, peak) = (reading.rss_bytes.unwrap(), reading.peak_rss_bytes.unwrap());
        // Other tests of this process allocate between the two looks.
        assert!(rss > 1 << 20 && peak > 1 << 20);
        assert!(reading.counters.cpu_ns.unwrap() > 0 && reading.counters.minor_faults.unwrap() > 0);
        assert!(reading.threads.unwrap() >= 2, "the test's and the harness's");
        assert_eq!(processes[0], std::process::id());
        assert_eq!(reading.processes, processes.len() as u64);
        assert_eq!(absent(std::process::id()), BTreeMap::new());
        // Ids end far below this.
        let gone = u32::MAX / 2;
        assert_eq!(read(gone, true), None);
        let why = absent(gone);
        assert_eq!(why.len(), 4);
        assert!(why["io"].starts_with(&format!("/proc/{gone}/io: ")), "{why:?}");
    }
}
