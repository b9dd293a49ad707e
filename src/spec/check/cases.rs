//! The cases of an experiment beside its data: grids of hyperparameters, includes and excludes.

use std::collections::BTreeSet;

use super::ExperimentCheck;
use super::implementations::not_of_experiment;
use crate::data::language::Model;
use crate::implementation::Implementation;
use crate::spec::problem::{Place, Problem, unknown};
use crate::spec::raw::RawExclude;
use crate::spec::{CaseDef, grid};
use crate::task::TaskDef;
use crate::task::parameter::{Parameters, Value};

impl ExperimentCheck<'_> {
    /// One entry for each table of hyperparameters.
    pub(super) fn grids(&self, task: &TaskDef, problems: &mut Vec<Problem>) -> Vec<(String, grid::Axes)> {
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

    pub(super) fn included(
        &self,
        task: &TaskDef,
        model: Option<&Model>,
        problems: &mut Vec<Problem>,
    ) -> Vec<CaseDef> {
        let mut cases = Vec::new();
        for (i, include) in self.raw.include.iter().enumerate() {
            let place = self.place.at("include").at(i);
            let source = self.source(task, model, &include.dataset, &place.at("dataset"), problems);
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

    pub(super) fn exclude(
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
