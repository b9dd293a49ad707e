//! Classification: predict a class for every row.
//!
//! Raw outputs: `predictions` [test rows], the labels 0, 1 … of the bundle's classes, for every algorithm; each family names its own
//! beside them.

pub mod metrics;

use super::outputs::Outputs;
use super::{Check, Family, Problem, Scores, Side, Task, TaskDef, TaskError};
use crate::data::TargetKind;
use crate::data::bundle::TEST_FEATURES;

/// The task `classification`.
#[derive(Debug)]
pub struct Classification;

const FAMILIES: &[&dyn Family] = &[];

impl Task for Classification {
    fn definition(&self) -> TaskDef {
        TaskDef {
            name: "classification".to_owned(),
            doc: "predict a class for every row of the test split".to_owned(),
            targets: vec![TargetKind::Classes],
            supervised: true,
            application: "predict".to_owned(),
            dtypes: vec!["float64".to_owned()],
            primary_phases: ["fit", "predict@1", "predict@all"].map(str::to_owned).to_vec(),
            headline_metrics: ["accuracy", "f1_macro"].map(str::to_owned).to_vec(),
            lower_is_better: vec!["log_loss".to_owned()],
            algorithms: FAMILIES.iter().flat_map(|f| f.algorithms()).collect(),
        }
    }

    fn families(&self) -> &'static [&'static dyn Family] {
        FAMILIES
    }

    fn metrics(&self, problem: &Problem<'_>, outputs: &Outputs, _: &mut Scores) -> Result<(), TaskError> {
        labels(problem, outputs)?;
        Ok(())
    }

    fn compare_plainly(
        &self,
        problem: &Problem<'_>,
        contender: Side<'_>,
        baseline: Side<'_>,
    ) -> Result<Vec<Check>, TaskError> {
        let (a, b) = (labels(problem, contender.outputs)?, labels(problem, baseline.outputs)?);
        if problem.stochastic {
            let finding = "both gave a known class for every test row".to_owned();
            return Ok(vec![Check::agreement("outputs", finding)]);
        }
        let differ = a.iter().zip(&b).filter(|(x, y)| x != y).count();
        Ok(vec![if differ == 0 {
            Check::agreement("predictions", "labels equal on every test row".to_owned())
        } else {
            Check::disagreement("predictions", format!("labels differ on {differ} of {} test rows", a.len()))
        }])
    }
}

/// The number of classes of the data set, whether or not the training rows hold them all.
fn classes(problem: &Problem<'_>) -> usize {
    problem.bundle.manifest().class_names.len()
}

/// The labels of all test rows.
fn labels(problem: &Problem<'_>, outputs: &Outputs) -> Result<Vec<i64>, TaskError> {
    let classes = i64::try_from(classes(problem)).unwrap_or(i64::MAX);
    outputs.labels("predictions", problem.bundle.rows(TEST_FEATURES)?, 0..classes)
}
