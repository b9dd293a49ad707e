//! From a spec as written to a checked one: names resolved, values in range, defaults filled in, grids expanded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::blocks;
use super::problem::{Place, Problem, unknown};
use super::protocol::protocol;
use super::raw::{RawBlocks, RawDraw, RawExclude, RawExperiment, RawScale, RawSpec, RawSplit};
use super::source::source;
use super::{CaseDef, Experiment, Spec, grid};
use crate::data::bundle::Scale;
use crate::data::{Source, TargetKind};
use crate::guard::name::is_plain;
use crate::guard::text::cut;
use crate::implementation::{Implementation, Registry};
use crate::task::network::given::WeightsFile;
use crate::task::parameter::{Parameters, Value};
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
        let sources: Vec<Option<Source>> = self
            .raw
            .datasets
            .iter()
            .enumerate()
            .map(|(i, v)| source(task, self.folder, v, &self.place.at("datasets").at(i), problems))
            .collect();
        self.report_repeated(&sources, problems);
        let scale = self.scale(&sources, problems);
        let stratify = self.stratify(task, &sources, problems);
        let test_fraction = self.test_fraction(blocks, &sources, problems);
        let weights = self.weights(task, problems);
        let grids = self.grids(task, problems);
        let implementations = self.implementations(task, &grids, problems);
        let baseline = self.baseline(&implementations, problems);
        let settings = self.settings(task, &implementations, problems);

        let sizes = grids.iter().map(|(_, axes)| grid::size(axes));
        let settings_count = sizes.fold(0_u64, u64::saturating_add);
        let included = self.included(task, problems);
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

    fn report_repeated(&self, sources: &[Option<Source>], problems: &mut Vec<Problem>) {
        for (i, source) in sources.iter().enumerate() {
            if source.is_some() && sources[..i].contains(source) {
                let place = self.place.at("datasets").at(i);
                problems.push(Problem::value(&place, "this data set is given twice"));
            }
        }
    }

    /// How rows are drawn, where they are.
    fn draw(&self) -> Option<&RawDraw> {
        match &self.raw.split {
            RawSplit::Published => None,
            RawSplit::Drawn(draw) => Some(draw),
        }
    }

    /// How features are scaled: tokens not at all, and only images by their channels.
    fn scale(&self, sources: &[Option<Source>], problems: &mut Vec<Problem>) -> Scale {
        let scale = match self.raw.scale {
            RawScale::Standard => Scale::Standard,
            RawScale::MinMax => Scale::MinMax,
            RawScale::Channel => Scale::Channel,
            RawScale::None => Scale::None,
        };
        let forms = sources.iter().flatten().filter_map(|source| Some((source.label(), source.form().ok()?)));
        for (label, form) in forms.filter(|_| scale != Scale::None) {
            let place = self.place.at("scale");
            if form.tokens {
                let message = format!("the rows of `{label}` are tokens, which cannot be scaled");
                problems.push(Problem::value(&place, message).hint("write scale = \"none\""));
            } else if scale == Scale::Channel && !form.images {
                let message =
                    format!("the rows of `{label}` are no images, so they have no channels to scale");
                problems.push(Problem::value(&place, message).hint("write scale = \"standard\""));
            }
        }
        scale
    }

    /// The share of rows to test on; 0 where it was published.
    fn test_fraction(
        &self,
        blocks: &RawBlocks,
        sources: &[Option<Source>],
        problems: &mut Vec<Problem>,
    ) -> f64 {
        let place = self.place.at("split");
        let Some(split) = self.draw() else {
            let drawn = |source: &&Source| source.form().is_ok_and(|form| form.published_test == Some(false));
            if let Some(source) = sources.iter().flatten().find(drawn) {
                let message = format!("`{}` was published without rows to test on", source.label());
                problems.push(Problem::value(&place, message).hint("write split = { test = 0.2 }"));
            }
            return 0.0;
        };
        let least = blocks::least(blocks);
        match (split.test, split.folds) {
            (Some(_), Some(_)) => {
                let message = "give `test` or `folds`, not both";
                problems.push(Problem::key(&place.at("folds"), message));
            }
            (None, Some(folds)) if least < folds => {
                let message = format!("`folds` is {folds}, but with {least} blocks not every fold gets one");
                let hint = "each block is tested on one fold; raise `protocol.blocks`";
                problems.push(Problem::value(&place.at("folds"), message).hint(hint));
            }
            _ => {}
        }
        split.folds.map_or(split.test.unwrap_or(0.2), |folds| 1.0 / f64::from(folds))
    }

    /// Whether splits are stratified: as the spec says, or wherever the task predicts classes.
    fn stratify(&self, task: &TaskDef, sources: &[Option<Source>], problems: &mut Vec<Problem>) -> bool {
        let Some(draw) = self.draw() else { return false };
        let stratify = draw.stratify.unwrap_or(task.supervised && task.targets == [TargetKind::Classes]);
        let without = |source: &&Source| source.target_kind().is_ok_and(|kind| kind != TargetKind::Classes);
        if stratify && let Some(source) = sources.iter().flatten().find(without) {
            let message = format!("`{}` has no classes by which it could be stratified", source.label());
            problems.push(Problem::value(&self.place.at("split").at("stratify"), message));
        }
        stratify
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

    /// One entry for each table of hyperparameters.
    fn grids(&self, task: &TaskDef, problems: &mut Vec<Problem>) -> Vec<(String, grid::Axes)> {
        let mut grids = Vec::new();
        let place = self.place.at("algorithms");
        for (name, given) in &self.raw.algorithms {
            let place = place.at(name);
            let Some(algorithm) = task.algorithm(name) else {
                let what = format!("algorithm of the task {}", task.name);
                let (message, hint) = unknown(&what, name, task.algorithms.iter().map(|a| a.name.as_str()));
                problems.push(Problem::key(&place, message).hint(hint));
                continue;
            };
            let tables = match given {
                toml::Value::Array(items) => {
                    items.iter().enumerate().map(|(i, item)| (item, place.at(i))).collect()
                }
                single => vec![(single, place.clone())],
            };
            for (table, place) in tables {
                if let Some(table) = table.as_table() {
                    grids.push((name.clone(), grid::axes(algorithm, table, &place, problems)));
                }
            }
        }
        if self.raw.algorithms.is_empty() && self.raw.include.is_empty() {
            problems
                .push(Problem::key(&place, "the matrix of this experiment is empty: it names no algorithm"));
        }
        grids
    }

    fn implementations(
        &self,
        task: &TaskDef,
        grids: &[(String, grid::Axes)],
        problems: &mut Vec<Problem>,
    ) -> Vec<&Implementation> {
        let known = &self.registry.implementations;
        let offers_one = |i: &Implementation| {
            let included = self.raw.include.iter().map(|c| &c.algorithm);
            grids.iter().map(|(name, _)| name).chain(included).any(|a| i.offer(&task.name, a).is_some())
        };
        let chosen: Vec<&Implementation> = match (&self.raw.implementations, &self.raw.languages) {
            (Some(_), Some(_)) => {
                let message = "give `implementations` or `languages`, not both";
                problems.push(Problem::key(&self.place.at("languages"), message));
                return Vec::new();
            }
            (None, None) => {
                let message = "give `languages` or `implementations`";
                let hint = "for example languages = [\"rust\", \"python\"]";
                problems.push(Problem::key(self.place, message).hint(hint));
                return Vec::new();
            }
            (Some(ids), None) => {
                let place = self.place.at("implementations");
                let mut chosen: Vec<&Implementation> = Vec::new();
                for (i, id) in ids.iter().enumerate() {
                    match self.registry.implementation(id) {
                        Some(found) if chosen.iter().any(|c| c.id == found.id) => {
                            problems.push(Problem::value(&place.at(i), format!("`{id}` is given twice")));
                        }
                        Some(found) => chosen.push(found),
                        None => {
                            let (message, hint) =
                                unknown("implementation", id, known.iter().map(|i| i.id.as_str()));
                            problems.push(Problem::value(&place.at(i), message).hint(hint));
                        }
                    }
                }
                chosen
            }
            (None, Some(languages)) => {
                let place = self.place.at("languages");
                let all: BTreeSet<&str> = known.iter().map(Implementation::language).collect();
                for (i, language) in languages.iter().enumerate() {
                    if !all.contains(language.as_str()) {
                        let (message, hint) = unknown("language", language, all.iter().copied());
                        problems.push(Problem::value(&place.at(i), message).hint(hint));
                    }
                }
                let wanted =
                    |i: &&Implementation| languages.iter().any(|l| l == i.language()) && offers_one(i);
                known.iter().filter(wanted).collect()
            }
        };
        if chosen.is_empty() && problems.is_empty() {
            let message = "no implementation in these languages offers one of the algorithms";
            problems.push(Problem::key(self.place, message));
        }
        for (algorithm, _) in grids {
            if !chosen.is_empty() && !chosen.iter().any(|i| i.offer(&task.name, algorithm).is_some()) {
                let message = format!("none of the chosen implementations offers {algorithm}");
                problems.push(Problem::key(&self.place.at("algorithms").at(algorithm), message));
            }
        }
        chosen
    }

    fn baseline(&self, implementations: &[&Implementation], problems: &mut Vec<Problem>) -> Option<String> {
        match &self.raw.baseline {
            Some(id) if implementations.iter().any(|i| i.id == *id) => Some(id.clone()),
            Some(id) => {
                let (message, hint) = not_of_experiment(id, implementations);
                problems.push(Problem::value(&self.place.at("baseline"), message).hint(hint));
                None
            }
            None => implementations
                .iter()
                .find(|i| i.language() == "python")
                .or(implementations.first())
                .map(|i| i.id.clone()),
        }
    }

    fn settings(
        &self,
        task: &TaskDef,
        implementations: &[&Implementation],
        problems: &mut Vec<Problem>,
    ) -> BTreeMap<String, BTreeMap<String, Parameters>> {
        let mut settings = BTreeMap::new();
        for (id, given) in &self.raw.settings {
            let place = self.place.at("settings").at(id);
            let Some(implementation) = implementations.iter().find(|i| i.id == *id) else {
                let (message, hint) = not_of_experiment(id, implementations);
                problems.push(Problem::key(&place, message).hint(hint));
                continue;
            };
            settings.insert(id.clone(), self.settings_of(task, implementation, given, &place, problems));
        }
        settings
    }

    /// Settings by algorithm: a plain key goes to every algorithm that declares it, a table to the algorithm that it names.
    fn settings_of(
        &self,
        task: &TaskDef,
        implementation: &Implementation,
        given: &BTreeMap<String, toml::Value>,
        place: &Place,
        problems: &mut Vec<Problem>,
    ) -> BTreeMap<String, Parameters> {
        let offers: Vec<_> = implementation.offers.iter().filter(|o| o.task == task.name).collect();
        let (tables, flat): (Vec<_>, Vec<_>) = given.iter().partition(|(_, v)| v.is_table());
        for (key, _) in &flat {
            if !offers.iter().any(|o| o.settings.iter().any(|s| s.name == **key)) {
                let declared: BTreeSet<&str> =
                    offers.iter().flat_map(|o| &o.settings).map(|s| s.name.as_str()).collect();
                let (message, hint) = unknown(&format!("setting of {}", implementation.id), key, declared);
                problems.push(Problem::key(&place.at(*key), message).hint(hint));
            }
        }
        for (key, _) in &tables {
            if !offers.iter().any(|o| o.algorithm == **key) {
                let (message, hint) = unknown(
                    &format!("algorithm of {}", implementation.id),
                    key,
                    offers.iter().map(|o| o.algorithm.as_str()),
                );
                problems.push(Problem::key(&place.at(*key), message).hint(hint));
            }
        }
        let mut by_algorithm = BTreeMap::new();
        for offer in offers {
            let own = flat.iter().copied().filter(|(k, _)| offer.settings.iter().any(|s| s.name == **k));
            let what = format!("setting of {} for {}", implementation.id, offer.algorithm);
            let mut settings = grid::plain(&what, &offer.settings, own, place, problems);
            if let Some((key, toml::Value::Table(table))) =
                tables.iter().find(|(k, _)| **k == offer.algorithm)
            {
                settings.extend(grid::plain(&what, &offer.settings, table, &place.at(*key), problems));
            }
            if !settings.is_empty() {
                by_algorithm.insert(offer.algorithm.clone(), settings);
            }
        }
        by_algorithm
    }

    fn included(&self, task: &TaskDef, problems: &mut Vec<Problem>) -> Vec<CaseDef> {
        let mut cases = Vec::new();
        for (i, include) in self.raw.include.iter().enumerate() {
            let place = self.place.at("include").at(i);
            let source = source(task, self.folder, &include.dataset, &place.at("dataset"), problems);
            let Some(algorithm) = task.algorithm(&include.algorithm) else {
                let what = format!("algorithm of the task {}", task.name);
                let (message, hint) =
                    unknown(&what, &include.algorithm, task.algorithms.iter().map(|a| a.name.as_str()));
                problems.push(Problem::value(&place.at("algorithm"), message).hint(hint));
                continue;
            };
            let axes =
                grid::axes(algorithm, &include.hyperparameters, &place.at("hyperparameters"), problems);
            let Some(source) = source else { continue };
            cases.extend(grid::points(&axes).map(|hyperparameters| CaseDef {
                source: source.clone(),
                algorithm: algorithm.name.clone(),
                hyperparameters,
                without: Vec::new(),
            }));
        }
        cases
    }

    fn exclude(
        &self,
        task: &TaskDef,
        implementations: &[&Implementation],
        cases: &mut Vec<CaseDef>,
        problems: &mut Vec<Problem>,
    ) {
        for (i, exclude) in self.raw.exclude.iter().enumerate() {
            let place = self.place.at("exclude").at(i);
            let Some(values) = self.exclude_values(task, exclude, &place, problems) else { continue };
            if let Some(id) = &exclude.implementation
                && !implementations.iter().any(|i| i.id == *id)
            {
                let (message, hint) = not_of_experiment(id, implementations);
                problems.push(Problem::value(&place.at("implementation"), message).hint(hint));
                continue;
            }
            let matches = |case: &CaseDef| {
                exclude.dataset.as_ref().is_none_or(|d| *d == case.source.label())
                    && exclude.algorithm.as_ref().is_none_or(|a| *a == case.algorithm)
                    && values.iter().all(|(k, v)| case.hyperparameters.get(k) == Some(v))
            };
            let before = cases.len();
            let mut matched = 0;
            cases.retain_mut(|case| {
                let hit = matches(case);
                matched += usize::from(hit);
                match (&exclude.implementation, hit) {
                    (Some(id), true) => {
                        case.without.push(id.clone());
                        case.without.len() < implementations.len()
                    }
                    (None, true) => false,
                    (_, false) => true,
                }
            });
            if matched == 0 && before > 0 {
                let labels: BTreeSet<String> = cases.iter().map(|c| c.source.label()).collect();
                let labels = labels.into_iter().collect::<Vec<_>>().join(", ");
                problems.push(
                    Problem::value(&place, "this exclude matches no case")
                        .hint(format!("data sets of this experiment: {labels}")),
                );
            }
        }
    }

    fn exclude_values(
        &self,
        task: &TaskDef,
        exclude: &RawExclude,
        place: &Place,
        problems: &mut Vec<Problem>,
    ) -> Option<Parameters> {
        if exclude.dataset.is_none()
            && exclude.algorithm.is_none()
            && exclude.implementation.is_none()
            && exclude.hyperparameters.is_empty()
        {
            problems
                .push(Problem::value(place, "this exclude names nothing, so it would leave out everything"));
            return None;
        }
        if let Some(name) = &exclude.algorithm
            && task.algorithm(name).is_none()
        {
            let (message, hint) = unknown("algorithm", name, task.algorithms.iter().map(|a| a.name.as_str()));
            problems.push(Problem::value(&place.at("algorithm"), message).hint(hint));
            return None;
        }
        let mut values = Parameters::new();
        for (key, given) in &exclude.hyperparameters {
            let definitions = task.algorithms.iter().flat_map(|a| &a.parameters).filter(|p| p.name == *key);
            // A whole number may be written for a float, as in the algorithm's own table.
            let value: Option<Value> = grid::value(given);
            let checked = definitions.into_iter().find_map(|d| value.as_ref().and_then(|v| d.check(v).ok()));
            match checked {
                Some(value) => {
                    values.insert(key.clone(), value);
                }
                None => {
                    let message = format!("no algorithm has a hyperparameter `{key}` with the value {given}");
                    problems.push(Problem::value(&place.at("hyperparameters").at(key), message));
                    return None;
                }
            }
        }
        Some(values)
    }
}

fn not_of_experiment(id: &str, implementations: &[&Implementation]) -> (String, String) {
    unknown("implementation of this experiment", id, implementations.iter().map(|i| i.id.as_str()))
}
