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
        let silent = [contender, baseline].into_iter().filter(|t| t.receipt.is_none());
        let silent: Vec<&str> = silent.map(|t| t.implementation.as_str()).collect();
        let they = if silent.len() == 1 { "it" } else { "they" };
        let finding = format!("{} sent no receipt: nothing proves what {they} did", silent.join(" and "));
        return vec![Check::disagreement("receipt", finding)];
    };
    let hash = case.bundle_of(contender.block);
    let bundle = hash.and_then(|hash| manifest.bundles.get(hash));
    let receipts = [a, b];
    let read = |of: fn(&ReceiptFacts) -> Option<String>| receipts.map(of);
    let expected = |of: fn(&BundleRecord) -> u64| bundle.map(|b| of(b).to_string());
    let number = |n: Option<u64>| n.map(|n| n.to_string());
    let mut checks = vec![
        same("training rows", names, receipts.map(|r| number(r.train_rows)), expected(|b| b.train_rows)),
        same("features", names, receipts.map(|r| number(r.features)), expected(|b| b.features)),
        same("dtype", names, read(|r| r.dtype.clone()), case.dtype.clone()),
        same("device", names, read(|r| r.device.clone()), case.device.clone()),
        same("bundle", names, read(|r| r.bundle.clone()), hash.cloned()),
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

#[cfg(test)]
mod tests {
    use super::super::example::{BASELINE, CONTENDER, case, manifest, trial};
    use super::*;
    use crate::store::manifest::Limits;
    use crate::task::parameter::Value;

    /// The findings of what is refused, with the contender first.
    fn refused(contender: &TrialFacts, baseline: &TrialFacts) -> Vec<String> {
        let checks = conditions(&manifest(), &case(), contender, baseline);
        checks.into_iter().filter(|c| !c.agrees).map(|c| c.finding).collect()
    }

    /// One change on either side, or on both, is refused by one finding, whichever side is called contender.
    #[track_caller]
    fn either(change: impl Fn(&mut TrialFacts), named: impl Fn(&str) -> String) {
        for (a, b) in [(CONTENDER, BASELINE), (BASELINE, CONTENDER)] {
            let mut changed = trial(a, 1);
            change(&mut changed);
            let other = trial(b, 1);
            for found in [refused(&changed, &other), refused(&other, &changed)] {
                let [finding] = &found[..] else { panic!("one finding: {found:#?}") };
                let part = named(a);
                assert!(finding.contains(&part), "{part}: {finding}");
            }
        }
    }

    fn receipt(change: impl Fn(&mut ReceiptFacts)) -> impl Fn(&mut TrialFacts) {
        move |trial| change(trial.receipt.as_mut().unwrap())
    }

    #[test]
    fn two_that_agree_are_accepted_in_both_orders() {
        let (a, b) = (trial(CONTENDER, 1), trial(BASELINE, 1));
        assert_eq!(refused(&a, &b), Vec::<String>::new());
        assert_eq!(refused(&b, &a), Vec::<String>::new());
        let names: Vec<String> =
            conditions(&manifest(), &case(), &a, &b).into_iter().map(|c| c.name).collect();
        let expected = [
            "training rows",
            "features",
            "dtype",
            "device",
            "bundle",
            "allowed threads",
            "CPUs",
            "alpha",
            "epochs",
            "threads of rust/a",
            "threads of python/b",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn every_fact_that_differs_is_refused_with_both_values() {
        type Change = fn(&mut ReceiptFacts);
        let table: [(Change, &str, &str, &str); 7] = [
            (|r| r.train_rows = Some(40), "training rows", "80", "40"),
            (|r| r.features = Some(2), "features", "3", "2"),
            (|r| r.dtype = Some("float32".to_owned()), "dtype", "float64", "float32"),
            (|r| r.device = Some("cuda".to_owned()), "device", "cpu", "cuda"),
            (|r| r.bundle = Some("other".to_owned()), "bundle", "bundle", "other"),
            (|r| drop(r.hyperparameters.insert("alpha".to_owned(), Value::Float(3.0))), "alpha", "1", "3"),
            (|r| drop(r.work.insert("epochs".to_owned(), Value::Int(1))), "epochs", "equal", "1"),
        ];
        for (change, name, should, value) in table {
            either(receipt(change), |_| format!("{name} should be {should}, but "));
            either(receipt(change), |side| format!("{side} used {value}"));
        }
        either(receipt(|r| r.threads.allowed = Some(2)), |side| format!("{side} used 2"));
        either(|t| t.cpu_set = Some(vec![0]), |side| format!("{side} used [0]"));
    }

    #[test]
    fn a_fact_that_one_side_does_not_tell_is_refused() {
        type Change = fn(&mut ReceiptFacts);
        let table: [(Change, &str); 8] = [
            (|r| r.train_rows = None, "training rows"),
            (|r| r.features = None, "features"),
            (|r| r.dtype = None, "dtype"),
            (|r| r.device = None, "device"),
            (|r| r.bundle = None, "bundle"),
            (|r| r.threads.allowed = None, "allowed threads"),
            (|r| drop(r.hyperparameters.remove("alpha")), "alpha"),
            (|r| drop(r.work.remove("epochs")), "epochs"),
        ];
        for (change, name) in table {
            either(receipt(change), |side| format!("{name}: nothing tells what {side} used"));
        }
        either(|t| t.cpu_set = None, |side| format!("CPUs: nothing tells what {side} used"));
        either(|t| t.receipt = None, |side| format!("{side} sent no receipt: nothing proves what it did"));
        let [mut a, mut b] = [trial(CONTENDER, 1), trial(BASELINE, 1)];
        (a.receipt, b.receipt) = (None, None);
        assert_eq!(refused(&a, &b), ["rust/a and python/b sent no receipt: nothing proves what they did"]);
        either(receipt(|r| r.threads.pool = None), |side| {
            format!("nothing tells how many threads {side} used")
        });
        either(
            |t| t.phases[0].cpus = None,
            |side| format!("nothing tells how much CPU time {side} used in fit"),
        );
    }

    #[test]
    fn both_sides_wrong_alike_is_still_wrong() {
        let [a, b] = [CONTENDER, BASELINE].map(|id| {
            let mut trial = trial(id, 1);
            let receipt = trial.receipt.as_mut().unwrap();
            receipt.train_rows = Some(40);
            receipt.hyperparameters.insert("alpha".to_owned(), Value::Float(3.0));
            trial
        });
        assert_eq!(
            refused(&a, &b),
            [
                "training rows should be 80, but rust/a used 40 and python/b used 40",
                "alpha should be 1, but rust/a used 3 and python/b used 3"
            ]
        );
    }

    #[test]
    fn what_does_not_matter_is_not_compared() {
        let mut other = trial(CONTENDER, 1);
        let receipt = other.receipt.as_mut().unwrap();
        receipt.hyperparameters.insert("solver".to_owned(), Value::Text("y".into()));
        // Read back with rounding, and as another type.
        receipt.hyperparameters.insert("alpha".to_owned(), Value::Int(1));
        receipt.work.insert("iterations".to_owned(), Value::Int(7));
        assert_eq!(refused(&other, &trial(BASELINE, 1)), Vec::<String>::new());
        receipt_of(&mut other).hyperparameters.insert("alpha".to_owned(), Value::Float(1.0 + 1e-15));
        assert_eq!(refused(&other, &trial(BASELINE, 1)), Vec::<String>::new());
    }

    fn receipt_of(trial: &mut TrialFacts) -> &mut ReceiptFacts {
        trial.receipt.as_mut().unwrap()
    }

    #[test]
    fn the_allowance_of_threads_binds_and_its_use_does_not() {
        either(receipt(|r| r.threads.pool = Some(4)), |side| {
            format!("{side} reports 4 threads, but 1 were allowed")
        });
        either(|t| t.phases[0].cpus = Some(1.2), |side| format!("{side} used 1.20 CPUs in fit"));
        // Too short for the CPU clock, or within its slack.
        for change in [
            |t: &mut TrialFacts| (t.phases[0].wall_ns, t.phases[0].cpus) = (Some(9e7), Some(3.0)),
            |t: &mut TrialFacts| (t.phases[0].wall_ns, t.phases[0].cpus) = (Some(9e7), None),
            |t: &mut TrialFacts| t.phases[0].cpus = Some(1.04),
        ] {
            let mut contender = trial(CONTENDER, 1);
            change(&mut contender);
            assert_eq!(refused(&contender, &trial(BASELINE, 1)), Vec::<String>::new());
        }
        let mut two = case();
        two.threads = Some(2);
        let [mut a, mut b] = [trial(CONTENDER, 1), trial(BASELINE, 1)];
        for side in [&mut a, &mut b] {
            receipt_of(side).threads.allowed = Some(2);
        }
        receipt_of(&mut b).threads.pool = Some(2);
        let checks = conditions(&manifest(), &two, &a, &b);
        assert!(checks.iter().all(|c| c.agrees), "{checks:#?}");
        assert!(checks.iter().any(|c| c.finding == "rust/a used 1 of 2 threads"), "{checks:#?}");
    }

    #[test]
    fn where_no_cpus_could_be_restricted_there_is_nothing_to_compare() {
        let mut open = manifest();
        open.limits = Some(Limits {
            timeout_ns: 1,
            memory_bytes: 1,
            memory_method: "none".to_owned(),
            cpus: Vec::new(),
        });
        let [mut a, mut b] = [trial(CONTENDER, 1), trial(BASELINE, 1)];
        (a.cpu_set, b.cpu_set) = (None, None);
        assert!(conditions(&open, &case(), &a, &b).iter().all(|c| c.agrees));
        open.limits.as_mut().unwrap().cpus = vec![1];
        assert!(!conditions(&open, &case(), &a, &b).iter().all(|c| c.agrees));
    }

    #[test]
    fn a_case_that_does_not_say_what_was_asked_needs_sides_that_agree() {
        let mut vague = case();
        vague.hyperparameters.clear();
        (vague.bundle, vague.threads, vague.dtype, vague.device) = (None, None, None, None);
        let [mut a, b] = [trial(CONTENDER, 1), trial(BASELINE, 1)];
        assert!(conditions(&manifest(), &vague, &a, &b).iter().all(|c| c.agrees));
        receipt_of(&mut a).hyperparameters.insert("alpha".to_owned(), Value::Float(3.0));
        receipt_of(&mut a).dtype = Some("float32".to_owned());
        let checks = conditions(&manifest(), &vague, &a, &b);
        let refused: Vec<&str> = checks.iter().filter(|c| !c.agrees).map(|c| c.finding.as_str()).collect();
        assert_eq!(
            refused,
            [
                "dtype should be equal, but rust/a used float32 and python/b used float64",
                "alpha should be equal, but rust/a used 3 and python/b used 1"
            ]
        );
        let [mut a, mut b] = [trial(CONTENDER, 1), trial(BASELINE, 1)];
        for side in [&mut a, &mut b] {
            receipt_of(side).hyperparameters.clear();
        }
        let checks = conditions(&manifest(), &vague, &a, &b);
        assert!(
            checks.iter().any(|c| c.name == "alpha" && !c.agrees),
            "binding, though neither case nor sides tell"
        );
    }
}
