//! Clustering: find groups of rows without being told their classes.
//!
//! Raw outputs: `labels` [training rows], from 0, or -1 for rows that belong to no cluster, for every algorithm; each family names its
//! own beside them. The number of a cluster means nothing: partitions are compared up to a permutation of clusters.

pub mod metrics;

use std::collections::BTreeMap;

use super::outputs::Outputs;
use super::{Check, Family, Problem, Scores, Side, Task, TaskDef, TaskError};
use crate::data::TargetKind;
use crate::data::bundle::TRAIN_FEATURES;

/// The task `clustering`.
#[derive(Debug)]
pub struct Clustering;

const FAMILIES: &[&dyn Family] = &[];

impl Task for Clustering {
    fn definition(&self) -> TaskDef {
        TaskDef {
            name: "clustering".to_owned(),
            doc: "find groups among the training rows".to_owned(),
            targets: vec![TargetKind::Classes, TargetKind::Continuous],
            supervised: false,
            application: "predict".to_owned(),
            dtypes: vec!["float64".to_owned()],
            primary_phases: ["fit", "predict@1", "predict@all"].map(str::to_owned).to_vec(),
            headline_metrics: ["silhouette", "adjusted_rand"].map(str::to_owned).to_vec(),
            lower_is_better: ["inertia", "inertia_share", "davies_bouldin"].map(str::to_owned).to_vec(),
            algorithms: FAMILIES.iter().flat_map(|f| f.algorithms()).collect(),
        }
    }

    fn families(&self) -> &'static [&'static dyn Family] {
        FAMILIES
    }

    fn metrics(&self, problem: &Problem<'_>, outputs: &Outputs, _: &mut Scores) -> Result<(), TaskError> {
        labels(problem, outputs)?;
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
            return Ok(vec![Check::agreement("outputs", "both labelled every training row".to_owned())]);
        }
        Ok(vec![if same_partition(&a, &b) {
            Check::agreement("labels", "the same partition of the training rows".to_owned())
        } else {
            Check::disagreement("labels", "the partitions of the training rows differ".to_owned())
        }])
    }
}

/// The labels of all training rows.
fn labels(problem: &Problem<'_>, outputs: &Outputs) -> Result<Vec<i64>, TaskError> {
    let rows = problem.bundle.rows(TRAIN_FEATURES)?;
    outputs.labels("labels", rows, -1..i64::try_from(rows).unwrap_or(i64::MAX))
}

/// Whether two labellings differ in the clusters' numbers alone. No cluster (-1) is no number.
fn same_partition(a: &[i64], b: &[i64]) -> bool {
    let (mut forth, mut back) = (BTreeMap::from([(-1, -1)]), BTreeMap::from([(-1, -1)]));
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|(x, y)| *forth.entry(*x).or_insert(*y) == *y && *back.entry(*y).or_insert(*x) == *x)
}

#[cfg(test)]
mod tests {
    use super::same_partition;

    #[test]
    fn partitions_are_equal_up_to_the_clusters_numbers() {
        assert!(same_partition(&[0, 0, 1, -1], &[3, 3, 0, -1]));
        assert!(!same_partition(&[0, 0, 1, 1], &[0, 0, 1, 0]));
        assert!(!same_partition(&[0, 0, 1, 1], &[0, 0, 0, 0]), "two clusters in one");
        assert!(!same_partition(&[0, 0, -1, -1], &[0, 0, 1, 1]), "no cluster is not a cluster");
    }
}
