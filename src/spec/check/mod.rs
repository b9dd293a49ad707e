//! From a spec as written to a checked one: names resolved, values in range, defaults filled in, grids expanded.

mod cases;
mod data;
mod implementations;
mod language;

use std::collections::BTreeSet;
use std::path::Path;

use super::blocks;
use super::problem::{Place, Problem, unknown};
use super::protocol::protocol;
use super::raw::{RawBlocks, RawExperiment, RawSpec, RawSplit};
use super::source::source;
use super::{CaseDef, Experiment, Spec, grid};
use crate::data::Source;
use crate::data::language::Model;
use crate::guard::name::is_plain;
use crate::guard::text::cut;
use crate::implementation::Registry;
use crate::task::network::given::WeightsFile;
use crate::task::{Learner, Target, TaskDef};

/// Checks a whole spec.
pub fn spec(raw: RawSpec, folder: &Path, registry: &Registry, max_trials: u64) -> Result<Spec, Vec<Problem>> {
    let mut problems = Vec::new();
    let root = Place::default();
    if !is_plain(&raw.name) || raw.name.contains('.') {
        let message = format!(
            "`name` is \"{}\", but must consist of letters, digits, `-` and `_`",
            cut(&raw.name, 100)
        );
        problems.push(Problem::value(&root.at("name"), message).hint("it names the folder of the results"));
    }
    let protocol = protocol(&raw.protocol, &root.at("protocol"), &mut problems);
    let mut experiments = Vec::new();
    let mut names = BTreeSet::new();
    let mut trials = 0;
    for (i, raw_experiment) in raw.experiment.iter().enumerate() {
        let place = root.at("experiment").at(i);
        if !names.insert(raw_experiment.name.clone()) {
            let message = format!("there is another experiment named \"{}\"", raw_experiment.name);
            problems.push(Problem::value(&place.at("name"), message));
        }
        let check = ExperimentCheck {
            raw: raw_experiment,
            place: &place,
            folder,
            registry,
            dtype: raw.protocol.dtype.as_deref(),
        };
        experiments.extend(check.run(&raw.protocol.blocks, max_trials, &mut trials, &mut problems));
    }
    match protocol {
        Some(protocol) if problems.is_empty() => Ok(Spec { name: raw.name, protocol, experiments }),
        _ => Err(problems),
    }
}

/// The check of one experiment.
struct ExperimentCheck<'r> {
    raw: &'r RawExperiment,
    place: &'r Place,
    folder: &'r Path,
    registry: &'r Registry,
    dtype: Option<&'r str>,
}

impl ExperimentCheck<'_> {
    fn run(
        &self,
        blocks: &RawBlocks,
        max_trials: u64,
        trials: &mut u64,
        problems: &mut Vec<Problem>,
    ) -> Option<Experiment> {
        let task = self.registry.task(&self.raw.task)?;
        let dtype = self.dtype(task, problems);
        self.report_of_language(task, problems);
        let model = self.model(task, problems);
        let sources: Vec<Option<Source>> = self
            .raw
            .datasets
            .iter()
            .enumerate()
            .map(|(i, v)| self.source(task, model.as_ref(), v, &self.place.at("datasets").at(i), problems))
            .collect();
        self.report_repeated(&sources, problems);
        let scale = self.scale(task, &sources, problems);
        let stratify = self.stratify(task, &sources, problems);
        let test_fraction = self.test_fraction(task, blocks, &sources, problems);
        let weights = self.weights(task, problems);
        let grids = self.grids(task, problems);
        let implementations = self.implementations(task, &grids, problems);
        let baseline = self.baseline(&implementations, problems);
        let settings = self.settings(task, &implementations, problems);

        let sizes = grids.iter().map(|(_, axes)| grid::size(axes));
        let settings_count = sizes.fold(0_u64, u64::saturating_add);
        let included = self.included(task, model.as_ref(), problems);
        let matrix =
            (sources.len() as u64).saturating_mul(settings_count).saturating_add(included.len() as u64);
        let largest = u64::from(blocks::largest(blocks));
        *trials = trials
            .saturating_add(matrix.saturating_mul((implementations.len() as u64).saturating_mul(largest)));
        if *trials > max_trials {
            let up_to = if matches!(blocks, RawBlocks::TwoStage(_)) { "up to " } else { "" };
            let message = format!("the matrix has {up_to}{trials} trials, and the limit is {max_trials}");
            let hint = format!("if that is meant, run with `--max-trials {trials}`");
            problems.push(Problem::key(&self.place.at("algorithms"), message).hint(hint));
            return None;
        }

        let mut cases = Vec::new();
        for source in sources.iter().flatten() {
            let mut seen = BTreeSet::new();
            for (algorithm, axes) in &grids {
                for hyperparameters in grid::points(axes) {
                    // Two grids of a union may meet in a point; it is one case.
                    if grids.len() == 1 || seen.insert(format!("{algorithm} {hyperparameters:?}")) {
                        let (source, algorithm) = (source.clone(), algorithm.clone());
                        cases.push(CaseDef { source, algorithm, hyperparameters, without: Vec::new() });
                    }
                }
            }
        }
        for case in included {
            if !cases.contains(&case) {
                cases.push(case);
            }
        }
        self.exclude(task, &implementations, &mut cases, problems);
        if cases.is_empty() && problems.is_empty() {
            let message = "the matrix of this experiment is empty: every case is excluded";
            problems.push(Problem::key(&self.place.at("exclude"), message));
        }
        Some(Experiment {
            name: self.raw.name.clone(),
            task: task.name.clone(),
            cases,
            implementations: implementations.iter().map(|i| i.id.clone()).collect(),
            baseline: baseline?,
            test_fraction,
            published: matches!(self.raw.split, RawSplit::Published),
            folds: self.draw().and_then(|draw| draw.folds),
            stratify,
            scale,
            weights,
            dtype: dtype?,
            settings,
            target: self.target(task, problems),
            tolerances: self.raw.tolerance.clone(),
        })
    }

    /// A data set, and where a language model reads it, as that model's tokens.
    fn source(
        &self,
        task: &TaskDef,
        model: Option<&Model>,
        value: &toml::Value,
        place: &Place,
        problems: &mut Vec<Problem>,
    ) -> Option<Source> {
        let found = source(task, self.folder, value, place, problems)?;
        match (model, task.learner) {
            (Some(model), _) => self.tokens(found, model, place, problems),
            (None, Learner::Pretrained) => None,
            (None, _) => Some(found),
        }
    }

    fn dtype(&self, task: &TaskDef, problems: &mut Vec<Problem>) -> Option<String> {
        let Some(dtype) = self.dtype else { return task.dtypes.first().cloned() };
        if task.dtypes.iter().any(|d| d == dtype) {
            return Some(dtype.to_owned());
        }
        let what = format!("dtype of the task {}", task.name);
        let (message, hint) = unknown(&what, dtype, task.dtypes.iter().map(String::as_str));
        let place = Place::default().at("protocol").at("dtype");
        problems.push(Problem::value(&place, message).hint(hint));
        None
    }

    /// The quality to reach, one that the task knows after every epoch.
    fn target(&self, task: &TaskDef, problems: &mut Vec<Problem>) -> Option<Target> {
        let place = self.place.at("target");
        let (metric, value) = self.raw.target.first_key_value()?;
        if !task.epoch_metrics.contains(metric) {
            let problem = if task.epoch_metrics.is_empty() {
                let message = format!("the task {} trains in no epochs, so it has no target", task.name);
                Problem::key(&place, message)
            } else {
                let known = task.epoch_metrics.iter().map(String::as_str);
                let (message, hint) = unknown(&format!("target of the task {}", task.name), metric, known);
                Problem::key(&place.at(metric), message).hint(hint)
            };
            problems.push(problem);
        } else if self.raw.target.len() > 1 {
            problems.push(Problem::key(&place, "`target` names several metrics, but must name one"));
        }
        let at_most = task.lower_is_better.contains(metric);
        Some(Target { metric: metric.clone(), value: *value, at_most })
    }

    /// The file with initial weights.
    fn weights(&self, task: &TaskDef, problems: &mut Vec<Problem>) -> Option<WeightsFile> {
        let given = self.raw.weights.as_ref()?;
        let place = self.place.at("weights");
        if task.learner != Learner::Network {
            let message = format!("{} trains no networks, so nothing begins from weights", task.name);
            problems.push(Problem::key(&place, message));
            return None;
        }
        let file = WeightsFile::find(self.folder.join(given));
        file.map_err(|message| problems.push(Problem::value(&place, message))).ok()
    }
}
