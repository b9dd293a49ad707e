//! Ordinary least squares by linfa-linear: QR decomposition (linfa-linalg), with a column of ones for the intercept.

use linfa::DatasetBase;
use linfa::traits::{Fit, Predict};
use linfa_linear::{FittedLinearRegression, LinearRegression};
use ndarray::{Array1, ArrayView1, ArrayView2};

use super::FRAMEWORK;
use crate::backend::{FittedRegressor, Framework, ReadBack, RegressionAlgorithm, Regressor};
use crate::task::parameter::{ParameterDef, Parameters, Value};

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
        "linfa_linear::LinearRegression, QR decomposition"
    }
    fn settings(&self) -> Vec<ParameterDef> {
        Vec::new()
    }
    fn configure(&self, hyperparameters: &Parameters, _: &Parameters) -> Result<Box<dyn Regressor>, String> {
        let intercept =
            hyperparameters["fit_intercept"].as_bool().ok_or("fit_intercept is not true or false")?;
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
        let parameters = LinearRegression::new().with_intercept(self.intercept);
        let model = parameters.fit(&DatasetBase::new(x, y)).map_err(|e| e.to_string())?;
        Ok(Box::new(Fitted { model, intercept: self.intercept }))
    }
}

struct Fitted {
    model: FittedLinearRegression<f64>,
    /// linfa keeps no getter for this on the fitted model.
    intercept: bool,
}

impl FittedRegressor for Fitted {
    fn predict(&self, x: ArrayView2<'_, f64>) -> Array1<f64> {
        self.model.predict(&x)
    }

    fn read_back(&self) -> ReadBack {
        ReadBack {
            hyperparameters: [("fit_intercept".to_owned(), Value::Bool(self.intercept))].into(),
            settings: Parameters::new(),
            work: Parameters::new(),
            layout: "row-major",
            coefficients: self.model.params().clone(),
            intercept: self.model.intercept(),
        }
    }
}
