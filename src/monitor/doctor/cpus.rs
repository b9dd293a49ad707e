//! Who shares CPUs with a trial: the runner, other processes, the other thread of its core, other nodes of memory.
//!
//! Source: the kernel's `Documentation/admin-guide/cputopology.rst`.

use super::{Finding, Layout};
use crate::monitor::system::{System, show_list};
use crate::worker::process;

const CPUS: &str = "/sys/devices/system/cpu";

pub(super) fn findings(system: &System, layout: &Layout) -> Vec<Finding> {
    vec![
        affinity(system, layout, can_restrict()),
        isolation(system, layout),
        siblings(system, layout),
        nodes(system, layout),
    ]
}

/// Whether a thread of this process may be restricted, tried on one that ends at once.
fn can_restrict() -> bool {
    let attempt = || process::cpu_set().is_some_and(|cpus| process::restrict_to(&cpus));
    std::thread::spawn(attempt).join().unwrap_or(false)
}

fn affinity(system: &System, layout: &Layout, can_restrict: bool) -> Finding {
    let name = "affinity";
    let Some(allowed) = layout.allowed.as_ref().filter(|_| can_restrict && !layout.trial.is_empty()) else {
        return Finding::warning(name, "trials cannot be restricted to CPUs of their own")
            .advice("allow sched_setaffinity to this user: a sandbox or its seccomp filter may forbid it");
    };
    let trial = show_list(&layout.trial);
    if layout.trial.iter().any(|cpu| layout.runner.contains(cpu)) {
        return Finding::warning(name, format!("the runner shares CPU {trial} with its trials"))
            .advice("give it a CPU more than `protocol.threads`");
    }
    let own = show_list(&layout.runner);
    match system.list(&format!("{CPUS}/online")) {
        Err(reason) => Finding::unknown(name, reason),
        Ok(online) if allowed.len() < online.len() => Finding::notice(
            name,
            format!(
                "trials on CPU {trial}, the runner on {own}; {} of {} CPUs may be used",
                allowed.len(),
                online.len()
            ),
        ),
        Ok(_) => Finding::ok(name, format!("trials on CPU {trial}, the runner on {own}")),
    }
}

fn isolation(system: &System, layout: &Layout) -> Finding {
    let name = "isolation";
    let trial = show_list(&layout.trial);
    match system.list(&format!("{CPUS}/isolated")) {
        Err(reason) => Finding::unknown(name, reason),
        Ok(isolated) if isolated.is_empty() => {
            Finding::notice(name, "no CPU is kept free from other processes")
                .advice(format!("start the kernel with isolcpus={trial}, and benchrun with `taskset`"))
        }
        Ok(isolated) if !layout.trial.is_empty() && layout.trial.iter().all(|cpu| isolated.contains(cpu)) => {
            Finding::ok(name, format!("CPU {trial} is kept free from other processes"))
        }
        Ok(isolated) => {
            let free = show_list(&isolated);
            let runner = show_list(&layout.runner);
            Finding::notice(name, format!("CPU {free} is kept free, but trials would run on {trial}"))
                .advice(format!("taskset --cpu-list {runner},{free} benchrun …"))
        }
    }
}

fn siblings(system: &System, layout: &Layout) -> Finding {
    let name = "smt";
    if layout.trial.is_empty() {
        return Finding::unknown(name, "nobody knows on which CPUs a trial would run");
    }
    let online = system.list(&format!("{CPUS}/online"));
    // A sibling that is off line does nothing.
    let is_online = |other: &usize| online.as_ref().map_or(true, |online| online.contains(other));
    let mut shared = Vec::new();
    for cpu in &layout.trial {
        let siblings = match system.list(&format!("{CPUS}/cpu{cpu}/topology/thread_siblings_list")) {
            Err(reason) => return Finding::unknown(name, reason),
            Ok(siblings) => siblings,
        };
        let others = siblings.into_iter().filter(|other| other != cpu && is_online(other));
        shared.extend(others.map(|other| (*cpu, other)));
    }
    let findings = shared.into_iter().map(|(cpu, other)| {
        if layout.trial.contains(&other) {
            Finding::warning(name, format!("CPUs {cpu} and {other} of a trial share a core"))
        } else if layout.runner.contains(&other) {
            Finding::warning(
                name,
                format!("CPU {cpu} of a trial shares its core with the runner's CPU {other}"),
            )
        } else {
            let told = format!("CPU {cpu} of a trial shares its core with CPU {other}, which others may use");
            Finding::notice(name, told)
        }
    });
    match findings.min_by_key(|finding| finding.level) {
        Some(gravest) => gravest.advice(format!("echo off | sudo tee {CPUS}/smt/control")),
        None => Finding::ok(name, "no CPU of a trial shares its core"),
    }
}

fn nodes(system: &System, layout: &Layout) -> Finding {
    let name = "numa";
    let folder = "/sys/devices/system/node";
    let online = match system.list(&format!("{folder}/online")) {
        Err(reason) => return Finding::unknown(name, reason),
        Ok(online) => online,
    };
    if online.len() < 2 {
        return Finding::ok(name, "all memory is equally near");
    }
    let is_used = |node: &&usize| {
        let cpus = system.list(&format!("{folder}/node{node}/cpulist")).unwrap_or_default();
        layout.trial.iter().any(|cpu| cpus.contains(cpu))
    };
    let used: Vec<usize> = online.iter().filter(is_used).copied().collect();
    match &used[..] {
        [] => Finding::unknown(
            name,
            format!("nobody knows on which of {} nodes a trial would run", online.len()),
        ),
        [node] => Finding::notice(
            name,
            format!("trials on node {node} of {}; memory may be of another", online.len()),
        )
        .advice(format!("numactl --membind={node} benchrun …")),
        several => Finding::warning(name, format!("the CPUs of a trial are on nodes {}", show_list(several)))
            .advice("numactl --cpunodebind=0 --membind=0 benchrun …"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::doctor::Level;
    use crate::monitor::system::made_up;

    fn layout(runner: &[usize], trial: &[usize]) -> Layout {
        let allowed = [runner, trial].concat();
        Layout { allowed: Some(allowed), trial: trial.to_vec(), runner: runner.to_vec(), folders: Vec::new() }
    }

    #[test]
    fn trials_need_cpus_of_their_own() {
        let made = made_up::system(&[("/sys/devices/system/cpu/online", "0-3")]);
        let of = |layout: &Layout, can| affinity(&made.system, layout, can);
        assert_eq!(
            of(&layout(&[0, 1, 2], &[3]), true),
            Finding::ok("affinity", "trials on CPU 3, the runner on 0-2")
        );
        assert_eq!(of(&layout(&[0], &[1]), true).level, Level::Notice);
        let shared = of(&layout(&[1], &[1]), true);
        assert_eq!(
            (shared.level, shared.finding.as_str()),
            (Level::Warning, "the runner shares CPU 1 with its trials")
        );
        assert_eq!(of(&layout(&[0, 1, 2], &[3]), false).level, Level::Warning);
        assert_eq!(of(&Layout::default(), true).level, Level::Warning);
    }

    #[test]
    fn cpus_that_are_kept_free_are_told() {
        for (isolated, level) in [("", Level::Notice), ("3", Level::Ok), ("2", Level::Notice)] {
            let made = made_up::system(&[("/sys/devices/system/cpu/isolated", isolated)]);
            assert_eq!(isolation(&made.system, &layout(&[0], &[3])).level, level, "{isolated}");
        }
        let made = made_up::system(&[("/sys/devices/system/cpu/isolated", "2")]);
        let advice = isolation(&made.system, &layout(&[0], &[3])).advice.unwrap();
        assert_eq!(advice, "taskset --cpu-list 0,2 benchrun …");
    }

    #[test]
    fn a_core_that_is_shared_is_told_with_whom() {
        let list = |cpu: usize| format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
        let on = |siblings: [&str; 4], online: &str, layout: &Layout| {
            let files: Vec<(String, &str)> = (0..4).map(|cpu| (list(cpu), siblings[cpu])).collect();
            let mut files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), *t)).collect();
            files.push(("/sys/devices/system/cpu/online", online));
            super::siblings(&made_up::system(&files).system, layout)
        };
        let pairs = ["0,2", "1,3", "0,2", "1,3"];
        let found = on(pairs, "0-3", &layout(&[0, 1], &[2, 3]));
        assert_eq!(found.finding, "CPU 2 of a trial shares its core with the runner's CPU 0");
        assert_eq!(found.level, Level::Warning);
        assert_eq!(on(pairs, "0-3", &layout(&[0], &[1, 3])).finding, "CPUs 1 and 3 of a trial share a core");
        assert_eq!(on(pairs, "0-3", &layout(&[0], &[3])).level, Level::Notice);
        // The other thread of CPU 3 is free, that of CPU 2 is the runner's.
        assert_eq!(on(pairs, "0-3", &layout(&[0], &[3, 2])).level, Level::Warning, "the gravest is told");
        assert_eq!(
            on(pairs, "0,3", &layout(&[0], &[3])).level,
            Level::Ok,
            "an off-line sibling does nothing"
        );
        assert_eq!(on(["0", "1", "2", "3"], "0-3", &layout(&[0], &[3])).level, Level::Ok);
    }

    #[test]
    fn trials_stay_on_one_node_of_memory() {
        let two = [
            ("/sys/devices/system/node/online", "0-1"),
            ("/sys/devices/system/node/node0/cpulist", "0-1"),
            ("/sys/devices/system/node/node1/cpulist", "2-3"),
        ];
        let made = made_up::system(&two);
        assert_eq!(nodes(&made.system, &layout(&[0], &[2, 3])).level, Level::Notice);
        assert_eq!(nodes(&made.system, &layout(&[0], &[1, 2])).level, Level::Warning);
        assert_eq!(nodes(&made.system, &layout(&[0], &[])).level, Level::Unknown);
        let one = made_up::system(&[("/sys/devices/system/node/online", "0")]);
        assert_eq!(nodes(&one.system, &layout(&[0], &[1])).level, Level::Ok);
    }
}
