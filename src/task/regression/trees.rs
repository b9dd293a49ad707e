//! Decision trees and random forests for numbers. What is and is not checked is as for classes
//! ([`classification::trees`](crate::task::classification::trees)), with the squared deviation for impurity and R² for accuracy.

use ndarray::Array1;

use super::predictions;
use crate::data::bundle::TRAIN_TARGET;
use crate::task::outputs::Outputs;
use crate::task::tree::certificate::Targets;
use crate::task::tree::{family, forest};
use crate::task::{AlgorithmDef, Check, Family, Problem, Scores, Side, TaskError};

/// Predictions are leaves' numbers, copied: only the last place may differ.
const COPIED: f64 = 1e-12;

/// Trees and forests.
#[derive(Debug)]
pub struct Trees;

impl Family for Trees {
    fn algorithms(&self) -> Vec<AlgorithmDef> {
        let criteria = ["squared_error"];
        vec![
            family::definition(
                &criteria,
                "a binary tree that is split by the most squared deviation taken (CART), not pruned",
            ),
            forest::definition(&criteria, &["all", "sqrt", "log2"], "r2"),
        ]
    }

    fn score(&self, problem: &Problem<'_>, outputs: &Outputs, scores: &mut Scores) -> Result<(), TaskError> {
        if problem.algorithm == "decision_tree" {
            let targets = Targets::Numbers(problem.bundle.f64_vector(TRAIN_TARGET)?);
            return family::score(problem, &targets, outputs, scores);
        }
        forest::Trees::read(outputs)?.score(scores);
        scores.add("training_r2", training(problem, outputs)?);
        Ok(())
    }

    fn compare(
        &self,
        problem: &Problem<'_>,
        contender: Side<'_>,
        baseline: Side<'_>,
    ) -> Result<Vec<Check>, TaskError> {
        if problem.algorithm == "decision_tree" {
            let (a, b) = (predictions(problem, contender.outputs)?, predictions(problem, baseline.outputs)?);
            let says = |own: f64, value: f64| (own - value).abs() <= COPIED * value.abs();
            let of_a = |row: usize, value: f64| says(a[row], value);
            let of_b = |row: usize, value: f64| says(b[row], value);
            let targets = Targets::Numbers(problem.bundle.f64_vector(TRAIN_TARGET)?);
            return family::compare(problem, &targets, (contender, &of_a), (baseline, &of_b));
        }
        forest::compare(problem.hyperparameters, (contender, baseline), |outputs| training(problem, outputs))
    }
}

/// R² on the training rows; not a number where they are all equal.
fn training(problem: &Problem<'_>, outputs: &Outputs) -> Result<f64, TaskError> {
    let truth = Array1::from(problem.bundle.f64_vector(TRAIN_TARGET)?);
    let given = outputs.vector("train_predictions", truth.len())?;
    let mean = truth.mean().unwrap_or(0.0);
    let square = |v: f64| v * v;
    let residual: f64 = given.iter().zip(&truth).map(|(a, b)| square(a - b)).sum();
    Ok(1.0 - residual / truth.iter().map(|y| square(y - mean)).sum::<f64>())
}
