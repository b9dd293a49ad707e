//! Decision trees and random forests for classes.
//!
//! Raw outputs of `decision_tree`: the tree itself ([`Tree::read`](crate::task::tree::Tree::read)); of `random_forest`: `leaves` and
//! `depths` [trees], and `train_predictions` [training rows]. What is and is not checked:
//!
//! * **A tree** is held against the rule of CART on its training rows, node by node
//!   ([`certificate`](crate::task::tree::certificate)), and its predictions are those of that tree. Ties are free, so that labels of
//!   two right trees may differ, and nothing is said of which is better on test rows.
//! * **A forest** has as many trees as were asked, of a like size, which get as much of the training rows right
//!   ([`forest`](crate::task::tree::forest)), and its accuracy over seeds is equivalent. Its single splits are not checked: the features that were drawn are
//!   not known. Nor is how trees are put together: scikit-learn averages the shares of classes in leaves, Breiman counts votes.

use super::{classes, labels};
use crate::data::bundle::TRAIN_TARGET;
use crate::task::outputs::Outputs;
use crate::task::tree::certificate::Targets;
use crate::task::tree::{family, forest};
use crate::task::{AlgorithmDef, Check, Family, Problem, Scores, Side, TaskError};

const CRITERIA: [&str; 2] = ["gini", "entropy"];

/// Trees and forests.
#[derive(Debug)]
pub struct Trees;

impl Family for Trees {
    fn algorithms(&self) -> Vec<AlgorithmDef> {
        vec![
            family::definition(
                &CRITERIA,
                "a binary tree that is split by the most impurity taken (CART), not pruned",
            ),
            forest::definition(&CRITERIA, &["sqrt", "log2", "all"], "accuracy"),
        ]
    }

    fn score(&self, problem: &Problem<'_>, outputs: &Outputs, scores: &mut Scores) -> Result<(), TaskError> {
        if problem.algorithm == "decision_tree" {
            return family::score(problem, &targets(problem)?, outputs, scores);
        }
        forest::Trees::read(outputs)?.score(scores);
        scores.add("training_accuracy", training(problem, outputs)?);
        Ok(())
    }

    fn compare(
        &self,
        problem: &Problem<'_>,
        contender: Side<'_>,
        baseline: Side<'_>,
    ) -> Result<Vec<Check>, TaskError> {
        if problem.algorithm == "decision_tree" {
            let (a, b) = (labels(problem, contender.outputs)?, labels(problem, baseline.outputs)?);
            #[expect(clippy::cast_precision_loss, reason = "labels")]
            let says = |label: i64, value: f64| (label as f64 - value).abs() < 0.5;
            let of_a = |row: usize, value: f64| says(a[row], value);
            let of_b = |row: usize, value: f64| says(b[row], value);
            return family::compare(problem, &targets(problem)?, (contender, &of_a), (baseline, &of_b));
        }
        forest::compare(problem.hyperparameters, (contender, baseline), |outputs| training(problem, outputs))
    }
}

fn targets(problem: &Problem<'_>) -> Result<Targets, TaskError> {
    let labels = problem.bundle.i64_vector(TRAIN_TARGET)?;
    let labels =
        labels.into_iter().map(|label| usize::try_from(label).expect("labels of a bundle are checked"));
    Ok(Targets::Labels(labels.collect(), classes(problem)))
}

/// The share of training rows that a forest gets right.
fn training(problem: &Problem<'_>, outputs: &Outputs) -> Result<f64, TaskError> {
    let truth = problem.bundle.i64_vector(TRAIN_TARGET)?;
    let classes = i64::try_from(classes(problem)).unwrap_or(i64::MAX);
    let labels = outputs.labels("train_predictions", truth.len(), 0..classes)?;
    let right = labels.iter().zip(&truth).filter(|(a, b)| a == b).count();
    #[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
    let share = right as f64 / truth.len().max(1) as f64;
    Ok(share)
}
