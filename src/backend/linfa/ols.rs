//! Ordinary least squares by linfa-linear: QR decomposition (linfa-linalg), with a column of ones for the intercept.

use linfa::DatasetBase;
use linfa::traits::{Fit, Predict};
use linfa_linear::{FittedLinearRegression, LinearRegression};
use ndarray::ArrayView2;

use crate::backend::linear::linear_outputs;
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::parameter::{Parameters, Value};

/// The registry's entry.
pub struct Ols;

impl Algorithm for Ols {
    fn task(&self) -> &'static str {
        "regression"
    }
    fn name(&self) -> &'static str {
        "ols"
    }
    fn doc(&self) -> &'static str {
        "linfa_linear::LinearRegression, QR decomposition"
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        let intercept =
            ask.hyperparameters["fit_intercept"].as_bool().ok_or("fit_intercept is not true or false")?;
        Ok(Box::new(Configured { intercept }))
    }
}

struct Configured {
    intercept: bool,
}

impl Estimator for Configured {
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>, String> {
        let (x, y) = (training.features, training.numbers()?);
        let parameters = LinearRegression::new().with_intercept(self.intercept);
        let model = parameters.fit(&DatasetBase::new(x, y)).map_err(|e| e.to_string())?;
        Ok(Box::new(Solution { model, intercept: self.intercept }))
    }
}

struct Solution {
    model: FittedLinearRegression<f64>,
    /// linfa keeps no getter for this on the fitted model.
    intercept: bool,
}

impl Fitted for Solution {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        Ok(Answer::Numbers(self.model.predict(&rows)))
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        linear_outputs(self.apply(test)?, self.model.params().clone(), self.model.intercept())
    }

    fn read_back(&self) -> ReadBack {
        ReadBack {
            hyperparameters: [("fit_intercept".to_owned(), Value::Bool(self.intercept))].into(),
            settings: Parameters::new(),
            work: Parameters::new(),
            layout: "row-major",
            features: self.model.params().len(),
        }
    }
}
