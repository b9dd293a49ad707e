//! DBSCAN (Ester, Kriegel, Sander and Xu 1996), Euclidean, with a row counted among its own neighbours.
//!
//! It labels its training rows alone: there is nothing to predict. Raw output: `labels`, with -1 for noise.
//!
//! * **Definition**: rows have labels that the definition allows given those of the others (see [`super::neighbours`]), and the core rows
//!   of a cluster are joined: all rows where there are few, else the first, which the split has shuffled. So equal answers are no proof.
//! * **Clusters**: the partitions are equal up to the numbers of clusters. A row may differ only if it is no core row and the definition
//!   allows both labels: the definition does not say which of several clusters a border row belongs to that all reach it. Nothing is held
//!   against a row where rounding decides whether a distance is within `eps`.

use ndarray::{Array2, ArrayView2};

use super::matching::Matching;
use super::neighbours::{Known, Neighbours};
use super::{labels, other_partition, same_partition};
use crate::data::bundle::TRAIN_FEATURES;
use crate::task::outputs::Outputs;
use crate::task::parameter::{ParameterDef, Value};
use crate::task::{AlgorithmDef, Check, Family, Problem, Scores, Side, TaskError};

/// Up to so many rows the whole answer is held against the definition: some tens of milliseconds.
const ALL: usize = 1000;

/// Among more, so many rows are, whether or not the two sides differ. Each costs a pass over all rows, and one more for each row near it.
const SOME: usize = 50;

/// The family.
#[derive(Debug)]
pub struct Dbscan;

impl Family for Dbscan {
    fn algorithms(&self) -> Vec<AlgorithmDef> {
        let eps = ParameterDef::positive(
            "eps",
            0.5,
            "largest distance of two neighbours, in units of the features",
        );
        let min_samples = ParameterDef::int_from(
            "min_samples",
            1,
            5,
            "neighbours that make a row a core row, itself among them",
        );
        vec![
            AlgorithmDef::new("dbscan", "clusters of rows that are dense", vec![eps, min_samples])
                .transductive(),
        ]
    }

    fn score(&self, problem: &Problem<'_>, outputs: &Outputs, _: &mut Scores) -> Result<(), TaskError> {
        labels(problem, outputs)?;
        Ok(())
    }

    fn compare(
        &self,
        problem: &Problem<'_>,
        contender: Side<'_>,
        baseline: Side<'_>,
    ) -> Result<Vec<Check>, TaskError> {
        let features: Array2<f64> = problem.bundle.f64_matrix(TRAIN_FEATURES)?;
        let asked = problem.hyperparameters;
        let eps = asked.get("eps").and_then(Value::as_float).unwrap_or(f64::NAN);
        let min_samples = super::count(problem, "min_samples");
        let (a, b) = (labels(problem, contender.outputs)?, labels(problem, baseline.outputs)?);
        Ok(checks(features.view(), eps, min_samples, (contender.name, &a), (baseline.name, &b)))
    }
}

/// Every point of the contract.
fn checks(
    features: ArrayView2<'_, f64>,
    eps: f64,
    min_samples: usize,
    a: (&str, &[i64]),
    b: (&str, &[i64]),
) -> Vec<Check> {
    let neighbours = Neighbours::new(features, eps, min_samples);
    vec![definition(&neighbours, a, b), clusters(&neighbours, a, b)]
}

fn definition(neighbours: &Neighbours<'_>, a: (&str, &[i64]), b: (&str, &[i64])) -> Check {
    let rows = a.1.len();
    let checked = if rows <= ALL { rows } else { SOME };
    for (name, labels) in [a, b] {
        for row in 0..checked {
            if let Some(fault) = neighbours.fault(row, labels) {
                let finding = format!("{name}: row {row} {}", fault.phrase());
                return Check::disagreement("definition", finding);
            }
        }
        if rows <= ALL
            && let Some((one, other)) = neighbours.unjoined(labels)
        {
            let finding =
                format!("{name}: no chain of core rows joins rows {one} and {other} of one cluster");
            return Check::disagreement("definition", finding);
        }
    }
    Check::agreement("definition", format!("{checked} of {rows} rows have labels that the definition allows"))
}

fn clusters(neighbours: &Neighbours<'_>, a: (&str, &[i64]), b: (&str, &[i64])) -> Check {
    let differing = Matching::of(a.1, b.1).differing(a.1, b.1);
    let (mut border, mut rounding) = (0, 0);
    for row in &differing {
        for (name, labels) in [a, b] {
            if let Some(fault) = neighbours.fault(*row, labels) {
                let why = format!("; in {name}'s answer row {row} {}", fault.phrase());
                return other_partition(differing.len(), a.1.len(), &why);
            }
        }
        match neighbours.is_core(*row) {
            Known::Yes => {
                let why = format!("; row {row} is a core row, which the definition leaves no choice");
                return other_partition(differing.len(), a.1.len(), &why);
            }
            Known::No => border += 1,
            Known::Rounding => rounding += 1,
        }
    }
    let mut check = same_partition();
    if border > 0 {
        check.finding += &format!(", but for {border} border rows that more than one cluster reaches");
    }
    if rounding > 0 {
        check.finding += &format!(", but for {rounding} rows with a distance that rounds to eps");
    }
    check
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::clustering::reference::{self, Case};

    fn judged(case: &Case, a: &[i64], b: &[i64]) -> Result<String, String> {
        let x = case.matrix("train");
        let (eps, min_samples) = (case.number("eps"), case.count("min_samples"));
        let checks = checks(x.view(), eps, min_samples, ("rust/a", a), ("python/b", b));
        let told: Vec<String> = checks.iter().map(|c| format!("{}: {}", c.name, c.finding)).collect();
        if checks.iter().all(|c| c.agrees) { Ok(told.join("; ")) } else { Err(told.join("; ")) }
    }

    /// Other searches for neighbours, and rows in another order, which gives border rows to other clusters.
    #[test]
    fn the_reference_agrees_with_itself() {
        let mut border = 0;
        for case in reference::cases("dbscan") {
            let labels = case.integers("labels");
            for name in ["brute", "ball_tree", "other order"] {
                let told = judged(&case, &case.integers(name), &labels).unwrap_or_else(|told| {
                    panic!("{} {name}: {told}", case.name());
                });
                border += usize::from(told.contains("border rows"));
            }
        }
        assert!(border > 0, "no case has a border row between two clusters");
    }

    #[test]
    fn planted_faults_are_refused_by_name() {
        for case in reference::cases("dbscan") {
            let labels = case.integers("labels");
            for name in ["another eps", "another min_samples", "half the rows", "itself not counted"] {
                let told = judged(&case, &case.integers(name), &labels);
                assert!(told.is_err(), "{} {name}: {told:?}", case.name());
            }
            let one = vec![0; labels.len()];
            assert!(judged(&case, &one, &labels).is_err());
            // Equal answers are no proof.
            let told = judged(&case, &one, &one).unwrap_err();
            assert!(told.starts_with("definition: rust/a: "), "{told}");
            assert!(judged(&case, &vec![-1; labels.len()], &vec![-1; labels.len()]).is_err());
            let mut noisy = labels.clone();
            let last = noisy.len() - 1 - noisy.iter().rev().position(|l| *l == 0).unwrap();
            noisy[last] = -1;
            let told = judged(&case, &noisy, &labels).unwrap_err();
            assert!(told.contains(&format!("in rust/a's answer row {last} is")), "{told}");
        }
    }
}
