//! C-SVC and nu-SVC on [`super::smo`], one machine for each pair of classes, as libsvm has them.
//!
//! linfa offers both; this is what a cached kernel, rows of vector instructions and predictions by blocks make of the same method.

use crate::backend::parameters::number;
use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::kernel_machine::{Expansion, Solver, Work, read_back};
use super::kernel_rows::KernelRows;
use super::smo::{Problem, Solution};
use crate::backend::kernel_machine::{Classes, KernelChoice, Pair};
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::parameter::{ParameterDef, Value};
use crate::task::svm::kernel::Kernel;
use crate::task::svm::pairs::{pairs, vote};

/// C-SVC or nu-SVC.
pub struct Classifier {
    name: &'static str,
    weight: &'static str,
}

/// C-SVC.
pub const SVC: Classifier = Classifier { name: "svc", weight: "C" };

/// nu-SVC.
pub const NU_SVC: Classifier = Classifier { name: "nu_svc", weight: "nu" };

impl Algorithm for Classifier {
    fn task(&self) -> &'static str {
        "classification"
    }
    fn name(&self) -> &'static str {
        self.name
    }
    fn doc(&self) -> &'static str {
        "sequential minimal optimisation (Fan, Chen, Lin 2005) with a kernel cache in double precision; several classes one against one"
    }
    fn settings(&self) -> Vec<ParameterDef> {
        Solver::settings()
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        Ok(Box::new(Configured {
            kernel: KernelChoice::new(ask),
            weight: self.weight,
            value: number(ask.hyperparameters, self.weight)?,
            solver: Solver::new(ask)?,
        }))
    }
}

#[derive(Debug, Clone)]
struct Configured {
    kernel: KernelChoice,
    weight: &'static str,
    value: f64,
    solver: Solver,
}

/// A pair's coefficients in the order of its rows, and its intercept.
struct Machine {
    solution: Solution,
    order: Vec<usize>,
    intercept: f64,
}

impl Configured {
    fn machine(&self, kernel: Kernel, pair: &Pair, x: ArrayView2<'_, f64>) -> Result<Machine, String> {
        // The rows of the second class first: a group of nu-SVC is a range.
        let of = |second: bool| {
            pair.rows.iter().zip(&pair.second).filter(move |(_, s)| **s == second).map(|(row, _)| *row)
        };
        let order: Vec<usize> = of(true).chain(of(false)).collect();
        let second = of(true).count();
        let mut rows = KernelRows::new(kernel, x, &order, self.solver.cache_mib);
        let problem = if self.weight == "nu" {
            self.by_nu(order.len(), second)?
        } else {
            self.by_cost(order.len(), second)
        };
        let mut solution = problem.solve(&mut rows, self.solver.tolerance, self.solver.max_steps);
        let intercept = if let [plus, minus] = solution.slopes[..] {
            // b - rho and b + rho are minus the slopes; as libsvm does, the answer is divided by rho.
            let rho = (plus - minus) / 2.0;
            if rho.is_nan() || rho <= 0.0 {
                return Err(format!("nu = {} has no solution: the classes' convex hulls meet", self.value));
            }
            solution.beta.iter_mut().for_each(|beta| *beta /= rho);
            -f64::midpoint(plus, minus) / rho
        } else {
            -solution.slopes[0]
        };
        if !(intercept.is_finite() && solution.beta.iter().all(|b| b.is_finite())) {
            return Err("the solution is not finite".to_owned());
        }
        Ok(Machine { solution, order, intercept })
    }

    fn by_cost(&self, n: usize, second: usize) -> Problem {
        let sign = |i: usize| if i < second { 1.0 } else { -1.0 };
        let bounds = |i: usize| if i < second { (0.0, self.value) } else { (-self.value, 0.0) };
        Problem {
            linear: (0..n).map(|i| -sign(i)).collect(),
            tube: 0.0,
            bounds: (0..n).map(bounds).collect(),
            start: vec![0.0; n],
            groups: std::iter::once(0..n).collect(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    fn by_nu(&self, n: usize, second: usize) -> Result<Problem, String> {
        let (needed, rarer) = (self.value * n as f64 / 2.0, second.min(n - second));
        if needed > rarer as f64 {
            return Err(format!(
                "nu = {} is infeasible: the rarer of two classes has {rarer} rows, and {needed} are needed",
                self.value
            ));
        }
        // libsvm's start: the first rows of each class at their bound.
        let place = |i: usize| if i < second { i } else { i - second };
        let share = |i: usize| (needed - place(i) as f64).clamp(0.0, 1.0);
        let sign = |i: usize| if i < second { 1.0 } else { -1.0 };
        Ok(Problem {
            linear: vec![0.0; n],
            tube: 0.0,
            bounds: (0..n).map(|i| if i < second { (0.0, 1.0) } else { (-1.0, 0.0) }).collect(),
            start: (0..n).map(|i| sign(i) * share(i)).collect(),
            groups: vec![0..second, second..n],
        })
    }
}

impl Estimator for Configured {
    fn fit<'t>(&self, training: &'t Training<'t>) -> Result<Box<dyn Fitted + 't>, String> {
        let x = training.features;
        let (kernel, classes) = (self.kernel.on(x)?, Classes::new(training)?);
        let mut work = Work::default();
        let pairs = classes.pairs();
        let mut dual = Array2::zeros((pairs.len(), x.nrows()));
        let mut intercept = Array1::zeros(pairs.len());
        for (k, pair) in pairs.iter().enumerate() {
            let machine = self.machine(kernel, pair, x)?;
            work.add(&machine.solution);
            for (row, beta) in machine.order.iter().zip(&machine.solution.beta) {
                dual[[k, *row]] = *beta;
            }
            intercept[k] = machine.intercept;
        }
        Ok(Box::new(Model {
            expansion: Expansion::new(kernel, x, &dual, intercept),
            dual,
            present: classes.present,
            work,
            gamma: self.kernel.resolved_gamma(x),
            features: x.ncols(),
            configured: self.clone(),
        }))
    }
}

struct Model {
    expansion: Expansion,
    /// [k, n]
    dual: Array2<f64>,
    present: Vec<i64>,
    work: Work,
    gamma: Option<Value>,
    features: usize,
    configured: Configured,
}

impl Model {
    fn labels(&self, decision: &Array2<f64>) -> Array1<i64> {
        let pairs = pairs(self.present.len());
        decision.axis_iter(Axis(0)).map(|row| self.present[vote(row, &pairs, self.present.len())]).collect()
    }
}

impl Fitted for Model {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        Ok(Answer::Labels(self.labels(&self.expansion.at(rows))))
    }

    fn read_back(&self) -> ReadBack {
        let used = &self.configured;
        let work = (&self.work, self.expansion.supports);
        let own = [(used.weight, used.value)];
        read_back(&used.kernel, &own, &used.solver, work, self.gamma.as_ref(), self.features)
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        let decision = self.expansion.at(test);
        Ok(vec![
            ("predictions", self.labels(&decision).to_vec().into()),
            ("decision", decision.into()),
            ("dual", self.dual.clone().into()),
            ("intercept", self.expansion.intercept.clone().into()),
        ])
    }
}
