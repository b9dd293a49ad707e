//! Support vector machines by linfa-svm: SMO on a dense kernel matrix (Fan, Chen, Lin 2005), without a kernel cache.
//!
//! Deviations, each measured (docs/linfa.md):
//! * linfa is binary: several classes are one machine for each pair, and votes, of ours, as libsvm does it.
//! * `exp(-d²/eps)` is the Gaussian kernel, so eps = 1/gamma. The polynomial kernel has no gamma: features times its root give it exactly.
//! * `shrinking(true)` gives wrong answers or panics, so it is off and no setting.
//! * Its stopping rule has a cap of 10 million steps, which cannot be set.
//! * nu-SVC has no finite offset where one of the two classes has no support vector strictly between its bounds: an error here.
//! * nu-SVC with a linear kernel predicts wrongly (its hyperplane is not divided by rho): refused.
//! * An infeasible `nu`, and features that overflow the kernel, are refused here; linfa would return nonsense or panic.

use crate::backend::parameters::number;
use linfa::traits::{Fit, Predict};
use linfa::{DatasetBase, ParamGuard};
use linfa_svm::{Svm, SvmParams, SvmValidParams};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, CowArray, Ix2};

use crate::backend::kernel_machine::{Classes, KernelChoice, Pair, one_against_one_outputs};
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::implementation::Cannot;
use crate::task::parameter::{ParameterDef, Parameters, Value};
use crate::task::svm::kernel::Kernel;
use crate::task::svm::pairs::vote;

/// C-SVC or nu-SVC.
pub struct Classifier {
    name: &'static str,
    doc: &'static str,
    weight: &'static str,
}

/// C-SVC.
pub const SVC: Classifier = Classifier {
    name: "svc",
    doc: "linfa_svm::Svm by C, dense kernel matrix, shrinking off; several classes one against one",
    weight: "C",
};

/// nu-SVC.
pub const NU_SVC: Classifier = Classifier {
    name: "nu_svc",
    doc: "linfa_svm::Svm by nu, dense kernel matrix, shrinking off; several classes one against one",
    weight: "nu",
};

/// Why a fit may fail: `calculate_rho_nu` takes the largest where the smallest gradient is meant, starting from infinity.
const NOT_FINITE: &str = "the solution is not finite: linfa's nu-SVC has no offset where a class has no free support vector, and none exists where the classes' convex hulls meet";

/// The one setting of linfa's solver that can be trusted.
pub fn settings() -> Vec<ParameterDef> {
    vec![
        ParameterDef::float_from(
            "tolerance",
            0.0,
            1e-7,
            "largest sum of gradients of the most violating pair",
        )
        .not_binding(),
    ]
}

impl Algorithm for Classifier {
    fn task(&self) -> &'static str {
        "classification"
    }
    fn name(&self) -> &'static str {
        self.name
    }
    fn doc(&self) -> &'static str {
        self.doc
    }
    fn settings(&self) -> Vec<ParameterDef> {
        settings()
    }
    fn cannot(&self) -> Vec<Cannot> {
        let linear = Cannot {
            parameter: "kernel".to_owned(),
            values: vec![Value::Text("linear".to_owned())],
            reason: "linfa's nu-SVC divides its coefficients by rho, but not the hyperplane that it keeps for a linear kernel".to_owned(),
        };
        if self.weight == "nu" { vec![linear] } else { Vec::new() }
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        Ok(Box::new(Configured {
            kernel: KernelChoice::new(ask),
            weight: self.weight,
            value: number(ask.hyperparameters, self.weight)?,
            tolerance: number(ask.settings, "tolerance")?,
        }))
    }
}

/// Parameters with linfa's kernel.
pub fn with_kernel<L>(parameters: SvmParams<f64, L>, kernel: Kernel) -> SvmParams<f64, L> {
    match kernel {
        Kernel::Linear => parameters.linear_kernel(),
        Kernel::Rbf { gamma } => parameters.gaussian_kernel(1.0 / gamma),
        Kernel::Polynomial { coef0, degree, .. } => parameters.polynomial_kernel(coef0, f64::from(degree)),
    }
}

/// Rows as linfa's kernel needs them.
pub fn scaled(rows: ArrayView2<'_, f64>, kernel: Kernel) -> CowArray<'_, f64, Ix2> {
    match kernel {
        Kernel::Polynomial { gamma, .. } => (&rows * gamma.sqrt()).into(),
        _ => rows.into(),
    }
}

/// Steps and convergence, of which linfa tells only in words.
pub fn progress<T>(model: &Svm<f64, T>) -> (i64, bool) {
    let words = model.to_string();
    let steps = words.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or(-1);
    (steps, words.starts_with("Exited"))
}

struct Configured {
    kernel: KernelChoice,
    weight: &'static str,
    value: f64,
    tolerance: f64,
}

impl Configured {
    fn parameters(&self, kernel: Kernel) -> Result<SvmValidParams<f64, bool>, String> {
        let parameters = with_kernel(Svm::params(), kernel).eps(self.tolerance).shrinking(false);
        let parameters = if self.weight == "nu" {
            parameters.nu_weight(self.value)
        } else {
            parameters.pos_neg_weights(self.value, self.value)
        };
        parameters.check().map_err(|e| e.to_string())
    }

    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    fn feasible(&self, pair: &Pair) -> Result<(), String> {
        let second = pair.second.iter().filter(|s| **s).count();
        let rarer = second.min(pair.rows.len() - second) as f64;
        let needed = self.value * pair.rows.len() as f64 / 2.0;
        if self.weight == "nu" && needed > rarer {
            return Err(format!(
                "nu = {} is infeasible: the rarer of two classes has {rarer} rows, and {needed} are needed",
                self.value
            ));
        }
        Ok(())
    }
}

impl Estimator for Configured {
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>, String> {
        let x = training.features;
        let (kernel, classes) = (self.kernel.on(x)?, Classes::new(training)?);
        let parameters = self.parameters(kernel)?;
        let features = scaled(x, kernel);
        let mut machines = Vec::new();
        for pair in classes.pairs() {
            self.feasible(&pair)?;
            let own = pair.features(features.view());
            let model = parameters
                .fit(&DatasetBase::new(own.view(), pair.second.view()))
                .map_err(|e| e.to_string())?;
            if !(model.rho.is_finite() && model.alpha.iter().all(|a| a.is_finite())) {
                return Err(NOT_FINITE.to_owned());
            }
            machines.push(Machine { pair, model });
        }
        let gamma = self.kernel.resolved_gamma(x);
        Ok(Box::new(Model {
            machines,
            classes,
            kernel,
            parameters,
            asked: self.kernel.asked(),
            weight: self.weight,
            gamma,
            shape: x.dim(),
        }))
    }
}

struct Machine {
    pair: Pair,
    model: Svm<f64, bool>,
}

struct Model {
    machines: Vec<Machine>,
    classes: Classes,
    kernel: Kernel,
    /// The parameters that computed; the receipt reads from them.
    parameters: SvmValidParams<f64, bool>,
    asked: Parameters,
    weight: &'static str,
    gamma: Option<Value>,
    shape: (usize, usize),
}

impl Model {
    fn labels(&self, rows: ArrayView2<'_, f64>) -> Array1<i64> {
        let rows = scaled(rows, self.kernel);
        if let [machine] = self.machines.as_slice() {
            let second: Array1<bool> = machine.model.predict(&rows);
            return second.mapv(|s| self.classes.present[usize::from(s)]);
        }
        let mut votes = Array2::zeros((rows.nrows(), self.machines.len()));
        for (machine, mut column) in self.machines.iter().zip(votes.axis_iter_mut(Axis(1))) {
            let second: Array1<bool> = machine.model.predict(&rows);
            column.assign(&second.mapv(|s| if s { 1.0 } else { -1.0 }));
        }
        let pairs: Vec<_> = self.machines.iter().map(|m| m.pair.classes).collect();
        votes
            .outer_iter()
            .map(|row| self.classes.present[vote(row, &pairs, self.classes.present.len())])
            .collect()
    }
}

impl Fitted for Model {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        Ok(Answer::Labels(self.labels(rows)))
    }

    fn read_back(&self) -> ReadBack {
        let mut hyperparameters = self.asked.clone();
        let weight = if self.weight == "nu" { self.parameters.nu() } else { self.parameters.c() };
        if let Some((value, _)) = weight {
            hyperparameters.insert(self.weight.to_owned(), Value::Float(value));
        }
        let progress: Vec<(i64, bool)> = self.machines.iter().map(|m| progress(&m.model)).collect();
        let supports: usize = self.machines.iter().map(|m| m.model.nsupport()).sum();
        let mut work: Parameters = [
            ("iterations".to_owned(), Value::Int(progress.iter().map(|p| p.0).sum())),
            ("converged".to_owned(), Value::Bool(progress.iter().all(|p| p.1))),
            ("support_vectors".to_owned(), Value::Int(i64::try_from(supports).unwrap_or(i64::MAX))),
        ]
        .into();
        work.extend(self.gamma.clone().map(|gamma| ("gamma".to_owned(), gamma)));
        let tolerance = Value::Float(self.parameters.solver_params().eps);
        ReadBack {
            hyperparameters,
            settings: [("tolerance".to_owned(), tolerance)].into(),
            work,
            layout: "row-major",
            features: self.shape.1,
        }
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        let rows = scaled(test, self.kernel);
        let decision = Array2::from_shape_fn((rows.nrows(), self.machines.len()), |(i, k)| {
            let model = &self.machines[k].model;
            model.weighted_sum(&rows.row(i)) - model.rho
        });
        let coefficients =
            self.machines.iter().map(|m| (m.pair.rows.as_slice(), ArrayView1::from(&m.model.alpha)));
        Ok(one_against_one_outputs(
            self.labels(test).to_vec(),
            decision,
            self.machines.iter().map(|m| -m.model.rho).collect(),
            coefficients,
            self.shape.0,
        ))
    }
}
