//! Lloyd's k-means from given centroids (Lloyd 1982), on faer's matrix products.
//!
//! linfa iterates another k-means, so that a Rust user who wants Lloyd's writes these lines. As in scikit-learn, the rows are centred, and
//! the nearest centroid of a block of rows is found by `|c|² − 2 x·c` from one product; a cluster that has lost its rows takes the row that
//! is farthest from its centroid. It stops when no row changes its cluster.

use crate::backend::parameters::{count, counted};
use crate::backend::rows::bounded;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::backend::clusters::{enough, first_distinct_rows, labels};
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::parameter::{ParameterDef, Value};

/// Rows whose products are computed at once: they and their products stay in the cache.
const BLOCK: usize = 256;

/// The registry's entry.
pub struct KMeans;

impl Algorithm for KMeans {
    fn task(&self) -> &'static str {
        "clustering"
    }
    fn name(&self) -> &'static str {
        "kmeans"
    }
    fn doc(&self) -> &'static str {
        "Lloyd's iteration on blocked matrix products"
    }
    fn settings(&self) -> Vec<ParameterDef> {
        vec![ParameterDef::int_from("max_iterations", 1, 300, "largest number of iterations").not_binding()]
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        Ok(Box::new(Configured {
            clusters: count(ask.hyperparameters, "n_clusters")?,
            max_iterations: count(ask.settings, "max_iterations")?,
        }))
    }
}

struct Configured {
    clusters: usize,
    max_iterations: usize,
}

impl Estimator for Configured {
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>, String> {
        let features = bounded(training)?;
        enough(features, self.clusters, "clusters")?;
        // Scalar products lose the digits that an offset takes.
        let mean = features.mean_axis(Axis(0)).ok_or("there are no rows")?;
        let rows = &features - &mean;
        let mut centroids = first_distinct_rows(rows.view(), self.clusters)?;
        let mut state = Lloyd::new(rows.nrows(), self.clusters);
        let (mut iterations, mut converged) = (0, false);
        while iterations < self.max_iterations && !converged {
            let changed = state.assign(rows.view(), centroids.view());
            state.update(rows.view(), &mut centroids);
            iterations += 1;
            converged = !changed;
        }
        if !converged {
            // The labels are those of the last centroids, as everywhere.
            state.assign(rows.view(), centroids.view());
        }
        let centroids = centroids + &mean;
        Ok(Box::new(Model {
            labels: state.labels,
            centroids,
            max_iterations: self.max_iterations,
            iterations,
            converged,
        }))
    }
}

/// The working arrays of the iteration.
struct Lloyd {
    labels: Vec<usize>,
    /// `|c|² − 2 x·c` of each row and its centroid c.
    nearness: Vec<f64>,
    products: Vec<f64>,
}

impl Lloyd {
    fn new(rows: usize, clusters: usize) -> Self {
        Self {
            labels: vec![usize::MAX; rows],
            nearness: vec![0.0; rows],
            products: vec![0.0; BLOCK * clusters],
        }
    }

    /// Gives every row its nearest centroid, the first of equally near ones; tells whether a row changed its cluster.
    fn assign(&mut self, rows: ArrayView2<'_, f64>, centroids: ArrayView2<'_, f64>) -> bool {
        let (d, k) = (rows.ncols(), centroids.nrows());
        let squares: Vec<f64> = centroids.outer_iter().map(|c| c.dot(&c)).collect();
        let rows = rows.to_slice().expect("centred rows are row-major");
        let centroids = centroids.to_slice().expect("centroids are row-major");
        let transposed = MatRef::from_row_major_slice(centroids, k, d).transpose();
        let mut changed = false;
        let blocks = rows.chunks(BLOCK * d).zip(self.labels.chunks_mut(BLOCK));
        for ((block, labels), nearness) in blocks.zip(self.nearness.chunks_mut(BLOCK)) {
            let products = &mut self.products[..labels.len() * k];
            matmul(
                MatMut::from_row_major_slice_mut(products, labels.len(), k),
                Accum::Replace,
                MatRef::from_row_major_slice(block, labels.len(), d),
                transposed,
                -2.0,
                // A block is too small to be worth sharing out.
                Par::Seq,
            );
            for ((products, label), nearness) in products.chunks_exact(k).zip(labels).zip(nearness) {
                let (mut best, mut least) = (0, f64::INFINITY);
                for (c, (product, square)) in products.iter().zip(&squares).enumerate() {
                    let value = product + square;
                    if value < least {
                        (best, least) = (c, value);
                    }
                }
                changed |= *label != best;
                (*label, *nearness) = (best, least);
            }
        }
        changed
    }

    /// Moves every centroid to the mean of its rows.
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    fn update(&self, rows: ArrayView2<'_, f64>, centroids: &mut Array2<f64>) {
        let d = rows.ncols();
        let values = rows.to_slice().expect("centred rows are row-major");
        let mut sizes = vec![0_usize; centroids.nrows()];
        let mut sums = Array2::<f64>::zeros(centroids.dim());
        let slots = sums.as_slice_mut().expect("sums are row-major");
        for (row, label) in values.chunks_exact(d).zip(&self.labels) {
            sizes[*label] += 1;
            for (sum, value) in slots[label * d..(label + 1) * d].iter_mut().zip(row) {
                *sum += value;
            }
        }
        self.fill_empty(values, &mut sizes, slots, d);
        for ((mut centroid, sum), size) in centroids.outer_iter_mut().zip(sums.outer_iter()).zip(&sizes) {
            centroid.assign(&sum);
            centroid /= *size as f64;
        }
    }

    /// Every empty cluster takes one of the rows that are farthest from their centroids. The row leaves its own cluster's mean.
    fn fill_empty(&self, rows: &[f64], sizes: &mut [usize], sums: &mut [f64], d: usize) {
        let empty: Vec<usize> = (0..sizes.len()).filter(|c| sizes[*c] == 0).collect();
        if empty.is_empty() {
            return;
        }
        let row = |i: usize| &rows[i * d..(i + 1) * d];
        let distance = |i: usize| self.nearness[i] + row(i).iter().map(|v| v * v).sum::<f64>();
        let mut order: Vec<(usize, f64)> = (0..self.labels.len()).map(|i| (i, distance(i))).collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1));
        for (cluster, (far, _)) in empty.into_iter().zip(order) {
            let from = self.labels[far];
            for (j, value) in row(far).iter().enumerate() {
                sums[from * d + j] -= value;
                sums[cluster * d + j] = *value;
            }
            sizes[from] -= 1;
            sizes[cluster] = 1;
        }
    }
}

struct Model {
    labels: Vec<usize>,
    centroids: Array2<f64>,
    max_iterations: usize,
    iterations: usize,
    converged: bool,
}

impl Fitted for Model {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        // Distances to the first centroid's frame of reference keep the digits that an offset would take.
        let origin = self.centroids.row(0);
        let centred = &rows - &origin;
        let mut state = Lloyd::new(rows.nrows(), self.centroids.nrows());
        state.assign(centred.view(), (&self.centroids - &origin).view());
        let number = |l: usize| i64::try_from(l).expect("there are fewer clusters than 2⁶³");
        Ok(Answer::Labels(state.labels.into_iter().map(number).collect::<Array1<i64>>()))
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        Ok(vec![
            ("labels", labels(self.labels.iter().copied())),
            ("centroids", self.centroids.clone().into()),
            ("predictions", self.apply(test)?.into()),
        ])
    }

    fn read_back(&self) -> ReadBack {
        ReadBack {
            hyperparameters: [("n_clusters".to_owned(), counted(self.centroids.nrows()))].into(),
            settings: [("max_iterations".to_owned(), counted(self.max_iterations))].into(),
            work: [
                ("iterations".to_owned(), counted(self.iterations)),
                ("converged".to_owned(), Value::Bool(self.converged)),
            ]
            .into(),
            layout: "row-major",
            features: self.centroids.ncols(),
        }
    }
}
