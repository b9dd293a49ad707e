//! The one error of statistics, and the checks that every function starts with.

use thiserror::Error;

/// Why a statistic cannot be given.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum StatsError {
    /// The sample is too small for the formula.
    #[error("at least {needed} values are needed, but there are {got}")]
    TooFew {
        /// Smallest size the formula allows.
        needed: usize,
        /// Size of the sample.
        got: usize,
    },
    /// The sample is larger than the method is valid or feasible for.
    #[error("at most {limit} values are supported, but there are {got}")]
    TooMany {
        /// Largest size.
        limit: usize,
        /// Size of the sample.
        got: usize,
    },
    /// A value is NaN or infinite.
    #[error("values should be finite, but number {index} is {value}")]
    NonFinite {
        /// Its place, from 0.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A value of a quantity that must be positive, such as a time, is zero or negative.
    #[error("values should be positive, but number {index} is {value}")]
    NotPositive {
        /// Its place, from 0.
        index: usize,
        /// The value.
        value: f64,
    },
    /// Samples that should be paired are not of one length.
    #[error("samples should be of one length, but one has {first} values and another {second}")]
    UnequalLengths {
        /// Length of the first sample.
        first: usize,
        /// Length of the one that differs.
        second: usize,
    },
    /// The formula divides by a spread, and there is none.
    #[error("all values are equal, so {statistic} is undefined")]
    NoSpread {
        /// What could not be computed.
        statistic: &'static str,
    },
    /// A parameter is out of its range.
    #[error("{name} should be {allowed}, but is {value}")]
    Parameter {
        /// The parameter's name.
        name: &'static str,
        /// What it may be.
        allowed: &'static str,
        /// What it is.
        value: f64,
    },
    /// The result is not a number that a float can hold.
    #[error("{statistic} overflows")]
    Overflow {
        /// What could not be computed.
        statistic: &'static str,
    },
}

/// At least `needed` values, all finite.
pub(super) fn check_sample(values: &[f64], needed: usize) -> Result<(), StatsError> {
    if values.len() < needed {
        return Err(StatsError::TooFew { needed, got: values.len() });
    }
    match values.iter().position(|v| !v.is_finite()) {
        Some(index) => Err(StatsError::NonFinite { index, value: values[index] }),
        None => Ok(()),
    }
}

/// At least `needed` values, all finite and above zero.
pub(super) fn check_positive(values: &[f64], needed: usize) -> Result<(), StatsError> {
    check_sample(values, needed)?;
    match values.iter().position(|v| *v <= 0.0) {
        Some(index) => Err(StatsError::NotPositive { index, value: values[index] }),
        None => Ok(()),
    }
}

/// At least `needed` values, all finite, that are not all equal.
pub(super) fn check_varies(statistic: &'static str, values: &[f64], needed: usize) -> Result<(), StatsError> {
    check_sample(values, needed)?;
    if values.iter().all(|v| *v == values[0]) { Err(StatsError::NoSpread { statistic }) } else { Ok(()) }
}

/// The differences `a − b` of two samples of one length, of at least `needed` pairs.
pub(super) fn differences(a: &[f64], b: &[f64], needed: usize) -> Result<Vec<f64>, StatsError> {
    if a.len() != b.len() {
        return Err(StatsError::UnequalLengths { first: a.len(), second: b.len() });
    }
    check_sample(a, needed)?;
    check_sample(b, needed)?;
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    check_sample(&differences, needed).map_err(|_| StatsError::Overflow { statistic: "the difference" })?;
    Ok(differences)
}

/// A probability strictly between 0 and 1.
pub(super) fn check_open_unit(name: &'static str, value: f64) -> Result<(), StatsError> {
    if value > 0.0 && value < 1.0 {
        return Ok(());
    }
    Err(StatsError::Parameter { name, allowed: "between 0 and 1, both excluded", value })
}

/// A finite number above zero.
pub(super) fn check_above_zero(name: &'static str, value: f64) -> Result<(), StatsError> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(StatsError::Parameter { name, allowed: "above 0", value })
}

/// A result that a float can hold.
pub(super) fn finite(statistic: &'static str, value: f64) -> Result<f64, StatsError> {
    if value.is_finite() { Ok(value) } else { Err(StatsError::Overflow { statistic }) }
}
