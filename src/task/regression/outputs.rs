//! The raw outputs of a regression trial, read and checked.

use std::path::Path;

use ndarray::Array1;
use safetensors::{Dtype, SafeTensors};

use super::linear::Penalty;
use crate::data::bundle::{TEST_FEATURES, TRAIN_FEATURES};
use crate::task::{Problem, TaskError};

/// Checked raw outputs: shapes fit the problem, every value is finite.
#[derive(Debug)]
pub struct Outputs {
    /// Predictions on all test rows.
    pub predictions: Array1<f64>,
    /// What the linear algorithms fitted.
    pub linear: Option<Linear>,
}

/// The parameters of a linear model.
#[derive(Debug)]
pub struct Linear {
    /// One coefficient for each feature.
    pub coefficients: Array1<f64>,
    /// The intercept.
    pub intercept: f64,
}

impl Outputs {
    /// Reads the outputs of a trial that was to solve `problem`.
    ///
    /// # Errors
    /// Unreadable, a tensor missing, of another shape or type, or not finite.
    pub fn read(path: &Path, problem: &Problem<'_>) -> Result<Self, TaskError> {
        let unreadable =
            |message: String| TaskError::Unreadable { path: path.display().to_string(), message };
        let bytes = std::fs::read(path).map_err(|e| unreadable(e.to_string()))?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|e| unreadable(e.to_string()))?;
        let bundle = problem.bundle;
        let predictions = vector(&tensors, "predictions", bundle.rows(TEST_FEATURES)?)?;
        let is_linear = Penalty::of(problem.algorithm, problem.hyperparameters, 1).is_some();
        let linear = is_linear
            .then(|| -> Result<_, TaskError> {
                Ok(Linear {
                    coefficients: vector(&tensors, "coefficients", bundle.columns(TRAIN_FEATURES)?)?,
                    intercept: vector(&tensors, "intercept", 1)?[0],
                })
            })
            .transpose()?;
        Ok(Self { predictions, linear })
    }
}

fn vector(tensors: &SafeTensors<'_>, name: &'static str, length: usize) -> Result<Array1<f64>, TaskError> {
    let tensor = tensors.tensor(name).map_err(|_| TaskError::Missing { name })?;
    if tensor.dtype() != Dtype::F64 || tensor.shape() != [length] {
        return Err(TaskError::Shape {
            name,
            found: format!("{:?} {:?}", tensor.dtype(), tensor.shape()),
            expected: format!("F64 [{length}]"),
        });
    }
    let values: Array1<f64> =
        tensor.data().as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(values),
        Some(index) => {
            Err(TaskError::NotFinite { name, count: values.iter().filter(|v| !v.is_finite()).count(), index })
        }
    }
}
