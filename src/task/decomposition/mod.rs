//! Decomposition: find few directions that hold most of the rows' variance.
//!
//! Raw outputs: `transformed` [test rows, components] for every algorithm; each family names its own beside them.

pub mod pca;

use super::outputs::Outputs;
use super::{
    Check, Family, Learner, Problem, Scores, Side, Task, TaskDef, TaskError, family_of, largest, within,
};
use crate::data::TargetKind;
use crate::data::bundle::TEST_FEATURES;

/// The task `decomposition`.
#[derive(Debug)]
pub struct Decomposition;

const FAMILIES: &[&dyn Family] = &[&pca::Pca];

/// The default tolerance on transformed rows of algorithms that the task does not know, over the largest value.
const TRANSFORMED: f64 = 1e-6;

impl Task for Decomposition {
    fn definition(&self) -> TaskDef {
        TaskDef {
            name: "decomposition".to_owned(),
            doc: "find the directions of the training rows' largest variance, and transform the test rows"
                .to_owned(),
            targets: vec![TargetKind::Classes, TargetKind::Continuous],
            tokens: false,
            supervised: false,
            application: "transform".to_owned(),
            learner: Learner::Estimator,
            dtypes: vec!["float64".to_owned()],
            primary_phases: ["fit", "transform@1", "transform@all"].map(str::to_owned).to_vec(),
            headline_metrics: vec!["explained_variance_share".to_owned()],
            lower_is_better: ["reconstruction_error", "residual"].map(str::to_owned).to_vec(),
            epoch_metrics: Vec::new(),
            algorithms: FAMILIES.iter().flat_map(|f| f.algorithms()).collect(),
        }
    }

    fn family(&self, algorithm: &str) -> Option<&dyn Family> {
        family_of(FAMILIES, algorithm)
    }

    fn metrics(&self, problem: &Problem<'_>, outputs: &Outputs, _: &mut Scores) -> Result<(), TaskError> {
        transformed(problem, outputs)?;
        Ok(())
    }

    fn compare_plainly(
        &self,
        problem: &Problem<'_>,
        contender: Side<'_>,
        baseline: Side<'_>,
    ) -> Result<Vec<Check>, TaskError> {
        let (a, b) = (transformed(problem, contender.outputs)?, transformed(problem, baseline.outputs)?);
        if problem.stochastic {
            return Ok(vec![Check::agreement("outputs", "both transformed every test row".to_owned())]);
        }
        if a.len() != b.len() {
            let finding =
                format!("{} has {} values, and {} has {}", contender.name, a.len(), baseline.name, b.len());
            return Ok(vec![Check::disagreement("transformed", finding)]);
        }
        let allowed = problem.tolerances.predictions.unwrap_or(TRANSFORMED);
        let figure =
            largest(a.iter().zip(&b).map(|(x, y)| (x - y).abs())) / largest(b.iter().map(|y| y.abs()));
        Ok(vec![Check {
            agrees: within(figure, allowed),
            figure: Some(figure),
            allowed: Some(allowed),
            ..Check::disagreement(
                "transformed",
                format!(
                    "transformed rows differ by {figure:.1e} of the largest value (allowed {allowed:.0e})"
                ),
            )
        }])
    }
}

/// The transformed test rows, row-major; how many columns they have is for the algorithm to say.
fn transformed(problem: &Problem<'_>, outputs: &Outputs) -> Result<Vec<f64>, TaskError> {
    let rows = problem.bundle.rows(TEST_FEATURES)?;
    let columns = outputs.shape("transformed")?.get(1).copied().unwrap_or(0);
    outputs.numbers("transformed", &[rows, columns])
}
