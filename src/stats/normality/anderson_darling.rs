//! The Anderson–Darling test of normality, mean and deviation estimated.
//!
//! Statistic: Anderson & Darling (1954), Journal of the American Statistical Association 49, 765–769. P-value:
//! D'Agostino & Stephens (1986), "Goodness-of-Fit Techniques", table 4.9.

use super::super::TestResult;
use super::super::distribution::normal_cdf;
use super::super::error::StatsError;
use super::{polynomial, standardised};

/// A² (larger: further from normal) and its p-value.
///
/// # Errors
/// If there are fewer than 8 values (the p-value's formula starts there), one is not finite, or all are equal.
pub fn anderson_darling(values: &[f64]) -> Result<TestResult, StatsError> {
    let z = standardised("A²", values, 8)?;
    let n = z.len() as f64;
    let terms = z.iter().zip(z.iter().rev()).enumerate().map(|(i, (low, high))| {
        let odd = (2 * i + 1) as f64;
        odd / n * (normal_cdf(*low).ln() + normal_cdf(-high).ln())
    });
    let statistic = -n - terms.sum::<f64>();
    Ok(TestResult { statistic, p_value: p_value(statistic * (1.0 + 0.75 / n + 2.25 / (n * n))) })
}

/// The p-value of the statistic that was modified for the sample size. Past 13 the last formula's parabola would
/// turn upwards; there it is below 5e-31.
fn p_value(modified: f64) -> f64 {
    match modified {
        a if a < 0.2 => 1.0 - polynomial(&[-13.436, 101.14, -223.73], a).exp(),
        a if a < 0.34 => 1.0 - polynomial(&[-8.318, 42.796, -59.938], a).exp(),
        a if a < 0.6 => polynomial(&[0.9177, -4.279, -1.38], a).exp(),
        a if a <= 13.0 => polynomial(&[1.2937, -5.709, 0.0186], a).exp(),
        _ => 0.0,
    }
}
