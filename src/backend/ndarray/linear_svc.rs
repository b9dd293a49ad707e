//! The linear support vector classifier of liblinear: the intercept is the weight of a feature that is 1, and is penalised with the others.
//!
//! linfa's and smartcore's linear machines do not penalise it, which is another problem, and have no solver of their own for it.
//! Several classes are each class against the rest, as in liblinear. The hinge is solved by dual coordinate descent; so is the squared
//! hinge where features outnumber rows, else by Newton's method on the primal (`solver` = `auto`; scikit-learn chooses alike).

use crate::backend::parameters::{count, counted, flag, number, text};
use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::coordinate_descent::{self, Dual};
use super::newton;
use crate::backend::kernel_machine::Classes;
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::parameter::{ParameterDef, Value};
use crate::task::svm::pairs::largest;

/// The registry's entry.
pub struct LinearSvc;

/// What a solver found.
#[derive(Debug)]
pub struct Outcome {
    /// Weights [p], the intercept's last where there is one.
    pub weights: Vec<f64>,
    /// Passes over the rows, or Newton steps.
    pub passes: usize,
    /// Whether its stopping rule was met before the cap.
    pub converged: bool,
}

impl Algorithm for LinearSvc {
    fn task(&self) -> &'static str {
        "classification"
    }
    fn name(&self) -> &'static str {
        "linear_svc"
    }
    fn doc(&self) -> &'static str {
        "dual coordinate descent (Hsieh et al. 2008), or Newton's method for the squared hinge; each class against the rest"
    }
    fn settings(&self) -> Vec<ParameterDef> {
        vec![
            ParameterDef::choice(
                "solver",
                &["auto", "dual", "newton"],
                "auto",
                "coordinate descent on the dual, or Newton's method on the primal (squared hinge alone)",
            )
            .not_binding(),
            ParameterDef::float_from(
                "tolerance",
                0.0,
                1e-4,
                "dual: spread of the projected gradients of a pass; newton: the gradient over the first one",
            )
            .not_binding(),
            ParameterDef::int_from(
                "max_iterations",
                1,
                1000,
                "cap on passes over the rows, or on Newton steps",
            )
            .not_binding(),
        ]
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        let squared = text(ask.hyperparameters, "loss")? == "squared_hinge";
        let solver = text(ask.settings, "solver")?.to_owned();
        if solver == "newton" && !squared {
            return Err(
                "Newton's method needs the squared hinge: the hinge has no second derivative".to_owned()
            );
        }
        Ok(Box::new(Configured {
            cost: number(ask.hyperparameters, "C")?,
            squared,
            intercept: flag(ask.hyperparameters, "fit_intercept")?,
            solver,
            tolerance: number(ask.settings, "tolerance")?,
            max_iterations: count(ask.settings, "max_iterations")?,
            seed: ask.seed,
        }))
    }
}

#[derive(Debug, Clone)]
struct Configured {
    cost: f64,
    squared: bool,
    intercept: bool,
    solver: String,
    tolerance: f64,
    max_iterations: usize,
    seed: u64,
}

impl Estimator for Configured {
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>, String> {
        let (x, classes) = (training.features, Classes::new(training)?);
        let (n, d) = x.dim();
        if x.is_empty() {
            return Err(format!("{n} rows of {d} features cannot be fitted"));
        }
        let mut rows = Array2::ones((n, d + usize::from(self.intercept)));
        rows.slice_axis_mut(Axis(1), Slice::from(..d)).assign(&x);
        let squares: Vec<f64> = rows.outer_iter().map(|row| row.dot(&row)).collect();
        if !squares.iter().all(|s| *s < f64::MAX.sqrt()) {
            return Err("the features hold values that are not finite, or are too large".to_owned());
        }
        let newton = match self.solver.as_str() {
            "newton" => true,
            "dual" => false,
            _ => self.squared && n >= d,
        };
        let dual = if self.squared {
            Dual { upper: f64::INFINITY, shift: 0.5 / self.cost }
        } else {
            Dual { upper: self.cost, shift: 0.0 }
        };
        let stop = (self.tolerance, self.max_iterations);
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let machines = if classes.present.len() == 2 { 1 } else { classes.present.len() };
        let mut coefficients = Array2::zeros((machines, d));
        let mut intercept = Array1::zeros(machines);
        let (mut passes, mut converged) = (0, true);
        for k in 0..machines {
            let positive = if machines == 1 { 1 } else { k };
            let y: Array1<f64> =
                classes.of_rows.iter().map(|c| if *c == positive { 1.0 } else { -1.0 }).collect();
            let outcome = if newton {
                newton::solve(rows.view(), y.view(), self.cost, stop)?
            } else {
                let y = y.as_slice().unwrap_or_default();
                coordinate_descent::solve(rows.view(), &squares, y, dual, stop, &mut random)
            };
            coefficients.row_mut(k).assign(&ndarray::ArrayView1::from(&outcome.weights[..d]));
            intercept[k] = outcome.weights.get(d).copied().unwrap_or(0.0);
            passes += outcome.passes;
            converged &= outcome.converged;
        }
        Ok(Box::new(Model {
            configured: self.clone(),
            solver: if newton { "newton" } else { "dual" },
            present: classes.present,
            coefficients,
            intercept,
            passes,
            converged,
        }))
    }
}

struct Model {
    /// What computed: this code has no library behind it whose objects could be asked.
    configured: Configured,
    solver: &'static str,
    present: Vec<i64>,
    /// [machines, d]
    coefficients: Array2<f64>,
    intercept: Array1<f64>,
    passes: usize,
    converged: bool,
}

impl Model {
    fn decision(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        rows.dot(&self.coefficients.t()) + &self.intercept
    }

    fn labels(&self, decision: &Array2<f64>) -> Array1<i64> {
        decision.axis_iter(Axis(0)).map(|row| self.present[largest(row)]).collect()
    }
}

impl Fitted for Model {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        Ok(Answer::Labels(self.labels(&self.decision(rows))))
    }

    fn read_back(&self) -> ReadBack {
        let used = &self.configured;
        let loss = if used.squared { "squared_hinge" } else { "hinge" };
        ReadBack {
            hyperparameters: [
                ("C".to_owned(), Value::Float(used.cost)),
                ("loss".to_owned(), Value::Text(loss.to_owned())),
                ("fit_intercept".to_owned(), Value::Bool(used.intercept)),
            ]
            .into(),
            settings: [
                ("solver".to_owned(), Value::Text(used.solver.clone())),
                ("tolerance".to_owned(), Value::Float(used.tolerance)),
                ("max_iterations".to_owned(), counted(used.max_iterations)),
            ]
            .into(),
            work: [
                ("solver".to_owned(), Value::Text(self.solver.to_owned())),
                ("iterations".to_owned(), counted(self.passes)),
                ("converged".to_owned(), Value::Bool(self.converged)),
            ]
            .into(),
            layout: "row-major",
            features: self.coefficients.ncols(),
        }
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        let decision = self.decision(test);
        Ok(vec![
            ("predictions", self.labels(&decision).to_vec().into()),
            ("decision", decision.into()),
            ("coefficients", self.coefficients.clone().into()),
            ("intercept", self.intercept.clone().into()),
        ])
    }
}
