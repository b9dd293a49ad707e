//! Linear models: definitions, and the parity contract: what makes two answers the same answer.
//!
//! Raw outputs beside the predictions: `coefficients` [features] and `intercept` [1].
//!
//! * **Objective** (convex algorithms): both answers, evaluated from their raw parameters, lie within [`OBJECTIVE`] of the
//!   certified minimum. How a solver got there does not matter.
//! * **Own predictions**: an implementation's predictions are those of the parameters it reports.
//! * **Predictions**: the two sides' predictions differ by no more than two answers of that accuracy can (see
//!   [`super::linear`] for the bound), row by row.

use ndarray::{Array1, Array2, Axis};

use super::linear::{Penalty, Reference};
use super::{largest_difference, metrics, predictions, predictions_check};
use crate::data::bundle::{TEST_FEATURES, TRAIN_FEATURES, TRAIN_TARGET};
use crate::task::outputs::Outputs;
use crate::task::parameter::ParameterDef;
use crate::task::{AlgorithmDef, Check, Family, Problem, Scores, Side, TaskError, largest, within};

/// The default tolerance on the objective, over the objective of the best constant prediction. Its root, 1e-6 of the target's
/// deviation, is far below any digit of a score that people read, and four orders of magnitude above what float64 can resolve, so that every
/// solver with a tolerance setting can reach it.
pub const OBJECTIVE: f64 = 1e-12;

/// An implementation's predictions and parameters come from one model, so they may differ by the rounding of one
/// matrix product alone: 1e-9 of the target's deviation leaves room for ill-scaled features.
const OWN_PREDICTIONS: f64 = 1e-9;

/// The family.
#[derive(Debug)]
pub struct LinearModels;

impl Family for LinearModels {
    fn algorithms(&self) -> Vec<AlgorithmDef> {
        let intercept = || {
            ParameterDef::boolean(
                "fit_intercept",
                true,
                "whether to fit an intercept, which is not penalised",
            )
        };
        let alpha = |doc| ParameterDef::float_from("alpha", 0.0, 1.0, doc);
        vec![
            AlgorithmDef::new("ols", "ordinary least squares", vec![intercept()]).minimising("|y - Xw - b|²"),
            AlgorithmDef::new(
                "ridge",
                "least squares with a squared penalty",
                vec![alpha("weight of the squared penalty"), intercept()],
            )
            .minimising("|y - Xw - b|² + alpha |w|²"),
            AlgorithmDef::new(
                "lasso",
                "least squares with an absolute penalty",
                vec![alpha("weight of the absolute penalty"), intercept()],
            )
            .minimising("|y - Xw - b|² / 2n + alpha |w|₁"),
            AlgorithmDef::new(
                "elastic_net",
                "least squares with both penalties",
                vec![
                    alpha("weight of both penalties"),
                    ParameterDef::float_from("l1_ratio", 0.0, 0.5, "share of the absolute penalty")
                        .up_to(1.0),
                    intercept(),
                ],
            )
            .minimising("|y - Xw - b|² / 2n + alpha l1_ratio |w|₁ + alpha (1 - l1_ratio) |w|² / 2"),
        ]
    }

    fn score(&self, problem: &Problem<'_>, outputs: &Outputs, scores: &mut Scores) -> Result<(), TaskError> {
        let linear = Linear::read(problem, outputs)?;
        #[expect(clippy::cast_precision_loss, reason = "a number of features")]
        let non_zero = metrics::non_zero_coefficients(&linear.coefficients.to_vec())? as f64;
        scores.add("non_zero_coefficients", non_zero);
        let convex = match Convex::of(problem) {
            Ok(convex) => convex,
            // The data are at fault, not the trial: its other metrics stand, and no pair will be comparable.
            Err(TaskError::Reference(reason)) => {
                scores.undefine("objective_gap", reason);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let objective = convex.objective(&linear);
        scores.add("objective", objective);
        scores.add("objective_gap", convex.reference.gap(objective));
        scores.add("coefficient_difference", convex.coefficient_difference(&linear));
        Ok(())
    }

    fn compare(
        &self,
        problem: &Problem<'_>,
        contender: Side<'_>,
        baseline: Side<'_>,
    ) -> Result<Vec<Check>, TaskError> {
        let test = problem.bundle.f64_matrix(TEST_FEATURES)?;
        let convex = Convex::of(problem)?;
        let (a, b) = (Linear::read(problem, contender.outputs)?, Linear::read(problem, baseline.outputs)?);
        let (a, b) = ((contender.name, &a), (baseline.name, &b));
        Ok(vec![
            objective_check(problem, &convex, a, b),
            own_predictions(&convex, &test, a, b),
            linear_predictions(problem, &convex, &test, a.1, b.1),
        ])
    }
}

/// What a linear model answered.
#[derive(Debug)]
struct Linear {
    /// Predictions on all test rows.
    predictions: Array1<f64>,
    /// One coefficient for each feature.
    coefficients: Array1<f64>,
    /// The intercept.
    intercept: f64,
}

impl Linear {
    fn read(problem: &Problem<'_>, outputs: &Outputs) -> Result<Self, TaskError> {
        Ok(Self {
            predictions: predictions(problem, outputs)?,
            coefficients: outputs.vector("coefficients", problem.bundle.columns(TRAIN_FEATURES)?)?,
            intercept: outputs.vector("intercept", 1)?[0],
        })
    }
}

/// The training problem with its certified minimum.
struct Convex {
    penalty: Penalty,
    features: Array2<f64>,
    target: Array1<f64>,
    reference: Reference,
}

impl Convex {
    fn of(problem: &Problem<'_>) -> Result<Self, TaskError> {
        let features = problem.bundle.f64_matrix(TRAIN_FEATURES)?;
        let target = Array1::from(problem.bundle.f64_vector(TRAIN_TARGET)?);
        let penalty = Penalty::of(problem.algorithm, problem.hyperparameters, target.len())
            .ok_or_else(|| TaskError::Reference(format!("`{}` states no objective", problem.algorithm)))?;
        let reference =
            Reference::solve(features.view(), target.view(), penalty).map_err(TaskError::Reference)?;
        Ok(Self { penalty, features, target, reference })
    }

    fn objective(&self, linear: &Linear) -> f64 {
        self.penalty.objective(
            self.features.view(),
            self.target.view(),
            linear.coefficients.view(),
            linear.intercept,
        )
    }

    /// The largest difference from the reference's coefficients, over the largest of these.
    fn coefficient_difference(&self, linear: &Linear) -> f64 {
        let reference = &self.reference.coefficients;
        let scale = largest(reference.iter().map(|v| v.abs()));
        let difference = largest_difference(reference, &linear.coefficients);
        if difference == 0.0 { 0.0 } else { difference / scale }
    }
}

fn objective_check(problem: &Problem<'_>, convex: &Convex, a: (&str, &Linear), b: (&str, &Linear)) -> Check {
    let allowed = problem.tolerances.objective.unwrap_or(OBJECTIVE);
    let gap = |linear| convex.reference.gap(convex.objective(linear));
    let (gap_a, gap_b) = (gap(a.1), gap(b.1));
    let figure = largest([gap_a.abs(), gap_b.abs()]);
    let far: Vec<String> = [(a.0, gap_a), (b.0, gap_b)]
        .iter()
        .filter(|(_, gap)| !within(gap.abs(), allowed))
        .map(|(name, gap)| format!("{name} is {gap:.1e} from the optimum"))
        .collect();
    Check {
        name: "objective".to_owned(),
        agrees: far.is_empty(),
        contender: Some(format!("{gap_a:.2e}")),
        baseline: Some(format!("{gap_b:.2e}")),
        figure: Some(figure),
        allowed: Some(allowed),
        finding: if far.is_empty() {
            format!("both within {:.0e} of the optimum", figure.max(f64::EPSILON))
        } else {
            format!("{} (allowed {allowed:.0e} of the objective of the best constant)", far.join(", "))
        },
    }
}

fn own_predictions(convex: &Convex, test: &Array2<f64>, a: (&str, &Linear), b: (&str, &Linear)) -> Check {
    let own = |linear: &Linear| {
        let implied = test.dot(&linear.coefficients) + linear.intercept;
        largest_difference(&implied, &linear.predictions) / convex.reference.target_deviation
    };
    let (own_a, own_b) = (own(a.1), own(b.1));
    let wrong: Vec<String> = [(a.0, own_a), (b.0, own_b)]
        .iter()
        .filter(|(_, difference)| !within(*difference, OWN_PREDICTIONS))
        .map(|(name, difference)| {
            format!("{name}'s predictions differ by {difference:.1e} of the target's deviation from those of its own coefficients")
        })
        .collect();
    Check {
        name: "own predictions".to_owned(),
        agrees: wrong.is_empty(),
        contender: Some(format!("{own_a:.2e}")),
        baseline: Some(format!("{own_b:.2e}")),
        figure: Some(largest([own_a, own_b])),
        allowed: Some(OWN_PREDICTIONS),
        finding: if wrong.is_empty() {
            "predictions are those of the reported coefficients".to_owned()
        } else {
            format!("{} (allowed {OWN_PREDICTIONS:.0e})", wrong.join(", "))
        },
    }
}

/// Judges the row whose difference is the largest against what it may be.
fn linear_predictions(
    problem: &Problem<'_>,
    convex: &Convex,
    test: &Array2<f64>,
    a: &Linear,
    b: &Linear,
) -> Check {
    let accuracy = 2.0 * problem.tolerances.objective.unwrap_or(OBJECTIVE).sqrt();
    let deviation = convex.reference.target_deviation;
    let mut differences = Vec::with_capacity(test.nrows());
    let mut undetermined = 0;
    for (i, row) in test.axis_iter(Axis(0)).enumerate() {
        let amplification = convex.reference.amplification(row);
        if amplification.is_finite() {
            let difference = (a.predictions[i] - b.predictions[i]).abs() / deviation;
            let allowed = problem.tolerances.predictions.unwrap_or(accuracy * amplification);
            differences.push((difference, allowed));
        } else {
            undetermined += 1;
        }
    }
    let note = if undetermined > 0 {
        // The training rows do not determine these predictions; every optimal answer determines those of the training rows.
        let implied = |l: &Linear| convex.features.dot(&l.coefficients) + l.intercept;
        let (implied_a, implied_b) = (implied(a), implied(b));
        for (i, row) in convex.features.axis_iter(Axis(0)).enumerate() {
            let difference = (implied_a[i] - implied_b[i]).abs() / deviation;
            differences.push((difference, accuracy * convex.reference.amplification(row)));
        }
        format!(
            "; the training data do not determine {undetermined} of the {} test predictions, so the training predictions were compared",
            test.nrows()
        )
    } else {
        String::new()
    };
    let (figure, allowed) = differences
        .iter()
        .copied()
        .max_by(|x, y| (x.0 / x.1).total_cmp(&(y.0 / y.1)))
        .unwrap_or((0.0, accuracy));
    predictions_check(figure, allowed, largest(differences.iter().map(|d| d.0)), &note)
}
