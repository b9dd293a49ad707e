//! The likelihood of a mixture of Gaussian distributions, from its raw parameters.
//!
//! `ln p(x) = ln Σ_c w_c N(x; μ_c, Σ_c)`, summed by log-sum-exp so that rows far from every component keep a likelihood, with the
//! Cholesky factor `Σ = L Lᵀ` (McLachlan and Peel 2000, section 2.2).

use ndarray::{Array1, Array2, ArrayView2};

/// Weights may differ from a sum of 1 by the rounding of as many divisions, and no more.
const WEIGHTS: f64 = 1e-9;

/// A mixture whose parameters were checked.
#[derive(Debug, Clone)]
pub struct Mixture {
    components: Vec<Component>,
}

#[derive(Debug, Clone)]
struct Component {
    mean: Vec<f64>,
    /// The rows of L up to the diagonal.
    factor: Vec<Vec<f64>>,
    /// `ln w − ½ (d ln 2π + ln |Σ|)`.
    constant: f64,
}

/// Covariances of the components.
#[derive(Debug, Clone, Copy)]
pub enum Covariances<'a> {
    /// A symmetric matrix for each, [k, d, d] row-major.
    Full(&'a [f64]),
    /// Variances for each, [k, d] row-major.
    Diagonal(&'a [f64]),
}

impl Mixture {
    /// Checks weights [k], means [k, d] and covariances.
    ///
    /// # Errors
    /// The component at fault and what is wrong with it.
    pub fn new(
        weights: &Array1<f64>,
        means: &Array2<f64>,
        covariances: Covariances<'_>,
    ) -> Result<Self, (usize, &'static str)> {
        if let Some(at) = weights.iter().position(|w| *w < 0.0) {
            return Err((at, "a weight of at least 0"));
        }
        if (weights.sum() - 1.0).abs() > WEIGHTS {
            return Err((0, "weights whose sum is 1"));
        }
        let d = means.ncols();
        let component = |c: usize| {
            let factor = match covariances {
                Covariances::Full(values) => cholesky(&values[c * d * d..(c + 1) * d * d], d),
                Covariances::Diagonal(values) => diagonal(&values[c * d..(c + 1) * d]),
            };
            let factor = factor.ok_or((c, "a positive definite, symmetric matrix"))?;
            let half_determinant: f64 = factor.iter().map(|row| row[row.len() - 1].ln()).sum();
            #[expect(clippy::cast_precision_loss, reason = "a number of features")]
            let norm = 0.5 * d as f64 * std::f64::consts::TAU.ln();
            Ok(Component {
                mean: means.row(c).to_vec(),
                factor,
                constant: weights[c].ln() - norm - half_determinant,
            })
        };
        Ok(Self { components: (0..weights.len()).map(component).collect::<Result<_, _>>()? })
    }

    /// `ln w_c N(x; μ_c, Σ_c)` of each component, for one row [d].
    pub fn log_probabilities(&self, row: &[f64]) -> Vec<f64> {
        self.components.iter().map(|c| c.log_probability(row)).collect()
    }

    /// The mean of `ln p(x)` over rows [n, d], in nats a row.
    #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
    pub fn mean_log_likelihood(&self, rows: ArrayView2<'_, f64>) -> f64 {
        let sum: f64 = rows.outer_iter().map(|row| log_sum_exp(&self.log_probabilities(&row.to_vec()))).sum();
        sum / rows.nrows() as f64
    }
}

impl Component {
    fn log_probability(&self, row: &[f64]) -> f64 {
        // Forward substitution: L z = x − μ, then |z|² is the squared Mahalanobis distance.
        let mut z: Vec<f64> = Vec::with_capacity(row.len());
        let mut squared = 0.0;
        for ((x, mean), factor) in row.iter().zip(&self.mean).zip(&self.factor) {
            let (diagonal, before) = factor.split_last().expect("a row of L has its diagonal");
            let known: f64 = before.iter().zip(&z).map(|(l, z)| l * z).sum();
            let next = (x - mean - known) / diagonal;
            squared += next * next;
            z.push(next);
        }
        self.constant - 0.5 * squared
    }
}

fn log_sum_exp(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest.is_finite() {
        largest + values.iter().map(|v| (v - largest).exp()).sum::<f64>().ln()
    } else {
        largest
    }
}

/// The lower factor of a symmetric matrix, row by row; none if it is not positive definite.
fn cholesky(matrix: &[f64], d: usize) -> Option<Vec<Vec<f64>>> {
    // Reading one triangle alone would accept any other.
    let symmetric = |i: usize, j: usize| {
        let (a, b) = (matrix[i * d + j], matrix[j * d + i]);
        (a - b).abs() <= 1e-9 * (matrix[i * d + i] * matrix[j * d + j]).abs().sqrt()
    };
    if !(0..d).all(|i| (0..i).all(|j| symmetric(i, j))) {
        return None;
    }
    let mut factor: Vec<Vec<f64>> = Vec::with_capacity(d);
    for i in 0..d {
        let mut row: Vec<f64> = Vec::with_capacity(i + 1);
        for j in 0..=i {
            let other = if j == i { &row } else { &factor[j] };
            let known: f64 = row[..j].iter().zip(&other[..j]).map(|(a, b)| a * b).sum();
            let rest = matrix[i * d + j] - known;
            row.push(if j < i {
                rest / factor[j][j]
            } else if rest > 0.0 {
                rest.sqrt()
            } else {
                return None;
            });
        }
        factor.push(row);
    }
    Some(factor)
}

fn diagonal(variances: &[f64]) -> Option<Vec<Vec<f64>>> {
    let row = |(i, v): (usize, &f64)| {
        let mut row = vec![0.0; i + 1];
        row[i] = v.sqrt();
        (*v > 0.0).then_some(row)
    };
    variances.iter().enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn faults_are_told() {
        let (weights, means) = (array![0.5, 0.5], array![[0.0, 0.0], [1.0, 1.0]]);
        let of = |weights: &Array1<f64>, covariances: &[f64]| {
            Mixture::new(weights, &means, Covariances::Full(covariances)).map(|_| ())
        };
        let unit = [1.0, 0.0, 0.0, 1.0];
        let two = |second: [f64; 4]| [unit, second].concat();
        assert_eq!(of(&weights, &two(unit)), Ok(()));
        let definite = "a positive definite, symmetric matrix";
        assert_eq!(of(&weights, &two([1.0, 2.0, 2.0, 1.0])), Err((1, definite)));
        assert_eq!(of(&weights, &two([1.0, 0.5, 0.0, 1.0])), Err((1, definite)));
        assert_eq!(of(&weights, &two([0.0; 4])), Err((1, definite)));
        assert_eq!(of(&array![0.7, 0.7], &two(unit)), Err((0, "weights whose sum is 1")));
        assert_eq!(of(&array![1.5, -0.5], &two(unit)), Err((1, "a weight of at least 0")));
        let negative = Mixture::new(&weights, &means, Covariances::Diagonal(&[1.0, 1.0, -1.0, 1.0]));
        assert_eq!(negative.err(), Some((1, definite)));
    }

    #[test]
    fn rows_far_away_keep_a_likelihood() {
        let one = Mixture::new(&array![1.0], &array![[0.0]], Covariances::Diagonal(&[1.0])).unwrap();
        let want = -0.5 * (std::f64::consts::TAU.ln() + 1e6);
        assert!((one.mean_log_likelihood(array![[1e3]].view()) - want).abs() < 1e-9);
    }
}
