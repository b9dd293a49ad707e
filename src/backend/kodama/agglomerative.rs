//! Agglomerative clustering of Euclidean distances: Müllner (2011), *Modern hierarchical, agglomerative clustering algorithms*.
//!
//! kodama takes a matrix of distances and gives the whole tree; the distances and the cut of the tree at k clusters are ours, and timed.

use crate::backend::parameters::{count, counted, text};
use crate::backend::rows::bounded;
use kodama::{Dendrogram, Method, linkage};
use ndarray::ArrayView2;

use crate::backend::clusters::{enough, labels};
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::clustering::metrics::squared_distance;
use crate::task::parameter::{Parameters, Value};

/// The registry's entry.
pub struct Agglomerative;

impl Algorithm for Agglomerative {
    fn task(&self) -> &'static str {
        "clustering"
    }
    fn name(&self) -> &'static str {
        "agglomerative"
    }
    fn doc(&self) -> &'static str {
        "kodama::linkage of the Euclidean distances, cut at k clusters"
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        let name = text(ask.hyperparameters, "linkage")?;
        let method: Method = name.parse().map_err(|_| format!("kodama has no linkage `{name}`"))?;
        Ok(Box::new(Configured { method, clusters: count(ask.hyperparameters, "n_clusters")? }))
    }
}

struct Configured {
    method: Method,
    clusters: usize,
}

impl Estimator for Configured {
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>, String> {
        // kodama panics on distances that are no numbers.
        let features = bounded(training)?;
        enough(features, self.clusters, "clusters")?;
        let rows = features.nrows();
        let tree = linkage(&mut distances(features), rows, self.method);
        Ok(Box::new(Model {
            labels: cut(&tree, rows, self.clusters),
            method: self.method,
            features: features.ncols(),
        }))
    }
}

/// The distances of all pairs (i, j > i), row by row.
fn distances(features: ArrayView2<'_, f64>) -> Vec<f64> {
    let (n, d) = features.dim();
    let standard = features.as_standard_layout();
    let values = standard.as_slice().unwrap_or_default();
    let mut distances = Vec::with_capacity(n * (n - 1) / 2);
    for (i, row) in values.chunks_exact(d).enumerate() {
        let others = values[(i + 1) * d..].chunks_exact(d);
        distances.extend(others.map(|other| squared_distance(row, other).sqrt()));
    }
    distances
}

/// The clusters that are left after all merges but the last `clusters − 1`, numbered by their first rows.
fn cut(tree: &Dendrogram<f64>, rows: usize, clusters: usize) -> Vec<usize> {
    let merges = rows - clusters;
    // Merge i makes the node rows + i of two others; every node points to the one it became part of.
    let mut part_of: Vec<usize> = (0..rows + merges).collect();
    for (i, step) in tree.steps()[..merges].iter().enumerate() {
        part_of[step.cluster1] = rows + i;
        part_of[step.cluster2] = rows + i;
    }
    for node in (0..part_of.len()).rev() {
        part_of[node] = part_of[part_of[node]];
    }
    let mut numbers = vec![usize::MAX; part_of.len()];
    let mut next = 0;
    part_of[..rows]
        .iter()
        .map(|root| {
            if numbers[*root] == usize::MAX {
                numbers[*root] = next;
                next += 1;
            }
            numbers[*root]
        })
        .collect()
}

struct Model {
    labels: Vec<usize>,
    method: Method,
    features: usize,
}

impl Fitted for Model {
    fn apply(&self, _: ArrayView2<'_, f64>) -> Result<Answer, String> {
        Err("agglomerative clustering labels its training rows alone".to_owned())
    }

    fn outputs(&self, _: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        Ok(vec![("labels", labels(self.labels.iter().copied()))])
    }

    fn read_back(&self) -> ReadBack {
        let linkage = match self.method {
            Method::Single => "single",
            Method::Complete => "complete",
            Method::Average => "average",
            Method::Ward => "ward",
            Method::Weighted => "weighted",
            Method::Centroid => "centroid",
            Method::Median => "median",
        };
        let clusters = self.labels.iter().max().map_or(0, |last| last + 1);
        ReadBack {
            hyperparameters: [
                ("n_clusters".to_owned(), counted(clusters)),
                ("linkage".to_owned(), Value::Text(linkage.to_owned())),
            ]
            .into(),
            settings: Parameters::new(),
            work: [("merges".to_owned(), counted(self.labels.len() - clusters))].into(),
            layout: "row-major",
            features: self.features,
        }
    }
}
