//! Evidence for tests: one case, times as they are given, and receipts with which the gate agrees.

use std::collections::BTreeMap;

use super::comparison::{Comparison, Options, compare};
use super::evidence::{Contract, Evidence};
use super::facts::{PhaseFacts, ReceiptFacts, ThreadFacts, TrialFacts};
use crate::executor::event::Status;
use crate::store::manifest::Manifest;
use crate::task::Check;

/// An implementation and what it measured, block by block.
#[derive(Debug, Clone)]
pub struct Arm<'a> {
    /// Its id.
    pub id: &'a str,
    /// The arm that it is compared with.
    pub against: Option<&'a str>,
    /// Nanoseconds of `fit` in each block; not finite where the trial failed.
    pub fit_ns: &'a [f64],
    /// `r2` in each block.
    pub r2: f64,
}

/// An arm that is compared with another.
pub fn arm<'a>(id: &'a str, against: Option<&'a str>, fit_ns: &'a [f64]) -> Arm<'a> {
    Arm { id, against, fit_ns, r2: 0.5 }
}

/// The manifest of a run of one case.
pub fn manifest(run: &str, created_unix_ms: u64, arms: &[Arm<'_>]) -> Manifest {
    let arms: Vec<serde_json::Value> = arms
        .iter()
        .map(|a| serde_json::json!({ "implementation": a.id, "settings": {}, "compared_with": a.against, "slowdown": 0.0, "unsupported": null }))
        .collect();
    let machine = serde_json::json!({
        "host": "h", "os": "Linux", "kernel": "6", "architecture": "x86_64", "cpu_model": null, "cpus": 2, "cpu_set": [0, 1],
        "memory_bytes": null, "governor": null
    });
    let bundle = serde_json::json!({
        "dataset": "diabetes", "dataset_sha256": "d", "source_sha256": {}, "train_rows": 353, "test_rows": 89, "features": 10
    });
    let case = serde_json::json!({
        "id": "case", "experiment": "linear", "task": "regression", "dataset": "diabetes", "algorithm": "ridge",
        "hyperparameters": { "alpha": 1.0 }, "label": "alpha=1", "binding": ["alpha"], "baseline": "python/a", "bundle": "b",
        "threads": 1, "dtype": "float64", "device": "cpu", "work": [], "equivalence": null, "primary_phases": ["fit"],
        "headline_metrics": ["r2"], "lower_is_better": [], "tolerances": {}, "arms": arms
    });
    let manifest = serde_json::json!({
        "schema_version": crate::store::manifest::SCHEMA_VERSION, "benchrun": "0", "spec": "s", "run": run,
        "created_unix_ms": created_unix_ms, "fingerprint": {}, "seed": 42, "blocks": { "min": 10, "max": 10, "precision": null }, "max_blocks_asked": null, "machine": machine, "imported": null,
        "build": {}, "limits": { "timeout_ns": 1, "memory_bytes": 1, "memory_method": "none", "cpus": [1] }, "git": null,
        "implementations": {}, "bundles": { "b": bundle }, "cases": [case]
    });
    serde_json::from_value(manifest).unwrap()
}

/// A trial with which nothing is wrong.
pub fn trial(implementation: &str, block: u32, fit_ns: f64, r2: f64) -> TrialFacts {
    let alpha = ("alpha".to_owned(), crate::task::parameter::Value::Float(1.0));
    let phase = |name: &str, median_ns| PhaseFacts {
        name: name.to_owned(),
        median_ns,
        wall_ns: Some(2e8),
        cpus: Some(1.0),
    };
    TrialFacts {
        case: "case".to_owned(),
        implementation: implementation.to_owned(),
        block,
        attempt: 0,
        status: Status::Ok,
        reason: None,
        receipt: Some(ReceiptFacts {
            hyperparameters: [alpha].into(),
            bundle: Some("b".to_owned()),
            dtype: Some("float64".to_owned()),
            train_rows: Some(353),
            features: Some(10),
            device: Some("cpu".to_owned()),
            threads: ThreadFacts { allowed: Some(1), pool: Some(1) },
            work: BTreeMap::new(),
        }),
        cpu_set: Some(vec![1]),
        peak_rss_bytes: Some(1e7),
        rss_ready_bytes: Some(9e6),
        metrics: [("r2".to_owned(), r2)].into(),
        phases: vec![phase("fit", fit_ns)],
    }
}

/// The evidence of a run of one case, whose outputs were all found equal.
pub fn evidence(run: &str, created_unix_ms: u64, arms: &[Arm<'_>]) -> Evidence {
    let mut trials = Vec::new();
    let mut contract = Contract::default();
    for arm in arms {
        for (block, fit_ns) in (1..).zip(arm.fit_ns) {
            let mut facts = trial(arm.id, block, *fit_ns, arm.r2);
            if !fit_ns.is_finite() {
                facts = TrialFacts {
                    status: Status::Failed,
                    reason: Some("planted".to_owned()),
                    phases: Vec::new(),
                    ..facts
                };
            }
            for other in arms.iter().filter(|other| other.id != arm.id) {
                let names = (arm.id, other.id);
                contract.add(
                    ("case", block, 0),
                    names,
                    Check::agreement("predictions", "predictions equal".to_owned()),
                );
            }
            trials.push(facts);
        }
    }
    trials.sort_by_key(|t| t.block);
    let manifest = manifest(run, created_unix_ms, arms);
    Evidence { manifest, finished: true, trials: [("case".to_owned(), trials)].into(), contract }
}

/// The comparison of such a run.
pub fn comparison(run: &str, created_unix_ms: u64, arms: &[Arm<'_>]) -> Comparison {
    compare(&evidence(run, created_unix_ms, arms), &Options::default()).0
}
