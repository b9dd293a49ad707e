//! Raw outputs as evidence: scored and compared by the task, exactly as those of benchrun's own trials.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::cases::{Case, Member, bundle_of};
use super::check::definition;
use super::problem::Problem;
use crate::data::bundle::{self, Bundle};
use crate::executor::event::Status;
use crate::executor::judge::{self, Handed};
use crate::files::sha256_reader;
use crate::guard::file::{LARGEST_OUTPUTS, open_below};
use crate::implementation::Registry;
use crate::store::manifest::{BundleRecord, CaseRecord};
use crate::store::rows::ParityRow;
use crate::task::Check;

/// What the scorer found in one trial's outputs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// The hash of the outputs.
    pub sha256: Option<String>,
    /// The task's metrics.
    pub metrics: BTreeMap<String, f64>,
    /// Why the scorer refuses them: the trial failed after all.
    pub rejected: Option<String>,
    /// Why they were not judged.
    pub unjudged: Option<String>,
}

/// The bundles of the cache that receipts name.
#[derive(Debug)]
pub struct Bundles<'c> {
    cache: &'c Path,
    known: HashMap<String, Result<Bundle, String>>,
}

impl<'c> Bundles<'c> {
    /// Bundles of a cache.
    pub fn of(cache: &'c Path) -> Self {
        Self { cache, known: HashMap::new() }
    }

    /// The bundle of a hash, or why there is none.
    fn get(&mut self, hash: &str) -> Result<&Bundle, String> {
        let open = || match bundle::by_hash(hash, self.cache) {
            Ok(Some(bundle)) => Ok(bundle),
            Ok(None) => Err(format!("the bundle {} is not in the cache", hash.get(..12).unwrap_or(hash))),
            Err(error) => Err(format!("the bundle {} is damaged: {error}", hash.get(..12).unwrap_or(hash))),
        };
        self.known.entry(hash.to_owned()).or_insert_with(open).as_ref().map_err(Clone::clone)
    }

    /// What a manifest holds of those that were found.
    pub fn records(&self) -> BTreeMap<String, BundleRecord> {
        let found = self.known.iter().filter_map(|(hash, bundle)| Some((hash, bundle.as_ref().ok()?)));
        found.filter_map(|(hash, bundle)| Some((hash.clone(), BundleRecord::of(bundle).ok()?))).collect()
    }
}

/// Scores the outputs of every trial of a case, in the order of its members.
pub fn score(
    case: &Case<'_>,
    record: &CaseRecord,
    registry: &Registry,
    bundles: &mut Bundles<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Judged> {
    let missing = unjudgeable(case, registry);
    case.members
        .iter()
        .map(|member| {
            let mut judged = Judged::default();
            let trial = member.trial();
            let place = &member.placed.place;
            let bundle = bundle_of(trial).map(|hash| bundles.get(hash));
            if let Some(Ok(bundle)) = &bundle
                && bundle.manifest().dataset.label != trial.dataset
            {
                let label = &bundle.manifest().dataset.label;
                let message = format!("is `{}`, but its receipt's bundle is of `{label}`", trial.dataset);
                problems.push(Problem::new(format!("{place}.dataset"), message));
            }
            let Some(path) = outputs(member).filter(|_| trial.status() == Status::Ok) else { return judged };
            match opened(member).and_then(sha256_reader) {
                Ok(hash) => judged.sha256 = Some(hash),
                Err(error) => {
                    let message = format!("{} cannot be read: {error}", path.display());
                    problems.push(Problem::new(format!("{place}.outputs"), message));
                    return judged;
                }
            }
            let series = trial.phases.iter().map(|p| (p.name.as_str(), p.wall_ns.as_slice())).collect();
            let bundle = match (&missing, bundle) {
                (Some(missing), _) => Err(missing.clone()),
                (None, None) => Err("its receipt names no bundle".to_owned()),
                (None, Some(bundle)) => bundle,
            };
            match bundle.map(|bundle| judge::score(record, bundle, &path, &series)) {
                Ok(Ok(scores)) => judged.metrics = scores.metrics,
                Ok(Err(error)) => judged.rejected = Some(error.to_string()),
                Err(why) => judged.unjudged = Some(why),
            }
            judged
        })
        .collect()
}

/// Why no outputs of a case can be judged: without every hyperparameter its problem is not known, and nothing is assumed.
fn unjudgeable(case: &Case<'_>, registry: &Registry) -> Option<String> {
    let first = case.first();
    let Some(definition) = definition(first, registry) else {
        let task = first.task.as_deref().unwrap_or("that is not told");
        return Some(format!("benchrun knows no algorithm `{}` of a task {task}", first.algorithm));
    };
    let absent: Vec<&str> = definition
        .parameters
        .iter()
        .map(|p| p.name.as_str())
        .filter(|name| !first.hyperparameters.contains_key(*name))
        .collect();
    (!absent.is_empty())
        .then(|| format!("nothing tells the hyperparameters asked for: {}", absent.join(", ")))
}

/// Where a trial's outputs are: from the folder of its file.
fn outputs(member: &Member<'_>) -> Option<PathBuf> {
    let folder = member.file.path.parent().unwrap_or(Path::new(""));
    Some(folder.join(member.trial().outputs.as_ref()?))
}

/// Opens a trial's outputs, which must lie below the folder of its file: a record that somebody else wrote must not have other files read.
fn opened(member: &Member<'_>) -> io::Result<File> {
    let folder = match member.file.path.parent() {
        Some(folder) if folder != Path::new("") => folder.canonicalize()?,
        _ => Path::new(".").canonicalize()?,
    };
    let named = member.trial().outputs.as_deref().unwrap_or(Path::new(""));
    let named: PathBuf = named.components().filter(|c| *c != Component::CurDir).collect();
    let relative = named.strip_prefix(&folder).unwrap_or(&named);
    open_below(&folder, relative, LARGEST_OUTPUTS)
}

/// The points of the task's contract for every pair of trials of a case that both name outputs.
pub fn contract(
    case: &Case<'_>,
    record: &CaseRecord,
    judged: &[Judged],
    bundles: &mut Bundles<'_>,
) -> Vec<ParityRow> {
    let mut rows = Vec::new();
    for (key, block) in case.blocks() {
        let of_block = || case.members.iter().zip(judged).filter(|(m, _)| m.key == key);
        let mut scored: BTreeMap<&str, BTreeMap<&str, Handed>> = BTreeMap::new();
        for (member, _) in of_block().filter(|(_, j)| j.sha256.is_some() && j.is_scored()) {
            if let (Some(hash), Some(path)) = (bundle_of(member.trial()), outputs(member)) {
                // Nobody is held to a promise of equal bits that a foreign record cannot prove.
                let handed = Handed { outputs: path, kernels: None };
                scored.entry(hash).or_default().insert(&member.trial().implementation, handed);
            }
        }
        for (hash, handed) in scored {
            let Ok(bundle) = bundles.get(hash) else { continue };
            for pair in judge::pairs(record, bundle, &handed) {
                let names = (pair.contender.as_str(), pair.baseline.as_str());
                let seeds = record.equivalence.is_some().then(|| seeds(case, names));
                for check in pair.checks.iter().chain(&seeds) {
                    rows.push(ParityRow::new("contract", (&record.id, block, 0), names, check));
                }
            }
        }
        let unjudged = |j: &Judged| j.unjudged.clone();
        for (a, (first, found)) in of_block().enumerate() {
            for (second, other) in of_block().skip(a + 1) {
                let reasons = [(first, unjudged(found)), (second, unjudged(other))];
                let told: Vec<String> = reasons
                    .iter()
                    .filter_map(|(m, why)| {
                        Some(format!("those of {}: {}", m.trial().implementation, why.as_ref()?))
                    })
                    .collect();
                if !told.is_empty() {
                    let names =
                        (first.trial().implementation.as_str(), second.trial().implementation.as_str());
                    let finding = format!("raw outputs were not compared; {}", told.join("; "));
                    let check = Check::disagreement("outputs", finding);
                    rows.push(ParityRow::new("contract", (&record.id, block, 0), names, &check));
                }
            }
        }
    }
    rows
}

impl Judged {
    fn is_scored(&self) -> bool {
        self.rejected.is_none() && self.unjudged.is_none()
    }
}

/// A stochastic learner's blocks are draws only if each has a seed of its own.
fn seeds(case: &Case<'_>, names: (&str, &str)) -> Check {
    for name in [names.0, names.1] {
        let of_side = case.members.iter().map(Member::trial).filter(|t| t.implementation == name);
        let mut seen = Vec::new();
        for trial in of_side.filter(|t| t.status() == Status::Ok) {
            let Some(seed) = trial.seed else {
                return Check::disagreement("seeds", format!("nothing tells the seeds of {name}"));
            };
            if seen.contains(&seed) {
                let finding = format!(
                    "{name} used the seed {seed} in several blocks, which are then no distinct draws"
                );
                return Check::disagreement("seeds", finding);
            }
            seen.push(seed);
        }
    }
    Check::agreement("seeds", "every block has a seed of its own".to_owned())
}
