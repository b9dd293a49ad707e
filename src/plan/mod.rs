//! Plans: a checked spec expanded into cases, blocks and trials.
//!
//! Cases are held; trials and orders are derived from them and the seed when they are asked for, so that a matrix of a million
//! trials plans in seconds and every order can be told again from the recorded seed.

pub mod calibration;
pub mod estimate;
pub mod order;
mod seed;
pub mod stopping;

use serde::Serialize;

use crate::files::sha256;
use crate::implementation::{Implementation, Registry};
use crate::spec::{BatchSize, Blocks, CaseDef, Experiment, Spec};
use crate::task::language::GENERATE;
use crate::task::parameter::Parameters;
use crate::task::{Learner, Target, TaskDef};
use crate::worker::protocol::{CPU, PhaseKind, PhaseRequest, Repeat};

pub use seed::seed;

/// A spec with every case expanded.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The spec.
    pub spec: Spec,
    /// The cases in the spec's order.
    pub cases: Vec<Case>,
    /// How many blocks a case gets: what the spec asks for, its largest number lowered where the budget needs it.
    pub blocks: Blocks,
}

/// Rows of one prediction call where a spec gives none.
const ESTIMATOR_BATCHES: [BatchSize; 4] =
    [BatchSize::Rows(1), BatchSize::Rows(10), BatchSize::Rows(100), BatchSize::All];
const TEXT_BATCHES: [BatchSize; 2] = [BatchSize::Rows(1), BatchSize::Rows(8)];
const GENERATION_BATCHES: [BatchSize; 2] = [BatchSize::Rows(1), BatchSize::Rows(4)];
const NETWORK_BATCHES: [BatchSize; 4] =
    [BatchSize::Rows(1), BatchSize::Rows(8), BatchSize::Rows(32), BatchSize::Rows(128)];

/// How often predictions are repeated where a spec says nothing else.
const ESTIMATOR_PREDICTIONS: Repeat =
    Repeat { warmup: 1, min_samples: 5, max_samples: 30, max_time_ns: 50_000_000, min_sample_ns: 1_000_000 };
/// Calls of a network are timed one by one, as many as their percentiles need: `docs/design/networks.md` says why.
const NETWORK_PREDICTIONS: Repeat =
    Repeat { warmup: 5, min_samples: 5, max_samples: 1_000, max_time_ns: 500_000_000, min_sample_ns: 0 };

/// How often all documents are tokenized.
const TOKENIZING: Repeat =
    Repeat { warmup: 1, min_samples: 5, max_samples: 30, max_time_ns: 200_000_000, min_sample_ns: 0 };
/// How often a text is gone on with: each time gives as many samples as it has new tokens but one.
const GENERATIONS: Repeat =
    Repeat { warmup: 1, min_samples: 3, max_samples: 30, max_time_ns: 2_000_000_000, min_sample_ns: 0 };

/// Rows of one batch when a network is evaluated on the whole test split.
const EVALUATION_ROWS: usize = 256;

/// One case and who is asked to solve it.
#[derive(Debug, Clone)]
pub struct Case {
    /// Twelve hexadecimal digits of the hash of everything that must be equal for two implementations to be compared.
    pub id: String,
    /// The place of its experiment in the spec.
    pub experiment: usize,
    /// Its place in the experiment.
    pub index: usize,
    /// The implementations, in the experiment's order.
    pub arms: Vec<Arm>,
    /// What a fitted model is asked to do with test rows: `predict`, `transform`, or nothing where it speaks of its training rows alone.
    pub application: Option<String>,
    /// What its trials train.
    pub learner: Learner,
}

/// One implementation asked to solve one case.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    /// Its id among the arms of the case: the implementation's own, or that of a variant of it.
    pub implementation: String,
    /// The implementation in the registry that does the work.
    pub base: String,
    /// The arm that it is compared with; none for one that others alone are compared with.
    pub compared_with: Option<String>,
    /// Why it is not asked, where the plan already knows that it cannot honour the request.
    pub unsupported: Option<String>,
    /// The slow-down that its workers inject, as a fraction; 0 except in a calibration.
    pub slowdown: f64,
}

impl Plan {
    /// Expands a spec.
    pub fn new(spec: Spec, registry: &Registry) -> Self {
        let mut cases = Vec::new();
        for (e, experiment) in spec.experiments.iter().enumerate() {
            let identity = ExperimentIdentity::new(&spec, experiment);
            let task = registry.task(&experiment.task);
            for (i, def) in experiment.cases.iter().enumerate() {
                let arms = experiment
                    .implementations
                    .iter()
                    .filter(|id| !def.without.contains(id))
                    .filter_map(|id| registry.implementation(id))
                    .map(|implementation| Arm {
                        implementation: implementation.id.clone(),
                        base: implementation.id.clone(),
                        compared_with: (implementation.id != experiment.baseline)
                            .then(|| experiment.baseline.clone()),
                        unsupported: implementation.unsupported(
                            &experiment.task,
                            &def.algorithm,
                            &def.hyperparameters,
                        ),
                        slowdown: 0.0,
                    })
                    .collect();
                let transductive = |t: &&TaskDef| t.algorithm(&def.algorithm).is_some_and(|a| a.transductive);
                let own = |t: &TaskDef| t.algorithm(&def.algorithm).and_then(|a| a.application.clone());
                let applied = |t: &TaskDef| own(t).unwrap_or_else(|| t.application.clone());
                let application = task.filter(|t| !transductive(t)).map(applied);
                let learner = task.map_or(Learner::Estimator, |t| t.learner);
                let id = identity.case_id(def);
                cases.push(Case { id, experiment: e, index: i, arms, application, learner });
            }
        }
        let blocks = spec.protocol.blocks;
        Self { spec, cases, blocks }
    }

    /// The experiment of a case.
    pub fn experiment(&self, case: &Case) -> &Experiment {
        &self.spec.experiments[case.experiment]
    }

    /// The definition of a case.
    pub fn def(&self, case: &Case) -> &CaseDef {
        &self.experiment(case).cases[case.index]
    }

    /// The largest number of trials that are run: unsupported ones are rows without a process.
    pub fn trial_count(&self) -> u64 {
        let arms: usize = self.cases.iter().map(|c| c.runnable().count()).sum();
        arms as u64 * u64::from(self.blocks.max)
    }

    /// The largest number of blocks that the spec asks for, where the budget lowered it.
    pub fn max_blocks_asked(&self) -> Option<u32> {
        Some(self.spec.protocol.blocks.max).filter(|asked| *asked > self.blocks.max)
    }

    /// The implementations that at least one trial runs.
    pub fn implementations<'r>(&self, registry: &'r Registry) -> Vec<&'r Implementation> {
        let used = |i: &&Implementation| self.cases.iter().any(|c| c.runnable().any(|a| a.base == i.id));
        registry.implementations.iter().filter(used).collect()
    }

    /// The timed phases of a case whose test split has `test_rows` rows. A batch size beyond that is left out.
    pub fn phases(&self, case: &Case, test_rows: usize) -> Vec<PhaseRequest> {
        let protocol = &self.spec.protocol;
        let once = Repeat { warmup: 0, min_samples: 1, max_samples: 1, max_time_ns: 0, min_sample_ns: 0 };
        let phase =
            |kind, name: &str, repeat| PhaseRequest { kind, name: name.to_owned(), batch_rows: None, repeat };
        let (mut phases, batch_sizes, usual) = match case.learner {
            Learner::Estimator => {
                let fits =
                    [phase(PhaseKind::Fit, "fit_first", once), phase(PhaseKind::Fit, "fit", protocol.fit)];
                (fits.to_vec(), &ESTIMATOR_BATCHES[..], ESTIMATOR_PREDICTIONS)
            }
            Learner::Network => {
                let batch_rows = Some(EVALUATION_ROWS.min(test_rows));
                let train = PhaseRequest { batch_rows, ..phase(PhaseKind::Train, "train", once) };
                let phases = vec![phase(PhaseKind::Build, "build", once), train];
                (phases, &NETWORK_BATCHES[..], NETWORK_PREDICTIONS)
            }
            Learner::Pretrained => {
                let phases = vec![
                    phase(PhaseKind::Build, "build", once),
                    phase(PhaseKind::Tokenize, "tokenize", TOKENIZING),
                ];
                let generates = case.application.as_deref() == Some(GENERATE);
                let usual = if generates { GENERATIONS } else { NETWORK_PREDICTIONS };
                (phases, if generates { &GENERATION_BATCHES[..] } else { &TEXT_BATCHES }, usual)
            }
        };
        let kind = match case.application.as_deref() {
            Some(GENERATE) => PhaseKind::Generate,
            _ => PhaseKind::Predict,
        };
        let Some(application) = &case.application else { return phases };
        for size in protocol.batch_sizes.as_deref().unwrap_or(batch_sizes) {
            let (label, rows) = match size {
                BatchSize::Rows(rows) => (rows.to_string(), *rows),
                BatchSize::All => ("all".to_owned(), test_rows),
            };
            if rows <= test_rows {
                phases.push(PhaseRequest {
                    kind,
                    name: format!("{application}@{label}"),
                    batch_rows: Some(rows),
                    repeat: protocol.predict.or(usual),
                });
            }
        }
        phases
    }
}

impl Case {
    /// The arms that are run.
    pub fn runnable(&self) -> impl Iterator<Item = &Arm> {
        self.arms.iter().filter(|a| a.unsupported.is_none())
    }
}

impl Experiment {
    /// The settings of an implementation for an algorithm: its defaults, and what the spec gives.
    pub fn settings_for(&self, implementation: &Implementation, algorithm: &str) -> Parameters {
        let mut settings: Parameters = implementation
            .offer(&self.task, algorithm)
            .map(|offer| offer.settings.iter().map(|s| (s.name.clone(), s.default.clone())).collect())
            .unwrap_or_default();
        if let Some(given) = self.settings.get(&implementation.id).and_then(|s| s.get(algorithm)) {
            settings.extend(given.clone());
        }
        settings
    }
}

/// What the id of an older build's arm ends with.
const OLDER: &str = "+old";

/// The id of the arm that an older build of an implementation runs.
pub fn older_self(implementation: &str) -> String {
    format!("{implementation}{OLDER}")
}

/// Whether an arm is an older build's of another.
pub fn is_older_self(arm: &str, implementation: &str) -> bool {
    arm.strip_suffix(OLDER) == Some(implementation)
}

/// The id of one trial: case, block, implementation, and the attempt if a split block was replaced.
pub fn trial_id(case: &str, block: u32, implementation: &str, attempt: u32) -> String {
    let slug = implementation.replace(['/', '+'], "-");
    let attempt = if attempt == 0 { String::new() } else { format!("-r{attempt}") };
    format!("{case}-b{block:03}-{slug}{attempt}")
}

/// Whether a device is the CPU, so that the ids of cases on it are what they were before there was another.
fn is_cpu(device: &str) -> bool {
    device == CPU
}

/// What all cases of an experiment share, hashed once.
struct ExperimentIdentity(String);

impl ExperimentIdentity {
    fn new(spec: &Spec, experiment: &Experiment) -> Self {
        #[derive(Serialize)]
        struct Shared<'a> {
            experiment: &'a str,
            task: &'a str,
            test_fraction: f64,
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            published: bool,
            folds: Option<u32>,
            stratify: bool,
            scale: crate::data::bundle::Scale,
            #[serde(skip_serializing_if = "Option::is_none")]
            weights: Option<&'a str>,
            dtype: &'a str,
            threads: usize,
            #[serde(skip_serializing_if = "is_cpu")]
            device: &'a str,
            seed: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            target: Option<&'a Target>,
        }
        let shared = Shared {
            experiment: &experiment.name,
            task: &experiment.task,
            test_fraction: experiment.test_fraction,
            published: experiment.published,
            folds: experiment.folds,
            stratify: experiment.stratify,
            scale: experiment.scale,
            weights: experiment.weights.as_ref().map(|file| file.sha256.as_str()),
            dtype: &experiment.dtype,
            threads: spec.protocol.threads,
            device: &spec.protocol.device,
            seed: spec.protocol.seed,
            target: experiment.target.as_ref(),
        };
        Self(serde_json::to_string(&shared).unwrap_or_default())
    }

    fn case_id(&self, def: &CaseDef) -> String {
        let own =
            serde_json::to_string(&(&def.source, &def.algorithm, &def.hyperparameters)).unwrap_or_default();
        sha256(format!("{}\n{own}", self.0).as_bytes())[..12].to_owned()
    }
}
