//! Builders for tests: trials that agree on everything, from which a test takes something away, and comparisons of them.

use std::collections::BTreeMap;

use super::comparison::{Comparison, Options, compare};
use super::evidence::{Contract, Evidence};
use super::facts::{PhaseFacts, ReceiptFacts, ThreadFacts, TrialFacts};
use crate::executor::event::Status;
use crate::monitor::machine::Machine;
use crate::spec::Blocks;
use crate::store::manifest::{ArmRecord, BundleRecord, CaseRecord, Fingerprint, Manifest, SCHEMA_VERSION};
use crate::task::parameter::{Parameters, Value};
use crate::task::{Check, Tolerances};

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
            hyperparameters: parameters([("alpha", Value::Float(1.0)), ("solver", Value::Text("x".into()))]),
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
            latency: None,
        }],
    }
}

/// The case of these trials: `alpha` is binding, `solver` is not, `epochs` are work.
pub fn case() -> CaseRecord {
    let arm = |id: &str, compared_with: Option<&str>| ArmRecord {
        implementation: id.to_owned(),
        settings: Parameters::new(),
        compared_with: compared_with.map(str::to_owned),
        slowdown: 0.0,
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
        folds: Vec::new(),
        weights: None,
        threads: Some(1),
        dtype: Some("float64".to_owned()),
        device: Some("cpu".to_owned()),
        work: vec!["epochs".to_owned()],
        equivalence: None,
        target: None,
        rates: None,
        primary_phases: vec!["fit".to_owned()],
        headline_metrics: Vec::new(),
        lower_is_better: Vec::new(),
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
        blocks: Blocks::fixed(1),
        max_blocks_asked: None,
        machine: None,
        doctor: None,
        imported: None,
        build: BTreeMap::new(),
        sampling_ns: None,
        limits: None,
        git: None,
        implementations: BTreeMap::new(),
        bundles: BTreeMap::from([("bundle".to_owned(), bundle)]),
        cases: vec![case()],
    }
}

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

/// The comparison of a run of one case, whose outputs were all found equal, on a machine that is known.
pub fn comparison(run: &str, created_unix_ms: u64, arms: &[Arm<'_>]) -> Comparison {
    let mut trials = Vec::new();
    let mut contract = Contract::default();
    for arm in arms {
        for (block, fit_ns) in (1..).zip(arm.fit_ns) {
            let mut facts = trial(arm.id, block);
            facts.metrics.insert("r2".to_owned(), arm.r2);
            facts.phases[0].median_ns = *fit_ns;
            if !fit_ns.is_finite() {
                (facts.status, facts.reason) = (Status::Failed, Some("planted".to_owned()));
                facts.phases.clear();
            }
            trials.push(facts);
            for other in arms.iter().filter(|other| other.id != arm.id) {
                let equal = Check::agreement("predictions", "predictions equal".to_owned());
                contract.add(("case", block, 0), (arm.id, other.id), equal);
            }
        }
    }
    trials.sort_by_key(|t| t.block);
    let machine = Machine {
        host: "h".to_owned(),
        os: "Linux".to_owned(),
        kernel: "6".to_owned(),
        architecture: "x86_64".to_owned(),
        cpu_model: None,
        cpus: 2,
        cpu_set: Some(vec![0, 1]),
        memory_bytes: None,
        governor: None,
    };
    let record = |a: &Arm<'_>| ArmRecord {
        implementation: a.id.to_owned(),
        settings: Parameters::new(),
        compared_with: a.against.map(str::to_owned),
        slowdown: 0.0,
        unsupported: None,
    };
    let case = CaseRecord {
        experiment: "linear".to_owned(),
        dataset: "diabetes".to_owned(),
        algorithm: "ridge".to_owned(),
        label: "alpha=1".to_owned(),
        headline_metrics: vec!["r2".to_owned()],
        arms: arms.iter().map(record).collect(),
        ..case()
    };
    let manifest = Manifest {
        run: run.to_owned(),
        created_unix_ms,
        machine: Some(machine),
        cases: vec![case],
        ..manifest()
    };
    let evidence = Evidence {
        manifest,
        finished: true,
        trials: [("case".to_owned(), trials)].into(),
        contract,
        noise: Vec::new(),
    };
    compare(&evidence, &Options::default()).0
}
