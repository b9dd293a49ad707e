//! What kernel machines of all frameworks share: their parameters, guards on the training rows, pairs of classes, and raw outputs.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::classes::several;
use super::{Ask, Tensor, Training};
use crate::task::parameter::{Parameters, Value};
use crate::task::svm::kernel::{Kernel, gamma};
use crate::task::svm::pairs::pairs;

/// The kernel's hyperparameters as asked. Libraries that have no such parameter for the kernel in use report them as asked.
#[derive(Debug, Clone)]
pub struct KernelChoice {
    asked: Parameters,
}

impl KernelChoice {
    /// From a request.
    pub fn new(ask: &Ask<'_>) -> Self {
        let names = ["kernel", "gamma", "degree", "coef0"];
        let asked = names.iter().filter_map(|name| {
            ask.hyperparameters.get(*name).map(|value| ((*name).to_owned(), value.clone()))
        });
        Self { asked: asked.collect() }
    }

    /// The kernel on these training rows.
    ///
    /// # Errors
    /// The rows are none, hold values that are not finite, or are so large that kernel values overflow.
    pub fn on(&self, x: ArrayView2<'_, f64>) -> Result<Kernel, String> {
        if x.is_empty() {
            return Err(format!("{} rows of {} features cannot be fitted", x.nrows(), x.ncols()));
        }
        let kernel = Kernel::of(&self.asked, x).ok_or("the hyperparameters name no kernel")?;
        let largest = x.outer_iter().map(|row| row.dot(&row)).fold(0.0, f64::max);
        let sum: f64 = x.sum();
        let bound = match kernel {
            Kernel::Linear => largest,
            Kernel::Rbf { gamma } => gamma * 4.0 * largest,
            Kernel::Polynomial { gamma, coef0, degree } => (gamma * largest + coef0).powi(degree),
        };
        if (sum + bound).is_finite() && bound < f64::MAX.sqrt() {
            Ok(kernel)
        } else {
            Err("the features hold values that are not finite, or are so large that the kernel overflows"
                .to_owned())
        }
    }

    /// The hyperparameters as asked.
    pub fn asked(&self) -> Parameters {
        self.asked.clone()
    }

    /// `gamma` as a number, for the receipt.
    pub fn resolved_gamma(&self, x: ArrayView2<'_, f64>) -> Option<Value> {
        self.asked.get("gamma").and_then(|value| gamma(value, x)).map(Value::Float)
    }
}

/// The training rows of a classification by class.
#[derive(Debug)]
pub struct Classes {
    /// The labels that the rows hold, in order.
    pub present: Vec<i64>,
    /// Each row's class, as an index into `present`.
    pub of_rows: Vec<usize>,
}

impl Classes {
    /// From the training labels.
    ///
    /// # Errors
    /// They are of a single class.
    pub fn new(training: &Training<'_>) -> Result<Self, String> {
        let target = training.classes()?;
        let present = several(target)?;
        let of_rows = target.iter().map(|label| present.partition_point(|p| p < label)).collect();
        Ok(Self { present, of_rows })
    }

    /// The pairs i < j with their training rows.
    pub fn pairs(&self) -> Vec<Pair> {
        pairs(self.present.len())
            .into_iter()
            .map(|(i, j)| {
                let rows: Vec<usize> = (0..self.of_rows.len())
                    .filter(|r| self.of_rows[*r] == i || self.of_rows[*r] == j)
                    .collect();
                let second = rows.iter().map(|r| self.of_rows[*r] == j).collect();
                Pair { classes: (i, j), rows, second }
            })
            .collect()
    }
}

/// Two classes and their training rows.
#[derive(Debug)]
pub struct Pair {
    /// Indices of the classes.
    pub classes: (usize, usize),
    /// The training rows of both.
    pub rows: Vec<usize>,
    /// Whether each of these is of the second class.
    pub second: Array1<bool>,
}

impl Pair {
    /// The pair's rows of the features; all rows where there are only two classes, without a copy.
    pub fn features<'a>(&self, x: ArrayView2<'a, f64>) -> ndarray::CowArray<'a, f64, ndarray::Ix2> {
        if self.rows.len() == x.nrows() { x.into() } else { x.select(Axis(0), &self.rows).into() }
    }
}

/// Raw outputs of one-against-one machines: `dual` [k, n] from each machine's coefficients of its own rows.
pub fn one_against_one_outputs<'c>(
    predictions: Vec<i64>,
    decision: Array2<f64>,
    intercept: Array1<f64>,
    coefficients: impl Iterator<Item = (&'c [usize], ArrayView1<'c, f64>)>,
    rows: usize,
) -> Vec<(&'static str, Tensor)> {
    let mut dual = Array2::zeros((decision.ncols(), rows));
    for (k, (own, values)) in coefficients.enumerate() {
        for (row, value) in own.iter().zip(values) {
            dual[[k, *row]] = *value;
        }
    }
    vec![
        ("predictions", predictions.into()),
        ("decision", decision.into()),
        ("dual", dual.into()),
        ("intercept", intercept.into()),
    ]
}
