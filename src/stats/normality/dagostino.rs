//! D'Agostino's K²: a test of normality from skewness and kurtosis.
//!
//! D'Agostino & Pearson (1973), Biometrika 60, 613–622. The two normalising transformations are D'Agostino's (1970,
//! Biometrika 57, 679–681) for skewness and Anscombe & Glynn's (1983, Biometrika 70, 227–234) for kurtosis.
//! Deviation from `SciPy` 1.17: a skewness of exactly 0 counts as 0; `skewtest` takes y = 1 instead of y = 0 there.

use super::super::TestResult;
use super::super::error::StatsError;
use super::standardised;

/// K² (larger: further from normal) and its p-value, chi-square with 2 degrees of freedom.
///
/// # Errors
/// If there are fewer than 8 values (the transformations do not hold below), one is not finite, or all are equal.
pub fn dagostino_k2(values: &[f64]) -> Result<TestResult, StatsError> {
    let z = standardised("K²", values, 8)?;
    let n = z.len() as f64;
    let moment = |k| z.iter().map(|z| z.powi(k)).sum::<f64>() / n;
    let variance = moment(2);
    let skewness = normalised_skewness(moment(3) / variance.powf(1.5), n);
    let kurtosis = normalised_kurtosis(moment(4) / (variance * variance), n);
    let statistic = skewness * skewness + kurtosis * kurtosis;
    Ok(TestResult { statistic, p_value: (-0.5 * statistic).exp() })
}

/// A standard normal, if the sample is normal, from the skewness √b₁ of n values.
fn normalised_skewness(skewness: f64, n: f64) -> f64 {
    let y = skewness * ((n + 1.0) * (n + 3.0) / (6.0 * (n - 2.0))).sqrt();
    let beta2 = 3.0 * (n * n + 27.0 * n - 70.0) * (n + 1.0) * (n + 3.0)
        / ((n - 2.0) * (n + 5.0) * (n + 7.0) * (n + 9.0));
    let w2 = (2.0 * (beta2 - 1.0)).sqrt() - 1.0;
    let alpha = (2.0 / (w2 - 1.0)).sqrt();
    (y / alpha).asinh() / (0.5 * w2.ln()).sqrt()
}

/// A standard normal, if the sample is normal, from the kurtosis b₂ (3 if normal) of n values.
fn normalised_kurtosis(kurtosis: f64, n: f64) -> f64 {
    let mean = 3.0 * (n - 1.0) / (n + 1.0);
    let variance = 24.0 * n * (n - 2.0) * (n - 3.0) / ((n + 1.0).powi(2) * (n + 3.0) * (n + 5.0));
    let x = (kurtosis - mean) / variance.sqrt();
    let sqrt_beta1 = 6.0 * (n * n - 5.0 * n + 2.0) / ((n + 7.0) * (n + 9.0))
        * (6.0 * (n + 3.0) * (n + 5.0) / (n * (n - 2.0) * (n - 3.0))).sqrt();
    let a = 6.0 + 8.0 / sqrt_beta1 * (2.0 / sqrt_beta1 + (1.0 + 4.0 / (sqrt_beta1 * sqrt_beta1)).sqrt());
    let cube = (1.0 - 2.0 / a) / (1.0 + x * (2.0 / (a - 4.0)).sqrt());
    (1.0 - 2.0 / (9.0 * a) - cube.cbrt()) / (2.0 / (9.0 * a)).sqrt()
}
