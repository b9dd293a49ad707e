//! The clock frequency of the trial's CPUs: who governs it, and how far it may move. A frequency that follows the load or the heat moves
//! every time with it.
//!
//! Source: the kernel's `Documentation/admin-guide/pm/cpufreq.rst` and `intel_pstate.rst`.

use super::{Finding, Layout};
use crate::monitor::system::{System, show_list};

const CPUS: &str = "/sys/devices/system/cpu";

pub(super) fn findings(system: &System, layout: &Layout) -> Vec<Finding> {
    let cpus = if layout.trial.is_empty() { vec![0] } else { layout.trial.clone() };
    vec![governor(system, &cpus), preference(system, &cpus), turbo(system), range(system, &cpus)]
}

/// The first of these CPUs with its value of a setting that is not among the good ones, or the value that all have.
fn setting(
    system: &System,
    cpus: &[usize],
    file: &str,
    good: &[&str],
) -> Result<Result<String, String>, String> {
    let mut first = None;
    for cpu in cpus {
        let value = system.text(&format!("{CPUS}/cpu{cpu}/cpufreq/{file}"))?;
        if !good.contains(&value.as_str()) {
            return Ok(Err(value));
        }
        first.get_or_insert(value);
    }
    first.map(Ok).ok_or_else(|| "no CPU to look at".to_owned())
}

fn governor(system: &System, cpus: &[usize]) -> Finding {
    let name = "governor";
    let on = show_list(cpus);
    // Both hold one frequency, whatever the load.
    match setting(system, cpus, "scaling_governor", &["performance", "userspace"]) {
        Err(reason) => Finding::unknown(name, reason),
        Ok(Ok(value)) => Finding::ok(name, format!("{value} on CPU {on}")),
        Ok(Err(value)) => {
            Finding::warning(name, format!("{value} on CPU {on}: the frequency follows the load"))
                .advice(format!("echo performance | sudo tee {CPUS}/cpu*/cpufreq/scaling_governor"))
        }
    }
}

fn preference(system: &System, cpus: &[usize]) -> Finding {
    let name = "energy_preference";
    match setting(system, cpus, "energy_performance_preference", &["performance", "0"]) {
        Err(reason) => Finding::unknown(name, reason),
        Ok(Ok(value)) => Finding::ok(name, value),
        Ok(Err(value)) => Finding::notice(name, format!("{value}: the processor may trade speed for energy"))
            .advice(format!("echo performance | sudo tee {CPUS}/cpu*/cpufreq/energy_performance_preference")),
    }
}

fn turbo(system: &System) -> Finding {
    let name = "turbo";
    let intel = "/sys/devices/system/cpu/intel_pstate/no_turbo";
    let others = "/sys/devices/system/cpu/cpufreq/boost";
    let (file, off) = if system.has(intel) { (intel, "1") } else { (others, "0") };
    match system.text(file) {
        Err(_) => Finding::unknown(name, format!("neither {intel} nor {others} is there")),
        Ok(value) if value == off => Finding::ok(name, "off"),
        Ok(_) => Finding::warning(name, "on: the frequency depends on heat and on how many CPUs are busy")
            .advice(format!("echo {off} | sudo tee {file}")),
    }
}

#[expect(clippy::cast_precision_loss, reason = "frequencies below 9e12 GHz")]
fn range(system: &System, cpus: &[usize]) -> Finding {
    let name = "frequency";
    let ghz = |file: &str| -> Result<f64, String> {
        let cpu = cpus[0];
        Ok(system.number::<u64>(&format!("{CPUS}/cpu{cpu}/cpufreq/{file}"))? as f64 / 1e6)
    };
    let read = || -> Result<(f64, f64, f64), String> {
        Ok((ghz("scaling_cur_freq")?, ghz("scaling_min_freq")?, ghz("scaling_max_freq")?))
    };
    match read() {
        Err(reason) => Finding::unknown(name, reason),
        Ok((now, low, high)) if low < high => Finding::notice(
            name,
            format!("{now:.2} GHz now, free between {low:.2} and {high:.2} GHz"),
        )
        .advice("sudo cpupower frequency-set --min 2GHz --max 2GHz, or another frequency that it can hold"),
        Ok((now, _, high)) => Finding::ok(name, format!("{now:.2} GHz now, held at {high:.2} GHz")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::doctor::Level;
    use crate::monitor::doctor::tests::named;
    use crate::monitor::system::made_up;

    const LAYOUT: fn() -> Layout = || Layout { trial: vec![2, 3], ..Layout::default() };

    #[test]
    fn a_frequency_that_may_move_is_told_and_one_that_is_held_is_fine() {
        let file = |cpu: usize, name: &str| format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq/{name}");
        let with = |governor: &str, preference: &str, low: &str, no_turbo: &str| {
            let mut files: Vec<(String, &str)> = Vec::new();
            for cpu in [0, 1, 2, 3] {
                // CPUs that no trial is given have no say.
                let on_trial = cpu >= 2;
                files.push((file(cpu, "scaling_governor"), if on_trial { governor } else { "ondemand" }));
                files.push((file(cpu, "energy_performance_preference"), preference));
                files.push((file(cpu, "scaling_cur_freq"), "2400000"));
                files.push((file(cpu, "scaling_min_freq"), low));
                files.push((file(cpu, "scaling_max_freq"), "3000000"));
            }
            files.push(("/sys/devices/system/cpu/intel_pstate/no_turbo".to_owned(), no_turbo));
            let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
            let made = made_up::system(&files);
            findings(&made.system, &LAYOUT())
        };
        let held = with("performance", "performance", "3000000", "1");
        assert!(held.iter().all(|f| f.level == Level::Ok && f.advice.is_none()), "{held:#?}");
        let free = with("powersave", "balance_power", "800000", "0");
        assert_eq!(named(&free, "governor").level, Level::Warning);
        assert_eq!(named(&free, "governor").finding, "powersave on CPU 2-3: the frequency follows the load");
        assert_eq!(named(&free, "energy_preference").level, Level::Notice);
        assert_eq!(named(&free, "turbo").level, Level::Warning);
        assert_eq!(
            named(&free, "turbo").advice.unwrap(),
            "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo"
        );
        assert_eq!(named(&free, "frequency").finding, "2.40 GHz now, free between 0.80 and 3.00 GHz");
    }

    #[test]
    fn boost_is_the_turbo_of_other_processors() {
        for (value, level) in [("1", Level::Warning), ("0", Level::Ok)] {
            let made = made_up::system(&[("/sys/devices/system/cpu/cpufreq/boost", value)]);
            assert_eq!(turbo(&made.system).level, level);
        }
    }
}
