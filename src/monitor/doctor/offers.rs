//! What can be measured and limited here. Nothing of it makes figures noisy; what is not offered is null in the results.

use super::{Finding, Layout};
use crate::monitor::system::System;

pub(super) fn findings(system: &System, _: &Layout) -> Vec<Finding> {
    vec![groups(system), counters(system), energy(system), graphics(system)]
}

fn groups(system: &System) -> Finding {
    let name = "cgroups";
    let (version, folder) = if system.has("/sys/fs/cgroup/cgroup.controllers") {
        ("version 2", "/sys/fs/cgroup")
    } else if system.has("/sys/fs/cgroup/memory") {
        ("version 1", "/sys/fs/cgroup/memory")
    } else {
        return Finding::unknown(name, "/sys/fs/cgroup has neither cgroup.controllers nor memory");
    };
    if rustix::fs::access(system.path(folder), rustix::fs::Access::WRITE_OK).is_ok() {
        Finding::ok(name, format!("{version}, writable"))
    } else {
        Finding::notice(name, format!("{version}, not writable: {folder} belongs to others"))
            .advice("systemd-run --user --scope -p Delegate=yes benchrun …")
    }
}

/// Since Linux 4.6, 2 is the default: a process may count in its own user space.
fn counters(system: &System) -> Finding {
    let name = "perf_events";
    match system.number::<i32>("/proc/sys/kernel/perf_event_paranoid") {
        Err(reason) => Finding::unknown(name, reason),
        Ok(level) if level <= 2 => Finding::ok(name, format!("perf_event_paranoid is {level}")),
        Ok(level) => {
            Finding::notice(name, format!("perf_event_paranoid is {level}: counters are for root alone"))
                .advice("sudo sysctl kernel.perf_event_paranoid=2")
        }
    }
}

fn energy(system: &System) -> Finding {
    let name = "rapl";
    let folder = "/sys/class/powercap";
    let Some(zone) = system.names(folder, "intel-rapl:").into_iter().next() else {
        return Finding::notice(name, format!("{folder} has no intel-rapl: energy is null"));
    };
    let file = format!("{folder}/{zone}/energy_uj");
    match system.number::<u64>(&file) {
        Ok(_) => Finding::ok(name, format!("{file} can be read")),
        Err(reason) => Finding::notice(name, format!("{reason}; energy is null"))
            .advice(format!("sudo chmod a+r {folder}/intel-rapl:*/energy_uj")),
    }
}

fn graphics(system: &System) -> Finding {
    let name = "nvml";
    let library = "libnvidia-ml.so.1";
    let folders = [
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib64",
        "/usr/lib",
        "/usr/lib/wsl/lib",
    ];
    if !system.has("/dev/nvidiactl") && !system.has("/dev/dxg") {
        return Finding::notice(name, "no NVIDIA device: figures of a GPU are null");
    }
    match folders.iter().find(|folder| system.has(&format!("{folder}/{library}"))) {
        Some(folder) => Finding::ok(name, format!("{folder}/{library}")),
        None => Finding::notice(name, format!("a device but no {library}: figures of the GPU are null"))
            .advice("install the driver's libraries"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::doctor::Level;
    use crate::monitor::system::made_up;

    fn level(check: fn(&System) -> Finding, files: &[(&str, &str)]) -> Level {
        check(&made_up::system(files).system).level
    }

    #[test]
    fn what_can_be_measured_is_told() {
        assert_eq!(level(groups, &[("/sys/fs/cgroup/cgroup.controllers", "cpu memory")]), Level::Ok);
        assert_eq!(level(groups, &[("/sys/fs/cgroup/memory/tasks", "1")]), Level::Ok);
        assert_eq!(level(groups, &[]), Level::Unknown);
        let paranoid = "/proc/sys/kernel/perf_event_paranoid";
        assert_eq!(level(counters, &[(paranoid, "-1")]), Level::Ok);
        assert_eq!(level(counters, &[(paranoid, "4")]), Level::Notice);
        assert_eq!(level(counters, &[]), Level::Unknown);
        let energy_file = "/sys/class/powercap/intel-rapl:0/energy_uj";
        assert_eq!(level(energy, &[(energy_file, "123")]), Level::Ok);
        assert_eq!(level(energy, &[("/sys/class/powercap/intel-rapl:0/name", "package-0")]), Level::Notice);
        assert_eq!(level(energy, &[]), Level::Notice);
        let device = ("/dev/nvidiactl", "");
        assert_eq!(level(graphics, &[device, ("/usr/lib64/libnvidia-ml.so.1", "")]), Level::Ok);
        assert_eq!(level(graphics, &[device]), Level::Notice);
        assert_eq!(level(graphics, &[]), Level::Notice);
    }
}
