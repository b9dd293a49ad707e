//! A run that nobody measured, as the store would have written it: the times are drawn, everything else is as a worker reports it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use benchrun::monitor::machine::Machine;
use benchrun::spec::Blocks;
use benchrun::store::manifest::{
    ArmRecord, BundleRecord, CaseRecord, Fingerprint, Limits, Manifest, SCHEMA_VERSION,
};
use benchrun::store::parquet::write_rows;
use benchrun::store::rows::{ParityRow, SampleRow, TrialRow};
use benchrun::task::parameter::{Parameters, Value};
use benchrun::task::{Check, Tolerances};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::Outcome;

const SEED: u64 = 20_261_121;
const IMPLEMENTATIONS: [&str; 2] = ["rust/linfa", "python/scikit-learn"];
const BLOCKS: u32 = 10;
const SAMPLES: u32 = 100;
/// Each phase, and how many calls of it take a millisecond.
const PHASES: [(&str, u64); 5] =
    [("fit_first", 1), ("fit", 1), ("predict@1", 100), ("predict@100", 20), ("predict@all", 1)];
/// One case in so many is disputed by the contract, so that the gate has something to refuse.
const DISPUTED: u32 = 100;

/// How large the run is.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    cases: u32,
}

impl Shape {
    /// The smallest run of at least so many samples.
    pub fn of_rows(rows: u64) -> Self {
        let of_case = u64::from(BLOCKS * SAMPLES) * (IMPLEMENTATIONS.len() * PHASES.len()) as u64;
        Self { cases: u32::try_from(rows.div_ceil(of_case)).unwrap_or(u32::MAX) }
    }

    /// In words.
    pub fn describe(self) -> String {
        let (sides, phases) = (IMPLEMENTATIONS.len(), PHASES.len());
        let rows = u64::from(self.cases * BLOCKS * SAMPLES) * (sides * phases) as u64;
        format!(
            "{rows} samples: {} cases × {sides} implementations × {BLOCKS} blocks × {phases} phases × {SAMPLES} samples.",
            self.cases
        )
    }
}

/// Makes the run's folder.
pub fn make(place: &Path, shape: Shape) -> Outcome<PathBuf> {
    let manifest = manifest(shape);
    let folder = place.join(&manifest.spec).join(&manifest.run);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("manifest.json"), serde_json::to_vec_pretty(&manifest)?)?;
    let mut generator = ChaCha8Rng::seed_from_u64(SEED);
    let trials = trials(&manifest, &mut generator);
    let rows: Vec<TrialRow> = trials.iter().map(|t| t.row.clone()).collect();
    let samples = trials.into_iter().flat_map(move |trial| trial.samples(&mut generator));
    write_rows(&folder, (&rows, samples, &contract(&manifest)), true)?;
    Ok(folder)
}

fn manifest(shape: Shape) -> Manifest {
    let bundle = "6ad675ba0175db74d6571b0da06330bbe31a8d9884ec5a0e1aedcec97bf147fa".to_owned();
    let cases = (0..shape.cases).map(|index| case(index, &bundle)).collect();
    let record = BundleRecord {
        dataset: "diabetes".to_owned(),
        dataset_sha256: bundle.clone(),
        source_sha256: BTreeMap::new(),
        train_rows: 353,
        test_rows: 89,
        features: 10,
    };
    Manifest {
        schema_version: SCHEMA_VERSION,
        benchrun: env!("CARGO_PKG_VERSION").to_owned(),
        spec: "synthetic".to_owned(),
        run: "20261121T000000Z-000000".to_owned(),
        created_unix_ms: 1_795_219_200_000,
        fingerprint: Fingerprint::default(),
        seed: Some(SEED),
        blocks: Blocks::fixed(BLOCKS),
        max_blocks_asked: None,
        machine: Some(Machine::read()),
        doctor: None,
        imported: None,
        build: BTreeMap::new(),
        sampling_ns: None,
        limits: Some(Limits {
            timeout_ns: 120_000_000_000,
            memory_bytes: 4 << 30,
            memory_method: "RLIMIT_DATA".to_owned(),
            cpus: vec![0],
        }),
        git: None,
        implementations: BTreeMap::new(),
        bundles: BTreeMap::from([(bundle, record)]),
        cases,
    }
}

fn case(index: u32, bundle: &str) -> CaseRecord {
    let alpha = 0.001 * f64::from(index + 1);
    let arm = |name: &str, compared_with: Option<&str>| ArmRecord {
        implementation: name.to_owned(),
        settings: Parameters::new(),
        compared_with: compared_with.map(str::to_owned),
        unsupported: None,
        slowdown: 0.0,
    };
    let words = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    CaseRecord {
        id: benchrun::files::sha256(&index.to_le_bytes())[..12].to_owned(),
        experiment: "linear models".to_owned(),
        task: "regression".to_owned(),
        dataset: "diabetes".to_owned(),
        algorithm: "lasso".to_owned(),
        hyperparameters: hyperparameters(alpha),
        label: format!("alpha={alpha}"),
        binding: words(&["alpha", "fit_intercept"]),
        baseline: IMPLEMENTATIONS[1].to_owned(),
        bundle: Some(bundle.to_owned()),
        folds: Vec::new(),
        weights: None,
        threads: Some(1),
        dtype: Some("float64".to_owned()),
        device: Some("cpu".to_owned()),
        work: Vec::new(),
        equivalence: None,
        target: None,
        rates: None,
        primary_phases: words(&["fit", "predict@1", "predict@all"]),
        headline_metrics: words(&["r2", "rmse"]),
        lower_is_better: words(&["mse", "rmse", "mae", "max_error"]),
        tolerances: Tolerances::default(),
        arms: vec![arm(IMPLEMENTATIONS[0], Some(IMPLEMENTATIONS[1])), arm(IMPLEMENTATIONS[1], None)],
    }
}

fn hyperparameters(alpha: f64) -> Parameters {
    let values = [
        ("alpha", Value::Float(alpha)),
        ("fit_intercept", Value::Bool(true)),
        ("max_iter", Value::Int(10_000)),
        ("tol", Value::Float(1e-10)),
    ];
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A trial, and the time of one call in each of its phases.
struct Trial {
    row: TrialRow,
    calls_ns: [f64; PHASES.len()],
}

/// One discarded trial of each implementation, then every case in every block.
fn trials(manifest: &Manifest, generator: &mut ChaCha8Rng) -> Vec<Trial> {
    let speeds: Vec<[f64; 2]> = manifest
        .cases
        .iter()
        .map(|_| {
            let of_case = 2e6 * (0.7 * generator.sample::<f64, _>(StandardNormal)).exp();
            // Half of the cases are close, half are far apart.
            let spread = if generator.random() { 0.03 } else { 0.8 };
            [of_case * (spread * generator.sample::<f64, _>(StandardNormal)).exp(), of_case]
        })
        .collect();
    let mut trials = Vec::new();
    for block in 0..=BLOCKS {
        let cases = if block == 0 { &manifest.cases[..1] } else { &manifest.cases };
        for (case, speeds) in cases.iter().zip(&speeds) {
            let shared = (0.02 * generator.sample::<f64, _>(StandardNormal)).exp();
            for side in [0, 1] {
                let luck: f64 = generator.sample(StandardNormal);
                let own = speeds[side] * shared * (0.03 * luck).exp();
                let calls_ns = PHASES.map(|(_, calls)| {
                    let luck: f64 = generator.sample(StandardNormal);
                    own / calls as f64 * (0.01 * luck).exp()
                });
                trials.push(Trial { row: row(manifest, case, side, block, generator), calls_ns });
            }
        }
    }
    trials
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "times are positive and short")]
fn row(
    manifest: &Manifest,
    case: &CaseRecord,
    side: usize,
    block: u32,
    generator: &mut ChaCha8Rng,
) -> TrialRow {
    let implementation = IMPLEMENTATIONS[side];
    let mut about =
        |value: f64| Some((value * (0.02 * generator.sample::<f64, _>(StandardNormal)).exp()) as u64);
    let metrics = ["mse", "rmse", "mae", "max_error", "mape", "r2", "explained_variance", "residual_std"];
    TrialRow {
        trial: Some(format!("{}-b{block:03}-{}", case.id, implementation.replace('/', "-"))),
        spec: manifest.spec.clone(),
        run: manifest.run.clone(),
        experiment: case.experiment.clone(),
        task: case.task.clone(),
        case: case.id.clone(),
        dataset: case.dataset.clone(),
        algorithm: case.algorithm.clone(),
        hyperparameters: serde_json::to_string(&case.hyperparameters).unwrap_or_default(),
        settings: "{}".to_owned(),
        implementation: implementation.to_owned(),
        language: implementation.split('/').next().unwrap_or_default().to_owned(),
        bundle: case.bundle.clone(),
        block: Some(block),
        attempt: Some(0),
        session: Some(0),
        position: Some(u32::from(side == 1)),
        counted: block > 0,
        status: "ok".to_owned(),
        seed: Some(SEED + u64::from(block)),
        started_unix_ms: Some(manifest.created_unix_ms),
        start_ns: about([4e6, 7e8][side]),
        load_ns: about([3e5, 2e6][side]),
        wall_ns: about(3e9),
        watched_ns: about(2e9),
        runner_cpu_ns: Some(0),
        rss_ready_bytes: about([1e7, 1.2e8][side]),
        rss_load_bytes: about([1.1e7, 1.25e8][side]),
        peak_rss_bytes: about([1.5e7, 1.5e8][side]),
        cpu_set: Some("[0]".to_owned()),
        threads_alive: Some(1),
        threads_pool: Some(1),
        worker_build: Some("0.1.0".to_owned()),
        versions: Some(r#"{"numpy":"2.4.6","scikit-learn":"1.9.1"}"#.to_owned()),
        receipt: Some(receipt(case)),
        outputs_sha256: case.bundle.clone(),
        metrics: metrics.iter().map(|name| ((*name).to_owned(), 0.5 + 0.001 * f64::from(block))).collect(),
        ..TrialRow::default()
    }
}

fn receipt(case: &CaseRecord) -> String {
    let folder = "/opt/python/lib/python3.11/site-packages";
    let libraries: Vec<String> = (0..20).map(|i| format!("{folder}/sklearn/part_{i}.so")).collect();
    let json = serde_json::json!({
        "hyperparameters": case.hyperparameters,
        "settings": {"selection": "cyclic", "warm_start": false, "precompute": false},
        "bundle": case.bundle,
        "dtype": "float64",
        "layout": "column-major",
        "train_rows": 353,
        "features": 10,
        "device": "cpu",
        "threads": {"allowed": 1, "pool": 1, "alive": 1},
        "blas": [{"name": "openblas", "version": "0.3.29", "architecture": "SkylakeX", "threads": 1}],
        "work": {"iterations": 57, "converged": true, "duality_gap": 1.3e-9},
        "build": {"profile": "release", "target": "x86_64-unknown-linux-gnu", "allocator": "system"},
        "libraries": libraries,
    });
    json.to_string()
}

impl Trial {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "times are positive and short"
    )]
    fn samples(self, generator: &mut ChaCha8Rng) -> Vec<SampleRow> {
        let mut rows = Vec::with_capacity(PHASES.len() * SAMPLES as usize);
        for ((phase, calls), call_ns) in PHASES.into_iter().zip(self.calls_ns) {
            for sample in 0..SAMPLES {
                // Times have a floor and a tail: now and then something gets in the way.
                let luck: f64 = generator.sample(StandardNormal);
                let wall_ns = (call_ns * calls as f64 * (1.0 + 0.02 * luck * luck)) as u64;
                rows.push(SampleRow {
                    trial: self.row.trial.clone().unwrap_or_default(),
                    case: self.row.case.clone(),
                    implementation: self.row.implementation.clone(),
                    block: self.row.block.unwrap_or_default(),
                    counted: self.row.counted,
                    phase: phase.to_owned(),
                    sample,
                    calls,
                    wall_ns,
                    cpu_ns: Some(wall_ns - wall_ns / 1000),
                });
            }
        }
        rows
    }
}

fn contract(manifest: &Manifest) -> Vec<ParityRow> {
    let mut rows = Vec::new();
    for block in 1..=BLOCKS {
        for (index, case) in (0..).zip(&manifest.cases) {
            let figure = if index % DISPUTED == DISPUTED - 1 { 3e-2 } else { 2e-13 };
            for name in ["objective", "own predictions", "predictions"] {
                let finding = format!("{name} differ by {figure:e} of the target's deviation (allowed 1e-6)");
                let check = Check {
                    agrees: figure < 1e-6,
                    figure: Some(figure),
                    allowed: Some(1e-6),
                    ..Check::disagreement(name, finding)
                };
                let names = (IMPLEMENTATIONS[0], IMPLEMENTATIONS[1]);
                rows.push(ParityRow::new("contract", (&case.id, block, 0), names, &check));
            }
        }
    }
    rows
}
