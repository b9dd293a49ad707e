//! Agglomerative clustering of Euclidean distances: from single rows to `n_clusters` clusters, the two nearest merged at each step.
//!
//! It labels its training rows alone: there is nothing to predict. Raw output: `labels`.
//!
//! * **Number**: each side has as many clusters as were asked for.
//! * **Method**: where there are few rows, equal partitions are followed step by step too (see [`super::linkage`]): equal answers that
//!   contradict the method are refused.
//! * **Clusters**: the partitions are equal up to the numbers of clusters. Where distances are tied (equal rows, rows on a grid) there is
//!   more than one answer: partitions that differ are both followed, and accepted if the method is shown to give both.

use ndarray::{Array2, ArrayView2};

use super::linkage::{self, Followed, Linkage, follow};
use super::matching::Matching;
use super::{count, labels, other_partition, same_partition};
use crate::data::bundle::TRAIN_FEATURES;
use crate::task::outputs::Outputs;
use crate::task::parameter::{ParameterDef, Value};
use crate::task::{AlgorithmDef, Check, Family, Problem, Scores, Side, TaskError};

/// Up to so many rows a partition is followed even if the two sides agree: some tens of milliseconds.
const FOLLOWED: usize = 1000;

/// The family.
#[derive(Debug)]
pub struct Agglomerative;

impl Family for Agglomerative {
    fn algorithms(&self) -> Vec<AlgorithmDef> {
        vec![
            AlgorithmDef::new(
                "agglomerative",
                "the two nearest clusters are merged until few are left",
                vec![
                    ParameterDef::int_from("n_clusters", 1, 2, "number of clusters that are left"),
                    ParameterDef::choice(
                        "linkage",
                        &Linkage::NAMES,
                        "ward",
                        "the distance of two clusters: increase of the sum of squares, largest, mean or smallest distance of their rows",
                    ),
                ],
            )
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
        let name = problem.hyperparameters.get("linkage").and_then(Value::as_text).unwrap_or_default();
        let Some(linkage) = Linkage::named(name) else {
            let finding = format!("`{name}` is no linkage of this task");
            return Ok(vec![Check::disagreement("method", finding)]);
        };
        let features: Array2<f64> = problem.bundle.f64_matrix(TRAIN_FEATURES)?;
        let (a, b) = (labels(problem, contender.outputs)?, labels(problem, baseline.outputs)?);
        let asked = count(problem, "n_clusters");
        Ok(checks(features.view(), linkage, asked, (contender.name, &a), (baseline.name, &b)))
    }
}

/// Every point of the contract.
fn checks(
    features: ArrayView2<'_, f64>,
    linkage: Linkage,
    asked: usize,
    a: (&str, &[i64]),
    b: (&str, &[i64]),
) -> Vec<Check> {
    let mut checks = vec![number(asked, a, b)];
    let differing = Matching::of(a.1, b.1).differing(a.1, b.1).len();
    if differing == 0 {
        if b.1.len() <= FOLLOWED {
            checks.push(match follow(features, b.1, linkage) {
                Followed::Reached { .. } => {
                    Check::agreement("method", "every merge is of the nearest clusters".to_owned())
                }
                Followed::Undecided => Check::agreement(
                    "method",
                    "tied distances allow too many answers to check the merges".to_owned(),
                ),
                contradicted @ Followed::Contradicted { .. } => {
                    Check::disagreement("method", told("both", contradicted))
                }
            });
        }
        checks.push(same_partition());
    } else {
        checks.push(other_answers(features, linkage, differing, a, b));
    }
    checks
}

fn number(asked: usize, a: (&str, &[i64]), b: (&str, &[i64])) -> Check {
    let found = [a, b].map(|(name, labels)| {
        let names: std::collections::BTreeSet<i64> = labels.iter().copied().collect();
        (name, names.len(), names.contains(&super::metrics::NOISE))
    });
    for (name, clusters, noise) in found {
        if noise {
            return Check::disagreement("number", format!("{name} calls rows noise"));
        }
        if clusters != asked {
            let finding = format!("{name} has {clusters} clusters, but {asked} were asked for");
            return Check::disagreement("number", finding);
        }
    }
    Check::agreement("number", format!("{asked} clusters on both sides"))
}

/// The partitions differ: either may be an answer of its own.
fn other_answers(
    features: ArrayView2<'_, f64>,
    linkage: Linkage,
    differing: usize,
    a: (&str, &[i64]),
    b: (&str, &[i64]),
) -> Check {
    let rows = a.1.len();
    if rows > linkage::ROWS {
        let why =
            format!("; whether ties are the reason is not looked for among more than {} rows", linkage::ROWS);
        return other_partition(differing, rows, &why);
    }
    for (name, labels) in [a, b] {
        let followed = follow(features, labels, linkage);
        if !matches!(followed, Followed::Reached { .. }) {
            return other_partition(differing, rows, &format!("; {}", told(name, followed)));
        }
    }
    let finding =
        format!("{differing} of {rows} rows are in other clusters, and tied distances allow both answers");
    Check::agreement("clusters", finding)
}

fn told(name: &str, followed: Followed) -> String {
    match followed {
        Followed::Reached { .. } => format!("the method gives {name}'s answer"),
        Followed::Contradicted { left, nearer } => {
            format!(
                "{name} merges other clusters than the nearest: at {left} clusters a pair that it keeps apart is nearer by {nearer:.1e}"
            )
        }
        Followed::Undecided => {
            format!(
                "distances are tied, and it could not be shown that breaking ties leads to {name}'s answer"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::clustering::reference::{self, Case};

    fn judged(case: &Case, a: &[i64], b: &[i64]) -> Result<String, String> {
        let x = case.matrix("train");
        let linkage = Linkage::named(&case.text("linkage")).unwrap();
        let checks = checks(x.view(), linkage, case.count("n_clusters"), ("rust/a", a), ("python/b", b));
        let told: Vec<String> = checks.iter().map(|c| format!("{}: {}", c.name, c.finding)).collect();
        if checks.iter().all(|c| c.agrees) { Ok(told.join("; ")) } else { Err(told.join("; ")) }
    }

    /// Rows in another order, which breaks ties in another way.
    #[test]
    fn the_reference_agrees_with_itself() {
        let mut tied = 0;
        for case in reference::cases("agglomerative") {
            let labels = case.integers("labels");
            for name in ["labels", "other order", "third order"] {
                let told = judged(&case, &case.integers(name), &labels).unwrap_or_else(|told| {
                    panic!("{} {name}: {told}", case.name());
                });
                tied += usize::from(told.contains("tied distances allow both answers"));
            }
        }
        assert!(tied > 0, "no case has ties that change the answer");
    }

    #[test]
    fn planted_faults_are_refused_by_name() {
        let mut refused = 0;
        for case in reference::cases("agglomerative") {
            let labels = case.integers("labels");
            for name in ["one cluster more", "half the rows", "another linkage", "k-means", "manhattan"] {
                let other = case.integers(name);
                // Where clusters are clear another method may find them too, and is not at fault.
                if !Matching::of(&other, &labels).differing(&other, &labels).is_empty() {
                    match judged(&case, &other, &labels) {
                        Err(_) => refused += 1,
                        // Among whole numbers so many distances are tied that breaking them gives answers of other methods too.
                        Ok(told) => {
                            let allowed = told.contains("tied distances allow both answers");
                            assert!(
                                allowed && case.name().starts_with("whole numbers"),
                                "{} {name}: {told}",
                                case.name()
                            );
                        }
                    }
                }
            }
            let one = vec![0; labels.len()];
            let told = judged(&case, &one, &one).unwrap_err();
            assert!(told.contains("number: rust/a has 1 clusters"), "{told}");
            let k = i64::try_from(case.count("n_clusters")).unwrap();
            // Equal answers are no proof.
            let in_turn: Vec<i64> = (0..k).cycle().take(labels.len()).collect();
            let told = judged(&case, &in_turn, &in_turn).unwrap_err();
            assert!(told.contains("method: both merges other clusters than the nearest"), "{told}");
            let mut noisy = labels.clone();
            noisy[5] = (noisy[5] + 1) % k;
            let told = judged(&case, &noisy, &labels);
            assert!(told.is_err() || case.name().starts_with("whole numbers"), "{}: {told:?}", case.name());
        }
        // All that differ but those among whole numbers.
        assert!(refused >= 53, "{refused}");
    }
}
