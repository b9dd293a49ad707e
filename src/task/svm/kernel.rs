//! Kernels, as scikit-learn defines them, and sums of them over support vectors.
//!
//! | name | K(x, z) |
//! | --- | --- |
//! | `linear` | x·z |
//! | `rbf` | exp(-gamma \|x - z\|²) |
//! | `poly` | (gamma x·z + coef0)^degree |
//!
//! Values come in blocks from matrix products, `|x - z|² = |x|² + |z|² - 2 x·z`, after the support vectors' mean is taken off:
//! distances do not change, and rows far from the origin lose no digits.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use crate::task::parameter::{Parameters, Value};

/// Rows of one block: its kernel values stay below 32 MiB at 16 000 support vectors.
const BLOCK: usize = 256;

/// A kernel with its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kernel {
    /// x·z
    Linear,
    /// exp(-gamma |x - z|²)
    Rbf {
        /// Inverse squared width.
        gamma: f64,
    },
    /// (gamma x·z + coef0)^degree
    Polynomial {
        /// Factor of the inner product.
        gamma: f64,
        /// Constant.
        coef0: f64,
        /// Power.
        degree: i32,
    },
}

/// `gamma` as a number: `scale` is 1 / (d var(X)) over all entries of the training features (1 where they are constant), `auto` is 1 / d.
#[expect(clippy::cast_precision_loss, reason = "numbers of features")]
pub fn gamma(value: &Value, features: ArrayView2<'_, f64>) -> Option<f64> {
    let columns = features.ncols() as f64;
    match value.as_text() {
        Some("auto") => Some(1.0 / columns),
        Some("scale") => {
            let variance = features.var(0.0);
            Some(if variance == 0.0 { 1.0 } else { 1.0 / (columns * variance) })
        }
        Some(_) => None,
        None => value.as_float(),
    }
}

impl Kernel {
    /// The kernel that hyperparameters name; `features` [n, d] are the training rows.
    pub fn of(parameters: &Parameters, features: ArrayView2<'_, f64>) -> Option<Self> {
        let gamma = || gamma(parameters.get("gamma")?, features);
        match parameters.get("kernel")?.as_text()? {
            "linear" => Some(Self::Linear),
            "rbf" => Some(Self::Rbf { gamma: gamma()? }),
            "poly" => Some(Self::Polynomial {
                gamma: gamma()?,
                coef0: parameters.get("coef0")?.as_float()?,
                degree: i32::try_from(parameters.get("degree")?.as_int()?).ok()?,
            }),
            _ => None,
        }
    }

    /// K(x, x) of every row.
    pub fn diagonal(&self, rows: ArrayView2<'_, f64>) -> Array1<f64> {
        rows.outer_iter().map(|x| self.of_product(x.dot(&x), 0.0)).collect()
    }

    /// `sum over j of coefficients[j, k] K(support[j], x)` for every row x: [rows, k].
    pub fn expansion(
        &self,
        support: ArrayView2<'_, f64>,
        coefficients: ArrayView2<'_, f64>,
        rows: ArrayView2<'_, f64>,
    ) -> Array2<f64> {
        if *self == Self::Linear {
            return rows.dot(&support.t().dot(&coefficients));
        }
        let mut out = Array2::zeros((rows.nrows(), coefficients.ncols()));
        if support.nrows() == 0 {
            return out;
        }
        let centre = match (self, support.mean_axis(Axis(0))) {
            (Self::Rbf { .. }, Some(mean)) => mean,
            _ => Array1::zeros(support.ncols()),
        };
        let support = &support - &centre;
        let squares = squared_norms(support.view());
        let blocks: Vec<_> =
            out.axis_chunks_iter_mut(Axis(0), BLOCK).zip(rows.axis_chunks_iter(Axis(0), BLOCK)).collect();
        blocks.into_par_iter().for_each(|(mut sums, block)| {
            let block = &block - &centre;
            let mut values = block.dot(&support.t());
            for (mut line, x) in values.outer_iter_mut().zip(block.outer_iter()) {
                self.apply(line.as_slice_mut().unwrap_or_default(), x.dot(&x), squares.view());
            }
            sums.assign(&values.dot(&coefficients));
        });
        out
    }

    /// Turns the inner products of one row with all support vectors into kernel values.
    fn apply(&self, products: &mut [f64], square: f64, squares: ArrayView1<'_, f64>) {
        match *self {
            Self::Linear => {}
            Self::Rbf { gamma } => {
                for (product, other) in products.iter_mut().zip(squares) {
                    *product = (-gamma * (square + other - 2.0 * *product).max(0.0)).exp();
                }
            }
            Self::Polynomial { .. } => {
                for product in products {
                    *product = self.of_product(*product, 0.0);
                }
            }
        }
    }

    /// The kernel's value where the inner product and the squared distance are known.
    fn of_product(&self, product: f64, squared_distance: f64) -> f64 {
        match *self {
            Self::Linear => product,
            Self::Rbf { gamma } => (-gamma * squared_distance).exp(),
            Self::Polynomial { gamma, coef0, degree } => (gamma * product + coef0).powi(degree),
        }
    }
}

fn squared_norms(rows: ArrayView2<'_, f64>) -> Array1<f64> {
    rows.outer_iter().map(|x| x.dot(&x)).collect()
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "a handful of rows")]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn gamma_is_a_number_or_follows_the_features() {
        let x = array![[1.0, 2.0], [3.0, 6.0]];
        assert_eq!(gamma(&Value::Float(0.25), x.view()), Some(0.25));
        assert_eq!(gamma(&Value::Text("auto".to_owned()), x.view()), Some(0.5));
        // The variance of 1, 2, 3, 6 is 3.5.
        assert_eq!(gamma(&Value::Text("scale".to_owned()), x.view()), Some(1.0 / 7.0));
        assert_eq!(gamma(&Value::Text("scale".to_owned()), Array2::ones((3, 4)).view()), Some(1.0));
        assert_eq!(gamma(&Value::Text("wide".to_owned()), x.view()), None);
    }

    #[test]
    fn blocks_sum_what_single_values_sum() {
        let random = |seed: f64, n: usize| {
            Array2::from_shape_fn((n, 3), |(i, j)| ((i * 7 + j * 3) as f64 * 0.37 + seed).sin() + 50.0)
        };
        let (support, rows) = (random(0.1, 11), random(0.7, BLOCK + 5));
        let coefficients = Array2::from_shape_fn((11, 2), |(i, k)| (i as f64 - 5.0) * (k as f64 + 0.5));
        for kernel in [
            Kernel::Linear,
            Kernel::Rbf { gamma: 0.4 },
            Kernel::Polynomial { gamma: 1e-4, coef0: 0.5, degree: 3 },
        ] {
            let sums = kernel.expansion(support.view(), coefficients.view(), rows.view());
            for (i, x) in rows.outer_iter().enumerate() {
                for k in 0..2 {
                    let direct: f64 = support
                        .outer_iter()
                        .zip(coefficients.column(k))
                        .map(|(z, c)| {
                            let difference = &x - &z;
                            c * kernel.of_product(x.dot(&z), difference.dot(&difference))
                        })
                        .sum();
                    assert!((sums[[i, k]] - direct).abs() <= 1e-10 * direct.abs().max(1.0), "{kernel:?}");
                }
            }
        }
    }
}
