//! Logistic regression on faer: Newton's method with backtracking (Boyd & Vandenberghe 2004, §9.5), for two classes and for the softmax.
//!
//! ```text
//! F(W, b) = C Σ_i [ln Σ_j exp z_ij - z_i,y(i)]  +  |W|² / 2,      z_i = W x_i + b
//! ```
//!
//! Each step solves `H s = g` by conjugate gradients, of which the preconditioner is one Cholesky factor for each class: that of its own block of H.
//! For two classes, which share one vector, this block is all of H: one product with H, and the method is iteratively reweighted
//! least squares. For k classes a product with H costs two products with the rows, where all of H would cost k²/2 with as
//! many columns as features. Systems are solved only as far as a step is worth (Dembo, Eisenstat & Steihaug 1982).
//!
//! Rows are centred where there is an intercept. The sum of all classes' vectors is 0 at the optimum, so directions are kept at that sum;
//! it makes the intercepts unique.

use crate::backend::parameters::{count, counted, flag, number};
use crate::backend::rows::bounded;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef};
use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::newton::Newton;
use crate::backend::classes::{labels, several};
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::parameter::{ParameterDef, Value};

/// The registry's entry.
pub struct Logistic;

impl Algorithm for Logistic {
    fn task(&self) -> &'static str {
        "classification"
    }
    fn name(&self) -> &'static str {
        "logistic_regression"
    }
    fn doc(&self) -> &'static str {
        "Newton's method, by conjugate gradients with a Cholesky factor for each class"
    }
    fn settings(&self) -> Vec<ParameterDef> {
        let tolerance = ParameterDef::positive(
            "tolerance",
            1e-12,
            "ends with the step before which Newton's decrement is at most this, over the objective",
        );
        vec![
            tolerance.not_binding(),
            ParameterDef::int_from("max_iterations", 1, 100, "largest number of Newton's steps")
                .not_binding(),
        ]
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        Ok(Box::new(Configured {
            c: number(ask.hyperparameters, "C")?,
            intercept: flag(ask.hyperparameters, "fit_intercept")?,
            tolerance: number(ask.settings, "tolerance")?,
            max_iterations: count(ask.settings, "max_iterations")?,
        }))
    }
}

#[derive(Debug, Clone, Copy)]
struct Configured {
    c: f64,
    intercept: bool,
    tolerance: f64,
    max_iterations: usize,
}

impl Estimator for Configured {
    fn fit<'t>(&self, training: &'t Training<'t>) -> Result<Box<dyn Fitted + 't>, String> {
        let (x, y) = (bounded(training)?, training.classes()?);
        let classes = several(y)?;
        let of_rows: Vec<usize> = y.iter().map(|label| classes.partition_point(|c| c < label)).collect();
        let mean = if self.intercept { x.mean_axis(Axis(0)) } else { Some(Array1::zeros(x.ncols())) };
        let mean = mean.ok_or("there are no rows")?;
        let mut newton =
            Newton::new(x, self.intercept.then_some(mean.view()), &of_rows, classes.len(), self.c);
        let ended = newton.minimise(self.tolerance, self.max_iterations)?;
        let coefficients = newton.coefficients();
        let intercept = newton.intercepts() - coefficients.dot(&mean);
        let intercept = if self.intercept { intercept } else { Array1::zeros(coefficients.nrows()) };
        let work = [
            ("iterations".to_owned(), counted(ended.iterations)),
            ("products".to_owned(), counted(ended.products)),
            ("converged".to_owned(), Value::Bool(ended.converged)),
        ];
        let work = work.into();
        Ok(Box::new(Model { coefficients, intercept, classes, configured: *self, work }))
    }
}

struct Model {
    /// [1 or k, d], row-major.
    coefficients: Array2<f64>,
    intercept: Array1<f64>,
    /// The labels that occur, ascending.
    classes: Vec<i64>,
    configured: Configured,
    work: crate::task::parameter::Parameters,
}

impl Model {
    /// Decision values [m, 1 or k].
    fn decide(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>, String> {
        let (m, d) = rows.dim();
        let heads = self.intercept.len();
        let rows = rows.as_standard_layout();
        let rows = rows.as_slice().ok_or("the rows are not contiguous")?;
        let coefficients = self.coefficients.as_slice().ok_or("the coefficients are not contiguous")?;
        let mut values: Vec<f64> = self.intercept.iter().copied().cycle().take(m * heads).collect();
        matmul(
            MatMut::from_row_major_slice_mut(&mut values, m, heads),
            Accum::Add,
            MatRef::from_row_major_slice(rows, m, d),
            MatRef::from_row_major_slice(coefficients, heads, d).transpose(),
            1.0,
            faer::get_global_parallelism(),
        );
        Array2::from_shape_vec((m, heads), values).map_err(|e| e.to_string())
    }

    /// [m, k] by ascending label.
    fn probabilities(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>, String> {
        let mut values = self.decide(rows)?;
        if values.ncols() == 1 {
            let share = |z: f64| (1.0 + (-z).exp()).recip();
            let z = values.column(0);
            return Ok(Array2::from_shape_fn((z.len(), 2), |(i, j)| {
                share(if j == 1 { z[i] } else { -z[i] })
            }));
        }
        for mut row in values.outer_iter_mut() {
            let largest = row.fold(f64::NEG_INFINITY, |m, v| m.max(*v));
            row.mapv_inplace(|v| (v - largest).exp());
            row /= row.sum();
        }
        Ok(values)
    }
}

impl Fitted for Model {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        let values = self.decide(rows)?;
        let places = values.outer_iter().map(|row| match row.as_slice() {
            Some([z]) => usize::from(*z > 0.0),
            // The first of equal ones.
            _ => (1..row.len()).fold(0, |best, j| if row[j] > row[best] { j } else { best }),
        });
        Ok(Answer::Labels(labels(&self.classes, places)))
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        Ok(vec![
            ("predictions", self.apply(test)?.into()),
            ("probabilities", self.probabilities(test)?.into()),
            ("coefficients", self.coefficients.clone().into()),
            ("intercept", self.intercept.clone().into()),
        ])
    }

    fn read_back(&self) -> ReadBack {
        let Configured { c, intercept, tolerance, max_iterations } = self.configured;
        ReadBack {
            hyperparameters: [
                ("C".to_owned(), Value::Float(c)),
                ("fit_intercept".to_owned(), Value::Bool(intercept)),
            ]
            .into(),
            settings: [
                ("tolerance".to_owned(), Value::Float(tolerance)),
                ("max_iterations".to_owned(), counted(max_iterations)),
            ]
            .into(),
            work: self.work.clone(),
            layout: "row-major",
            features: self.coefficients.ncols(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Target;

    /// A cap that was reached is told, and one that was not is not.
    #[test]
    fn the_receipt_says_whether_the_tolerance_was_reached() {
        let number = |value: usize| f64::from(u32::try_from(value).unwrap());
        let x =
            Array2::from_shape_fn((60, 3), |(i, j)| (number(i * 7 + j * 13 + i * j)).sin() + number(i % 3));
        for classes in [2, 3] {
            let y: Array1<i64> = (0..60).map(|i| i % 3 % classes).collect();
            let training = Training { features: x.view(), target: Target::Classes(y.view()) };
            for (max_iterations, converged) in [(1, false), (100, true)] {
                let configured = Configured { c: 1.0, intercept: true, tolerance: 1e-12, max_iterations };
                let read = configured.fit(&training).unwrap().read_back();
                assert_eq!(read.work["converged"], Value::Bool(converged), "{read:?}");
                let iterations = read.work["iterations"].as_int().unwrap();
                assert!(
                    iterations >= 1 && iterations <= max_iterations.min(12).try_into().unwrap(),
                    "{read:?}"
                );
            }
        }
    }

    /// Separable rows under a weak penalty saturate the loss; the minimum is known in one dimension.
    #[test]
    fn saturated_rows_have_a_minimum() {
        let x = Array2::from_shape_fn((8, 1), |(i, _)| if i < 4 { -1.0 } else { 1.0 });
        let y: Array1<i64> = (0..8).map(|i| i64::from(i >= 4)).collect();
        let training = Training { features: x.view(), target: Target::Classes(y.view()) };
        for c in [1e-6, 1.0, 1e6, 1e12] {
            let configured = Configured { c, intercept: true, tolerance: 1e-12, max_iterations: 100 };
            let model = configured.fit(&training).unwrap();
            assert_eq!(model.read_back().work["converged"], Value::Bool(true), "C = {c}");
            let outputs = model.outputs(x.view()).unwrap();
            let Tensor { data, .. } = &outputs[2].1;
            let w = f64::from_le_bytes(data[..8].try_into().unwrap());
            // By symmetry the intercept is 0, and w solves w = 8 C / (1 + exp w).
            assert!((w - 8.0 * c / (1.0 + w.exp())).abs() < 1e-6 * w, "C = {c}: {w}");
        }
    }
}
