//! From trials to cases: everything that must be equal for two implementations to be compared, and which trials are pairs.

use std::collections::BTreeMap;

use super::check::definition;
use super::read::{Placed, SourceFile};
use super::record::TrialRecord;
use crate::files::sha256;
use crate::implementation::Registry;
use crate::monitor::machine::Machine;
use crate::store::manifest::{ArmRecord, CaseRecord};
use crate::task::Tolerances;

/// Trials are paired if they are of one block, one session and one machine, or tell neither of session and machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PairingKey {
    /// The block as the record says.
    pub block: u32,
    /// The session, if the record says one.
    pub session: Option<u32>,
    /// The machine's place among those that the files tell of.
    machine: usize,
}

/// One trial of a case.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// With which trials it is paired.
    pub key: PairingKey,
    /// The trial.
    pub placed: &'a Placed,
    /// Its file.
    pub file: &'a SourceFile,
}

impl<'a> Member<'a> {
    /// The trial.
    pub fn trial(&self) -> &'a TrialRecord {
        &self.placed.trial
    }
}

/// The trials of one case, in the order of the files.
#[derive(Debug, Clone)]
pub struct Case<'a> {
    /// Twelve hexadecimal digits of the hash of task, data set, algorithm and hyperparameters.
    pub id: String,
    /// Its trials; at least one.
    pub members: Vec<Member<'a>>,
}

/// Sorts trials into cases, in the order in which they come.
pub fn sort(files: &[SourceFile]) -> Vec<Case<'_>> {
    let mut machines: Vec<&Option<Machine>> = Vec::new();
    let mut cases: Vec<Case<'_>> = Vec::new();
    for file in files {
        let machine = machines.iter().position(|m| **m == file.machine).unwrap_or_else(|| {
            machines.push(&file.machine);
            machines.len() - 1
        });
        for placed in &file.trials {
            let id = id(&placed.trial);
            let key = PairingKey { block: placed.trial.block, session: placed.trial.session, machine };
            let member = Member { key, placed, file };
            match cases.iter_mut().find(|c| c.id == id) {
                Some(case) => case.members.push(member),
                None => cases.push(Case { id, members: vec![member] }),
            }
        }
    }
    cases
}

fn id(trial: &TrialRecord) -> String {
    let identity = ("imported", &trial.task, &trial.dataset, &trial.algorithm, &trial.hyperparameters);
    sha256(serde_json::to_string(&identity).unwrap_or_default().as_bytes())[..12].to_owned()
}

impl<'a> Case<'a> {
    /// The first trial, which has what all share.
    pub fn first(&self) -> &'a TrialRecord {
        self.members[0].trial()
    }

    /// The implementations in the order in which they come.
    pub fn implementations(&self) -> Vec<&'a str> {
        let mut found: Vec<&str> = Vec::new();
        for member in &self.members {
            let id = member.trial().implementation.as_str();
            if !found.contains(&id) {
                found.push(id);
            }
        }
        found
    }

    /// The number of each block in the run: the record's own, unless trials of several sessions or machines share it. Only the first
    /// of these keeps it then, and the others get numbers beyond all that are taken.
    pub fn blocks(&self) -> BTreeMap<PairingKey, u32> {
        let keys: std::collections::BTreeSet<PairingKey> = self.members.iter().map(|m| m.key).collect();
        let mut last = keys.iter().map(|k| k.block).max().unwrap_or(0);
        let mut blocks: BTreeMap<PairingKey, u32> = BTreeMap::new();
        let mut before = None;
        for key in keys {
            if before == Some(key.block) {
                last = last.saturating_add(1);
                blocks.insert(key, last);
            } else {
                blocks.insert(key, key.block);
            }
            before = Some(key.block);
        }
        blocks
    }

    /// The case as a manifest holds it. What must agree comes from the task's definition; of an algorithm that benchrun does not know,
    /// every hyperparameter that is given must.
    pub fn record(&self, registry: &Registry, baseline: Option<&str>, experiment: &str) -> CaseRecord {
        let first = self.first();
        let task = first.task.as_deref().and_then(|name| registry.task(name));
        let algorithm = definition(first, registry);
        let implementations = self.implementations();
        let baseline = baseline
            .or_else(|| implementations.iter().copied().find(|id| id.starts_with("python/")))
            .unwrap_or(implementations[0]);
        let has_baseline = implementations.contains(&baseline);
        let settings = |id: &str| {
            let own = self.members.iter().map(Member::trial).find(|t| t.implementation == id);
            own.map(|t| t.settings.clone()).unwrap_or_default()
        };
        let arm = |id: &str| ArmRecord {
            implementation: id.to_owned(),
            settings: settings(id),
            compared_with: (id != baseline && has_baseline).then(|| baseline.to_owned()),
            slowdown: 0.0,
            unsupported: None,
        };
        CaseRecord {
            id: self.id.clone(),
            experiment: experiment.to_owned(),
            task: first.task.clone().unwrap_or_default(),
            dataset: first.dataset.clone(),
            algorithm: first.algorithm.clone(),
            hyperparameters: first.hyperparameters.clone(),
            label: String::new(),
            binding: match algorithm {
                Some(def) => def.parameters.iter().filter(|p| p.binding).map(|p| p.name.clone()).collect(),
                None => first.hyperparameters.keys().cloned().collect(),
            },
            baseline: baseline.to_owned(),
            bundle: self.bundle().map(str::to_owned),
            folds: Vec::new(),
            weights: None,
            threads: None,
            dtype: None,
            device: None,
            work: algorithm.map(|a| a.work.clone()).unwrap_or_default(),
            equivalence: algorithm.and_then(|a| a.equivalence.clone()),
            target: None,
            rates: None,
            primary_phases: task.map(|t| t.primary_phases.clone()).unwrap_or_default(),
            headline_metrics: task.map(|t| t.headline_metrics.clone()).unwrap_or_default(),
            lower_is_better: task.map(|t| t.lower_is_better.clone()).unwrap_or_default(),
            tolerances: Tolerances::default(),
            arms: implementations.into_iter().map(arm).collect(),
        }
    }

    /// The bundle that every receipt names, if all name the same.
    fn bundle(&self) -> Option<&'a str> {
        let mut bundles = self.members.iter().map(|m| bundle_of(m.trial()));
        let first = bundles.next()??;
        bundles.all(|other| other == Some(first)).then_some(first)
    }
}

/// The bundle that a trial's receipt names.
pub fn bundle_of(trial: &TrialRecord) -> Option<&str> {
    trial.receipt.as_ref()?.bundle.as_deref()
}
