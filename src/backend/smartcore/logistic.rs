//! Logistic regression by smartcore: L-BFGS with backtracking, whose tolerance (1e-8 on the gradient) and cap (1000) are fixed.
//!
//! Its objective is `Σ log-loss + alpha |w|² / 2`, the intercept not penalised: the task's at `alpha = 1 / C`, divided by C. It always
//! fits an intercept and tells no probabilities.

use crate::backend::parameters::number;
use crate::backend::rows::finite;
use ndarray::{Array1, Array2, ArrayView2};
use smartcore::linalg::basic::arrays::Array as _;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::logistic_regression::{LogisticRegression, LogisticRegressionParameters};

use super::matrix;
use crate::backend::classes::several;
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::implementation::Cannot;
use crate::task::parameter::{Parameters, Value};

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
        "smartcore::linear::LogisticRegression: L-BFGS"
    }
    fn cannot(&self) -> Vec<Cannot> {
        vec![Cannot {
            parameter: "fit_intercept".to_owned(),
            values: vec![Value::Bool(false)],
            reason: "smartcore always fits an intercept".to_owned(),
        }]
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        if ask.hyperparameters["fit_intercept"].as_bool() != Some(true) {
            return Err("smartcore always fits an intercept".to_owned());
        }
        let c = number(ask.hyperparameters, "C")?;
        let parameters = LogisticRegressionParameters::default().with_alpha(1.0 / c);
        Ok(Box::new(Configured { parameters }))
    }
}

struct Configured {
    parameters: LogisticRegressionParameters<f64>,
}

type Smartcore = LogisticRegression<f64, i64, DenseMatrix<f64>, Vec<i64>>;

impl Estimator for Configured {
    fn fit<'t>(&self, training: &'t Training<'t>) -> Result<Box<dyn Fitted + 't>, String> {
        let (x, y) = (finite(training)?, training.classes()?);
        several(y)?;
        let model = Smartcore::fit(&matrix(x)?, &y.to_vec(), self.parameters.clone());
        let model = Model { model: model.map_err(|e| e.to_string())?, alpha: self.parameters.alpha };
        let (coefficients, intercept) = model.parameters();
        if coefficients.iter().chain(&intercept).any(|v| !v.is_finite()) {
            return Err("smartcore's L-BFGS ended with coefficients that are not finite".to_owned());
        }
        Ok(Box::new(model))
    }
}

struct Model {
    model: Smartcore,
    /// The penalty of the parameters that computed; the fitted model keeps none.
    alpha: f64,
}

impl Model {
    /// Coefficients [1 or k, d] and intercepts [1 or k] by ascending label; of two classes, those of the larger.
    fn parameters(&self) -> (Array2<f64>, Array1<f64>) {
        let (coefficients, intercept) = (self.model.coefficients(), self.model.intercept());
        let rows = coefficients.shape().0;
        (
            Array2::from_shape_fn(coefficients.shape(), |at| *coefficients.get(at)),
            Array1::from_shape_fn(rows, |i| *intercept.get((i, 0))),
        )
    }
}

impl Fitted for Model {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        let labels = self.model.predict(&matrix(rows)?).map_err(|e| e.to_string())?;
        Ok(Answer::Labels(labels.into()))
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        let (coefficients, intercept) = self.parameters();
        Ok(vec![
            ("predictions", self.apply(test)?.into()),
            ("coefficients", coefficients.into()),
            ("intercept", intercept.into()),
        ])
    }

    fn read_back(&self) -> ReadBack {
        ReadBack {
            hyperparameters: [
                ("C".to_owned(), Value::Float(1.0 / self.alpha)),
                ("fit_intercept".to_owned(), Value::Bool(true)),
            ]
            .into(),
            settings: Parameters::new(),
            // smartcore keeps the number of iterations to itself.
            work: Parameters::new(),
            layout: "row-major",
            features: self.model.coefficients().shape().1,
        }
    }
}
