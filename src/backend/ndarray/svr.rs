//! epsilon-SVR on [`super::smo`].

use crate::backend::parameters::number;
use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::kernel_machine::{Expansion, Solver, Work, read_back};
use super::kernel_rows::KernelRows;
use super::smo::Problem;
use crate::backend::kernel_machine::KernelChoice;
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::parameter::{ParameterDef, Value};

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
        "sequential minimal optimisation (Fan, Chen, Lin 2005) with a kernel cache in double precision, one variable for each row"
    }
    fn settings(&self) -> Vec<ParameterDef> {
        Solver::settings()
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        Ok(Box::new(Configured {
            kernel: KernelChoice::new(ask),
            cost: number(ask.hyperparameters, "C")?,
            epsilon: number(ask.hyperparameters, "epsilon")?,
            solver: Solver::new(ask)?,
        }))
    }
}

#[derive(Debug, Clone)]
struct Configured {
    kernel: KernelChoice,
    cost: f64,
    epsilon: f64,
    solver: Solver,
}

impl Estimator for Configured {
    fn fit<'t>(&self, training: &'t Training<'t>) -> Result<Box<dyn Fitted + 't>, String> {
        let (x, y) = (training.features, training.numbers()?);
        let kernel = self.kernel.on(x)?;
        if y.iter().any(|v| v.abs() > f64::MAX.sqrt() || v.is_nan()) {
            return Err("the target holds values that are not finite, or too large".to_owned());
        }
        let n = x.nrows();
        let order: Vec<usize> = (0..n).collect();
        let mut rows = KernelRows::new(kernel, x, &order, self.solver.cache_mib);
        let problem = Problem {
            linear: y.iter().map(|y| -y).collect(),
            tube: self.epsilon,
            bounds: vec![(-self.cost, self.cost); n],
            start: vec![0.0; n],
            groups: std::iter::once(0..n).collect(),
        };
        let solution = problem.solve(&mut rows, self.solver.tolerance, self.solver.max_steps);
        let intercept = -solution.slopes[0];
        if !(intercept.is_finite() && solution.beta.iter().all(|b| b.is_finite())) {
            return Err("the solution is not finite".to_owned());
        }
        let mut work = Work::default();
        work.add(&solution);
        let dual = Array1::from(solution.beta).insert_axis(Axis(0));
        Ok(Box::new(Model {
            expansion: Expansion::new(kernel, x, &dual, Array1::from(vec![intercept])),
            dual,
            work,
            gamma: self.kernel.resolved_gamma(x),
            features: x.ncols(),
            configured: self.clone(),
        }))
    }
}

struct Model {
    expansion: Expansion,
    /// [1, n]
    dual: Array2<f64>,
    work: Work,
    gamma: Option<Value>,
    features: usize,
    configured: Configured,
}

impl Model {
    fn predictions(&self, rows: ArrayView2<'_, f64>) -> Array1<f64> {
        self.expansion.at(rows).index_axis_move(Axis(1), 0)
    }
}

impl Fitted for Model {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        Ok(Answer::Numbers(self.predictions(rows)))
    }

    fn read_back(&self) -> ReadBack {
        let used = &self.configured;
        let own = [("C", used.cost), ("epsilon", used.epsilon)];
        let work = (&self.work, self.expansion.supports);
        read_back(&used.kernel, &own, &used.solver, work, self.gamma.as_ref(), self.features)
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        Ok(vec![
            ("predictions", self.predictions(test).into()),
            ("dual", self.dual.row(0).to_owned().into()),
            ("intercept", self.expansion.intercept.clone().into()),
        ])
    }
}
