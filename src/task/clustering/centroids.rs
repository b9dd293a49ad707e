//! Clusters that are given by centroids: what two answers of k-means have in common, whichever way they started.
//!
//! Raw outputs beside the labels: `centroids` [clusters, features] and `predictions` [test rows], the number of the nearest centroid.

use ndarray::{Array2, ArrayView2, Axis};

use super::matching::Matching;
use super::metrics::{means, squared_distance};
use super::{count, labels};
use crate::data::bundle::{TEST_FEATURES, TRAIN_FEATURES};
use crate::task::outputs::Outputs;
use crate::task::{Check, Problem, TaskError, largest, within};

/// How far a reported centroid may be from the mean of its cluster, over the root of the mean squared distance of rows from their mean
/// (the spread). Means of thousands of rows round at some 1e-14 of it.
pub const CENTROIDS: f64 = 1e-9;

/// Two squared distances that differ by no more are equal, over the larger of them and the squared spread: a centroid that is off by
/// [`CENTROIDS`] changes a squared distance by twice that, and two centroids are compared. Scalar products round at 1e-15.
pub const TIE: f64 = 4.0 * CENTROIDS;

/// The rows of a trial.
#[derive(Debug)]
pub struct Rows {
    pub train: Array2<f64>,
    pub test: Array2<f64>,
    /// The mean squared distance of training rows from their mean.
    pub squared_spread: f64,
}

impl Rows {
    /// Training and test rows of a problem.
    pub fn of(problem: &Problem<'_>) -> Result<Self, TaskError> {
        let (train, test) =
            (problem.bundle.f64_matrix(TRAIN_FEATURES)?, problem.bundle.f64_matrix(TEST_FEATURES)?);
        Ok(Self::new(train, test))
    }

    #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
    pub fn new(train: Array2<f64>, test: Array2<f64>) -> Self {
        let mean = train.mean_axis(Axis(0)).unwrap_or_default().to_vec();
        let total: f64 = rows(train.view()).map(|row| squared_distance(row, &mean)).sum();
        let squared_spread = total / train.nrows().max(1) as f64;
        Self { train, test, squared_spread }
    }
}

fn rows(of: ArrayView2<'_, f64>) -> impl Iterator<Item = &[f64]> {
    of.to_slice().expect("rows are row-major").chunks(of.ncols().max(1))
}

/// An answer that was read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub labels: Vec<usize>,
    pub centroids: Array2<f64>,
    pub predictions: Vec<usize>,
}

impl Answer {
    /// Reads an answer; the number of clusters is the hyperparameter `n_clusters`.
    pub fn read(problem: &Problem<'_>, outputs: &Outputs) -> Result<Self, TaskError> {
        labels(problem, outputs)?;
        let clusters = count(problem, "n_clusters");
        let names = 0..i64::try_from(clusters).unwrap_or(i64::MAX);
        let (bundle, columns) = (problem.bundle, problem.bundle.columns(TRAIN_FEATURES)?);
        let read = |name, role| -> Result<Vec<usize>, TaskError> {
            let labels = outputs.labels(name, bundle.rows(role)?, names.clone())?;
            Ok(labels.into_iter().map(|l| usize::try_from(l).expect("labels are from 0")).collect())
        };
        Ok(Self {
            labels: read("labels", TRAIN_FEATURES)?,
            centroids: outputs.matrix("centroids", (clusters, columns))?,
            predictions: read("predictions", TEST_FEATURES)?,
        })
    }

    /// By how much the nearest centroid is nearer than the own one: the largest excess over all rows of their squared distances, over the
    /// larger of these and the squared spread; 0 where every row has the label of its nearest centroid.
    pub fn excess(&self, of: &Rows) -> f64 {
        self.excess_of(&of.train, &self.labels, of)
    }

    fn excess_of(&self, some: &Array2<f64>, labels: &[usize], of: &Rows) -> f64 {
        largest(rows(some.view()).zip(labels).map(|(row, label)| {
            let own = self.squared_distance(row, *label);
            let nearest = (0..self.centroids.nrows())
                .map(|c| self.squared_distance(row, c))
                .fold(f64::INFINITY, f64::min);
            relative(own - nearest, own.max(of.squared_spread))
        }))
    }

    /// The largest distance of a reported centroid from the mean of the rows with its label, in spreads.
    pub fn centroid_error(&self, of: &Rows) -> f64 {
        let (sizes, means) = means(of.train.view(), &self.labels, self.centroids.nrows());
        let off = |c: usize| self.squared_distance(means.row(c).to_slice().expect("means are row-major"), c);
        largest(
            (0..sizes.len()).filter(|c| sizes[*c] > 0).map(|c| relative(off(c), of.squared_spread).sqrt()),
        )
    }

    /// The sum of squared distances to the means of the clusters as labelled.
    pub fn inertia(&self, of: &Rows) -> f64 {
        let (_, means) = means(of.train.view(), &self.labels, self.centroids.nrows());
        let mean = |c: usize| means.row(c).to_slice().expect("means are row-major");
        rows(of.train.view()).zip(&self.labels).map(|(row, c)| squared_distance(row, mean(*c))).sum()
    }

    fn squared_distance(&self, row: &[f64], centroid: usize) -> f64 {
        squared_distance(row, self.centroids.row(centroid).to_slice().expect("centroids are row-major"))
    }

    /// Whether a row is as near to one centroid as to another.
    fn tied(&self, row: &[f64], a: usize, b: usize, of: &Rows) -> bool {
        let (a, b) = (self.squared_distance(row, a), self.squared_distance(row, b));
        within(relative((a - b).abs(), a.max(b).max(of.squared_spread)), TIE)
    }
}

/// A share of a scale, 0 of nothing.
fn relative(value: f64, scale: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value / scale }
}

/// Rows that two answers put into different clusters although neither centroid is as near as the other; beside them, how many differ
/// because both are.
pub fn differing(
    some: &Array2<f64>,
    (a, a_labels): (&Answer, &[usize]),
    b_labels: &[usize],
    matching: &Matching,
    of: &Rows,
) -> (usize, usize) {
    let (mut apart, mut ties) = (0, 0);
    for ((row, x), y) in rows(some.view()).zip(a_labels).zip(b_labels) {
        let number = |l: usize| i64::try_from(l).expect("labels were i64");
        if matching.of_first(number(*x)) == Some(number(*y)) {
            continue;
        }
        // The cluster of the first answer that is the second answer's.
        let other = (0..a.centroids.nrows()).find(|c| matching.of_first(number(*c)) == Some(number(*y)));
        if other.is_some_and(|other| a.tied(row, *x, other, of)) { ties += 1 } else { apart += 1 }
    }
    (apart, ties)
}

/// The matching of two answers' clusters.
pub fn matched(a: &Answer, b: &Answer) -> Matching {
    let numbers = |of: &Answer| -> Vec<i64> {
        of.labels.iter().map(|l| i64::try_from(*l).expect("labels were i64")).collect()
    };
    Matching::of(&numbers(a), &numbers(b))
}

/// A point on one figure of each side alone.
pub fn own_check(
    name: &str,
    allowed: f64,
    sides: [(&str, f64); 2],
    fine: &str,
    wrong: impl Fn(&str, f64) -> String,
) -> Check {
    let figure = largest(sides.map(|(_, figure)| figure));
    let faults: Vec<String> = sides
        .iter()
        .filter(|(_, figure)| !within(*figure, allowed))
        .map(|(side, figure)| wrong(side, *figure))
        .collect();
    Check {
        agrees: faults.is_empty(),
        contender: Some(format!("{:.2e}", sides[0].1)),
        baseline: Some(format!("{:.2e}", sides[1].1)),
        figure: Some(figure),
        allowed: Some(allowed),
        ..Check::disagreement(
            name,
            if faults.is_empty() {
                fine.to_owned()
            } else {
                format!("{} (allowed {allowed:.0e})", faults.join(", "))
            },
        )
    }
}

/// Whether each side's labels are those of its nearest centroids.
pub fn nearest_check(of: &Rows, a: (&str, &Answer), b: (&str, &Answer)) -> Check {
    own_check(
        "own centroids",
        TIE,
        [(a.0, a.1.excess(of)), (b.0, b.1.excess(of))],
        "every row is in the cluster of its nearest centroid",
        |side, figure| {
            format!(
                "{side} leaves a row in a cluster whose centroid is not the nearest: by {figure:.1e} of the squared spread"
            )
        },
    )
}

/// Whether each side's predictions are those of its nearest centroids.
pub fn own_predictions_check(of: &Rows, a: (&str, &Answer), b: (&str, &Answer)) -> Check {
    let excess = |answer: &Answer| answer.excess_of(&of.test, &answer.predictions, of);
    own_check(
        "own predictions",
        TIE,
        [(a.0, excess(a.1)), (b.0, excess(b.1))],
        "every prediction is the nearest reported centroid",
        |side, figure| {
            format!(
                "{side} predicts a cluster whose centroid is not the nearest: by {figure:.1e} of the squared spread"
            )
        },
    )
}
