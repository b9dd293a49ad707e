//! Heat: CPUs that slowed down since the start of the system, and how near they are to doing so again.
//!
//! Source: the kernel's `Documentation/driver-api/thermal/sysfs-api.rst`; the counters of `thermal_throttle` are of x86 alone.

use super::{Finding, Layout};
use crate::monitor::noise;
use crate::monitor::system::System;

const ZONES: &str = "/sys/class/thermal";

/// A zone within this of its critical temperature is about to throttle: passive cooling usually begins 5 to 15 K below.
const MARGIN_MILLIKELVIN: i64 = 15_000;

pub(super) fn findings(system: &System, layout: &Layout) -> Vec<Finding> {
    vec![throttling(system, layout), temperature(system)]
}

fn throttling(system: &System, layout: &Layout) -> Finding {
    let name = "throttling";
    let cpus = if layout.trial.is_empty() { vec![0] } else { layout.trial.clone() };
    match noise::throttles(system, &cpus) {
        Err(reason) => Finding::unknown(name, reason),
        Ok(0) => Finding::ok(name, "never since the start of the system"),
        Ok(times) => Finding::warning(name, format!("{times} times since the start of the system"))
            .advice("cool it better, or hold a lower frequency"),
    }
}

/// The zone that is nearest to its critical temperature.
fn temperature(system: &System) -> Finding {
    let name = "temperature";
    let zones = system.names(ZONES, "thermal_zone");
    if zones.is_empty() {
        return Finding::unknown(name, format!("{ZONES} has no zone"));
    }
    let nearest = zones.iter().filter_map(|zone| {
        let folder = format!("{ZONES}/{zone}");
        let now: i64 = system.number(&format!("{folder}/temp")).ok()?;
        let critical = critical(system, &folder)?;
        Some((critical - now, now, critical))
    });
    match nearest.min() {
        None => Finding::unknown(name, format!("no zone of {ZONES} tells its critical temperature")),
        Some((left, now, critical)) => {
            let told = format!("{} °C; critical at {} °C", now / 1000, critical / 1000);
            if left < MARGIN_MILLIKELVIN {
                Finding::warning(name, told).advice("let it cool, and cool it better")
            } else {
                Finding::ok(name, told)
            }
        }
    }
}

fn critical(system: &System, zone: &str) -> Option<i64> {
    let types = system
        .names(zone, "trip_point_")
        .into_iter()
        .filter_map(|n| Some(n.strip_suffix("_type")?.to_owned()));
    let mut critical =
        types.filter(|trip| system.text(&format!("{zone}/{trip}_type")).as_deref() == Ok("critical"));
    system.number(&format!("{zone}/{}_temp", critical.next()?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::doctor::Level;
    use crate::monitor::system::made_up;

    #[test]
    fn throttling_since_the_start_is_told() {
        let file = "/sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count";
        let layout = Layout { trial: vec![1], ..Layout::default() };
        for (count, level) in [("0", Level::Ok), ("12", Level::Warning), ("many", Level::Unknown)] {
            assert_eq!(throttling(&made_up::system(&[(file, count)]).system, &layout).level, level);
        }
    }

    #[test]
    fn the_zone_nearest_to_its_critical_temperature_is_told() {
        let zones = |hot: &str| {
            made_up::system(&[
                ("/sys/class/thermal/thermal_zone0/temp", "40000"),
                ("/sys/class/thermal/thermal_zone0/trip_point_0_type", "passive"),
                ("/sys/class/thermal/thermal_zone0/trip_point_0_temp", "41000"),
                ("/sys/class/thermal/thermal_zone0/trip_point_1_type", "critical"),
                ("/sys/class/thermal/thermal_zone0/trip_point_1_temp", "100000"),
                ("/sys/class/thermal/thermal_zone1/temp", hot),
                ("/sys/class/thermal/thermal_zone1/trip_point_0_type", "critical"),
                ("/sys/class/thermal/thermal_zone1/trip_point_0_temp", "105000"),
            ])
        };
        assert_eq!(
            temperature(&zones("50000").system),
            Finding::ok("temperature", "50 °C; critical at 105 °C")
        );
        let hot = temperature(&zones("95000").system);
        assert_eq!((hot.level, hot.finding.as_str()), (Level::Warning, "95 °C; critical at 105 °C"));
        let silent = made_up::system(&[("/sys/class/thermal/thermal_zone0/temp", "40000")]);
        assert_eq!(temperature(&silent.system).level, Level::Unknown);
    }
}
