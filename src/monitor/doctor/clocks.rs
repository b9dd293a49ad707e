//! The clocks that trials are timed with: how fine they are, and what a look at them costs; and how late a blocked thread wakes up.
//!
//! Samples last 1 ms or more, and nothing shorter is judged. A clock whose step or cost is below a thousandth of that cannot be seen in a
//! figure of three digits.

use std::hint::black_box;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Finding, Layout};
use crate::monitor::system::System;
use crate::number::time;
use crate::worker::clock::{Clock, SystemClock};

/// A thousandth of the shortest sample, in nanoseconds.
const FINE_NS: u64 = 1_000;
/// CPU time is compared with wall time over phases of 100 ms and more: a hundredth of these, in nanoseconds.
const FINE_CPU_NS: u64 = 1_000_000;
/// A runner that wakes up later than this, in nanoseconds, sees phases end later than they did.
const LATE_NS: u64 = 1_000_000;

/// What one clock can tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClockFigures {
    /// `wall` (monotonic) or `cpu` (of the process).
    pub clock: String,
    /// The smallest step other than zero between two looks, in nanoseconds.
    pub step_ns: u64,
    /// What one look costs, in nanoseconds: the median over many rows of looks.
    pub read_ns: f64,
}

/// Looks at each clock for some milliseconds.
pub(super) fn measure() -> Vec<ClockFigures> {
    let wall: fn() -> u64 = || SystemClock.wall_ns();
    let cpu: fn() -> u64 = || SystemClock.cpu_ns();
    [("wall", wall), ("cpu", cpu)]
        .map(|(name, read)| ClockFigures { clock: name.to_owned(), step_ns: step(read), read_ns: cost(read) })
        .to_vec()
}

/// The smallest of many steps. A clock that moves in ticks of 10 ms is waited for twice.
fn step(read: fn() -> u64) -> u64 {
    const STEPS: usize = 1_000;
    let end = SystemClock.wall_ns() + 20_000_000;
    let mut smallest = u64::MAX;
    let mut before = read();
    for _ in 0..STEPS {
        let mut now = read();
        while now == before {
            now = read();
        }
        smallest = smallest.min(now - before);
        before = now;
        if SystemClock.wall_ns() > end {
            break;
        }
    }
    smallest
}

#[expect(clippy::cast_precision_loss, reason = "times of some milliseconds")]
fn cost(read: fn() -> u64) -> f64 {
    const ROWS: usize = 51;
    const LOOKS: u32 = 200;
    let mut rows = [0; ROWS];
    for row in &mut rows {
        let began = SystemClock.wall_ns();
        for _ in 0..LOOKS {
            black_box(read());
        }
        *row = SystemClock.wall_ns() - began;
    }
    rows.sort_unstable();
    rows[ROWS / 2] as f64 / f64::from(LOOKS)
}

#[expect(clippy::cast_precision_loss, reason = "times of some milliseconds")]
pub(super) fn judge(clock: &ClockFigures) -> Finding {
    let name = format!("{}_clock", clock.clock);
    let told = format!("steps of {}, {} a look", time(clock.step_ns as f64), time(clock.read_ns));
    let (step, cost) = if clock.clock == "wall" { (FINE_NS, FINE_NS) } else { (FINE_CPU_NS, FINE_NS * 10) };
    if clock.step_ns > step || clock.read_ns > cost as f64 {
        Finding::warning(&name, told)
            .advice("see clock_source: one that user space can read is fine and cheap")
    } else {
        Finding::ok(&name, told)
    }
}

#[expect(clippy::cast_precision_loss, reason = "times of some milliseconds")]
pub(super) fn judge_wake_up(late_ns: u64) -> Finding {
    let name = "wake_up";
    let told = format!("a blocking wait ends {} late", time(late_ns as f64));
    if late_ns > LATE_NS {
        Finding::notice(name, told).advice("look for load, a CPU quota or a kernel with a coarse timer")
    } else {
        Finding::ok(name, told)
    }
}

/// Sources that a process reads without the kernel's help are fine and cheap; a hypervisor's own is nearly so.
pub(super) fn source(system: &System, _: &Layout) -> Vec<Finding> {
    let name = "clock_source";
    let folder = "/sys/devices/system/clocksource/clocksource0";
    let finding = match system.text(&format!("{folder}/current_clocksource")) {
        Err(reason) => Finding::unknown(name, reason),
        Ok(source) if ["tsc", "arch_sys_counter"].contains(&source.as_str()) => Finding::ok(name, source),
        Ok(source) => {
            let others = system.text(&format!("{folder}/available_clocksource")).unwrap_or_default();
            let has_tsc = others.split_whitespace().any(|other| other == "tsc");
            let paravirtual = ["kvm-clock", "hyperv_clocksource_tsc_page", "xen"].contains(&source.as_str());
            let told = if paravirtual {
                Finding::notice(name, format!("{source}: the hypervisor's"))
            } else {
                Finding::warning(name, format!("{source}: coarse, or dear to read"))
            };
            if has_tsc {
                told.advice(format!("echo tsc | sudo tee {folder}/current_clocksource"))
            } else {
                told
            }
        }
    };
    vec![finding]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::doctor::Level;
    use crate::monitor::system::made_up;

    #[test]
    fn coarse_and_dear_clocks_are_told() {
        let of = |clock: &str, step_ns, read_ns| {
            judge(&ClockFigures { clock: clock.to_owned(), step_ns, read_ns }).level
        };
        assert_eq!(of("wall", 20, 25.0), Level::Ok);
        assert_eq!(of("wall", 4_000_000, 25.0), Level::Warning);
        assert_eq!(of("wall", 20, 1_500.0), Level::Warning);
        assert_eq!(of("cpu", 200, 600.0), Level::Ok);
        assert_eq!(of("cpu", 10_000_000, 600.0), Level::Warning);
        assert_eq!(judge_wake_up(60_000).level, Level::Ok);
        assert_eq!(judge_wake_up(4_000_000).level, Level::Notice);
    }

    #[test]
    fn the_source_of_time_is_told() {
        let folder = "/sys/devices/system/clocksource/clocksource0";
        let of = |source: &str| {
            let current = format!("{folder}/current_clocksource");
            let others = format!("{folder}/available_clocksource");
            let made = made_up::system(&[(&current, source), (&others, "tsc hpet acpi_pm")]);
            super::source(&made.system, &Layout::default()).remove(0)
        };
        assert_eq!(of("tsc"), Finding::ok("clock_source", "tsc"));
        assert_eq!(of("kvm-clock").level, Level::Notice);
        let coarse = of("hpet");
        assert_eq!(coarse.level, Level::Warning);
        assert_eq!(coarse.advice.unwrap(), format!("echo tsc | sudo tee {folder}/current_clocksource"));
    }
}
