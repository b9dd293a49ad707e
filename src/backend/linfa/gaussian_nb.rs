//! Gaussian naive Bayes by linfa-bayes.
//!
//! linfa's labels are `usize`, so they are converted inside `fit` and `predict`. The fitted model has no getters: the joint
//! log-likelihood, which it does tell, is what the scorer compares. Its `predict_proba` exponentiates without taking off the largest value
//! and overflows (`docs/linfa.md`); it is not used.

use crate::backend::parameters::number;
use crate::backend::rows::finite;
use linfa::DatasetBase;
use linfa::ParamGuard;
use linfa::traits::{Fit, Predict};
use linfa_bayes::{GaussianNb, GaussianNbParams, GaussianNbValidParams, NaiveBayes};
use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::backend::classes::occurring;
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::parameter::{Parameters, Value};

/// The registry's entry.
pub struct Gaussian;

impl Algorithm for Gaussian {
    fn task(&self) -> &'static str {
        "classification"
    }
    fn name(&self) -> &'static str {
        "gaussian_nb"
    }
    fn doc(&self) -> &'static str {
        "linfa_bayes::GaussianNb"
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        let smoothing = number(ask.hyperparameters, "var_smoothing")?;
        let parameters = GaussianNbParams::new().var_smoothing(smoothing).check();
        Ok(Box::new(Configured { parameters: parameters.map_err(|e| e.to_string())? }))
    }
}

struct Configured {
    parameters: GaussianNbValidParams<f64, usize>,
}

impl Estimator for Configured {
    fn fit<'t>(&self, training: &'t Training<'t>) -> Result<Box<dyn Fitted + 't>, String> {
        let (x, y) = (finite(training)?, training.classes()?);
        let labels: Result<Array1<usize>, _> = y.iter().map(|label| usize::try_from(*label)).collect();
        let labels = labels.map_err(|_| "a label is negative")?;
        let fitted = self.parameters.fit(&DatasetBase::new(x, labels)).map_err(|e| e.to_string())?;
        let smoothing = self.parameters.var_smoothing();
        let model = Model { fitted, classes: occurring(y), smoothing, features: x.ncols() };
        // Where a variance is 0 or overflowed no row has a density, and linfa's `predict` panics.
        let first = model.joint(x.split_at(Axis(0), 1).0);
        if first.iter().any(|v| !v.is_finite()) {
            return Err(
                "a feature does not vary within a class, or overflows: the density is not finite".to_owned()
            );
        }
        Ok(Box::new(model))
    }
}

struct Model {
    fitted: GaussianNb<f64, usize>,
    /// The labels that occur, ascending.
    classes: Vec<i64>,
    smoothing: f64,
    features: usize,
}

impl Model {
    /// Joint log-likelihoods [m, k] by ascending label.
    fn joint(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        let by_class = self.fitted.joint_log_likelihood(rows);
        let mut joint = Array2::from_elem((rows.nrows(), self.classes.len()), f64::NAN);
        for (mut column, label) in joint.axis_iter_mut(Axis(1)).zip(&self.classes) {
            if let Some(values) = usize::try_from(*label).ok().and_then(|label| by_class.get(&label)) {
                column.assign(values);
            }
        }
        joint
    }
}

impl Fitted for Model {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        let labels: Array1<usize> = self.fitted.predict(&rows);
        let labels: Result<Array1<i64>, _> = labels.iter().map(|label| i64::try_from(*label)).collect();
        Ok(Answer::Labels(labels.map_err(|e| e.to_string())?))
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        Ok(vec![("predictions", self.apply(test)?.into()), ("joint_log_likelihood", self.joint(test).into())])
    }

    fn read_back(&self) -> ReadBack {
        ReadBack {
            hyperparameters: [("var_smoothing".to_owned(), Value::Float(self.smoothing))].into(),
            settings: Parameters::new(),
            work: Parameters::new(),
            layout: "row-major",
            features: self.features,
        }
    }
}
