//! Statistics: numbers in, numbers out. Nothing here knows of trials, files or reports; `analysis` does.
//!
//! Every function checks its input and returns a [`StatsError`] where a formula has no value; none returns NaN.
//! Each is checked against `SciPy`, statsmodels, pingouin, scikit-learn or rliable: `tests/reference/*.py` made the
//! numbers, which are kept beside the scripts.
#![expect(clippy::cast_precision_loss, reason = "no sample in memory has 2⁵³ values")]
#![expect(clippy::float_cmp, reason = "ties and zeros are meant exactly")]

pub mod bootstrap;
pub mod correction;
pub mod describe;
pub mod distribution;
pub mod noncentral_t;
pub mod normality;
pub mod outlier;
pub mod paired_ratio;
pub mod permutation;
pub mod power;
pub mod rank_test;
pub mod several;
pub mod t_test;
pub mod variance;

mod error;
mod ranks;
#[cfg(test)]
mod reference;
mod solve;

pub use error::StatsError;

/// Both ends of an interval, in the unit of what it estimates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// What a test of a hypothesis found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestResult {
    /// The test's statistic.
    pub statistic: f64,
    /// The probability, if the hypothesis holds, of a statistic at least as extreme.
    pub p_value: f64,
}

impl Interval {
    /// The interval with both ends transformed by an increasing function.
    #[must_use]
    pub fn map(self, increasing: impl Fn(f64) -> f64) -> Self {
        Self { low: increasing(self.low), high: increasing(self.high) }
    }

    /// Whether the value lies in it, ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}
