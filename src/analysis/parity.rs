//! The parity gate: were two trials of one block the same problem, solved by the same means?
//!
//! The task's contract speaks on outputs ([`crate::task::Task::compare`]); this is the rest, the same for every task: work, binding
//! hyperparameters, types, device and threads. Every rule looks at what the receipts read back, never at what was asked.

use crate::store::manifest::{BundleRecord, CaseRecord};
use crate::store::state::TrialRecord;
use crate::task::Check;
use crate::worker::protocol::Receipt;

/// CPU time over wall time may exceed the allowance by this factor: clocks are read one after the other.
const CPU_SLACK: f64 = 1.05;
/// Phases shorter than this say nothing about threads: a tick of the CPU clock would.
const CPU_MINIMUM_NS: u64 = 100_000_000;

/// Every point on which two trials of one block must agree, apart from their outputs.
pub fn checks(
    case: &CaseRecord,
    bundle: &BundleRecord,
    contender: &TrialRecord,
    baseline: &TrialRecord,
) -> Vec<Check> {
    let names = (contender.trial.implementation.as_str(), baseline.trial.implementation.as_str());
    let (Some(a), Some(b)) = (&contender.receipt, &baseline.receipt) else {
        let missing = if contender.receipt.is_none() { names.0 } else { names.1 };
        return vec![disagreement(
            "receipt",
            format!("{missing} sent no receipt: nothing proves what it did"),
        )];
    };
    let mut checks = vec![
        work("training rows", names, (a.train_rows, b.train_rows), bundle.train_rows),
        work("features", names, (a.features, b.features), bundle.features),
        same("dtype", names, (&a.dtype, &b.dtype), &case.dtype),
        same("device", names, (&a.device, &b.device), &case.device),
        same("bundle", names, (&a.bundle, &b.bundle), &case.bundle),
        cpus(names, contender, baseline),
    ];
    checks.extend(case.binding.iter().map(|name| hyperparameter(case, name, names, (a, b))));
    checks.extend(
        [(names.0, a, contender), (names.1, b, baseline)]
            .iter()
            .map(|side| threads(case, side.0, side.1, side.2)),
    );
    checks
}

fn disagreement(name: &str, finding: String) -> Check {
    Check {
        name: name.to_owned(),
        agrees: false,
        contender: None,
        baseline: None,
        figure: None,
        allowed: None,
        finding,
    }
}

/// Both sides' values against what the case says.
fn same(name: &str, names: (&str, &str), values: (&str, &str), wanted: &str) -> Check {
    let agrees = values.0 == wanted && values.1 == wanted;
    Check {
        name: name.to_owned(),
        agrees,
        contender: Some(values.0.to_owned()),
        baseline: Some(values.1.to_owned()),
        figure: None,
        allowed: None,
        finding: if agrees {
            format!("{name} {wanted} on both sides")
        } else {
            format!(
                "{name} should be {wanted}, but {} used {} and {} used {}",
                names.0, values.0, names.1, values.1
            )
        },
    }
}

/// Both workers ran on the same CPUs, as each read for itself.
fn cpus(names: (&str, &str), contender: &TrialRecord, baseline: &TrialRecord) -> Check {
    let text = |t: &TrialRecord| match t.ready.as_ref().and_then(|r| r.cpu_set.as_ref()) {
        Some(set) => format!("{set:?}"),
        None => "unknown".to_owned(),
    };
    let (a, b) = (text(contender), text(baseline));
    same("CPUs", names, (&a, &b), &b)
}

fn work(name: &str, names: (&str, &str), values: (u64, u64), wanted: u64) -> Check {
    same(name, names, (&values.0.to_string(), &values.1.to_string()), &wanted.to_string())
}

fn hyperparameter(
    case: &CaseRecord,
    name: &str,
    names: (&str, &str),
    receipts: (&Receipt, &Receipt),
) -> Check {
    let wanted = &case.hyperparameters[name];
    let used = |receipt: &Receipt| receipt.hyperparameters.get(name).cloned();
    let text = |value: &Option<_>| match value {
        Some(value) => format!("{value}"),
        None => "nothing that could be read back".to_owned(),
    };
    let (a, b) = (used(receipts.0), used(receipts.1));
    let agrees = [&a, &b].iter().all(|v| v.as_ref().is_some_and(|v| v.agrees_with(wanted)));
    let values = (text(&a), text(&b));
    Check {
        name: name.to_owned(),
        agrees,
        finding: if agrees {
            format!("{name} = {wanted} on both sides")
        } else {
            format!(
                "{name} should be {wanted}, but {} used {} and {} used {}",
                names.0, values.0, names.1, values.1
            )
        },
        contender: Some(values.0),
        baseline: Some(values.1),
        figure: None,
        allowed: None,
    }
}

/// The allowance is binding, its use is not.
#[expect(clippy::cast_precision_loss, reason = "times of less than 100 days, a handful of threads")]
fn threads(case: &CaseRecord, name: &str, receipt: &Receipt, trial: &TrialRecord) -> Check {
    let allowed = case.threads as f64;
    let busiest = trial
        .phases
        .iter()
        .filter_map(|phase| {
            let (wall, cpu) = (phase.wall_ns.iter().sum::<u64>(), phase.cpu_ns.iter().sum::<u64>());
            (wall >= CPU_MINIMUM_NS).then(|| (cpu as f64 / wall as f64, phase.name.as_str()))
        })
        .max_by(|x, y| x.0.total_cmp(&y.0));
    let mut check = Check {
        name: format!("threads of {name}"),
        agrees: true,
        contender: None,
        baseline: None,
        figure: busiest.map(|b| b.0),
        allowed: Some(CPU_SLACK * allowed),
        finding: format!("{name} used {} of {allowed} threads", receipt.threads.pool),
    };
    if receipt.threads.pool as u64 > case.threads {
        check.agrees = false;
        check.finding =
            format!("{name} reports {} threads, but {allowed} were allowed", receipt.threads.pool);
    } else if let Some((usage, phase)) = busiest
        && usage > CPU_SLACK * allowed
    {
        check.agrees = false;
        check.finding = format!("{name} used {usage:.2} CPUs in {phase}, but {allowed} threads were allowed");
    }
    check
}
