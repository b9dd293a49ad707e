//! Support vector regression: definition, and the parity contract.
//!
//! Raw outputs beside the predictions: `dual` [n], alpha - alpha* of each training row (zeros too), and `intercept` [1].
//!
//! * **Objective** and **own predictions**: see [`crate::task::svm::contract`].
//! * **Predictions**: those of the two sides differ, row by row, by no more than their two duality gaps allow.

use ndarray::{Array1, Array2, ArrayView1, Axis};

use super::{predictions, predictions_check};
use crate::data::bundle::{TEST_FEATURES, TRAIN_FEATURES, TRAIN_TARGET};
use crate::task::outputs::Outputs;
use crate::task::parameter::ParameterDef;
use crate::task::svm::contract::{
    Asked, Fit, OF_OBJECTIVE_AND_C, Rows, kernel_of, kernel_parameters, objective_check, own_check,
    own_difference, worst,
};
use crate::task::svm::machine::{Loss, Machine};
use crate::task::{AlgorithmDef, Check, Family, Problem, Scores, Side, TaskError};

/// The family.
#[derive(Debug)]
pub struct SupportVectorRegression;

impl Family for SupportVectorRegression {
    fn algorithms(&self) -> Vec<AlgorithmDef> {
        let own = [
            ParameterDef::positive("C", 1.0, "weight of the loss"),
            ParameterDef::float_from("epsilon", 0.0, 0.1, "half the width of the tube without loss"),
        ];
        vec![
            AlgorithmDef::new(
                "svr",
                "support vector regression with an epsilon-insensitive loss",
                own.into_iter().chain(kernel_parameters()).collect(),
            )
            .minimising("|f|²/2 + C sum max(0, |y - f(x) - b| - epsilon)"),
        ]
    }

    fn score(&self, problem: &Problem<'_>, outputs: &Outputs, scores: &mut Scores) -> Result<(), TaskError> {
        let data = Data::of(problem)?;
        let fit = data.fit(&Asked::from(problem), &Answer::read(problem, outputs)?);
        #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
        scores.add("support_vectors", fit.support_vectors as f64);
        for (name, value) in [("dual_objective", fit.dual_objective()), ("duality_gap", fit.relative_gap())] {
            match value {
                Ok(value) => scores.add(name, value),
                Err(reason) => scores.undefine(name, reason),
            }
        }
        Ok(())
    }

    fn compare(&self, problem: &Problem<'_>, a: Side<'_>, b: Side<'_>) -> Result<Vec<Check>, TaskError> {
        let of = |side: Side<'_>| Answer::read(problem, side.outputs);
        Ok(Data::of(problem)?.compare(&Asked::from(problem), (a.name, &of(a)?), (b.name, &of(b)?)))
    }
}

struct Data {
    rows: Rows,
    target: Array1<f64>,
}

struct Answer {
    predictions: Array1<f64>,
    dual: Array1<f64>,
    intercept: f64,
}

impl Answer {
    fn read(problem: &Problem<'_>, outputs: &Outputs) -> Result<Self, TaskError> {
        Ok(Self {
            predictions: predictions(problem, outputs)?,
            dual: outputs.vector("dual", problem.bundle.rows(TRAIN_FEATURES)?)?,
            intercept: outputs.vector("intercept", 1)?[0],
        })
    }
}

impl Data {
    fn of(problem: &Problem<'_>) -> Result<Self, TaskError> {
        let train = problem.bundle.f64_matrix(TRAIN_FEATURES)?;
        let test = problem.bundle.f64_matrix(TEST_FEATURES)?;
        let kernel = kernel_of(problem.hyperparameters, &train)?;
        let target = Array1::from(problem.bundle.f64_vector(TRAIN_TARGET)?);
        Ok(Self { rows: Rows { kernel, train, test }, target })
    }

    fn fit(&self, asked: &Asked<'_>, answer: &Answer) -> Fit {
        let machine = |_, [dual, fitted, self_kernel]: [ArrayView1<'_, f64>; 3]| {
            Ok(Machine {
                loss: Loss::Tube { cost: asked.number("C")?, epsilon: asked.number("epsilon")? },
                target: self.target.clone(),
                dual: dual.to_owned(),
                fitted: fitted.to_owned(),
                intercept: answer.intercept,
                self_kernel: self_kernel.to_owned(),
            })
        };
        let intercept = Array1::from_elem(1, answer.intercept);
        let decision = answer.predictions.clone().insert_axis(Axis(1));
        Fit::new(&self.rows, answer.dual.view().insert_axis(Axis(0)), intercept.view(), decision, machine)
    }

    fn compare(&self, asked: &Asked<'_>, a: (&str, &Answer), b: (&str, &Answer)) -> Vec<Check> {
        let (first, second) = (self.fit(asked, a.1), self.fit(asked, b.1));
        let deviation = self.target.std(0.0);
        if deviation.is_nan() || deviation <= 0.0 {
            return vec![Check::disagreement("objective", "the training target is constant".to_owned())];
        }
        let scale = Array1::from_elem(1, deviation);
        let own = |fit: &Fit| own_difference(&fit.decision, &fit.implied, &scale);
        let predictions = match first.allowed(&second, &self.rows) {
            Err(reason) => Check::disagreement(
                "predictions",
                format!("nothing says how far predictions may differ: {reason}"),
            ),
            Ok(mut allowed) => {
                if let Some(set) = asked.tolerances.predictions {
                    allowed = Array2::from_elem(allowed.dim(), set * deviation);
                }
                let (figure, allowed, largest) = worst(&first.decision, &second.decision, &allowed, &scale);
                predictions_check(figure, allowed, largest, "")
            }
        };
        vec![
            objective_check(
                &(a.0, first.relative_gap()),
                &(b.0, second.relative_gap()),
                asked.objective(),
                OF_OBJECTIVE_AND_C,
            ),
            own_check("predictions", (a.0, own(&first)), (b.0, own(&second))),
            predictions,
        ]
    }
}

#[cfg(test)]
mod tests;
