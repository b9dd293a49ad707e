//! What the linear models of all frameworks share: centring, for those that would fit an intercept wrongly or not at all, and raw outputs.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, ShapeBuilder};

use super::{Answer, Tensor};

/// Training arrays with their means taken off, in column-major layout.
#[derive(Debug)]
pub struct Centred {
    /// The features, [n, d], column-major.
    pub x: Array2<f64>,
    /// The target, [n].
    pub y: Array1<f64>,
    x_mean: Array1<f64>,
    y_mean: f64,
}

impl Centred {
    /// Copies the arrays into column-major layout; with an intercept their means are taken off.
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    pub fn new(x: ArrayView2<'_, f64>, y: ArrayView1<'_, f64>, intercept: bool) -> Self {
        let (n, d) = x.dim();
        let (x_mean, y_mean) = if intercept {
            (x.sum_axis(Axis(0)) / n as f64, y.sum() / n as f64)
        } else {
            (Array1::zeros(d), 0.0)
        };
        let mut columns = Array2::zeros((n, d).f());
        for (row, mut target) in x.outer_iter().zip(columns.outer_iter_mut()) {
            for ((value, mean), slot) in row.iter().zip(&x_mean).zip(target.iter_mut()) {
                *slot = value - mean;
            }
        }
        Self { x: columns, y: y.mapv(|v| v - y_mean), x_mean, y_mean }
    }

    /// The intercept that belongs to coefficients of the centred problem.
    pub fn intercept(&self, coefficients: &Array1<f64>) -> f64 {
        self.y_mean - self.x_mean.dot(coefficients)
    }
}

/// The raw outputs of a linear model.
#[expect(clippy::unnecessary_wraps, reason = "the signature of `Fitted::outputs`")]
pub fn linear_outputs(
    predictions: Answer,
    coefficients: Array1<f64>,
    intercept: f64,
) -> Result<Vec<(&'static str, Tensor)>, String> {
    Ok(vec![
        ("predictions", predictions.into()),
        ("coefficients", coefficients.into()),
        ("intercept", intercept.into()),
    ])
}
