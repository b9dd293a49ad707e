//! What the metrics of all tasks share: why a score cannot be given, and which direction is the better one.

use thiserror::Error;

/// Why a score cannot be given.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum MetricError {
    /// There is nothing to score.
    #[error("there are no values to score")]
    Empty,
    /// Targets and predictions are not pairs.
    #[error("there are {targets} targets but {predictions} predictions")]
    UnequalLengths {
        /// Number of targets.
        targets: usize,
        /// Number of predictions.
        predictions: usize,
    },
    /// Labels do not belong to the rows.
    #[error("there are {rows} rows but {labels} labels")]
    UnequalRows {
        /// Number of rows.
        rows: usize,
        /// Number of labels.
        labels: usize,
    },
    /// A value is NaN or infinite.
    #[error("{values} should be finite, but number {index} is {value}")]
    NonFinite {
        /// Which values: `targets`, `predictions`, `coefficients`, `scores`, `probabilities` or `features`.
        values: &'static str,
        /// Its place, from 0.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A label is no class.
    #[error("{values} should be classes from 0 to {}, but number {index} is {label}", classes.saturating_sub(1))]
    UnknownClass {
        /// Which values: `targets` or `predictions`.
        values: &'static str,
        /// Its place, from 0.
        index: usize,
        /// The label.
        label: i64,
        /// How many classes there are.
        classes: usize,
    },
    /// A table has another shape than the rows and classes ask.
    #[error("{values} should be {expected:?}, but are {found:?}")]
    Shape {
        /// Which values: `scores` or `probabilities`.
        values: &'static str,
        /// The shape they have.
        found: [usize; 2],
        /// The shape they must have.
        expected: [usize; 2],
    },
    /// The formula has no value for these numbers.
    #[error("{metric} is undefined: {reason}")]
    Undefined {
        /// The metric's name.
        metric: &'static str,
        /// What is wrong with the numbers.
        reason: &'static str,
    },
}

/// Which direction of a metric is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Errors.
    Lower,
    /// Scores.
    Higher,
    /// Descriptions, such as skewness.
    Neither,
}

/// Checks that values are finite; `name` says which they are.
///
/// # Errors
/// The first that is not.
pub fn all_finite(name: &'static str, values: &[f64]) -> Result<(), MetricError> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(index) => Err(MetricError::NonFinite { values: name, index, value: values[index] }),
        None => Ok(()),
    }
}
