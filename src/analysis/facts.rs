//! What judging needs to know of a trial. Whatever a run, or a foreign record, does not tell is absent, and never assumed.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::executor::event::Status;
use crate::task::parameter::Parameters;

/// One trial.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialFacts {
    /// The case.
    pub case: String,
    /// The implementation.
    pub implementation: String,
    /// The block.
    pub block: u32,
    /// The attempt at the block.
    pub attempt: u32,
    /// How it ended.
    pub status: Status,
    /// Why, unless it worked.
    pub reason: Option<String>,
    /// What it says it really used.
    pub receipt: Option<ReceiptFacts>,
    /// The CPUs that its process could run on, as it read itself.
    pub cpu_set: Option<Vec<usize>>,
    /// The largest resident set, in bytes.
    pub peak_rss_bytes: Option<f64>,
    /// The resident set after the imports, in bytes.
    pub rss_ready_bytes: Option<f64>,
    /// The task's metrics.
    pub metrics: BTreeMap<String, f64>,
    /// The time of one call in each phase, in the order of [`phase_rank`].
    pub phases: Vec<PhaseFacts>,
}

/// One phase of one trial.
#[derive(Debug, Clone, PartialEq)]
pub struct PhaseFacts {
    /// Its name.
    pub name: String,
    /// The median over its samples of the wall time of one call, in nanoseconds.
    pub median_ns: f64,
    /// Wall nanoseconds of all samples together; absent for phases that are one stretch.
    pub wall_ns: Option<f64>,
    /// CPU time over wall time, on average over the samples: the CPUs that were busy.
    pub cpus: Option<f64>,
}

/// What a receipt tells of the points that the gate asks for.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ReceiptFacts {
    /// Every hyperparameter under the task's names.
    pub hyperparameters: Parameters,
    /// The hash of the bundle that was loaded.
    pub bundle: Option<String>,
    /// The floating-point type.
    pub dtype: Option<String>,
    /// Rows of the training array.
    pub train_rows: Option<u64>,
    /// Its columns.
    pub features: Option<u64>,
    /// The device.
    pub device: Option<String>,
    /// Threads.
    pub threads: ThreadFacts,
    /// Work done.
    pub work: Parameters,
}

/// What a receipt tells of threads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ThreadFacts {
    /// The number that was allowed.
    pub allowed: Option<u64>,
    /// The size of the largest pool.
    pub pool: Option<u64>,
}

impl TrialFacts {
    /// Whether it worked.
    pub fn is_ok(&self) -> bool {
        self.status == Status::Ok
    }

    /// The time of one call in a phase, in nanoseconds.
    pub fn time_ns(&self, phase: &str) -> Option<f64> {
        self.phases.iter().find(|p| p.name == phase).map(|p| p.median_ns)
    }
}

/// Where a phase stands among others: in the order in which a trial goes through them.
pub fn phase_rank(name: &str) -> (u8, u64, &str) {
    let rows = name.strip_prefix("predict@").map(|rows| rows.parse().unwrap_or(u64::MAX));
    match (name, rows) {
        ("start", _) => (0, 0, name),
        ("load", _) => (1, 0, name),
        ("fit_first", _) => (2, 0, name),
        ("fit", _) => (3, 0, name),
        (_, Some(rows)) => (4, rows, name),
        (_, None) => (5, 0, name),
    }
}

/// Builders for tests of the gate: trials that agree on everything, from which a test takes something away.
#[cfg(test)]
pub mod example {
    use std::collections::BTreeMap;

    use super::{PhaseFacts, ReceiptFacts, ThreadFacts, TrialFacts};
    use crate::executor::event::Status;
    use crate::store::manifest::{
        ArmRecord, BundleRecord, CaseRecord, Fingerprint, Manifest, SCHEMA_VERSION,
    };
    use crate::task::Tolerances;
    use crate::task::parameter::{Parameters, Value};

    /// The contender.
    pub const CONTENDER: &str = "rust/a";
    /// The baseline.
    pub const BASELINE: &str = "python/b";

    fn parameters<const N: usize>(values: [(&str, Value); N]) -> Parameters {
        values.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// A trial that tells everything: 100 ns a fit, one thread of one.
    pub fn trial(implementation: &str, block: u32) -> TrialFacts {
        TrialFacts {
            case: "case".to_owned(),
            implementation: implementation.to_owned(),
            block,
            attempt: 0,
            status: Status::Ok,
            reason: None,
            receipt: Some(ReceiptFacts {
                hyperparameters: parameters([
                    ("alpha", Value::Float(1.0)),
                    ("solver", Value::Text("x".into())),
                ]),
                bundle: Some("bundle".to_owned()),
                dtype: Some("float64".to_owned()),
                train_rows: Some(80),
                features: Some(3),
                device: Some("cpu".to_owned()),
                threads: ThreadFacts { allowed: Some(1), pool: Some(1) },
                work: parameters([("epochs", Value::Int(5))]),
            }),
            cpu_set: Some(vec![1]),
            peak_rss_bytes: Some(2e6),
            rss_ready_bytes: Some(1e6),
            metrics: BTreeMap::from([("r2".to_owned(), 0.5)]),
            phases: vec![PhaseFacts {
                name: "fit".to_owned(),
                median_ns: 100.0,
                wall_ns: Some(2e8),
                cpus: Some(1.0),
            }],
        }
    }

    /// The case of these trials: `alpha` is binding, `solver` is not, `epochs` are work.
    pub fn case() -> CaseRecord {
        let arm = |id: &str, compared_with: Option<&str>| ArmRecord {
            implementation: id.to_owned(),
            settings: Parameters::new(),
            compared_with: compared_with.map(str::to_owned),
            unsupported: None,
        };
        CaseRecord {
            id: "case".to_owned(),
            experiment: "e".to_owned(),
            task: "regression".to_owned(),
            dataset: "d".to_owned(),
            algorithm: "acme:sgd".to_owned(),
            hyperparameters: parameters([("alpha", Value::Float(1.0)), ("solver", Value::Text("x".into()))]),
            label: String::new(),
            binding: vec!["alpha".to_owned()],
            baseline: BASELINE.to_owned(),
            bundle: Some("bundle".to_owned()),
            threads: Some(1),
            dtype: Some("float64".to_owned()),
            device: Some("cpu".to_owned()),
            work: vec!["epochs".to_owned()],
            equivalence: None,
            primary_phases: vec!["fit".to_owned()],
            headline_metrics: Vec::new(),
            tolerances: Tolerances::default(),
            arms: vec![arm(CONTENDER, Some(BASELINE)), arm(BASELINE, None)],
        }
    }

    /// A manifest that knows the bundle and nothing of limits.
    pub fn manifest() -> Manifest {
        let bundle = BundleRecord {
            dataset: "d".to_owned(),
            dataset_sha256: String::new(),
            source_sha256: BTreeMap::new(),
            train_rows: 80,
            test_rows: 20,
            features: 3,
        };
        Manifest {
            schema_version: SCHEMA_VERSION,
            benchrun: String::new(),
            spec: "s".to_owned(),
            run: "r".to_owned(),
            created_unix_ms: 0,
            fingerprint: Fingerprint::default(),
            seed: None,
            blocks: 1,
            machine: None,
            imported: None,
            build: BTreeMap::new(),
            limits: None,
            git: None,
            implementations: BTreeMap::new(),
            bundles: BTreeMap::from([("bundle".to_owned(), bundle)]),
            cases: vec![case()],
        }
    }
}
