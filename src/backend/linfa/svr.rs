//! epsilon-SVR by linfa-svm. What was said of its classifiers holds here too (see [`super::svm`]).
//!
//! linfa's nu-SVR is wrong (every row becomes a support vector), so it is not offered.

use crate::backend::parameters::number;
use linfa::traits::{Fit, Predict};
use linfa::{DatasetBase, ParamGuard};
use linfa_svm::{Svm, SvmParams, SvmValidParams};
use ndarray::{Array1, ArrayView2};

use super::svm::{progress, scaled, settings, with_kernel};
use crate::backend::kernel_machine::KernelChoice;
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::parameter::{ParameterDef, Parameters, Value};
use crate::task::svm::kernel::Kernel;

/// The registry's entry.
pub struct Svr;

impl Algorithm for Svr {
    fn task(&self) -> &'static str {
        "regression"
    }
    fn name(&self) -> &'static str {
        "svr"
    }
    fn doc(&self) -> &'static str {
        "linfa_svm::Svm by C and epsilon, dense kernel matrix, shrinking off"
    }
    fn settings(&self) -> Vec<ParameterDef> {
        settings()
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        Ok(Box::new(Configured {
            kernel: KernelChoice::new(ask),
            cost: number(ask.hyperparameters, "C")?,
            epsilon: number(ask.hyperparameters, "epsilon")?,
            tolerance: number(ask.settings, "tolerance")?,
        }))
    }
}

struct Configured {
    kernel: KernelChoice,
    cost: f64,
    epsilon: f64,
    tolerance: f64,
}

impl Estimator for Configured {
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>, String> {
        let (x, y) = (training.features, training.numbers()?);
        let kernel = self.kernel.on(x)?;
        // linfa asks for an epsilon above 0; the smallest number is one without effect.
        let epsilon = if self.epsilon == 0.0 { f64::MIN_POSITIVE } else { self.epsilon };
        let parameters: SvmParams<f64, f64> =
            with_kernel(Svm::params(), kernel).eps(self.tolerance).shrinking(false);
        let parameters = parameters.c_svr(self.cost, Some(epsilon)).check().map_err(|e| e.to_string())?;
        if y.iter().any(|v| v.abs() > f64::MAX.sqrt() || v.is_nan()) {
            return Err("the target holds values that are not finite, or too large".to_owned());
        }
        let features = scaled(x, kernel);
        let model = parameters.fit(&DatasetBase::new(features.view(), y)).map_err(|e| e.to_string())?;
        if !(model.rho.is_finite() && model.alpha.iter().all(|a| a.is_finite())) {
            return Err("the solution is not finite".to_owned());
        }
        let gamma = self.kernel.resolved_gamma(x);
        let asked = self.kernel.asked();
        Ok(Box::new(Model {
            machine: model,
            kernel,
            parameters,
            epsilon: self.epsilon,
            asked,
            gamma,
            features: x.ncols(),
        }))
    }
}

struct Model {
    machine: Svm<f64, f64>,
    kernel: Kernel,
    /// The parameters that computed; the receipt reads from them.
    parameters: SvmValidParams<f64, f64>,
    epsilon: f64,
    asked: Parameters,
    gamma: Option<Value>,
    features: usize,
}

impl Model {
    fn predictions(&self, rows: ArrayView2<'_, f64>) -> Array1<f64> {
        self.machine.predict(&scaled(rows, self.kernel))
    }
}

impl Fitted for Model {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        Ok(Answer::Numbers(self.predictions(rows)))
    }

    fn read_back(&self) -> ReadBack {
        let mut hyperparameters = self.asked.clone();
        if let Some((cost, epsilon)) = self.parameters.c() {
            let epsilon = if epsilon <= f64::MIN_POSITIVE { self.epsilon } else { epsilon };
            hyperparameters.insert("C".to_owned(), Value::Float(cost));
            hyperparameters.insert("epsilon".to_owned(), Value::Float(epsilon));
        }
        let (steps, converged) = progress(&self.machine);
        let supports = i64::try_from(self.machine.nsupport()).unwrap_or(i64::MAX);
        let mut work: Parameters = [
            ("iterations".to_owned(), Value::Int(steps)),
            ("converged".to_owned(), Value::Bool(converged)),
            ("support_vectors".to_owned(), Value::Int(supports)),
        ]
        .into();
        work.extend(self.gamma.clone().map(|gamma| ("gamma".to_owned(), gamma)));
        let tolerance = Value::Float(self.parameters.solver_params().eps);
        ReadBack {
            hyperparameters,
            settings: [("tolerance".to_owned(), tolerance)].into(),
            work,
            layout: "row-major",
            features: self.features,
        }
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        Ok(vec![
            ("predictions", self.predictions(test).into()),
            ("dual", Array1::from(self.machine.alpha.clone()).into()),
            ("intercept", (-self.machine.rho).into()),
        ])
    }
}
