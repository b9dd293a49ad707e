//! Memory: swapping, huge pages, and where a process finds its pages.
//!
//! A random layout of addresses is wanted: the luck of one layout moves times by several percent (T. Mytkowicz and others, Producing wrong
//! data without doing anything obviously wrong, ASPLOS 2009), and trials in fresh processes average over layouts.

use super::{Finding, Layout};
use crate::monitor::system::System;
use crate::number::bytes;

pub(super) fn findings(system: &System, _: &Layout) -> Vec<Finding> {
    vec![swap(system), huge_pages(system), addresses(system)]
}

#[expect(clippy::cast_precision_loss, reason = "memory of less than 8 PiB")]
fn swap(system: &System) -> Finding {
    let name = "swap";
    let meminfo = match system.text("/proc/meminfo") {
        Err(reason) => return Finding::unknown(name, reason),
        Ok(text) => text,
    };
    let kib = |key: &str| -> Option<u64> {
        let line = meminfo.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(':'))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    let Some((total, free)) = kib("SwapTotal").zip(kib("SwapFree")) else {
        return Finding::unknown(name, "/proc/meminfo does not tell of swap");
    };
    let swappiness = system.text("/proc/sys/vm/swappiness").unwrap_or_else(|_| "unknown".to_owned());
    let shown = |kib: u64| bytes(kib as f64 * 1024.0);
    let used = total.saturating_sub(free);
    if total == 0 {
        Finding::ok(name, "none")
    } else if used == 0 {
        Finding::ok(name, format!("{}, not in use; swappiness {swappiness}", shown(total)))
    } else {
        let told = format!("{} of {} in use; swappiness {swappiness}", shown(used), shown(total));
        Finding::warning(name, told).advice("sudo swapoff -a")
    }
}

fn huge_pages(system: &System) -> Finding {
    let name = "huge_pages";
    let file = "/sys/kernel/mm/transparent_hugepage/enabled";
    let text = match system.text(file) {
        Err(reason) => return Finding::unknown(name, reason),
        Ok(text) => text,
    };
    match text.split_once('[').and_then(|(_, rest)| rest.split_once(']')) {
        Some(("always", _)) => {
            Finding::notice(name, "transparent, always: pages are merged while trials run")
                .advice(format!("echo madvise | sudo tee {file}"))
        }
        Some((choice, _)) => Finding::ok(name, format!("transparent, {choice}")),
        None => Finding::unknown(name, format!("{file} holds `{text}`")),
    }
}

fn addresses(system: &System) -> Finding {
    let name = "address_layout";
    let file = "/proc/sys/kernel/randomize_va_space";
    match system.number::<u8>(file) {
        Err(reason) => Finding::unknown(name, reason),
        Ok(0) => Finding::notice(name, "not random: the luck of one layout stays in every block")
            .advice("sudo sysctl kernel.randomize_va_space=2"),
        Ok(_) => Finding::ok(name, "random: blocks average over layouts"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::doctor::Level;
    use crate::monitor::system::made_up;

    #[test]
    fn swap_in_use_is_told() {
        let of = |total: &str, free: &str| {
            let text =
                format!("MemTotal: 8 kB\nSwapCached: 5 kB\nSwapTotal: {total} kB\nSwapFree: {free} kB");
            swap(
                &made_up::system(&[("/proc/meminfo", text.as_str()), ("/proc/sys/vm/swappiness", "60")])
                    .system,
            )
        };
        assert_eq!(of("0", "0"), Finding::ok("swap", "none"));
        assert_eq!(of("2048", "2048"), Finding::ok("swap", "2.00 MiB, not in use; swappiness 60"));
        let used = of("2048", "1024");
        assert_eq!(
            (used.level, used.finding.as_str()),
            (Level::Warning, "1.00 MiB of 2.00 MiB in use; swappiness 60")
        );
        assert_eq!(
            swap(&made_up::system(&[("/proc/meminfo", "MemTotal: 8 kB")]).system).level,
            Level::Unknown
        );
    }

    #[test]
    fn pages_and_layouts_are_told() {
        let file = "/sys/kernel/mm/transparent_hugepage/enabled";
        let pages = |text| huge_pages(&made_up::system(&[(file, text)]).system).level;
        assert_eq!(pages("[always] madvise never"), Level::Notice);
        assert_eq!(pages("always [madvise] never"), Level::Ok);
        assert_eq!(pages("?"), Level::Unknown);
        let layout =
            |text| addresses(&made_up::system(&[("/proc/sys/kernel/randomize_va_space", text)]).system).level;
        assert_eq!((layout("2"), layout("0"), layout("x")), (Level::Ok, Level::Notice, Level::Unknown));
    }
}
