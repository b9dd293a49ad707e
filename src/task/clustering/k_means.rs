//! K-means from a given start: Lloyd's iteration until nothing changes (Lloyd 1982).
//!
//! Both sides start from the same centroids: the first `n_clusters` training rows that differ from each other, which the split has
//! shuffled (Forgy 1965). So the answer is determined, up to rows that are equally near two centroids on the way.
//!
//! * **Own centroids**: every row has the label of the nearest reported centroid.
//! * **Fixed point**: every reported centroid is the mean of the rows with its label. With the first point this is where Lloyd's
//!   iteration ends, and its variants (Elkan's bounds, the modified k-means of linfa) too. One that stopped earlier is told.
//! * **Clusters**: the partitions of the training rows are equal up to the numbers of clusters. A row may differ only where two
//!   centroids are equally near. Another fixed point, a local minimum with another inertia, is another answer, and refused.
//! * **Predictions**: each side's are those of its nearest centroid, and the test rows fall into the same clusters, with the same leave.
//!
//! Tolerances and their reasons stand in [`super::centroids`]. Equal partitions and centroids that are means make equal centroids and
//! equal inertia.

use super::centroids::{
    Answer, CENTROIDS, Rows, differing, matched, nearest_check, own_check, own_predictions_check,
};
use super::{other_partition, same_partition};
use crate::task::outputs::Outputs;
use crate::task::parameter::ParameterDef;
use crate::task::{AlgorithmDef, Check, Family, Problem, Scores, Side, TaskError};

/// The family.
#[derive(Debug)]
pub struct KMeans;

impl Family for KMeans {
    fn algorithms(&self) -> Vec<AlgorithmDef> {
        vec![AlgorithmDef::new(
            "kmeans",
            "Lloyd's k-means from the first rows that differ, until nothing changes",
            vec![ParameterDef::int_from("n_clusters", 1, 8, "number of clusters")],
        )]
    }

    fn score(&self, problem: &Problem<'_>, outputs: &Outputs, scores: &mut Scores) -> Result<(), TaskError> {
        let (rows, answer) = (Rows::of(problem)?, Answer::read(problem, outputs)?);
        scores.add("centroid_error", answer.centroid_error(&rows));
        scores.add("nearest_excess", answer.excess(&rows));
        Ok(())
    }

    fn compare(
        &self,
        problem: &Problem<'_>,
        contender: Side<'_>,
        baseline: Side<'_>,
    ) -> Result<Vec<Check>, TaskError> {
        let (a, b) = (Answer::read(problem, contender.outputs)?, Answer::read(problem, baseline.outputs)?);
        Ok(checks(&Rows::of(problem)?, (contender.name, &a), (baseline.name, &b)))
    }
}

/// Every point of the contract.
fn checks(rows: &Rows, a: (&str, &Answer), b: (&str, &Answer)) -> Vec<Check> {
    let fixed_point = own_check(
        "fixed point",
        CENTROIDS,
        [(a.0, a.1.centroid_error(rows)), (b.0, b.1.centroid_error(rows))],
        "every centroid is the mean of its cluster",
        |side, figure| {
            format!("{side} has a centroid {figure:.1e} of the spread from the mean of its cluster")
        },
    );
    let matching = matched(a.1, b.1);
    let (apart, ties) = differing(&rows.train, (a.1, &a.1.labels), &b.1.labels, &matching, rows);
    let clusters = if apart > 0 {
        let (own, other) = (a.1.inertia(rows), b.1.inertia(rows));
        let why = format!(", in another local minimum: inertia {own:.6e} against {other:.6e}");
        other_partition(apart, a.1.labels.len(), &why)
    } else {
        with_ties(same_partition(), ties)
    };
    let mut checks = vec![nearest_check(rows, a, b), fixed_point, own_predictions_check(rows, a, b)];
    if clusters.agrees {
        let (apart, ties) = differing(&rows.test, (a.1, &a.1.predictions), &b.1.predictions, &matching, rows);
        checks.push(if apart > 0 {
            let finding = format!("{apart} of {} test rows are in other clusters", a.1.predictions.len());
            Check::disagreement("predictions", finding)
        } else {
            with_ties(Check::agreement("predictions", "the same clusters of the test rows".to_owned()), ties)
        });
    }
    checks.push(clusters);
    checks
}

fn with_ties(check: Check, ties: usize) -> Check {
    let note = match ties {
        0 => String::new(),
        _ => format!(", but for {ties} rows that are equally near two centroids"),
    };
    Check { finding: format!("{}{note}", check.finding), ..check }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::task::clustering::reference::{self, Case};

    fn answer(of: &Case) -> Answer {
        let numbers = |name: &str| of.integers(name).into_iter().map(|l| usize::try_from(l).unwrap());
        Answer {
            labels: numbers("labels").collect(),
            centroids: of.matrix("centroids"),
            predictions: numbers("predictions").collect(),
        }
    }

    fn judged(rows: &Rows, a: &Answer, b: &Answer) -> Result<(), String> {
        let failed: Vec<String> = checks(rows, ("rust/a", a), ("python/b", b))
            .into_iter()
            .filter(|c| !c.agrees)
            .map(|c| format!("{}: {}", c.name, c.finding))
            .collect();
        if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
    }

    /// scikit-learn against itself: the bounds of Elkan, rows in another order, clusters in another order.
    #[test]
    fn the_reference_agrees_with_itself() {
        for case in reference::cases("kmeans") {
            let rows = Rows::new(case.matrix("train"), case.matrix("test"));
            let lloyd = answer(&case.case("lloyd"));
            for name in ["lloyd", "elkan", "other order"] {
                let other = answer(&case.case(name));
                assert_eq!(judged(&rows, &other, &lloyd), Ok(()), "{} {name}", case.name());
            }
        }
    }

    #[test]
    fn planted_faults_are_refused_by_name() {
        for case in reference::cases("kmeans") {
            let rows = Rows::new(case.matrix("train"), case.matrix("test"));
            let lloyd = answer(&case.case("lloyd"));
            for (name, reason) in [
                ("another start", "rows are in other clusters, in another local minimum"),
                ("three iterations", "from the mean of its cluster"),
                ("half the rows", "from the mean of its cluster"),
                ("ward", "whose centroid is not the nearest"),
                ("fewer clusters", "rows are in other clusters"),
            ] {
                let told = judged(&rows, &answer(&case.case(name)), &lloyd).unwrap_err();
                assert!(told.contains(reason), "{} {name}: {told}", case.name());
            }
            let mut noisy = lloyd.clone();
            noisy.labels[3] = (noisy.labels[3] + 1) % noisy.centroids.nrows();
            let told = judged(&rows, &noisy, &lloyd).unwrap_err();
            assert!(told.contains("rust/a leaves a row in a cluster"), "{told}");
            let mut noisy = lloyd.clone();
            noisy.predictions[0] = (noisy.predictions[0] + 1) % noisy.centroids.nrows();
            let told = judged(&rows, &lloyd, &noisy).unwrap_err();
            assert!(told.contains("python/b predicts a cluster"), "{told}");
            let one = Answer { labels: vec![0; lloyd.labels.len()], ..lloyd.clone() };
            assert!(judged(&rows, &one, &lloyd).is_err());
        }
    }

    /// The third row is as near to one centroid as to the other; moved to either, it leaves centroids that are means.
    #[test]
    fn a_row_equally_near_two_centroids_may_be_in_either() {
        let train = ndarray::array![[-3.0], [-1.0], [0.0], [1.0], [3.0]];
        let rows = Rows::new(train, Array2::zeros((1, 1)));
        let left = Answer {
            labels: vec![0, 0, 0, 1, 1],
            centroids: ndarray::array![[-2.0], [2.0]],
            predictions: vec![0],
        };
        let right = Answer {
            labels: vec![1, 1, 0, 0, 0],
            centroids: ndarray::array![[2.0], [-2.0]],
            predictions: vec![0],
        };
        let matching = matched(&left, &right);
        assert_eq!(differing(&rows.train, (&left, &left.labels), &right.labels, &matching, &rows), (0, 1));
        assert_eq!(
            differing(&rows.test, (&left, &left.predictions), &right.predictions, &matching, &rows),
            (0, 1)
        );
        // Means of their own clusters are elsewhere, which the contract tells.
        let told = judged(&rows, &left, &right).unwrap_err();
        assert!(told.starts_with("fixed point: "), "{told}");
    }
}
