//! Regression: predict a number for every row.
//!
//! Raw outputs: `predictions` [test rows] for every algorithm; each family names its own beside them.

pub mod linear;
mod linear_models;
pub mod metrics;
mod svr;
pub mod trees;

use ndarray::Array1;

use super::outputs::Outputs;
use super::{
    Check, Family, Learner, Problem, Scores, Side, Task, TaskDef, TaskError, family_of, largest, within,
};
use crate::data::TargetKind;
use crate::data::bundle::{TEST_FEATURES, TEST_TARGET, TRAIN_TARGET};

/// The default tolerance on predictions of algorithms without a stated objective, in standard deviations of the training
/// target: the root of [`linear_models::OBJECTIVE`].
pub const PREDICTIONS: f64 = 1e-6;

/// The task `regression`.
#[derive(Debug)]
pub struct Regression;

const FAMILIES: &[&dyn Family] =
    &[&linear_models::LinearModels, &svr::SupportVectorRegression, &trees::Trees];

impl Task for Regression {
    fn definition(&self) -> TaskDef {
        TaskDef {
            name: "regression".to_owned(),
            doc: "predict a number for every row of the test split".to_owned(),
            targets: vec![TargetKind::Continuous],
            tokens: false,
            supervised: true,
            application: "predict".to_owned(),
            learner: Learner::Estimator,
            dtypes: vec!["float64".to_owned()],
            primary_phases: ["fit", "predict@1", "predict@all"].map(str::to_owned).to_vec(),
            headline_metrics: ["r2", "rmse"].map(str::to_owned).to_vec(),
            lower_is_better: [
                "mse",
                "rmse",
                "mae",
                "max_error",
                "mape",
                "residual_std",
                "duality_gap",
                "split_loss",
            ]
            .map(str::to_owned)
            .to_vec(),
            epoch_metrics: Vec::new(),
            algorithms: FAMILIES.iter().flat_map(|f| f.algorithms()).collect(),
        }
    }

    fn family(&self, algorithm: &str) -> Option<&dyn Family> {
        family_of(FAMILIES, algorithm)
    }

    fn metrics(
        &self,
        problem: &Problem<'_>,
        outputs: &Outputs,
        scores: &mut Scores,
    ) -> Result<(), TaskError> {
        score(&problem.bundle.f64_vector(TEST_TARGET)?, &predictions(problem, outputs)?.to_vec(), scores)
    }

    fn compare_plainly(
        &self,
        problem: &Problem<'_>,
        contender: Side<'_>,
        baseline: Side<'_>,
    ) -> Result<Vec<Check>, TaskError> {
        let (a, b) = (predictions(problem, contender.outputs)?, predictions(problem, baseline.outputs)?);
        if problem.stochastic {
            let finding = "both gave a finite prediction for every test row".to_owned();
            return Ok(vec![Check::agreement("outputs", finding)]);
        }
        let deviation = Array1::from(problem.bundle.f64_vector(TRAIN_TARGET)?).std(0.0);
        let allowed = problem.tolerances.predictions.unwrap_or(PREDICTIONS);
        let figure = largest_difference(&a, &b) / deviation;
        Ok(vec![predictions_check(figure, allowed, figure, "")])
    }
}

/// Scores predictions of the test rows.
///
/// # Errors
/// The metrics refuse the values.
pub fn score(truth: &[f64], predictions: &[f64], scores: &mut Scores) -> Result<(), TaskError> {
    for (name, value) in metrics::score(truth, predictions)? {
        match value {
            Ok(value) => scores.add(name, value),
            Err(reason) => scores.undefine(name, reason.to_string()),
        }
    }
    Ok(())
}

/// The predictions on all test rows.
fn predictions(problem: &Problem<'_>, outputs: &Outputs) -> Result<Array1<f64>, TaskError> {
    outputs.vector("predictions", problem.bundle.rows(TEST_FEATURES)?)
}

/// The point on predictions: the figure that is judged, in standard deviations of the training target, and the largest difference of all rows.
fn predictions_check(figure: f64, allowed: f64, largest: f64, note: &str) -> Check {
    let agrees = within(figure, allowed);
    Check {
        agrees,
        figure: Some(figure),
        allowed: Some(allowed),
        ..Check::disagreement(
            "predictions",
            if agrees && largest == 0.0 {
                format!("predictions equal in every bit{note}")
            } else if agrees {
                format!("largest difference of predictions {largest:.0e} of the target's deviation{note}")
            } else {
                format!(
                    "predictions differ by {figure:.1e} of the target's deviation (allowed {allowed:.1e}){note}"
                )
            },
        )
    }
}

fn largest_difference(a: &Array1<f64>, b: &Array1<f64>) -> f64 {
    largest(a.iter().zip(b).map(|(x, y)| (x - y).abs()))
}
