//! Gaussian clusters around the vertices of a hypercube, as scikit-learn's `make_classification`.
//!
//! I. Guyon (2003), Design of experiments for the NIPS 2003 variable selection benchmark. Cluster k belongs to class
//! k modulo `classes` and has its centre c on a vertex of the cube with sides of 2 · `class_sep` in the `informative`
//! dimensions. Its rows are x = zA + c with z standard normal and A uniform in [−1, 1), which gives each cluster a
//! covariance of its own. `redundant` columns are xB with B uniform in [−1, 1), the others are standard normal; the
//! columns are permuted. A share `flip` of the rows gets a class at random.
//!
//! Deviations from scikit-learn: the draws; no repeated features, weights, shift or scale.
//!
//! Draws: structure, for each cluster its vertex (one word a dimension, its lowest bit; a vertex that is taken is drawn
//! again), then each A row-major, B row-major, the permutation of the columns; order, a shuffle of the rows' clusters;
//! features, by row z and then the idle columns; noise, by row whether it is flipped, and if so to which class.

use std::collections::BTreeSet;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Arguments, Generator, Streams, class_names, features, groups, label, rows, seed};
use crate::data::dataset::{Target, TargetKind};
use crate::data::random::{below, normal, permutation, shuffle, unit};
use crate::task::parameter::ParameterDef;

/// The largest number of values in all of the clusters' matrices.
const MAX_STRUCTURE: usize = 1 << 27;

pub struct Classification;

impl Generator for Classification {
    fn name(&self) -> &'static str {
        "classification"
    }
    fn doc(&self) -> &'static str {
        "Gaussian clusters around the vertices of a hypercube (Guyon, 2003), with redundant and idle features"
    }
    fn target(&self) -> TargetKind {
        TargetKind::Classes
    }
    fn parameters(&self) -> Vec<ParameterDef> {
        let int = ParameterDef::int_from;
        vec![
            rows(2),
            features(1, 20),
            int("informative", 1, 5, "number of features that the clusters differ in"),
            int("redundant", 0, 2, "number of features that are linear in the informative ones"),
            int("classes", 2, 2, "number of classes").up_to(1000.0),
            int("clusters_per_class", 1, 1, "number of clusters of each class").up_to(100.0),
            ParameterDef::float_from("class_sep", 0.0, 1.0, "half the side of the hypercube"),
            ParameterDef::float_from("flip", 0.0, 0.01, "share of rows that get a class at random")
                .up_to(1.0),
            seed(),
        ]
    }
    fn check(&self, arguments: &Arguments) -> Result<(), (&'static str, String)> {
        let (features, informative, redundant) =
            (arguments.count("features"), arguments.count("informative"), arguments.count("redundant"));
        let clusters = arguments.count("classes") * arguments.count("clusters_per_class");
        let rows = arguments.count("rows");
        if informative.saturating_add(redundant) > features {
            let problem =
                format!("is {informative}, but with {redundant} redundant ones only {features} features fit");
            return Err(("informative", problem));
        }
        let bits = u32::try_from(informative).unwrap_or(u32::MAX);
        if 1_usize.checked_shl(bits).is_some_and(|vertices| vertices < clusters) {
            let problem =
                format!("is {informative}, but {clusters} clusters need a hypercube with as many vertices");
            return Err(("informative", problem));
        }
        if rows < clusters {
            return Err((
                "rows",
                format!("is {rows}, but must be at least the number of clusters, {clusters}"),
            ));
        }
        let square = informative.saturating_mul(informative);
        if clusters.saturating_mul(square).max(informative.saturating_mul(redundant)) > MAX_STRUCTURE {
            let problem = format!(
                "is {informative}, which is too large for {clusters} clusters and {redundant} redundant features"
            );
            return Err(("informative", problem));
        }
        Ok(())
    }
    fn draw(&self, arguments: &Arguments, streams: &Streams) -> (Vec<f64>, Target) {
        let [rows, columns, informative, redundant, classes, per_class] =
            ["rows", "features", "informative", "redundant", "classes", "clusters_per_class"]
                .map(|name| arguments.count(name));
        let (class_sep, flip) = (arguments.number("class_sep"), arguments.number("flip"));

        let mut structure = streams.structure();
        let centres = vertices(&mut structure, classes * per_class, informative, class_sep);
        let covariances: Vec<_> =
            centres.iter().map(|_| matrix(&mut structure, informative, informative)).collect();
        let mixing = matrix(&mut structure, informative, redundant);
        let places = permutation(&mut structure, columns);

        let mut clusters: Vec<usize> = groups(rows, centres.len()).collect();
        shuffle(&mut streams.order(), &mut clusters);

        let (mut draws, mut errors) = (streams.features(), streams.noise());
        let mut features = vec![0.0; rows * columns];
        let mut labels = Vec::with_capacity(rows);
        let mut row = vec![0.0; columns];
        let mut z = vec![0.0; informative];
        for (cluster, permuted) in clusters.into_iter().zip(features.chunks_exact_mut(columns)) {
            z.fill_with(|| normal(&mut draws));
            let (x, rest) = row.split_at_mut(informative);
            let (mixed, idle) = rest.split_at_mut(redundant);
            x.copy_from_slice(&centres[cluster]);
            add_product(&z, &covariances[cluster], x);
            mixed.fill(0.0);
            add_product(x, &mixing, mixed);
            idle.fill_with(|| normal(&mut draws));
            for (value, place) in row.iter().zip(&places) {
                permuted[*place] = *value;
            }
            let flipped = unit(&mut errors) < flip;
            labels.push(label(if flipped { below(&mut errors, classes) } else { cluster % classes }));
        }
        (features, Target::Classes { labels, names: class_names(classes) })
    }
}

/// Distinct vertices of the cube of half side `class_sep` around the origin.
fn vertices(structure: &mut ChaCha8Rng, count: usize, dimensions: usize, class_sep: f64) -> Vec<Vec<f64>> {
    let mut taken = BTreeSet::new();
    let mut vertices = Vec::with_capacity(count);
    while vertices.len() < count {
        let vertex: Vec<bool> = (0..dimensions).map(|_| structure.next_u64() & 1 == 1).collect();
        if taken.insert(vertex.clone()) {
            vertices.push(vertex.into_iter().map(|up| if up { class_sep } else { -class_sep }).collect());
        }
    }
    vertices
}

/// A row-major matrix of numbers uniform in [−1, 1).
fn matrix(structure: &mut ChaCha8Rng, rows: usize, columns: usize) -> Vec<f64> {
    (0..rows * columns).map(|_| 2.0 * unit(structure) - 1.0).collect()
}

/// Adds the product of a row vector and a row-major matrix to `sum`.
fn add_product(vector: &[f64], matrix: &[f64], sum: &mut [f64]) {
    if sum.is_empty() {
        return;
    }
    for (x, row) in vector.iter().zip(matrix.chunks_exact(sum.len())) {
        for (sum, a) in sum.iter_mut().zip(row) {
            *sum += x * a;
        }
    }
}
