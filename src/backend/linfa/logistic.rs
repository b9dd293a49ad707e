//! Logistic regression by linfa-logistic: L-BFGS (argmin) with Moré–Thuente line search.
//!
//! Its objective is `Σ log-loss + alpha |w|² / 2`, the intercept not penalised: the task's at `alpha = 1 / C`, divided by C. Two classes
//! are fitted by `LogisticRegression`, which calls the class with more rows the positive one; the sign is put right. More are fitted by
//! `MultiLogisticRegression`. Its loss is inexact where decision values of one row lie more than 34 below the largest of all rows (see
//! `docs/linfa.md`): the parity gate sees whether they do.

use crate::backend::parameters::{count, flag, number};
use crate::backend::rows::bounded;
use linfa::DatasetBase;
use linfa::traits::{Fit, Predict};
use linfa_logistic::{
    FittedLogisticRegression, LogisticRegression, MultiFittedLogisticRegression, MultiLogisticRegression,
};
use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::backend::classes::several;
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::parameter::{ParameterDef, Parameters, Value};

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
        "linfa_logistic::LogisticRegression and MultiLogisticRegression: L-BFGS"
    }
    fn settings(&self) -> Vec<ParameterDef> {
        let tolerance = ParameterDef::positive(
            "gradient_tolerance",
            1e-4,
            "L-BFGS stops at this norm of the gradient of the objective over C",
        );
        vec![
            tolerance.not_binding(),
            ParameterDef::int_from("max_iterations", 1, 100, "cap on the iterations of L-BFGS").not_binding(),
        ]
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        Ok(Box::new(Configured {
            c: number(ask.hyperparameters, "C")?,
            intercept: flag(ask.hyperparameters, "fit_intercept")?,
            tolerance: number(ask.settings, "gradient_tolerance")?,
            iterations: count(ask.settings, "max_iterations")?,
        }))
    }
}

/// linfa's parameters have no getters, so the receipt states these, which built them.
#[derive(Debug, Clone, Copy)]
struct Configured {
    c: f64,
    intercept: bool,
    tolerance: f64,
    iterations: u64,
}

impl Estimator for Configured {
    fn fit<'t>(&self, training: &'t Training<'t>) -> Result<Box<dyn Fitted + 't>, String> {
        // Where the norm of the gradient overflows, argmin's line search never ends.
        let (x, y) = (bounded(training)?, training.classes()?);
        let classes = several(y)?;
        let data = DatasetBase::new(x, y);
        let kind = if classes.len() == 2 {
            let parameters = LogisticRegression::default()
                .alpha(1.0 / self.c)
                .with_intercept(self.intercept)
                .gradient_tolerance(self.tolerance)
                .max_iterations(self.iterations);
            Kind::Two(parameters.fit(&data).map_err(|e| e.to_string())?)
        } else {
            let parameters = MultiLogisticRegression::default()
                .alpha(1.0 / self.c)
                .with_intercept(self.intercept)
                .gradient_tolerance(self.tolerance)
                .max_iterations(self.iterations);
            Kind::Several(parameters.fit(&data).map_err(|e| e.to_string())?)
        };
        let model = Model { kind, classes, configured: *self };
        // L-BFGS ends at whatever it last computed, also where that overflowed.
        let (coefficients, intercept) = model.parameters();
        if coefficients.iter().chain(&intercept).any(|v| !v.is_finite()) {
            return Err("linfa-logistic ended with coefficients that are not finite".to_owned());
        }
        Ok(Box::new(model))
    }
}

enum Kind {
    Two(FittedLogisticRegression<f64, i64>),
    Several(MultiFittedLogisticRegression<f64, i64>),
}

struct Model {
    kind: Kind,
    /// The labels that occur, ascending.
    classes: Vec<i64>,
    configured: Configured,
}

impl Model {
    /// Coefficients [1 or k, d] and intercepts [1 or k] in the task's orientation.
    fn parameters(&self) -> (Array2<f64>, Array1<f64>) {
        match &self.kind {
            Kind::Two(model) => {
                let sign = if self.positive_is_larger(model) { 1.0 } else { -1.0 };
                let coefficients = (model.params() * sign).insert_axis(Axis(0));
                (coefficients, Array1::from(vec![model.intercept() * sign]))
            }
            Kind::Several(model) => (model.params().t().to_owned(), model.intercept().clone()),
        }
    }

    fn positive_is_larger(&self, model: &FittedLogisticRegression<f64, i64>) -> bool {
        Some(&model.labels().pos.class) == self.classes.last()
    }

    /// [m, k] by ascending label.
    fn probabilities(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        match &self.kind {
            Kind::Two(model) => {
                let positive = model.predict_probabilities(&rows);
                let column = usize::from(self.positive_is_larger(model));
                Array2::from_shape_fn((rows.nrows(), 2), |(i, j)| {
                    if j == column { positive[i] } else { 1.0 - positive[i] }
                })
            }
            Kind::Several(model) => model.predict_probabilities(&rows),
        }
    }
}

impl Fitted for Model {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        Ok(Answer::Labels(match &self.kind {
            Kind::Two(model) => model.predict(&rows),
            Kind::Several(model) => model.predict(&rows),
        }))
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        let (coefficients, intercept) = self.parameters();
        Ok(vec![
            ("predictions", self.apply(test)?.into()),
            ("probabilities", self.probabilities(test).into()),
            ("coefficients", coefficients.into()),
            ("intercept", intercept.into()),
        ])
    }

    fn read_back(&self) -> ReadBack {
        let Configured { c, intercept, tolerance, iterations } = self.configured;
        ReadBack {
            hyperparameters: [
                ("C".to_owned(), Value::Float(c)),
                ("fit_intercept".to_owned(), Value::Bool(intercept)),
            ]
            .into(),
            settings: [
                ("gradient_tolerance".to_owned(), Value::Float(tolerance)),
                ("max_iterations".to_owned(), Value::Int(i64::try_from(iterations).unwrap_or(i64::MAX))),
            ]
            .into(),
            // linfa keeps the number of iterations to itself.
            work: Parameters::new(),
            layout: "row-major",
            features: self.parameters().0.ncols(),
        }
    }
}
