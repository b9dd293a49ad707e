//! Rows of a kernel matrix, computed when asked for and kept while there is room: least recently used goes first (T. Joachims 1999,
//! *Making large-scale SVM learning practical*, §5), in double precision.
//!
//! Features are kept by columns, so that a row's inner products with all others are sums of whole columns, which vector instructions do.

use ndarray::{Array2, ArrayView2, Axis};

use crate::task::svm::kernel::Kernel;

/// Entries of one stretch: what it reads and writes stays in the innermost cache.
const STRETCH: usize = 512;

/// The rows of the kernel matrix of some training rows.
pub struct KernelRows {
    kernel: Kernel,
    /// [d, n]
    columns: Array2<f64>,
    squares: Vec<f64>,
    /// K(x, x) of every row.
    pub diagonal: Vec<f64>,
    rows: Vec<Vec<f64>>,
    /// Where each row is kept; `None` where it is not.
    place: Vec<Option<usize>>,
    /// Which row each place holds, and when it was last asked for.
    held: Vec<(usize, u64)>,
    clock: u64,
    capacity: usize,
}

impl KernelRows {
    /// For training rows `x` [n, d] in this order, keeping at most `cache_mib` MiB, and never fewer than two rows.
    pub fn new(kernel: Kernel, x: ArrayView2<'_, f64>, order: &[usize], cache_mib: f64) -> Self {
        let n = order.len();
        let mut columns = Array2::zeros((x.ncols(), n));
        for (mut column, values) in columns.outer_iter_mut().zip(x.axis_iter(Axis(1))) {
            for (slot, row) in column.iter_mut().zip(order) {
                *slot = values[*row];
            }
            // Distances do not change, and rows far from the origin lose no digits.
            if let (Kernel::Rbf { .. }, Some(mean)) = (kernel, column.mean()) {
                column -= mean;
            }
        }
        let squares: Vec<f64> = columns.axis_iter(Axis(1)).map(|row| row.dot(&row)).collect();
        let diagonal = squares.iter().map(|s| value(kernel, *s, 0.0)).collect();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a number of rows"
        )]
        let capacity = (cache_mib * 1_048_576.0 / (8 * n.max(1)) as f64) as usize;
        Self {
            kernel,
            columns,
            squares,
            diagonal,
            rows: Vec::new(),
            place: vec![None; n],
            held: Vec::new(),
            clock: 0,
            capacity: capacity.clamp(2, n.max(2)),
        }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.place.len()
    }

    /// Two rows of the matrix.
    pub fn pair(&mut self, i: usize, j: usize) -> (&[f64], &[f64]) {
        let (a, b) = (self.fetch(i), self.fetch(j));
        (&self.rows[a], &self.rows[b])
    }

    /// One row of the matrix.
    pub fn row(&mut self, i: usize) -> &[f64] {
        let place = self.fetch(i);
        &self.rows[place]
    }

    fn fetch(&mut self, i: usize) -> usize {
        self.clock += 1;
        if let Some(place) = self.place[i] {
            self.held[place].1 = self.clock;
            return place;
        }
        let place = if self.rows.len() < self.capacity {
            self.rows.push(vec![0.0; self.len()]);
            self.held.push((i, self.clock));
            self.rows.len() - 1
        } else {
            let oldest = (0..self.held.len()).min_by_key(|p| self.held[*p].1).unwrap_or_default();
            self.place[self.held[oldest].0] = None;
            self.held[oldest] = (i, self.clock);
            oldest
        };
        self.place[i] = Some(place);
        compute(self.kernel, &self.columns, &self.squares, i, &mut self.rows[place]);
        place
    }
}

fn compute(kernel: Kernel, columns: &Array2<f64>, squares: &[f64], i: usize, row: &mut [f64]) {
    let n = row.len();
    let flat = columns.as_slice().expect("made contiguous");
    for (chunk, row) in row.chunks_mut(STRETCH).enumerate() {
        let from = chunk * STRETCH;
        let part = |k: usize| &flat[k * n + from..k * n + from + row.len()];
        let mut k = 0;
        let mut products = [0.0; STRETCH];
        let products = &mut products[..row.len()];
        while k + 4 <= columns.nrows() {
            let [a, b, c, d] = [k, k + 1, k + 2, k + 3].map(|k| flat[k * n + i]);
            let (pa, pb, pc, pd) = (part(k), part(k + 1), part(k + 2), part(k + 3));
            for (t, sum) in products.iter_mut().enumerate() {
                *sum += (a * pa[t] + b * pb[t]) + (c * pc[t] + d * pd[t]);
            }
            k += 4;
        }
        for k in k..columns.nrows() {
            let a = flat[k * n + i];
            for (sum, v) in products.iter_mut().zip(part(k)) {
                *sum += a * v;
            }
        }
        for (t, slot) in row.iter_mut().enumerate() {
            let distance = (squares[i] + squares[from + t] - 2.0 * products[t]).max(0.0);
            *slot = value(kernel, products[t], distance);
        }
    }
    // A row's distance to itself is 0, whatever rounding makes of it.
    row[i] = value(kernel, squares[i], 0.0);
}

/// The kernel's value where the inner product and the squared distance are known.
fn value(kernel: Kernel, product: f64, squared_distance: f64) -> f64 {
    match kernel {
        Kernel::Linear => product,
        Kernel::Rbf { gamma } => (-gamma * squared_distance).exp(),
        Kernel::Polynomial { gamma, coef0, degree } => (gamma * product + coef0).powi(degree),
    }
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "a handful of rows")]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn rows_are_the_kernel_s_whatever_was_dropped() {
        let x = Array2::from_shape_fn((9, 5), |(i, j)| ((i * 5 + j) as f64).sin() + 40.0);
        let order = [3, 1, 4, 0, 5, 2, 8, 7, 6];
        for kernel in [
            Kernel::Linear,
            Kernel::Rbf { gamma: 0.6 },
            Kernel::Polynomial { gamma: 1e-3, coef0: 1.0, degree: 2 },
        ] {
            // Room for two rows alone.
            let mut rows = KernelRows::new(kernel, x.view(), &order, 0.0);
            assert_eq!(rows.capacity, 2);
            for (i, j) in [(0, 1), (1, 2), (0, 0), (8, 3), (8, 3), (2, 1)] {
                let (a, b) = rows.pair(i, j);
                for (line, own) in [(a, i), (b, j)] {
                    for (t, found) in line.iter().enumerate() {
                        let (u, v) = (x.row(order[own]), x.row(order[t]));
                        let difference = &u - &v;
                        let truth = value(kernel, u.dot(&v), difference.dot(&difference));
                        assert!(
                            (found - truth).abs() < 1e-9 * truth.abs().max(1e-3),
                            "{kernel:?} {found} {truth}"
                        );
                    }
                }
            }
        }
        let mut one = KernelRows::new(Kernel::Linear, array![[2.0]].view(), &[0], 1.0);
        assert_eq!(one.row(0), [4.0]);
    }
}
