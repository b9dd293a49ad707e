//! What the classifiers and the regressor on [`super::smo`] share: settings, the expansion in support vectors, and the receipt.

use crate::backend::parameters::{count, number};
use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::smo::Solution;
use crate::backend::kernel_machine::KernelChoice;
use crate::backend::{Ask, ReadBack};
use crate::task::parameter::{ParameterDef, Parameters, Value};
use crate::task::svm::kernel::Kernel;

/// Rows of one block of kernel values.
const BLOCK: usize = 256;

/// The settings of the solver.
#[derive(Debug, Clone)]
pub struct Solver {
    pub tolerance: f64,
    pub max_steps: usize,
    pub cache_mib: f64,
    settings: Parameters,
}

impl Solver {
    /// Their definitions.
    pub fn settings() -> Vec<ParameterDef> {
        vec![
            // The duality gap is at most twice the tolerance, in shares of the objective: 1e-7 is what a contract of 1e-6 needs.
            ParameterDef::float_from("tolerance", 0.0, 1e-7, "largest difference of two slopes at the end")
                .not_binding(),
            ParameterDef::int_from("max_iterations", 1, 10_000_000, "cap on the steps of each machine")
                .not_binding(),
            ParameterDef::float_from("cache_size", 0.0, 200.0, "size of the kernel cache in MiB")
                .not_binding(),
        ]
    }

    /// From a request.
    ///
    /// # Errors
    /// One is missing.
    pub fn new(ask: &Ask<'_>) -> Result<Self, String> {
        Ok(Self {
            tolerance: number(ask.settings, "tolerance")?,
            max_steps: count(ask.settings, "max_iterations")?,
            cache_mib: number(ask.settings, "cache_size")?,
            settings: ask.settings.clone(),
        })
    }
}

/// What the solver did, over all machines of a model.
#[derive(Debug, Clone)]
pub struct Work {
    steps: usize,
    converged: bool,
}

impl Default for Work {
    fn default() -> Self {
        Self { steps: 0, converged: true }
    }
}

impl Work {
    /// Adds a machine.
    pub fn add(&mut self, solution: &Solution) {
        self.steps += solution.steps;
        self.converged &= solution.converged;
    }
}

/// `sum over j of coefficients[j, k] K(support[j], x) + intercept[k]`.
pub struct Expansion {
    kernel: Kernel,
    /// Support vectors [s, d], less their centre where only distances count; none for a linear kernel.
    support: Array2<f64>,
    squares: Array1<f64>,
    centre: Array1<f64>,
    /// [s, k]; [d, k] for a linear kernel.
    coefficients: Array2<f64>,
    /// [k]
    pub intercept: Array1<f64>,
    /// The number of support vectors.
    pub supports: usize,
}

impl Expansion {
    /// From the dual coefficients [k, n] of the training rows.
    pub fn new(kernel: Kernel, x: ArrayView2<'_, f64>, dual: &Array2<f64>, intercept: Array1<f64>) -> Self {
        let chosen: Vec<usize> =
            (0..x.nrows()).filter(|i| dual.column(*i).iter().any(|v| *v != 0.0)).collect();
        let mut support = x.select(Axis(0), &chosen);
        let mut coefficients = dual.select(Axis(1), &chosen).reversed_axes();
        let mut centre = Array1::zeros(x.ncols());
        match kernel {
            Kernel::Linear => {
                coefficients = support.t().dot(&coefficients);
                support = Array2::zeros((0, x.ncols()));
            }
            Kernel::Rbf { .. } => {
                centre = support.mean_axis(Axis(0)).unwrap_or(centre);
                support -= &centre;
            }
            Kernel::Polynomial { .. } => {}
        }
        let squares = support.outer_iter().map(|row| row.dot(&row)).collect();
        Self { kernel, support, squares, centre, coefficients, intercept, supports: chosen.len() }
    }

    /// For rows [m, d]: [m, k].
    pub fn at(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut sums = Array2::zeros((rows.nrows(), self.intercept.len()));
        if self.kernel == Kernel::Linear {
            sums += &rows.dot(&self.coefficients);
        } else {
            for (block, mut sums) in
                rows.axis_chunks_iter(Axis(0), BLOCK).zip(sums.axis_chunks_iter_mut(Axis(0), BLOCK))
            {
                sums.assign(&self.values(block).dot(&self.coefficients));
            }
        }
        sums + &self.intercept
    }

    /// Kernel values of some rows with the support vectors.
    fn values(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        match self.kernel {
            Kernel::Rbf { gamma } => {
                let rows = &rows - &self.centre;
                let mut values = self.products(rows.view());
                for (mut line, row) in values.outer_iter_mut().zip(rows.outer_iter()) {
                    let square = row.dot(&row);
                    line.zip_mut_with(&self.squares, |value, other| {
                        *value = (-gamma * (square + other - 2.0 * *value).max(0.0)).exp();
                    });
                }
                values
            }
            Kernel::Polynomial { gamma, coef0, degree } => {
                self.products(rows).mapv_into(|v| (gamma * v + coef0).powi(degree))
            }
            Kernel::Linear => self.products(rows),
        }
    }

    fn products(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        match rows.nrows() {
            // A product with one vector needs no packing.
            1 => self.support.dot(&rows.row(0)).insert_axis(Axis(0)),
            _ => rows.dot(&self.support.t()),
        }
    }
}

/// The receipt. No library stands behind this code whose objects could be asked: these are the values that computed.
pub fn read_back(
    choice: &KernelChoice,
    own: &[(&str, f64)],
    solver: &Solver,
    (work, supports): (&Work, usize),
    gamma: Option<&Value>,
    features: usize,
) -> ReadBack {
    let mut hyperparameters = choice.asked();
    hyperparameters.extend(own.iter().map(|(name, value)| ((*name).to_owned(), Value::Float(*value))));
    let count = |value: usize| Value::Int(i64::try_from(value).unwrap_or(i64::MAX));
    let mut done: Parameters = [
        ("iterations".to_owned(), count(work.steps)),
        ("converged".to_owned(), Value::Bool(work.converged)),
        ("support_vectors".to_owned(), count(supports)),
    ]
    .into();
    done.extend(gamma.map(|gamma| ("gamma".to_owned(), gamma.clone())));
    let mut settings = solver.settings.clone();
    settings.insert("tolerance".to_owned(), Value::Float(solver.tolerance));
    settings.insert("cache_size".to_owned(), Value::Float(solver.cache_mib));
    ReadBack { hyperparameters, settings, work: done, layout: "column-major", features }
}
