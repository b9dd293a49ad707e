//! Everything that happens once, before the first trial: data, bundles, environments, the manifest.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::against::OldBuild;
use super::workspace::Workspace;
use super::{Failure, say};
use crate::data::DataError;
use crate::data::bundle::{self, Bundle, Dtype, Fold, Preparation, TEST_FEATURES};
use crate::executor::judge;
use crate::executor::launch::Launcher;
use crate::files::sha256;
use crate::monitor::machine::{Machine, git_state};
use crate::plan::{Case, Plan, seed};
use crate::store::journal::unix_ms;
use crate::store::manifest::{
    ArmRecord, BundleRecord, CaseRecord, Fingerprint, ImplementationRecord, Limits, Manifest, SCHEMA_VERSION,
    label_cases, run_id,
};
use crate::task::{Learner, Rates, TaskDef};
use crate::worker::protocol::PhaseKind;
use crate::worker::{cgroup, native, process};

/// What a run needs beside its plan.
#[derive(Debug)]
pub struct Prepared {
    /// How each implementation's workers are started.
    pub launchers: BTreeMap<String, Launcher>,
    /// The manifest of a new run.
    pub manifest: Manifest,
    /// The CPUs of a trial.
    pub cpus: Vec<usize>,
    /// Where trials get control groups; none where the system has no writable ones.
    pub cgroup: Option<cgroup::Parent>,
    bundles: BTreeMap<String, Bundle>,
}

impl Prepared {
    /// The bundles of each case: one, or one for each fold.
    pub fn bundles_by_case<'p>(&'p self, plan: &'p Plan) -> HashMap<&'p str, Vec<&'p Bundle>> {
        let of = |record: &CaseRecord| -> Vec<&'p Bundle> {
            let hashes = if record.folds.is_empty() { record.bundle.as_slice() } else { &record.folds };
            hashes.iter().filter_map(|hash| self.bundles.get(hash)).collect()
        };
        let cases = plan.cases.iter().zip(&self.manifest.cases);
        cases.map(|(case, record)| (case.id.as_str(), of(record))).collect()
    }
}

/// Prepares a run.
pub fn prepare(
    plan: &Plan,
    workspace: &Workspace,
    machine: &Machine,
    spec_folder: &Path,
    old: Option<&OldBuild>,
    quiet: bool,
) -> Result<Prepared, Failure> {
    let mut report = |line: &str| {
        if !quiet {
            say(line);
        }
    };
    let (own, cpus) = share_cpus(plan.spec.protocol.threads, machine)?;
    if !own.is_empty() && !process::restrict_to(&own) {
        report("the runner cannot be kept off the CPUs of its trials");
    }
    let mut launchers = BTreeMap::new();
    for implementation in plan.implementations(&workspace.registry) {
        let launcher = Launcher::new(implementation, &workspace.cache, &mut report)?;
        launchers.insert(implementation.id.clone(), launcher);
    }
    if let Some(old) = old {
        launchers.extend(old.launchers(plan, workspace, &mut report)?);
    }
    let mut bundles: BTreeMap<String, Bundle> = BTreeMap::new();
    // The bundle of each data set and preparation, found once.
    let mut known: HashMap<String, String> = HashMap::new();
    let mut cases = Vec::new();
    for case in &plan.cases {
        let mut hashes = Vec::new();
        for preparation in preparations(plan, case) {
            let key = serde_json::to_string(&(&plan.def(case).source, &preparation)).unwrap_or_default();
            let hash = match known.get(&key) {
                Some(hash) => hash.clone(),
                None => {
                    let bundle =
                        bundle::prepare(&plan.def(case).source, &preparation, &workspace.cache, &mut report)?;
                    let hash = bundle.hash().to_owned();
                    known.insert(key, hash.clone());
                    bundles.insert(hash.clone(), bundle);
                    hash
                }
            };
            hashes.push(hash);
        }
        let mut record = case_record(plan, case, workspace, hashes);
        for hash in record.bundle.iter().chain(&record.folds) {
            judge::check(&record, &bundles[hash]).map_err(|error| {
                Failure::usage(format!("{} on {}: {error}", record.algorithm, record.dataset))
            })?;
        }
        record.rates = record.bundle.as_ref().and_then(|hash| rates(plan, case, &record, &bundles[hash]));
        cases.push(record);
    }
    label_cases(&mut cases, |case, name| is_default(workspace, case, name));
    let mut manifest = manifest(plan, &launchers, &bundles, cases, &cpus, machine, spec_folder)?;
    let cgroup = cgroup::Parent::find();
    if let Some(limits) = &mut manifest.limits {
        // Without control groups each process's own limit is all there is.
        match &cgroup {
            Ok(parent) => limits.memory_method += &format!(", {}", parent.version.word()),
            Err(why) => limits.memory_method += &format!(", no control groups: {why}"),
        }
    }
    Ok(Prepared { launchers, manifest, cpus, cgroup: cgroup.ok(), bundles })
}

/// The runner's CPUs and those of a trial: the last ones that this process may use are the trial's, the runner keeps to the others if
/// there are any. Both are empty where the system cannot restrict a process.
pub fn share_cpus(threads: usize, machine: &Machine) -> Result<(Vec<usize>, Vec<usize>), Failure> {
    let Some(allowed) = &machine.cpu_set else { return Ok((Vec::new(), Vec::new())) };
    if threads > allowed.len() {
        let message =
            format!("`protocol.threads` is {threads}, but this process may use {} CPUs", allowed.len());
        return Err(Failure::usage(message));
    }
    let (own, trial) = allowed.split_at(allowed.len() - threads);
    Ok((if own.is_empty() { allowed.clone() } else { own.to_vec() }, trial.to_vec()))
}

/// Whether a hyperparameter of a network is at its default: it has too many for each to tell a case from its neighbours.
fn is_default(workspace: &Workspace, case: &CaseRecord, name: &str) -> bool {
    let task = workspace.registry.task(&case.task).filter(|task| task.learner != Learner::Estimator);
    let algorithm = task.and_then(|task| task.algorithm(&case.algorithm));
    let parameter = algorithm.and_then(|a| a.parameters.iter().find(|p| p.name == name));
    parameter.is_some_and(|p| case.hyperparameters.get(name) == Some(&p.default))
}

/// How the data of a case is made ready: in one way, or in one for each fold.
fn preparations(plan: &Plan, case: &Case) -> Vec<Preparation> {
    let experiment = plan.experiment(case);
    let preparation = |fold| Preparation {
        test_fraction: experiment.test_fraction,
        fold,
        published: experiment.published,
        scale: experiment.scale,
        seed: seed(&[&plan.spec.protocol.seed.to_string(), "split"]),
        // What a network computes in narrower types, it rounds itself.
        dtype: if experiment.dtype == "float64" { Dtype::Float64 } else { Dtype::Float32 },
        stratify: experiment.stratify,
    };
    match experiment.folds.map(|folds| folds as usize) {
        Some(of) => (0..of).map(|index| preparation(Some(Fold { index, of }))).collect(),
        None => vec![preparation(None)],
    }
}

/// What the calls of a case's phases process, those of its predictions too.
fn rates(plan: &Plan, case: &Case, record: &CaseRecord, bundle: &Bundle) -> Option<Rates> {
    let phases = plan.phases(case, bundle.rows(TEST_FEATURES).ok()?);
    let applied = phases.into_iter().filter(|p| matches!(p.kind, PhaseKind::Predict | PhaseKind::Generate));
    let batches: Vec<_> = applied.filter_map(|p| Some((p.name, p.batch_rows? as u64))).collect();
    judge::rates(record, bundle, &batches)
}

fn case_record(plan: &Plan, case: &Case, workspace: &Workspace, bundles: Vec<String>) -> CaseRecord {
    let (experiment, def) = (plan.experiment(case), plan.def(case));
    let task: Option<&TaskDef> = workspace.registry.task(&experiment.task);
    let algorithm = task.and_then(|t| t.algorithm(&def.algorithm));
    let arm = |arm: &crate::plan::Arm| ArmRecord {
        implementation: arm.implementation.clone(),
        settings: workspace
            .registry
            .implementation(&arm.base)
            .map(|i| experiment.settings_for(i, &def.algorithm))
            .unwrap_or_default(),
        compared_with: arm.compared_with.clone(),
        unsupported: arm.unsupported.clone(),
        slowdown: arm.slowdown,
    };
    CaseRecord {
        id: case.id.clone(),
        experiment: experiment.name.clone(),
        task: experiment.task.clone(),
        dataset: def.source.label(),
        algorithm: def.algorithm.clone(),
        hyperparameters: def.hyperparameters.clone(),
        label: String::new(),
        binding: algorithm
            .map(|a| a.parameters.iter().filter(|p| p.binding).map(|p| p.name.clone()).collect())
            .unwrap_or_default(),
        baseline: experiment.baseline.clone(),
        bundle: bundles.first().cloned(),
        folds: if bundles.len() > 1 { bundles } else { Vec::new() },
        weights: experiment.weights.clone(),
        threads: Some(plan.spec.protocol.threads as u64),
        dtype: Some(experiment.dtype.clone()),
        device: Some(plan.spec.protocol.device.clone()),
        work: algorithm.map(|a| a.work.clone()).unwrap_or_default(),
        equivalence: algorithm.and_then(|a| a.equivalence.clone()),
        target: experiment.target.clone(),
        rates: None,
        primary_phases: task.map(|t| t.primary_phases.clone()).unwrap_or_default(),
        headline_metrics: task.map(|t| t.headline_metrics.clone()).unwrap_or_default(),
        lower_is_better: task.map(|t| t.lower_is_better.clone()).unwrap_or_default(),
        tolerances: experiment.tolerances.clone(),
        arms: case.arms.iter().map(arm).collect(),
    }
}

fn manifest(
    plan: &Plan,
    launchers: &BTreeMap<String, Launcher>,
    bundles: &BTreeMap<String, Bundle>,
    cases: Vec<CaseRecord>,
    cpus: &[usize],
    machine: &Machine,
    spec_folder: &Path,
) -> Result<Manifest, DataError> {
    let implementations: BTreeMap<String, ImplementationRecord> =
        launchers.iter().map(|(id, launcher)| (id.clone(), launcher.record().clone())).collect();
    let fingerprint = fingerprint(plan, &implementations, bundles, machine);
    let created_unix_ms = unix_ms();
    let protocol = &plan.spec.protocol;
    Ok(Manifest {
        schema_version: SCHEMA_VERSION,
        benchrun: env!("CARGO_PKG_VERSION").to_owned(),
        spec: plan.spec.name.clone(),
        run: run_id(&fingerprint),
        created_unix_ms,
        fingerprint,
        seed: Some(protocol.seed),
        blocks: plan.blocks,
        max_blocks_asked: plan.max_blocks_asked(),
        machine: Some(machine.clone()),
        doctor: None,
        imported: None,
        build: native::build_facts(),
        sampling_ns: protocol.sampling.map(|i| u64::try_from(i.as_nanos()).unwrap_or(u64::MAX)),
        limits: Some(Limits {
            timeout_ns: u64::try_from(protocol.timeout.as_nanos()).unwrap_or(u64::MAX),
            memory_bytes: protocol.memory_bytes,
            memory_method: if cfg!(target_os = "linux") { "rlimit_data" } else { "none" }.to_owned(),
            cpus: cpus.to_vec(),
        }),
        git: git_state(spec_folder),
        implementations,
        bundles: bundles
            .iter()
            .map(|(hash, bundle)| Ok((hash.clone(), BundleRecord::of(bundle)?)))
            .collect::<Result<_, DataError>>()?,
        cases,
    })
}

fn fingerprint(
    plan: &Plan,
    implementations: &BTreeMap<String, ImplementationRecord>,
    bundles: &BTreeMap<String, Bundle>,
    machine: &Machine,
) -> Fingerprint {
    fn hash(value: &impl serde::Serialize) -> String {
        sha256(serde_json::to_string(value).unwrap_or_default().as_bytes())
    }
    let inputs: Vec<&String> = bundles.keys().collect();
    let mut parts: BTreeMap<String, String> = [
        ("spec".to_owned(), hash(&plan.spec)),
        ("cases".to_owned(), hash(&plan.cases.iter().map(|c| &c.id).collect::<Vec<_>>())),
        ("input data".to_owned(), hash(&inputs)),
        ("machine".to_owned(), hash(machine)),
        ("build of benchrun".to_owned(), native::BUILD.to_owned()),
    ]
    .into();
    for (id, record) in implementations {
        parts.insert(format!("build or environment of {id}"), hash(record));
    }
    Fingerprint(parts)
}
