//! Classification: predict a class for every row.
//!
//! Raw outputs: `predictions` [test rows], the labels 0, 1 … of the bundle's classes, for every algorithm; each family names its own
//! beside them. Tables by class have a column (or a row) for each class that occurs in the training rows, in ascending order: a model
//! knows no others. `probabilities` and `joint_log_likelihood` [test rows, occurring classes] serve the metrics that need more than labels.

mod bayes;
mod logistic;
pub mod metrics;
mod neighbours;
mod svm;
pub mod trees;

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

use super::outputs::Outputs;
use super::parameter::{Parameters, Value};
use super::{Check, Family, Learner, Problem, Scores, Side, Task, TaskDef, TaskError, family_of};
use crate::data::TargetKind;
use crate::data::bundle::{TEST_FEATURES, TEST_TARGET, TRAIN_FEATURES, TRAIN_TARGET};

/// The task `classification`.
#[derive(Debug)]
pub struct Classification;

const FAMILIES: &[&dyn Family] = &[
    &logistic::Logistic,
    &bayes::Bayes,
    &neighbours::Neighbours,
    &svm::SupportVectorClassifiers,
    &trees::Trees,
];

impl Task for Classification {
    fn definition(&self) -> TaskDef {
        TaskDef {
            name: "classification".to_owned(),
            doc: "predict a class for every row of the test split".to_owned(),
            targets: vec![TargetKind::Classes],
            tokens: false,
            supervised: true,
            application: "predict".to_owned(),
            learner: Learner::Estimator,
            dtypes: vec!["float64".to_owned()],
            primary_phases: ["fit", "predict@1", "predict@all"].map(str::to_owned).to_vec(),
            headline_metrics: ["accuracy", "f1_macro"].map(str::to_owned).to_vec(),
            lower_is_better: ["log_loss", "duality_gap", "split_loss"].map(str::to_owned).to_vec(),
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
        let truth = problem.bundle.i64_vector(TEST_TARGET)?;
        let predictions = labels(problem, outputs)?;
        let probabilities = probabilities(problem, outputs)?;
        let view = probabilities.as_ref().map(Array2::view);
        add(metrics::score(&truth, &predictions, None, view, classes(problem))?, scores);
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

/// Scores logits [test rows, classes] against the classes of the test rows: the class of the largest, and probabilities by softmax.
///
/// # Errors
/// The metrics refuse the values.
pub fn score_logits(
    truth: &[i64],
    logits: ArrayView2<'_, f64>,
    scores: &mut Scores,
) -> Result<(), TaskError> {
    let predictions: Vec<i64> = logits.outer_iter().map(largest_place).collect();
    let mut probabilities = logits.to_owned();
    softmax(&mut probabilities);
    add(metrics::score(truth, &predictions, None, Some(probabilities.view()), logits.ncols())?, scores);
    Ok(())
}

/// The place of the first of the largest values.
fn largest_place(values: ArrayView1<'_, f64>) -> i64 {
    let larger = |best: usize, place: usize| if values[place] > values[best] { place } else { best };
    (1..values.len()).fold(0, larger).try_into().unwrap_or(i64::MAX)
}

fn add(found: Vec<metrics::Score>, scores: &mut Scores) {
    for (name, value) in found {
        match value {
            Ok(value) => scores.add(name, value),
            Err(reason) => scores.undefine(name, reason.to_string()),
        }
    }
}

/// The number of classes of the data set, whether or not the training rows hold them all.
fn classes(problem: &Problem<'_>) -> usize {
    problem.bundle.manifest().class_names.len()
}

/// The labels of all test rows.
fn labels(problem: &Problem<'_>, outputs: &Outputs) -> Result<Vec<i64>, TaskError> {
    known_labels(outputs, problem.bundle.rows(TEST_FEATURES)?, classes(problem))
}

fn known_labels(outputs: &Outputs, rows: usize, classes: usize) -> Result<Vec<i64>, TaskError> {
    outputs.labels("predictions", rows, 0..i64::try_from(classes).unwrap_or(i64::MAX))
}

/// The probabilities of all classes of the data set, where the outputs tell them: 0 for a class that does not occur in the training rows.
fn probabilities(problem: &Problem<'_>, outputs: &Outputs) -> Result<Option<Array2<f64>>, TaskError> {
    let Some(name) = ["probabilities", "joint_log_likelihood"].into_iter().find(|name| outputs.has(name))
    else {
        return Ok(None);
    };
    let occurring = Occurring::of(&problem.bundle.i64_vector(TRAIN_TARGET)?);
    let rows = problem.bundle.rows(TEST_FEATURES)?;
    let mut given = outputs.matrix(name, (rows, occurring.labels.len()))?;
    if name == "joint_log_likelihood" {
        softmax(&mut given);
    }
    let mut all = Array2::zeros((rows, classes(problem)));
    for (column, label) in given.axis_iter(Axis(1)).zip(&occurring.labels) {
        if let Ok(class) = usize::try_from(*label) {
            all.column_mut(class).assign(&column);
        }
    }
    Ok(Some(all))
}

/// Replaces each row by `exp(v) / Σ exp(v)`, without overflow.
fn softmax(values: &mut Array2<f64>) {
    for mut row in values.outer_iter_mut() {
        let largest = row.fold(f64::NEG_INFINITY, |m, z| m.max(*z));
        row.mapv_inplace(|z| (z - largest).exp());
        let sum = row.sum();
        row /= sum;
    }
}

/// The classes that occur in the training rows.
#[derive(Debug, Clone)]
struct Occurring {
    /// Their labels, ascending.
    labels: Vec<i64>,
    /// For each training row, which of them it is.
    of_rows: Vec<usize>,
}

impl Occurring {
    fn of(target: &[i64]) -> Self {
        let mut labels = target.to_vec();
        labels.sort_unstable();
        labels.dedup();
        let of_rows = target.iter().map(|label| labels.partition_point(|l| l < label)).collect();
        Self { labels, of_rows }
    }

    fn count(&self) -> usize {
        self.labels.len()
    }

    /// Which of the occurring classes a label is.
    fn position(&self, label: i64) -> Option<usize> {
        self.labels.binary_search(&label).ok()
    }
}

/// What a fit saw, and the rows that it was asked.
#[derive(Debug)]
struct Data {
    train: Array2<f64>,
    occurring: Occurring,
    test: Array2<f64>,
    /// The number of classes of the data set.
    classes: usize,
}

impl Data {
    fn of(problem: &Problem<'_>) -> Result<Self, TaskError> {
        Ok(Self {
            train: problem.bundle.f64_matrix(TRAIN_FEATURES)?,
            occurring: Occurring::of(&problem.bundle.i64_vector(TRAIN_TARGET)?),
            test: problem.bundle.f64_matrix(TEST_FEATURES)?,
            classes: classes(problem),
        })
    }

    fn labels(&self, outputs: &Outputs) -> Result<Vec<i64>, TaskError> {
        known_labels(outputs, self.test.nrows(), self.classes)
    }
}

/// A hyperparameter that the contract needs.
fn needed<T>(
    parameters: &Parameters,
    name: &str,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Result<T, TaskError> {
    let value = parameters.get(name).and_then(read);
    value.ok_or_else(|| TaskError::Reference(format!("the hyperparameter `{name}` is missing")))
}

/// The differences of one point of a contract, each with what it may be; the one that is the largest of its allowance is judged.
fn worst(differences: impl IntoIterator<Item = (f64, f64)>) -> (f64, f64) {
    let share =
        |(difference, allowed): (f64, f64)| if difference == 0.0 { 0.0 } else { difference / allowed };
    let larger = |a: (f64, f64), b: (f64, f64)| if share(b).total_cmp(&share(a)).is_gt() { b } else { a };
    differences.into_iter().fold((0.0, f64::INFINITY), larger)
}

/// A point that is judged by a figure.
fn figure_check(name: &str, (figure, allowed): (f64, f64), finding: impl FnOnce(bool) -> String) -> Check {
    let agrees = super::within(figure, allowed);
    Check {
        agrees,
        figure: Some(figure),
        allowed: allowed.is_finite().then_some(allowed),
        ..Check::disagreement(name, finding(agrees))
    }
}

#[cfg(test)]
mod tests;
