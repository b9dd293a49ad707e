//! The language model of an experiment, and how its texts become rows of tokens.

use super::ExperimentCheck;
use crate::data::language::{Model, RowsOf, catalogue, shapes};
use crate::data::{DataError, Source};
use crate::spec::problem::{Place, Problem, unknown};
use crate::spec::raw::{RawScale, RawSplit, RawText};
use crate::task::{Learner, TaskDef};

impl ExperimentCheck<'_> {
    /// What only experiments with a language model have is asked of them alone, and what these have not is refused.
    pub(super) fn report_of_language(&self, task: &TaskDef, problems: &mut Vec<Problem>) {
        if task.learner == Learner::Pretrained {
            let is_drawn = |split: &RawSplit| match split {
                RawSplit::Published => true,
                RawSplit::Drawn(draw) => {
                    draw.test.is_some() || draw.folds.is_some() || draw.stratify.is_some()
                }
            };
            if is_drawn(&self.raw.split) {
                let message = format!("{} trains nothing, so no rows are held out", task.name);
                problems.push(Problem::key(&self.place.at("split"), message).hint("leave `split` out"));
            }
            return;
        }
        for (key, given) in [("model", self.raw.model.is_some()), ("text", self.raw.text.is_some())] {
            if given {
                let message = format!("{} asks no language model", task.name);
                problems.push(Problem::key(&self.place.at(key), message));
            }
        }
    }

    /// The model; `None` where there is none, or it is reported as a problem.
    pub(super) fn model(&self, task: &TaskDef, problems: &mut Vec<Problem>) -> Option<Model> {
        if task.learner != Learner::Pretrained {
            return None;
        }
        let place = self.place.at("model");
        let Some(given) = &self.raw.model else {
            let message = format!("{} needs `model`", task.name);
            let hint = format!("for example model = \"{}\"", catalogue::ENTRIES[0].name);
            problems.push(Problem::key(self.place, message).hint(hint));
            return None;
        };
        match given {
            toml::Value::String(name) => self.named(name, &place, problems),
            toml::Value::Table(table) => self.described(table, &place, problems),
            _ => {
                let message = "a model is a name, or a table with `shape`, or with `path`";
                problems.push(Problem::value(&place, message));
                None
            }
        }
    }

    fn named(&self, name: &str, place: &Place, problems: &mut Vec<Problem>) -> Option<Model> {
        let known = catalogue::ENTRIES.iter().map(|entry| entry.name);
        if let Ok(model) = Model::catalogue(name) {
            return Some(model);
        }
        let (message, hint) = unknown("model", name, known);
        let hint = if shapes::find(name).is_some() {
            format!("no registry holds its weights; write {{ shape = \"{name}\" }} for random ones")
        } else if self.folder.join(name).is_dir() {
            format!("write {{ path = \"{name}\" }} for a folder")
        } else {
            hint
        };
        problems.push(Problem::value(place, message).hint(hint));
        None
    }

    fn described(&self, table: &toml::Table, place: &Place, problems: &mut Vec<Problem>) -> Option<Model> {
        let text = |key: &str| table.get(key).and_then(toml::Value::as_str);
        let known: &[&str] = if table.contains_key("path") { &["path"] } else { &["shape", "seed"] };
        if let Some(key) = table.keys().find(|key| !known.contains(&key.as_str())) {
            let (message, hint) = unknown("key of a model", key, known.iter().copied());
            problems.push(Problem::key(&place.at(key), message).hint(hint));
            return None;
        }
        let told = |error: DataError, key: &str| {
            let problem = Problem::value(&place.at(key), error.to_string());
            match error.hint() {
                Some(hint) => problem.hint(hint),
                None => problem,
            }
        };
        if let Some(path) = text("path") {
            let model = Model::folder(self.folder.join(path));
            return model.map_err(|error| problems.push(told(error, "path"))).ok();
        }
        let Some(shape) = text("shape") else {
            problems
                .push(Problem::value(place, "a model is a name, or a table with `shape`, or with `path`"));
            return None;
        };
        let seed = match table.get("seed").map(|seed| seed.as_integer().and_then(|s| u64::try_from(s).ok())) {
            None => 0,
            Some(Some(seed)) => seed,
            Some(None) => {
                problems.push(Problem::value(&place.at("seed"), "`seed` must be a whole number from 0"));
                return None;
            }
        };
        Model::shape(shape, seed).map_err(|error| problems.push(told(error, "shape"))).ok()
    }

    /// A data set of texts as the model's tokens.
    pub(super) fn tokens(
        &self,
        of: Source,
        model: &Model,
        place: &Place,
        problems: &mut Vec<Problem>,
    ) -> Option<Source> {
        if !of.has_texts() {
            let message = format!("`{}` is not made of texts", of.label());
            problems.push(
                Problem::value(place, message).hint("of the catalogue fit: rotten_tomatoes, shakespeare"),
            );
            return None;
        }
        let RawText { length, rows } = self.raw.text.clone().unwrap_or_default();
        Some(Source::Texts { of: Box::new(of), model: model.clone(), rows: RowsOf { length, rows } })
    }

    /// How features are scaled where the spec does not say it: tokens not at all.
    pub(super) fn usual_scale(&self, task: &TaskDef) -> RawScale {
        let usual = if task.learner == Learner::Pretrained { RawScale::None } else { RawScale::Standard };
        self.raw.scale.unwrap_or(usual)
    }
}
