//! k-nearest neighbours by brute force on faer's matrix products: `|x - z|² = |x|² + |z|² - 2 x·z`, of which `|x|²` is the same for all z.
//!
//! Rows are centred on the training rows' mean, so that the sum loses no digits to an offset. Blocks of test rows meet tiles of training
//! rows in one product, which stays in the cache; what is nearer than the k-th neighbour so far goes into a buffer that is
//! cut back to the k nearest whenever it is full (Floyd & Rivest 1975, by the standard library's selection). Distances that weigh votes are those
//! of the differences themselves.
//!
//! **Ties.** Of training rows at the same computed distance the first ones are the neighbours, and of classes with the same votes the
//! smallest label wins; rounding of the products decides between distances that differ by less.

use crate::backend::parameters::{count, counted};
use crate::backend::rows::bounded;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use crate::backend::classes::{labels, occurring};
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::parameter::{Parameters, Value};

/// Test rows of one product.
const BLOCK: usize = 64;
/// Training rows of one product. Columns of a tile are apart by this, which is no power of two lest they share the same lines of the cache.
const TILE: usize = 480;
/// Distances that are held against the k-th at once.
const LANES: usize = 8;

/// The registry's entry.
pub struct Knn;

impl Algorithm for Knn {
    fn task(&self) -> &'static str {
        "classification"
    }
    fn name(&self) -> &'static str {
        "knn"
    }
    fn doc(&self) -> &'static str {
        "brute force on blocked matrix products"
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        Ok(Box::new(Configured {
            neighbours: count(ask.hyperparameters, "n_neighbors")?,
            by_distance: ask.hyperparameters["weights"].as_text() == Some("distance"),
        }))
    }
}

#[derive(Debug, Clone, Copy)]
struct Configured {
    neighbours: usize,
    by_distance: bool,
}

impl Estimator for Configured {
    fn fit<'t>(&self, training: &'t Training<'t>) -> Result<Box<dyn Fitted + 't>, String> {
        Ok(Box::new(self.model(training)?))
    }
}

impl Configured {
    fn model<'t>(&self, training: &'t Training<'t>) -> Result<Model<'t>, String> {
        let (x, y) = (bounded(training)?, training.classes()?);
        let (n, d) = x.dim();
        if self.neighbours > n {
            return Err(format!("{} neighbours are asked of {n} training rows", self.neighbours));
        }
        let mean = x.mean_axis(Axis(0)).ok_or("there are no rows")?;
        let (mut centred, mut squares) = (vec![0.0; n * d], vec![0.0; n]);
        let tiles = centred.chunks_mut(TILE * d).zip(squares.chunks_mut(TILE));
        for (rows, (tile, squares)) in x.axis_chunks_iter(Axis(0), TILE).zip(tiles) {
            let size = squares.len();
            for (i, (row, square)) in rows.outer_iter().zip(squares).enumerate() {
                for ((slot, value), mean) in tile[i..].iter_mut().step_by(size).zip(row).zip(&mean) {
                    *slot = value - mean;
                    *square += *slot * *slot;
                }
            }
        }
        let classes = occurring(y);
        let of_rows = y.iter().map(|label| classes.partition_point(|c| c < label)).collect();
        Ok(Model { x, mean, centred, squares, classes, of_rows, configured: *self })
    }
}

struct Model<'t> {
    /// The training rows [n, d].
    x: ArrayView2<'t, f64>,
    mean: Array1<f64>,
    /// The same centred, in tiles of which each is column-major, as products want them; and the squared norms of these rows.
    centred: Vec<f64>,
    squares: Vec<f64>,
    /// The labels that occur, ascending, and which of them each training row is.
    classes: Vec<i64>,
    of_rows: Vec<usize>,
    configured: Configured,
}

/// The nearest rows so far: `|z|² - 2 x·z` and the row.
struct Nearest {
    k: usize,
    found: Vec<(f64, usize)>,
    /// What is not below this cannot be among the k nearest.
    limit: f64,
}

impl Nearest {
    fn new(k: usize) -> Self {
        Self { k, found: Vec::with_capacity(k + k.max(LANES)), limit: f64::INFINITY }
    }

    /// Rows `from..` with their products `-2 x·z` and squared norms.
    fn see(&mut self, products: &[f64], squares: &[f64], from: usize) {
        let (products, last_products) = products.as_chunks::<LANES>();
        let (squares, last_squares) = squares.as_chunks::<LANES>();
        for (lane, (products, squares)) in products.iter().zip(squares).enumerate() {
            // Hardly any lane holds a neighbour; this test compiles to vector instructions.
            let mut near = false;
            for (product, square) in products.iter().zip(squares) {
                near |= product + square < self.limit;
            }
            if near {
                self.take(products, squares, from + lane * LANES);
            }
        }
        self.take(last_products, last_squares, from + products.len() * LANES);
    }

    fn take(&mut self, products: &[f64], squares: &[f64], from: usize) {
        for (i, (product, square)) in products.iter().zip(squares).enumerate() {
            let value = product + square;
            if value < self.limit {
                self.found.push((value, from + i));
                if self.found.len() == self.found.capacity() {
                    self.cut();
                }
            }
        }
    }

    /// Keeps the k nearest, of equally near ones the first.
    fn cut(&mut self) {
        if self.found.len() > self.k {
            let order = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
            self.limit = self.found.select_nth_unstable_by(self.k - 1, order).1.0;
            self.found.truncate(self.k);
        }
    }
}

impl Model<'_> {
    /// Votes [m, classes] by ascending label, in as many jobs as threads are allowed, however large the pool is.
    fn votes(&self, rows: ArrayView2<'_, f64>, threads: usize) -> Result<Array2<f64>, String> {
        let k = self.classes.len();
        let mut votes = Array2::zeros((rows.nrows(), k));
        let slots = votes.as_slice_mut().ok_or("the votes are not contiguous")?;
        let share = rows.nrows().div_ceil(threads.max(1)).max(BLOCK);
        let one = |(votes, rows): (&mut [f64], ArrayView2<'_, f64>)| {
            let blocks = votes.chunks_mut(BLOCK * k).zip(rows.axis_chunks_iter(Axis(0), BLOCK));
            blocks.into_iter().try_for_each(|(votes, rows)| self.vote(rows, votes))
        };
        let shares = slots.chunks_mut(share * k).zip(rows.axis_chunks_iter(Axis(0), share));
        if share >= rows.nrows() {
            shares.into_iter().try_for_each(one)?;
        } else {
            shares.collect::<Vec<_>>().into_par_iter().try_for_each(one)?;
        }
        Ok(votes)
    }

    /// Votes on one block.
    fn vote(&self, rows: ArrayView2<'_, f64>, votes: &mut [f64]) -> Result<(), String> {
        let (m, d) = rows.dim();
        let centred: Vec<f64> =
            rows.outer_iter().flat_map(|row| row.into_iter().zip(&self.mean).map(|(v, m)| v - m)).collect();
        let mut products = vec![0.0; m * TILE.min(self.squares.len())];
        let mut nearest: Vec<Nearest> = (0..m).map(|_| Nearest::new(self.configured.neighbours)).collect();
        for (tile, (train, squares)) in
            self.centred.chunks(TILE * d).zip(self.squares.chunks(TILE)).enumerate()
        {
            let n = squares.len();
            let products = &mut products[..m * n];
            matmul(
                MatMut::from_column_major_slice_mut(products, n, m),
                Accum::Replace,
                MatRef::from_column_major_slice(train, n, d),
                MatRef::from_row_major_slice(&centred, m, d).transpose(),
                -2.0,
                // Blocks are what threads share.
                Par::Seq,
            );
            for (products, nearest) in products.chunks_exact(n).zip(&mut nearest) {
                nearest.see(products, squares, tile * TILE);
            }
        }
        let classes = self.classes.len();
        for ((row, votes), nearest) in
            rows.outer_iter().zip(votes.chunks_exact_mut(classes)).zip(&mut nearest)
        {
            nearest.cut();
            if nearest.found.len() < self.configured.neighbours {
                return Err("the distances of a row are not finite".to_owned());
            }
            self.count(row, &nearest.found, votes);
        }
        Ok(())
    }

    /// Adds the neighbours' votes. Rows at distance 0 outvote all others.
    fn count(&self, row: ArrayView1<'_, f64>, found: &[(f64, usize)], votes: &mut [f64]) {
        if !self.configured.by_distance {
            for (_, place) in found {
                votes[self.of_rows[*place]] += 1.0;
            }
            return;
        }
        let exact = |place: usize| {
            let squared: f64 = row.iter().zip(self.x.row(place)).map(|(a, b)| (a - b) * (a - b)).sum();
            squared.sqrt()
        };
        let distances: Vec<f64> = found.iter().map(|(_, place)| exact(*place)).collect();
        let coincident = distances.contains(&0.0);
        for ((_, place), distance) in found.iter().zip(&distances) {
            let weight = if coincident { f64::from(u8::from(*distance == 0.0)) } else { distance.recip() };
            votes[self.of_rows[*place]] += weight;
        }
    }
}

impl Fitted for Model<'_> {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        let votes = self.votes(rows, faer::get_global_parallelism().degree())?;
        let winners = votes
            .outer_iter()
            .map(|row| (1..row.len()).fold(0, |best, j| if row[j] > row[best] { j } else { best }));
        Ok(Answer::Labels(labels(&self.classes, winners)))
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        let mut shares = self.votes(test, faer::get_global_parallelism().degree())?;
        shares.outer_iter_mut().for_each(|mut row| row /= row.sum());
        Ok(vec![("predictions", self.apply(test)?.into()), ("probabilities", shares.into())])
    }

    fn read_back(&self) -> ReadBack {
        let Configured { neighbours, by_distance } = self.configured;
        let weights = if by_distance { "distance" } else { "uniform" };
        ReadBack {
            hyperparameters: [
                ("n_neighbors".to_owned(), counted(neighbours)),
                ("weights".to_owned(), Value::Text(weights.to_owned())),
            ]
            .into(),
            settings: Parameters::new(),
            work: Parameters::new(),
            layout: "column-major",
            features: self.mean.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Target;

    /// Several tiles and blocks, the last of each not full, far from the origin, on one thread and on two.
    #[test]
    fn blocks_and_tiles_find_the_neighbours_that_all_differences_find() {
        let number = |value: usize| f64::from(u32::try_from(value).unwrap());
        let x = Array2::from_shape_fn((2 * TILE + 77, 5), |(i, j)| {
            (number(i * (7 + j)) * 0.37).sin() + (number(i * j) * 1.3).cos() + 100.0
        });
        let y: Array1<i64> = (0..x.nrows()).map(|i| i64::try_from(i * 7 / 3 % 3).unwrap()).collect();
        let test =
            Array2::from_shape_fn((3 * BLOCK + 5, 5), |(i, j)| (number(i * (j + 3)) * 0.9).sin() + 100.0);
        let training = Training { features: x.view(), target: Target::Classes(y.view()) };
        for (neighbours, by_distance) in [(1, false), (5, true), (60, false), (x.nrows(), true)] {
            let configured = Configured { neighbours, by_distance };
            let model = configured.model(&training).unwrap();
            let mut shares = Array2::<f64>::zeros((test.nrows(), 3));
            for (row, mut shares) in test.outer_iter().zip(shares.outer_iter_mut()) {
                let squared = |i: usize| (&x.row(i) - &row).mapv(|v| v * v).sum();
                let mut all: Vec<(f64, usize)> = (0..x.nrows()).map(|i| (squared(i), i)).collect();
                all.sort_by(|a, b| a.0.total_cmp(&b.0));
                for (squared, i) in &all[..neighbours] {
                    let class = usize::try_from(y[*i]).unwrap();
                    shares[class] += if by_distance { squared.sqrt().recip() } else { 1.0 };
                }
                shares /= shares.sum();
            }
            for threads in [1, 2] {
                let votes = model.votes(test.view(), threads).unwrap();
                let found = &votes / &votes.sum_axis(Axis(1)).insert_axis(Axis(1));
                let furthest = (&found - &shares).fold(0.0_f64, |m, v| m.max(v.abs()));
                assert!(furthest < 1e-9, "{neighbours} neighbours, {threads} threads: {furthest}");
            }
        }
    }

    #[test]
    fn a_row_without_finite_distances_is_refused() {
        let x = Array2::from_shape_fn((9, 2), |(i, _)| f64::from(u8::try_from(i).unwrap()));
        let y = Array1::from_elem(9, 1);
        let training = Training { features: x.view(), target: Target::Classes(y.view()) };
        let model = Configured { neighbours: 2, by_distance: false }.fit(&training).unwrap();
        let error = model.apply(Array2::from_elem((1, 2), f64::NAN).view()).err().unwrap();
        assert_eq!(error, "the distances of a row are not finite");
    }
}
