//! Clustering: find groups of rows without being told their classes.
//!
//! Raw outputs: `labels` [training rows], from 0, or -1 for rows that belong to no cluster, for every algorithm; each family names its
//! own beside them. The number of a cluster means nothing: partitions are compared up to a permutation of clusters.
//!
//! Metrics look at the training rows and their labels; where the data set has classes, which no fit sees, the labels are compared with
//! them too.

mod agglomerative;
mod centroids;
mod dbscan;
mod gaussian_mixture;
mod k_means;
mod k_means_plus_plus;
pub mod linkage;
pub mod matching;
pub mod metrics;
pub mod mixture;
pub mod neighbours;

use super::outputs::Outputs;
use super::parameter::Value;
use super::{Check, Family, Learner, Problem, Scores, Side, Task, TaskDef, TaskError, family_of};
use crate::data::TargetKind;
use crate::data::bundle::{TRAIN_FEATURES, TRAIN_TARGET};
use matching::Matching;

/// The task `clustering`.
#[derive(Debug)]
pub struct Clustering;

const FAMILIES: &[&dyn Family] = &[
    &k_means::KMeans,
    &k_means_plus_plus::KMeansPlusPlus,
    &dbscan::Dbscan,
    &agglomerative::Agglomerative,
    &gaussian_mixture::GaussianMixture,
];

impl Task for Clustering {
    fn definition(&self) -> TaskDef {
        TaskDef {
            name: "clustering".to_owned(),
            doc: "find groups among the training rows".to_owned(),
            targets: vec![TargetKind::Classes, TargetKind::Continuous],
            tokens: false,
            supervised: false,
            application: "predict".to_owned(),
            learner: Learner::Estimator,
            dtypes: vec!["float64".to_owned()],
            primary_phases: ["fit", "predict@1", "predict@all"].map(str::to_owned).to_vec(),
            headline_metrics: ["silhouette", "adjusted_rand"].map(str::to_owned).to_vec(),
            lower_is_better: ["inertia", "inertia_share", "davies_bouldin"].map(str::to_owned).to_vec(),
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
        let labels = labels(problem, outputs)?;
        let features = problem.bundle.f64_matrix(TRAIN_FEATURES)?;
        for (name, value) in metrics::score(features.view(), &labels)? {
            match value {
                Ok(value) => scores.add(name, value),
                Err(reason) => scores.undefine(name, reason.to_string()),
            }
        }
        if problem.bundle.manifest().target == TargetKind::Classes {
            let classes = problem.bundle.i64_vector(TRAIN_TARGET)?;
            for (name, value) in metrics::partition::score(&classes, &labels)? {
                scores.add(name, value);
            }
        }
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
        let differing = Matching::of(&a, &b).differing(&a, &b).len();
        Ok(vec![if differing == 0 { same_partition() } else { other_partition(differing, a.len(), "") }])
    }
}

/// The labels of all training rows.
fn labels(problem: &Problem<'_>, outputs: &Outputs) -> Result<Vec<i64>, TaskError> {
    let rows = problem.bundle.rows(TRAIN_FEATURES)?;
    outputs.labels("labels", rows, -1..i64::try_from(rows).unwrap_or(i64::MAX))
}

/// The number of clusters that was asked for.
fn count(problem: &Problem<'_>, parameter: &str) -> usize {
    let asked = problem.hyperparameters.get(parameter).and_then(Value::as_int);
    asked.and_then(|k| usize::try_from(k).ok()).unwrap_or(0)
}

fn same_partition() -> Check {
    Check::agreement("clusters", "the same clusters, up to their numbers".to_owned())
}

#[expect(clippy::cast_precision_loss, reason = "a number of rows")]
fn other_partition(differing: usize, rows: usize, why: &str) -> Check {
    Check {
        figure: Some(differing as f64),
        allowed: Some(0.0),
        ..Check::disagreement("clusters", format!("{differing} of {rows} rows are in other clusters{why}"))
    }
}

#[cfg(test)]
mod reference;
