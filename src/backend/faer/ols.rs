//! Ordinary least squares by Householder QR of the centred rows (Golub & Van Loan, *Matrix Computations*, §5.3.2).

use faer::prelude::SolveLstsq;
use ndarray::{ArrayView1, ArrayView2};

use super::FRAMEWORK;
use super::linear_model::{LinearModel, matrix, target};
use crate::backend::centre::Centred;
use crate::backend::{FittedRegressor, Framework, RegressionAlgorithm, Regressor};
use crate::task::parameter::{ParameterDef, Parameters};

/// The registry's entry.
pub struct Ols;

impl RegressionAlgorithm for Ols {
    fn framework(&self) -> &'static Framework {
        &FRAMEWORK
    }
    fn name(&self) -> &'static str {
        "ols"
    }
    fn doc(&self) -> &'static str {
        "Householder QR of the centred features"
    }
    fn settings(&self) -> Vec<ParameterDef> {
        Vec::new()
    }
    fn configure(&self, hyperparameters: &Parameters, _: &Parameters) -> Result<Box<dyn Regressor>, String> {
        let intercept = hyperparameters["fit_intercept"].as_bool().ok_or("`fit_intercept` is missing")?;
        Ok(Box::new(Configured { intercept }))
    }
}

struct Configured {
    intercept: bool,
}

impl Regressor for Configured {
    fn fit(
        &self,
        x: ArrayView2<'_, f64>,
        y: ArrayView1<'_, f64>,
    ) -> Result<Box<dyn FittedRegressor>, String> {
        if x.nrows() < x.ncols() {
            return Err(format!(
                "{} rows are fewer than {} features: QR has no unique solution",
                x.nrows(),
                x.ncols()
            ));
        }
        let centred = Centred::new(x, y, self.intercept);
        let solution = matrix(&centred)?.qr().solve_lstsq(target(&centred)?);
        Ok(Box::new(LinearModel::new(&centred, solution, Parameters::new(), self.intercept)))
    }
}
