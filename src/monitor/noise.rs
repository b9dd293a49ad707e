//! Noise: what else went on while a block ran. Read from the kernel's counters at its begin and end, so that nothing is added to what is
//! timed.
//!
//! Others' CPU time is what was used at all, less what the runner and its ended workers used. The kernel counts both in ticks, of 10 ms on
//! nearly every system, each counter rounded for itself: [`Noise::rounding_cpus`] says how far that can move a figure, which is much in a
//! short block. Source: proc(5), `/proc/stat` and `/proc/pid/stat`; `docs/design/noise.md`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::system::System;
use crate::worker::clock::{Clock, SystemClock};
use crate::worker::process;

/// Others that use more of the trial's CPUs than this share, or that much steal time, can move a time by more than the margin within which
/// times are called equal.
pub const LOUD_SHARE: f64 = 0.05;
/// Others that use more than this many of the other CPUs compete for memory and heat.
pub const LOUD_ELSEWHERE: f64 = 0.5;
/// A clock frequency that differs by more than this share between begin and end. It is read on CPUs that idle, where it is coarse.
pub const LOUD_FREQUENCY: f64 = 0.1;

/// What went on during a block. What is null has its reason in `absent`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Noise {
    /// From begin to end, in nanoseconds.
    pub wall_ns: u64,
    /// The number of the trial's CPUs; 0 where the system cannot restrict it.
    pub trial_cpus: u64,
    /// The share of the time of the trial's CPUs that the hypervisor gave to others. Of all CPUs where a trial is not restricted.
    pub steal_share: Option<f64>,
    /// CPU time of others on the trial's CPUs over wall time: 0.5 is half a CPU.
    pub others_trial_cpus: Option<f64>,
    /// CPU time of others on all other CPUs over wall time.
    pub others_elsewhere_cpus: Option<f64>,
    /// How far the rounding to ticks can move CPU time on the trial's CPUs over wall time; null where ticks cannot be read.
    pub rounding_cpus: Option<f64>,
    /// Processes that wanted to run, on average over the minute before the end.
    pub load: Option<f64>,
    /// The mean clock frequency of the trial's CPUs at the begin.
    pub frequency_before_khz: Option<u64>,
    /// The same at the end.
    pub frequency_after_khz: Option<u64>,
    /// How often the trial's CPUs slowed down for heat.
    pub throttles: Option<u64>,
    /// Why figures are null, by their names.
    pub absent: BTreeMap<String, String>,
}

impl Noise {
    /// Others' share of the trial's CPUs, where it is loud for certain: also if rounding added all that it can.
    pub fn loud_others(&self) -> Option<f64> {
        let cpus = self.cpus();
        self.others_trial_cpus
            .filter(|others| (others - self.rounding_cpus.unwrap_or(0.0)) / cpus > LOUD_SHARE)
            .map(|others| others / cpus)
    }

    fn cpus(&self) -> f64 {
        f64::from(u32::try_from(self.trial_cpus.max(1)).unwrap_or(u32::MAX))
    }

    /// Others' use of the other CPUs, where it is loud for certain.
    pub fn loud_elsewhere(&self) -> Option<f64> {
        self.others_elsewhere_cpus
            .filter(|others| others - self.rounding_cpus.unwrap_or(0.0) > LOUD_ELSEWHERE)
    }

    /// The share of steal time, where it is loud for certain. It is one counter of each CPU, so that rounding can add one tick of seven.
    pub fn loud_steal(&self) -> Option<f64> {
        let rounding = self.rounding_cpus.unwrap_or(0.0) / COUNTERS / self.cpus();
        self.steal_share.filter(|share| share - rounding > LOUD_SHARE)
    }

    /// The frequency at the end over that at the begin, where they differ much.
    #[expect(clippy::cast_precision_loss, reason = "frequencies below 9e12 GHz")]
    pub fn loud_frequency(&self) -> Option<f64> {
        let (before, after) = self.frequency_before_khz.zip(self.frequency_after_khz)?;
        let ratio = after as f64 / before.max(1) as f64;
        (ratio.ln().abs() > LOUD_FREQUENCY).then_some(ratio)
    }
}

/// Counters of the busy time of a CPU (user, nice, system, irq, softirq) and of own time (user, system) that one figure rests on.
const COUNTERS: f64 = 7.0;

/// A block, or another stretch, that is being watched.
#[derive(Debug)]
pub struct Watch {
    system: System,
    cpus: Vec<usize>,
    /// Whether the runner may run on the trial's CPUs.
    shares: bool,
    before: Reading,
}

impl Watch {
    /// Begins to watch; these are the CPUs of trials, none where the system cannot restrict them.
    pub fn begin(system: System, cpus: &[usize]) -> Self {
        let shares = process::cpu_set().is_none_or(|own| own.iter().any(|cpu| cpus.contains(cpu)));
        let before = Reading::now(&system, cpus);
        Self { system, cpus: cpus.to_vec(), shares, before }
    }

    /// What went on since then.
    pub fn end(self) -> Noise {
        let after = Reading::now(&self.system, &self.cpus);
        let ticks_per_second = rustix::param::clock_ticks_per_second();
        noise(&self.before, &after, self.cpus.len(), self.shares, ticks_per_second)
    }
}

/// What the kernel has counted so far.
#[derive(Debug, Clone, PartialEq)]
struct Reading {
    wall_ns: u64,
    /// Of all CPUs, and of the trial's.
    machine: Result<[Ticks; 2], String>,
    own: Result<OwnTicks, String>,
    load: Result<f64, String>,
    frequency_khz: Result<u64, String>,
    throttles: Result<u64, String>,
}

/// Ticks of some CPUs since the start of the system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ticks {
    /// In which they worked.
    pub busy: u64,
    /// In which a hypervisor let others work.
    pub steal: u64,
    /// All.
    pub total: u64,
}

/// Ticks that this process used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct OwnTicks {
    /// Itself, all threads.
    runner: u64,
    /// Its ended children, and theirs.
    children: u64,
}

impl Reading {
    fn now(system: &System, cpus: &[usize]) -> Self {
        let stat = system.text("/proc/stat");
        let no_ticks = || "/proc/stat does not tell of these CPUs".to_owned();
        Self {
            wall_ns: SystemClock.wall_ns(),
            machine: stat.and_then(|text| {
                let of_trial = ticks(&text, Some(cpus)).ok_or_else(no_ticks)?;
                Ok([ticks(&text, None).ok_or_else(no_ticks)?, of_trial])
            }),
            own: system
                .text("/proc/self/stat")
                .and_then(|text| own_ticks(&text).ok_or_else(|| "/proc/self/stat is malformed".to_owned())),
            load: system.text("/proc/loadavg").and_then(|text| {
                let first = text.split(' ').next().and_then(|load| load.parse().ok());
                first.ok_or_else(|| format!("/proc/loadavg holds `{text}`"))
            }),
            frequency_khz: frequency(system, cpus),
            throttles: throttles(system, cpus),
        }
    }
}

/// The difference of two readings.
#[expect(clippy::cast_precision_loss, reason = "ticks and nanoseconds of less than 100 days")]
fn noise(before: &Reading, after: &Reading, cpus: usize, shares: bool, ticks_per_second: u64) -> Noise {
    let wall_ns = after.wall_ns.saturating_sub(before.wall_ns).max(1);
    let in_cpus = |ticks: f64| ticks / ticks_per_second.max(1) as f64 / (wall_ns as f64 / 1e9);
    let mut absent = Absent::default();
    let machine = both(&before.machine, &after.machine, |b, a| [0, 1].map(|i| a[i].since(b[i])));
    let own = both(&before.own, &after.own, |b, a| OwnTicks {
        runner: a.runner.saturating_sub(b.runner),
        children: a.children.saturating_sub(b.children),
    });
    let used = machine.clone().and_then(|[all, trial]| Ok((all, trial, own.clone()?)));
    let others_trial = used.clone().and_then(|(_, trial, own)| {
        let ours = own.children + if shares { own.runner } else { 0 };
        if cpus == 0 { Err(UNRESTRICTED.to_owned()) } else { Ok(trial.busy.saturating_sub(ours)) }
    });
    let others_elsewhere = used.map(|(all, _, own)| {
        let others = all.busy.saturating_sub(own.runner + own.children);
        others.saturating_sub(*others_trial.as_ref().unwrap_or(&0))
    });
    let steal = machine.and_then(|[all, trial]| {
        let of = if cpus == 0 { all } else { trial };
        if of.total == 0 {
            return Err("shorter than a tick".to_owned());
        }
        Ok(of.steal as f64 / of.total as f64)
    });
    let rounding = own.map(|_| in_cpus(COUNTERS * cpus.max(1) as f64));
    Noise {
        wall_ns,
        trial_cpus: cpus as u64,
        steal_share: absent.take("steal_share", steal),
        others_trial_cpus: absent.take("others_trial_cpus", others_trial.map(|ticks| in_cpus(ticks as f64))),
        others_elsewhere_cpus: absent
            .take("others_elsewhere_cpus", others_elsewhere.map(|ticks| in_cpus(ticks as f64))),
        rounding_cpus: absent.take("rounding_cpus", rounding),
        load: absent.take("load", after.load.clone()),
        frequency_before_khz: absent.take("frequency_before_khz", before.frequency_khz.clone()),
        frequency_after_khz: absent.take("frequency_after_khz", after.frequency_khz.clone()),
        throttles: absent
            .take("throttles", both(&before.throttles, &after.throttles, |b, a| a.saturating_sub(*b))),
        absent: absent.0,
    }
}

const UNRESTRICTED: &str = "trials are not restricted to CPUs of their own";

/// The reasons of what is absent.
#[derive(Default)]
struct Absent(BTreeMap<String, String>);

impl Absent {
    fn take<T>(&mut self, name: &str, found: Result<T, String>) -> Option<T> {
        found.map_err(|reason| self.0.insert(name.to_owned(), reason)).ok()
    }
}

fn both<T, U>(
    before: &Result<T, String>,
    after: &Result<T, String>,
    difference: impl Fn(&T, &T) -> U,
) -> Result<U, String> {
    match (before, after) {
        (Ok(before), Ok(after)) => Ok(difference(before, after)),
        (Err(reason), _) | (_, Err(reason)) => Err(reason.clone()),
    }
}

impl Ticks {
    fn since(self, before: Self) -> Self {
        Self {
            busy: self.busy.saturating_sub(before.busy),
            steal: self.steal.saturating_sub(before.steal),
            total: self.total.saturating_sub(before.total),
        }
    }
}

/// The ticks of all CPUs, or of some, in the text of `/proc/stat`. Guests' time is part of user time.
pub fn ticks(stat: &str, cpus: Option<&[usize]>) -> Option<Ticks> {
    let line = |name: &str| -> Option<Ticks> {
        let line = stat.lines().find(|line| line.split_whitespace().next() == Some(name))?;
        let fields: Vec<u64> =
            line.split_whitespace().skip(1).map_while(|field| field.parse().ok()).collect();
        let [user, nice, system, idle, iowait, irq, softirq, steal, ..] = fields[..] else { return None };
        let busy = user + nice + system + irq + softirq;
        Some(Ticks { busy, steal, total: busy + idle + iowait + steal })
    };
    let Some(cpus) = cpus else { return line("cpu") };
    cpus.iter().try_fold(Ticks::default(), |sum, cpu| {
        let of = line(&format!("cpu{cpu}"))?;
        Some(Ticks { busy: sum.busy + of.busy, steal: sum.steal + of.steal, total: sum.total + of.total })
    })
}

/// The ticks in the text of `/proc/self/stat`. The name before them may hold anything, also parentheses.
fn own_ticks(stat: &str) -> Option<OwnTicks> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(OwnTicks { runner: field(11)? + field(12)?, children: field(13)? + field(14)? })
}

/// The mean clock frequency of some CPUs, in kHz.
fn frequency(system: &System, cpus: &[usize]) -> Result<u64, String> {
    let mut sum = 0;
    for cpu in cpus {
        sum += system.number::<u64>(&format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq"))?;
    }
    sum.checked_div(cpus.len() as u64).ok_or_else(|| UNRESTRICTED.to_owned())
}

/// How often some CPUs, and the package of the first, slowed down for heat since the start of the system.
///
/// # Errors
/// The system does not count.
pub fn throttles(system: &System, cpus: &[usize]) -> Result<u64, String> {
    let count = |cpu: &usize, of: &str| {
        system
            .number::<u64>(&format!("/sys/devices/system/cpu/cpu{cpu}/thermal_throttle/{of}_throttle_count"))
    };
    let Some(first) = cpus.first() else { return Err(UNRESTRICTED.to_owned()) };
    let mut sum = count(first, "package").unwrap_or(0);
    for cpu in cpus {
        sum += count(cpu, "core")?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::system::made_up;

    /// Two CPUs; `user` and `steal` ticks of the second, which is the trial's, and `user` ticks of the first.
    fn stat(first: u64, second: u64, steal: u64, idle: u64) -> String {
        format!(
            "cpu  {} 10 20 {idle} 5 1 2 {steal} 7 0\ncpu0 {first} 10 10 5 5 1 1 0 7 0\ncpu1 {second} 0 10 {idle} 0 0 1 {steal} 0 0\nintr 1 2",
            first + second
        )
    }

    fn own(runner: u64, children: u64) -> String {
        format!("77 (a) b) S 1 1 1 0 -1 4 9 9 0 0 {runner} 0 {children} 0 20 0 3 0 5")
    }

    fn reading(seconds: u64, stat: &str, own: &str, frequency: &str) -> Reading {
        let made = made_up::system(&[
            ("/proc/stat", stat),
            ("/proc/self/stat", own),
            ("/proc/loadavg", "1.50 1.00 0.50 2/90 123"),
            ("/sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", frequency),
            ("/sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "3"),
        ]);
        Reading { wall_ns: seconds * 1_000_000_000, ..Reading::now(&made.system, &[1]) }
    }

    #[test]
    fn counters_are_read() {
        let text = stat(100, 50, 4, 40);
        assert_eq!(ticks(&text, None), Some(Ticks { busy: 183, steal: 4, total: 232 }));
        assert_eq!(ticks(&text, Some(&[1])), Some(Ticks { busy: 61, steal: 4, total: 105 }));
        assert_eq!(ticks(&text, Some(&[9])), None, "a CPU that is off line is not idle");
        assert_eq!(ticks("cpu 1 2 3", None), None);
        assert_eq!(own_ticks(&own(3, 4)), Some(OwnTicks { runner: 3, children: 4 }));
        assert_eq!(own_ticks("77 (x) S 1"), None);
    }

    /// In 10 s the trial's CPU was busy for 700 ticks, 600 of them with workers; the other one for 400, 50 of them with the runner.
    #[test]
    fn others_are_what_runner_and_workers_did_not_use() {
        let before = reading(5, &stat(100, 1_000, 0, 0), &own(20, 100), "2000000");
        let after = reading(15, &stat(500, 1_700, 50, 250), &own(70, 700), "3000000");
        let found = noise(&before, &after, 1, false, 100);
        assert_eq!(found.wall_ns, 10_000_000_000);
        assert!((found.others_trial_cpus.unwrap() - 0.1).abs() < 1e-12, "{found:?}");
        assert!((found.others_elsewhere_cpus.unwrap() - 0.35).abs() < 1e-12, "{found:?}");
        assert!((found.steal_share.unwrap() - 0.05).abs() < 1e-12, "{found:?}");
        assert!((found.rounding_cpus.unwrap() - 0.007).abs() < 1e-12, "{found:?}");
        assert_eq!((found.load, found.throttles), (Some(1.5), Some(0)));
        assert_eq!(
            (found.frequency_before_khz, found.frequency_after_khz),
            (Some(2_000_000), Some(3_000_000))
        );
        assert!(found.absent.is_empty(), "{found:?}");
        assert!(found.loud_others().is_some() && found.loud_frequency().is_some());
        assert!(found.loud_steal().is_none() && found.loud_elsewhere().is_none());
        // A runner that shares the trial's CPU has used some of it.
        let shared = noise(&before, &after, 1, true, 100);
        assert!((shared.others_trial_cpus.unwrap() - 0.05).abs() < 1e-12, "{shared:?}");
        assert!((shared.others_elsewhere_cpus.unwrap() - 0.4).abs() < 1e-12, "{shared:?}");
    }

    #[test]
    fn a_short_block_never_warns_of_what_rounding_may_have_added() {
        let of = |ticks: u32, others: u32| {
            let noise = Noise {
                trial_cpus: 1,
                others_trial_cpus: Some(f64::from(others) / f64::from(ticks)),
                rounding_cpus: Some(COUNTERS / f64::from(ticks)),
                ..Noise::default()
            };
            noise.loud_others().is_some()
        };
        assert!(!of(10, 7), "0.7 CPUs of a tenth of a second may be rounding");
        assert!(of(10, 8));
        assert!(!of(1000, 55), "5.5 % of ten seconds may be 4.8 %");
        assert!(of(1000, 60));
    }

    #[test]
    fn what_is_not_counted_is_null_with_its_reason() {
        let made = made_up::system(&[("/proc/stat", &stat(1, 2, 3, 4))]);
        let reading = Reading::now(&made.system, &[1]);
        let found = noise(&reading, &reading, 1, false, 100);
        assert_eq!((found.others_trial_cpus, found.load, found.throttles), (None, None, None));
        assert_eq!(found.absent["others_trial_cpus"], "/proc/self/stat is not there");
        assert_eq!(found.absent["load"], "/proc/loadavg is not there");
        assert_eq!(found.absent["steal_share"], "shorter than a tick");
        let nulls = serde_json::to_value(&found).unwrap();
        let nulls: Vec<&String> =
            nulls.as_object().unwrap().iter().filter(|(_, v)| v.is_null()).map(|(k, _)| k).collect();
        assert_eq!(nulls.len(), found.absent.len(), "every null has a reason: {found:?}");
        let free = noise(&reading, &reading, 0, false, 100);
        assert_eq!(free.absent["frequency_before_khz"], reading.frequency_khz.clone().unwrap_err());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_is_watched() {
        let watch = Watch::begin(System::here(), &process::cpu_set().unwrap());
        let began = std::time::Instant::now();
        while began.elapsed().as_millis() < 50 {
            std::hint::spin_loop();
        }
        let noise = watch.end();
        assert!(noise.wall_ns >= 50_000_000, "{noise:?}");
        assert!(noise.steal_share.is_some() && noise.others_trial_cpus.is_some(), "{noise:?}");
    }
}
