//! The parity gate: were two trials of one block the same problem, solved by the same means?
//!
//! The task's contract speaks on outputs ([`crate::task::Task::compare`]); this is the rest, the same for every task: work, binding
//! hyperparameters, types, device and threads. Every rule looks at what the receipts read back, never at what was asked. A fact that one
//! side does not tell is a disagreement: absent proof is no proof.

use super::facts::{ReceiptFacts, TrialFacts};
use crate::store::manifest::{BundleRecord, CaseRecord, Manifest};
use crate::task::Check;

/// CPU time over wall time may exceed the allowance by this factor: clocks are read one after the other.
const CPU_SLACK: f64 = 1.05;
/// Phases shorter than this say nothing about threads: a tick of the CPU clock would.
const CPU_MINIMUM_NS: f64 = 1e8;

/// Every condition on which two trials of one block must agree, apart from their outputs.
pub fn conditions(
    manifest: &Manifest,
    case: &CaseRecord,
    contender: &TrialFacts,
    baseline: &TrialFacts,
) -> Vec<Check> {
    let names = [contender.implementation.as_str(), baseline.implementation.as_str()];
    let (Some(a), Some(b)) = (&contender.receipt, &baseline.receipt) else {
        let missing = if contender.receipt.is_none() { names[0] } else { names[1] };
        return vec![Check::disagreement(
            "receipt",
            format!("{missing} sent no receipt: nothing proves what it did"),
        )];
    };
    let bundle = case.bundle.as_ref().and_then(|hash| manifest.bundles.get(hash));
    let receipts = [a, b];
    let read = |of: fn(&ReceiptFacts) -> Option<String>| receipts.map(of);
    let expected = |of: fn(&BundleRecord) -> u64| bundle.map(|b| of(b).to_string());
    let number = |n: Option<u64>| n.map(|n| n.to_string());
    let mut checks = vec![
        same("training rows", names, receipts.map(|r| number(r.train_rows)), expected(|b| b.train_rows)),
        same("features", names, receipts.map(|r| number(r.features)), expected(|b| b.features)),
        same("dtype", names, read(|r| r.dtype.clone()), case.dtype.clone()),
        same("device", names, read(|r| r.device.clone()), case.device.clone()),
        same("bundle", names, read(|r| r.bundle.clone()), case.bundle.clone()),
        same("allowed threads", names, receipts.map(|r| number(r.threads.allowed)), number(case.threads)),
    ];
    checks.extend(cpus(manifest, names, [contender, baseline]));
    checks.extend(case.binding.iter().map(|name| hyperparameter(case, name, names, receipts)));
    checks.extend(
        case.work
            .iter()
            .map(|name| same(name, names, receipts.map(|r| r.work.get(name).map(ToString::to_string)), None)),
    );
    checks.extend(
        [(names[0], a, contender), (names[1], b, baseline)].map(|side| threads(case, side.0, side.1, side.2)),
    );
    checks
}

/// Both sides' values against each other, and against what the case says where it says something.
fn same(name: &str, names: [&str; 2], values: [Option<String>; 2], wanted: Option<String>) -> Check {
    let (agrees, finding) = match (&values, wanted) {
        ([Some(a), Some(b)], wanted) => {
            let agrees = a == b && wanted.as_ref().is_none_or(|wanted| a == wanted);
            let should = wanted.map_or("equal".to_owned(), |wanted| wanted);
            let finding = if agrees {
                format!("{name} {a} on both sides")
            } else {
                format!("{name} should be {should}, but {} used {a} and {} used {b}", names[0], names[1])
            };
            (agrees, finding)
        }
        _ => {
            let silent: Vec<&str> =
                names.iter().zip(&values).filter(|(_, v)| v.is_none()).map(|(name, _)| *name).collect();
            (false, format!("{name}: nothing tells what {} used", silent.join(" and ")))
        }
    };
    let [contender, baseline] = values;
    Check { agrees, contender, baseline, ..Check::disagreement(name, finding) }
}

/// Both workers ran on the same CPUs, as each read for itself. Where the runner could restrict none of them, there is nothing to compare.
fn cpus(manifest: &Manifest, names: [&str; 2], trials: [&TrialFacts; 2]) -> Option<Check> {
    let values = trials.map(|t| t.cpu_set.as_ref().map(|set| format!("{set:?}")));
    let unrestricted = manifest.limits.as_ref().is_some_and(|limits| limits.cpus.is_empty());
    (!unrestricted).then(|| same("CPUs", names, values, None))
}

fn hyperparameter(case: &CaseRecord, name: &str, names: [&str; 2], receipts: [&ReceiptFacts; 2]) -> Check {
    // Foreign results may not tell what was asked; both sides must still have used the same.
    let wanted = case.hyperparameters.get(name);
    let [a, b] = receipts.map(|receipt| receipt.hyperparameters.get(name));
    // Numbers are compared as numbers: 1 and 1.0 are the same.
    let reference = wanted.or(a);
    let text =
        [a, b].map(|value| value.map(|v| reference.filter(|r| v.agrees_with(r)).unwrap_or(v).to_string()));
    same(name, names, text, wanted.map(ToString::to_string))
}

/// The allowance is binding, its use is not.
fn threads(case: &CaseRecord, name: &str, receipt: &ReceiptFacts, trial: &TrialFacts) -> Check {
    let mut check = Check::disagreement(&format!("threads of {name}"), String::new());
    let Some(allowed) = case.threads.or(receipt.threads.allowed) else {
        check.finding = format!("nothing tells how many threads {name} was allowed");
        return check;
    };
    let Some(pool) = receipt.threads.pool else {
        check.finding = format!("nothing tells how many threads {name} used");
        return check;
    };
    let long = || trial.phases.iter().filter(|p| p.wall_ns.is_some_and(|wall| wall >= CPU_MINIMUM_NS));
    if let Some(phase) = long().find(|p| p.cpus.is_none()) {
        check.finding = format!("nothing tells how much CPU time {name} used in {}", phase.name);
        return check;
    }
    let busiest = long().filter_map(|p| Some((p.cpus?, p.name.as_str()))).max_by(|x, y| x.0.total_cmp(&y.0));
    #[expect(clippy::cast_precision_loss, reason = "a handful of threads")]
    let limit = CPU_SLACK * allowed as f64;
    check.figure = busiest.map(|b| b.0);
    check.allowed = Some(limit);
    check.finding = if pool > allowed {
        format!("{name} reports {pool} threads, but {allowed} were allowed")
    } else if let Some((usage, phase)) = busiest
        && usage > limit
    {
        format!("{name} used {usage:.2} CPUs in {phase}, but {allowed} threads were allowed")
    } else {
        check.agrees = true;
        format!("{name} used {pool} of {allowed} threads")
    };
    check
}
