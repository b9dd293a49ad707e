//! Load: processes that want to run, and, measured over a moment in which this process sleeps, what others and a hypervisor take.

use std::sync::mpsc;
use std::time::Duration;

use super::{Finding, Layout};
use crate::monitor::noise::{self, LOUD_ELSEWHERE, LOUD_SHARE, Noise, Watch};
use crate::monitor::system::System;
use crate::number::{percent, significant};
use crate::worker::clock::{Clock, SystemClock};

/// Steal time since the start of the system beyond this share is no accident.
const STEAL_SINCE_START: f64 = 0.01;

pub(super) fn average(system: &System, layout: &Layout) -> Vec<Finding> {
    let name = "load";
    let finding = match (system.text("/proc/loadavg"), system.list("/sys/devices/system/cpu/online")) {
        (Err(reason), _) | (_, Err(reason)) => Finding::unknown(name, reason),
        (Ok(text), Ok(online)) => match text.split(' ').next().and_then(|load| load.parse::<f64>().ok()) {
            None => Finding::unknown(name, format!("/proc/loadavg holds `{text}`")),
            Some(load) => judge_average(load, online.len(), layout.trial.len().max(1)),
        },
    };
    vec![finding]
}

/// Others must leave a trial's CPUs free; beside that, half a process that always runs is heard through memory and heat.
#[expect(clippy::cast_precision_loss, reason = "numbers of CPUs")]
fn judge_average(load: f64, cpus: usize, threads: usize) -> Finding {
    let name = "load";
    let told = format!("{load:.2} over the last minute, on {cpus} CPUs");
    let advice = "end other programs, or wait: `top` shows who is busy";
    if load + threads as f64 > cpus as f64 {
        Finding::warning(name, format!("{told} of which trials take {threads}")).advice(advice)
    } else if load > LOUD_ELSEWHERE {
        Finding::notice(name, told).advice(advice)
    } else {
        Finding::ok(name, told)
    }
}

/// What others take while this process sleeps for a third of a second, and how late it wakes up, in nanoseconds.
pub(super) fn measure(system: &System, layout: &Layout) -> (Vec<Finding>, u64) {
    let watch = Watch::begin(system.clone(), &layout.trial);
    let late_ns = wake_up();
    let noise = watch.end();
    (vec![others(&noise), steal(&noise, system)], late_ns)
}

/// The median lateness of waits as those of the runner for its workers.
fn wake_up() -> u64 {
    const WAITS: usize = 61;
    let wait = Duration::from_millis(5);
    let (_sender, receiver) = mpsc::channel::<()>();
    let mut late = [0; WAITS];
    for late in &mut late {
        let began = SystemClock.wall_ns();
        let _ = receiver.recv_timeout(wait);
        *late = (SystemClock.wall_ns() - began).saturating_sub(5_000_000);
    }
    late.sort_unstable();
    late[WAITS / 2]
}

fn others(noise: &Noise) -> Finding {
    let name = "others";
    let Some((here, elsewhere)) = noise.others_trial_cpus.zip(noise.others_elsewhere_cpus) else {
        let reason =
            noise.absent.get("others_trial_cpus").or_else(|| noise.absent.get("others_elsewhere_cpus"));
        return Finding::unknown(name, reason.cloned().unwrap_or_default());
    };
    let told = format!(
        "used {} CPUs of a trial's, {} of the other CPUs, within {} by rounding",
        significant(here),
        significant(elsewhere),
        significant(noise.rounding_cpus.unwrap_or(0.0))
    );
    let advice = "end other programs, or wait: `top` shows who is busy";
    if noise.loud_others().is_some() {
        Finding::warning(name, told).advice(advice)
    } else if noise.loud_elsewhere().is_some() {
        Finding::notice(name, told).advice(advice)
    } else {
        Finding::ok(name, told)
    }
}

/// Steal time now, and since the start of the system: a hypervisor that gives CPUs away does so in spells.
#[expect(clippy::cast_precision_loss, reason = "ticks of less than 100 days")]
fn steal(noise: &Noise, system: &System) -> Finding {
    let name = "steal";
    let since_start = system.text("/proc/stat").ok().and_then(|text| noise::ticks(&text, None));
    let (Some(now), Some(since_start)) = (noise.steal_share, since_start) else {
        let reason = noise.absent.get("steal_share").cloned();
        return Finding::unknown(name, reason.unwrap_or_else(|| "/proc/stat does not tell".to_owned()));
    };
    let since_start = since_start.steal as f64 / since_start.total.max(1) as f64;
    let told = format!("{} % now, {} % since the start", percent_of(now), percent_of(since_start));
    let advice = "ask for a dedicated host or for CPUs that are not shared";
    if noise.loud_steal().is_some() || since_start > LOUD_SHARE {
        Finding::warning(name, told).advice(advice)
    } else if since_start > STEAL_SINCE_START {
        Finding::notice(name, told).advice(advice)
    } else {
        Finding::ok(name, told)
    }
}

/// A share in percent, to two digits.
fn percent_of(share: f64) -> String {
    percent((share * 1e4).round() / 1e4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::doctor::Level;
    use crate::monitor::system::made_up;

    #[test]
    fn load_that_leaves_no_cpu_for_a_trial_is_told() {
        let of = |load: &str, online: &str, trial: &[usize]| {
            let files = [("/proc/loadavg", load), ("/sys/devices/system/cpu/online", online)];
            let layout = Layout { trial: trial.to_vec(), ..Layout::default() };
            average(&made_up::system(&files).system, &layout).remove(0).level
        };
        assert_eq!(of("0.10 0 0 1/9 1", "0-3", &[3]), Level::Ok);
        assert_eq!(of("2.50 0 0 1/9 1", "0-3", &[3]), Level::Notice);
        assert_eq!(of("3.10 0 0 1/9 1", "0-3", &[3]), Level::Warning);
        assert_eq!(of("2.50 0 0 1/9 1", "0-3", &[2, 3]), Level::Warning, "more threads need more CPUs");
        assert_eq!(of("?", "0-3", &[3]), Level::Unknown);
        assert_eq!(of("0.10", "?", &[3]), Level::Unknown);
    }

    #[test]
    fn what_others_take_is_told() {
        let quiet = Noise {
            trial_cpus: 1,
            others_trial_cpus: Some(0.02),
            others_elsewhere_cpus: Some(0.1),
            rounding_cpus: Some(0.1),
            ..Noise::default()
        };
        assert_eq!(others(&quiet).level, Level::Ok);
        assert_eq!(
            others(&Noise { others_trial_cpus: Some(0.14), ..quiet.clone() }).level,
            Level::Ok,
            "may be rounding"
        );
        assert_eq!(others(&Noise { others_trial_cpus: Some(0.4), ..quiet.clone() }).level, Level::Warning);
        assert_eq!(others(&Noise { others_elsewhere_cpus: Some(2.0), ..quiet.clone() }).level, Level::Notice);
        let absent = [("others_trial_cpus".to_owned(), "why".to_owned())].into();
        let unknown = others(&Noise { others_trial_cpus: None, absent, ..quiet });
        assert_eq!(unknown, Finding::unknown("others", "why"));
    }

    #[test]
    fn steal_is_told_now_and_since_the_start() {
        let of = |now: f64, stolen: u64| {
            let stat = format!("cpu 500 0 0 {} 0 0 0 {stolen} 0 0", 9_500 - stolen);
            let noise = Noise { steal_share: Some(now), rounding_cpus: Some(0.07), ..Noise::default() };
            steal(&noise, &made_up::system(&[("/proc/stat", &stat)]).system)
        };
        assert_eq!(of(0.0, 20), Finding::ok("steal", "0 % now, 0.2 % since the start"));
        assert_eq!(of(0.0, 200).level, Level::Notice);
        assert_eq!(of(0.0, 1_000).level, Level::Warning);
        assert_eq!(of(0.055, 0).level, Level::Ok, "one tick of rounding");
        assert_eq!(of(0.2, 0).level, Level::Warning);
        assert_eq!(steal(&Noise::default(), &made_up::system(&[]).system).level, Level::Unknown);
    }
}
