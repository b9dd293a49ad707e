//! A fitted linear model, shared by the algorithms on faer.

use faer::{Col, ColRef, MatRef};
use ndarray::{Array1, ArrayView2};

use crate::backend::linear::{Centred, linear_outputs};
use crate::backend::{Answer, Fitted, ReadBack, Tensor};
use crate::task::parameter::{Parameters, Value};

/// Coefficients, an intercept, and the parameters they were fitted with.
pub struct LinearModel {
    pub coefficients: Col<f64>,
    pub intercept: f64,
    pub hyperparameters: Parameters,
}

impl LinearModel {
    /// The model of the centred problem's solution.
    pub fn new(
        centred: &Centred,
        solution: Col<f64>,
        mut hyperparameters: Parameters,
        with_intercept: bool,
    ) -> Self {
        let coefficients = Array1::from_iter(solution.iter().copied());
        hyperparameters.insert("fit_intercept".to_owned(), Value::Bool(with_intercept));
        let intercept = if with_intercept { centred.intercept(&coefficients) } else { 0.0 };
        Self { coefficients: solution, intercept, hyperparameters }
    }
}

/// The centred features as a faer matrix, without a copy.
pub fn matrix(centred: &Centred) -> Result<MatRef<'_, f64>, String> {
    let (n, d) = centred.x.dim();
    let columns = centred.x.as_slice_memory_order().ok_or("the centred features are not contiguous")?;
    Ok(MatRef::from_column_major_slice(columns, n, d))
}

/// The centred target as a faer column, without a copy.
pub fn target(centred: &Centred) -> Result<ColRef<'_, f64>, String> {
    Ok(ColRef::from_slice(centred.y.as_slice().ok_or("the centred target is not contiguous")?))
}

impl Fitted for LinearModel {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        let (count, columns) = rows.dim();
        let standard = rows.as_standard_layout();
        let slice = standard.as_slice().unwrap_or_default();
        let product = MatRef::from_row_major_slice(slice, count, columns) * &self.coefficients;
        Ok(Answer::Numbers(product.iter().map(|p| p + self.intercept).collect()))
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        linear_outputs(self.apply(test)?, self.coefficients.iter().copied().collect(), self.intercept)
    }

    fn read_back(&self) -> ReadBack {
        ReadBack {
            hyperparameters: self.hyperparameters.clone(),
            settings: Parameters::new(),
            work: Parameters::new(),
            layout: "column-major",
            features: self.coefficients.nrows(),
        }
    }
}
