//! The implementations of an experiment, the one that the others are compared with, and their settings.

use std::collections::{BTreeMap, BTreeSet};

use super::ExperimentCheck;
use crate::implementation::Implementation;
use crate::spec::grid;
use crate::spec::problem::{Place, Problem, unknown};
use crate::task::TaskDef;
use crate::task::parameter::Parameters;

impl ExperimentCheck<'_> {
    pub(super) fn implementations(
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

    pub(super) fn baseline(
        &self,
        implementations: &[&Implementation],
        problems: &mut Vec<Problem>,
    ) -> Option<String> {
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

    pub(super) fn settings(
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
}

pub(super) fn not_of_experiment(id: &str, implementations: &[&Implementation]) -> (String, String) {
    unknown("implementation of this experiment", id, implementations.iter().map(|i| i.id.as_str()))
}
