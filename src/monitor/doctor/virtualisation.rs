//! Who else decides when a trial runs: a hypervisor, a container's share of the CPUs.
//!
//! A virtual machine alone is a notice: what its neighbours take shows as steal time, and that is measured. A quota is a warning: a trial
//! that has used it up is stopped until the next period, and the figures look like nothing but a slow machine.
//!
//! Source: the kernel's `Documentation/admin-guide/cgroup-v2.rst` (`cpu.max`) and `Documentation/scheduler/sched-bwc.rst`.

use super::{Finding, Layout};
use crate::monitor::system::System;

pub(super) fn findings(system: &System, _: &Layout) -> Vec<Finding> {
    vec![hypervisor(system), container(system), quota(system)]
}

fn hypervisor(system: &System) -> Finding {
    let name = "virtualisation";
    let product = ["sys_vendor", "product_name"]
        .map(|file| system.text(&format!("/sys/class/dmi/id/{file}")).unwrap_or_default());
    let product = product.join(" ");
    let known = [
        "QEMU",
        "KVM",
        "VMware",
        "VirtualBox",
        "Virtual Machine",
        "Xen",
        "Amazon EC2",
        "Google Compute Engine",
        "Bochs",
    ];
    let is_virtual = |name: &str| known.iter().any(|k| name.contains(k));
    let flags = system.text("/proc/cpuinfo").ok().and_then(|text| {
        text.lines()
            .find(|l| l.starts_with("flags"))
            .map(|l| l.split_whitespace().any(|flag| flag == "hypervisor"))
    });
    let told = |what: &str| {
        Finding::notice(name, format!("a virtual machine ({what}): its neighbours are not seen"))
            .advice("measure on a machine of your own, or watch the steal time")
    };
    match flags {
        _ if is_virtual(&product) && flags != Some(false) => told(product.trim()),
        Some(true) => told("the processor has the flag `hypervisor`"),
        _ if system.has("/proc/xen") => told("/proc/xen is there"),
        Some(false) => Finding::ok(name, "none"),
        None => Finding::unknown(name, "/proc/cpuinfo has no flags"),
    }
}

fn container(system: &System) -> Finding {
    let name = "container";
    let hints = ["/.dockerenv", "/run/.containerenv", "/run/systemd/container"];
    match hints.iter().find(|hint| system.has(hint)) {
        Some(hint) => Finding::notice(name, format!("{hint} is there: others may share this kernel")),
        None => Finding::ok(name, "no sign of one"),
    }
}

/// The smallest share of CPU time that a control group of this process, or one above it, allows.
fn quota(system: &System) -> Finding {
    let name = "cpu_quota";
    let groups = match system.text("/proc/self/cgroup") {
        Err(reason) => return Finding::unknown(name, reason),
        Ok(groups) => groups,
    };
    let mut files = 0;
    let mut smallest: Option<(f64, String)> = None;
    for (folder, is_unified) in groups.lines().flat_map(folders) {
        let told = if is_unified { unified(system, &folder) } else { legacy(system, &folder) };
        let Ok(cpus) = told else { continue };
        files += 1;
        if let Some(cpus) = cpus
            && smallest.as_ref().is_none_or(|(least, _)| cpus < *least)
        {
            smallest = Some((cpus, folder));
        }
    }
    match smallest {
        Some((cpus, folder)) => Finding::warning(
            name,
            format!("{cpus:.2} CPUs by {folder}: what goes beyond is stopped for a while"),
        )
        .advice(
            "lift the limit: `docker run --cpuset-cpus` in place of `--cpus`, no CPU limit in Kubernetes",
        ),
        None if files > 0 => Finding::ok(name, "none"),
        None => Finding::unknown(name, "no control group tells of one"),
    }
}

/// The folders of a line of `/proc/self/cgroup` that hold a CPU quota, from the group itself upwards, and whether they are of version 2.
fn folders(line: &str) -> Vec<(String, bool)> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { return Vec::new() };
    let is_unified = controllers.is_empty();
    let mounts: &[&str] = match controllers {
        "" => &["/sys/fs/cgroup", "/sys/fs/cgroup/unified"],
        c if c.split(',').any(|c| c == "cpu") => &["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"],
        _ => &[],
    };
    let mut paths = vec![path.trim_end_matches('/')];
    while let Some((above, _)) = paths[paths.len() - 1].rsplit_once('/') {
        paths.push(above);
    }
    mounts
        .iter()
        .flat_map(|mount| paths.iter().map(move |path| (format!("{mount}{path}"), is_unified)))
        .collect()
}

/// `cpu.max` holds the quota, or `max`, and the period.
fn unified(system: &System, folder: &str) -> Result<Option<f64>, String> {
    let text = system.text(&format!("{folder}/cpu.max"))?;
    let mut numbers = text.split_whitespace().map(|n| n.parse::<f64>().ok());
    Ok(numbers.next().flatten().zip(numbers.next().flatten()).map(|(quota, period)| quota / period))
}

fn legacy(system: &System, folder: &str) -> Result<Option<f64>, String> {
    let quota: f64 = system.number(&format!("{folder}/cpu.cfs_quota_us"))?;
    let period: f64 = system.number(&format!("{folder}/cpu.cfs_period_us"))?;
    Ok((quota > 0.0).then_some(quota / period))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::doctor::Level;
    use crate::monitor::system::made_up;

    #[test]
    fn a_virtual_machine_is_known_by_its_processor_or_its_board() {
        let of = |files: &[(&str, &str)]| hypervisor(&made_up::system(files).system);
        let cpuinfo = "/proc/cpuinfo";
        let board = ("/sys/class/dmi/id/product_name", "Standard PC (QEMU)");
        assert_eq!(of(&[(cpuinfo, "processor : 0\nflags : fpu tsc")]).level, Level::Ok);
        assert_eq!(of(&[(cpuinfo, "flags : fpu hypervisor tsc")]).level, Level::Notice);
        // A processor of ARM has no such flag.
        assert_eq!(of(&[(cpuinfo, "Features : fp asimd"), board]).level, Level::Notice);
        assert_eq!(
            of(&[(cpuinfo, "flags : fpu hypervisor"), board]).finding,
            "a virtual machine (Standard PC (QEMU)): its neighbours are not seen"
        );
        assert_eq!(of(&[]).level, Level::Unknown);
        assert_eq!(container(&made_up::system(&[("/.dockerenv", "")]).system).level, Level::Notice);
        assert_eq!(container(&made_up::system(&[]).system).level, Level::Ok);
    }

    #[test]
    fn the_smallest_quota_of_all_groups_above_counts() {
        let of = |files: &[(&str, &str)]| quota(&made_up::system(files).system);
        let own = ("/proc/self/cgroup", "0::/a/b");
        let free = ("/sys/fs/cgroup/a/b/cpu.max", "max 100000");
        assert_eq!(of(&[own, free]).level, Level::Ok);
        let above = of(&[own, free, ("/sys/fs/cgroup/a/cpu.max", "150000 100000")]);
        assert_eq!(above.level, Level::Warning);
        assert!(above.finding.starts_with("1.50 CPUs by /sys/fs/cgroup/a:"), "{above:?}");
        assert_eq!(of(&[own]).level, Level::Unknown);
        let legacy = |quota| {
            of(&[
                ("/proc/self/cgroup", "4:memory:/m\n1:cpu,cpuacct:/c"),
                ("/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us", quota),
                ("/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us", "100000"),
            ])
        };
        assert_eq!(legacy("-1").level, Level::Ok);
        assert_eq!(legacy("50000").level, Level::Warning);
    }
}
