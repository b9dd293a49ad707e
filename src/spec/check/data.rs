//! How the data of an experiment is split and scaled.

use super::ExperimentCheck;
use crate::data::bundle::Scale;
use crate::data::{Source, TargetKind};
use crate::spec::blocks;
use crate::spec::problem::Problem;
use crate::spec::raw::{RawBlocks, RawDraw, RawScale, RawSplit};
use crate::task::{Learner, TaskDef};

impl ExperimentCheck<'_> {
    pub(super) fn report_repeated(&self, sources: &[Option<Source>], problems: &mut Vec<Problem>) {
        for (i, source) in sources.iter().enumerate() {
            if source.is_some() && sources[..i].contains(source) {
                let place = self.place.at("datasets").at(i);
                problems.push(Problem::value(&place, "this data set is given twice"));
            }
        }
    }

    /// How rows are drawn, where they are.
    pub(super) fn draw(&self) -> Option<&RawDraw> {
        match &self.raw.split {
            RawSplit::Published => None,
            RawSplit::Drawn(draw) => Some(draw),
        }
    }

    /// How features are scaled: tokens not at all, and only images by their channels.
    pub(super) fn scale(
        &self,
        task: &TaskDef,
        sources: &[Option<Source>],
        problems: &mut Vec<Problem>,
    ) -> Scale {
        let scale = match self.usual_scale(task) {
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
    pub(super) fn test_fraction(
        &self,
        task: &TaskDef,
        blocks: &RawBlocks,
        sources: &[Option<Source>],
        problems: &mut Vec<Problem>,
    ) -> f64 {
        if task.learner == Learner::Pretrained {
            // All rows are answered.
            return 1.0;
        }
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
    pub(super) fn stratify(
        &self,
        task: &TaskDef,
        sources: &[Option<Source>],
        problems: &mut Vec<Problem>,
    ) -> bool {
        let Some(draw) = self.draw() else { return false };
        let stratify = draw.stratify.unwrap_or(task.supervised && task.targets == [TargetKind::Classes]);
        let without = |source: &&Source| source.target_kind().is_ok_and(|kind| kind != TargetKind::Classes);
        if stratify && let Some(source) = sources.iter().flatten().find(without) {
            let message = format!("`{}` has no classes by which it could be stratified", source.label());
            problems.push(Problem::value(&self.place.at("split").at("stratify"), message));
        }
        stratify
    }
}
