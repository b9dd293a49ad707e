//! Whether values in the order of their measurement depend on those before: von Neumann's ratio.
//!
//! von Neumann (1941), "Distribution of the ratio of the mean square successive difference to the variance", Annals of
//! Mathematical Statistics 12, 367–395. It is the Durbin–Watson statistic of a sample about its mean. The p-value is
//! that of the symmetric beta distribution on [0, 4] which has the ratio's exact mean and variance (Durbin & Watson
//! 1951, Biometrika 38, 159–177, section 4). Against Imhof's exact integral it errs by at most 0.004, and by at most
//! 0.0015 where p ≤ 0.01, for samples of 6 and more.

use super::TestResult;
use super::describe::mean_of;
use super::distribution::{beta_cdf, normal_cdf};
use super::error::{StatsError, check_sample, check_varies, finite};

/// Below this the beta distribution is no longer close.
const SMALLEST: usize = 6;
const NAME: &str = "von Neumann's ratio";

/// `Σ (xᵢ₊₁ − xᵢ)² / Σ (xᵢ − x̄)²`, and the probability, if the values are independent and normal, of a smaller one.
///
/// The ratio lies between 0 and 4 and is 2 on average for independent values; `1 − ratio / 2` is about the
/// correlation of neighbours. The test is one-sided: correlation above 0 is what makes an interval too narrow.
///
/// # Errors
/// If there are fewer than 6 values, one is not finite, or all are equal.
pub fn von_neumann(values: &[f64]) -> Result<TestResult, StatsError> {
    let ratio = ratio(values)?;
    // The ratio's mean is 2 and its variance 4 (n − 2) / (n² − 1); that of the beta distribution is 4 / (2p + 1).
    let n = values.len() as f64;
    let p = (n * n - n + 1.0) / (2.0 * (n - 2.0));
    Ok(TestResult { statistic: ratio, p_value: beta_cdf(p, p, 0.25 * ratio, 1.0 - 0.25 * ratio) })
}

/// One test of several independent samples: the sum of their ratios less its mean, over its standard deviation, and
/// the probability of a smaller one, which is nearly normal for a sum. It finds what is common to all samples, such as
/// a machine that remembers, where each alone is too short to show it.
///
/// # Errors
/// If there is no sample, or as [`von_neumann`] of any.
pub fn von_neumann_pooled(samples: &[impl AsRef<[f64]>]) -> Result<TestResult, StatsError> {
    if samples.is_empty() {
        return Err(StatsError::TooFew { needed: 1, got: 0 });
    }
    let (mut sum, mut variance) = (0.0, 0.0);
    for sample in samples.iter().map(AsRef::as_ref) {
        let n = sample.len() as f64;
        sum += ratio(sample)? - 2.0;
        variance += 4.0 * (n - 2.0) / (n * n - 1.0);
    }
    let z = sum / variance.sqrt();
    Ok(TestResult { statistic: z, p_value: normal_cdf(z) })
}

/// The autocorrelation at lag 1: `Σ (xₜ − x̄)(xₜ₊₁ − x̄) / Σ (xₜ − x̄)²`, over n − 1 and n terms (`statsmodels.tsa.acf`).
///
/// Of n independent values it has expectation −1/n and, for large n, standard deviation 1/√n (Box, Jenkins & Reinsel 2008, Time Series
/// Analysis, 4th edition, section 2.1.6): −0.1 ± 0.3 at n = 10.
///
/// # Errors
/// If there are fewer than 2 values, one is not finite, or all are equal.
pub fn lag_one(values: &[f64]) -> Result<f64, StatsError> {
    check_sample(values, 2)?;
    if values.iter().all(|x| *x == values[0]) {
        return Err(StatsError::NoSpread { statistic: "the autocorrelation" });
    }
    let mean = mean_of(values);
    // Scaled to the largest deviation, so that no square overflows or vanishes.
    let largest = values.iter().map(|x| (x - mean).abs()).fold(0.0, f64::max);
    let deviations: Vec<f64> = values.iter().map(|x| (x - mean) / largest).collect();
    let products: f64 = deviations.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let squares: f64 = deviations.iter().map(|d| d * d).sum();
    finite("the autocorrelation", products / squares)
}

fn ratio(values: &[f64]) -> Result<f64, StatsError> {
    check_varies(NAME, values, SMALLEST)?;
    let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
    // Halved first, so that a range of large floats does not overflow.
    let half_range = 0.5 * high - 0.5 * low;
    let x: Vec<f64> = values.iter().map(|x| (0.5 * x - 0.5 * low) / half_range).collect();
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let successive: f64 = x.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum();
    let about_mean: f64 = x.iter().map(|x| (x - mean).powi(2)).sum();
    Ok(finite(NAME, successive / about_mean)?.clamp(0.0, 4.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{Case, agrees, agrees_or_fails};

    #[test]
    fn equals_statsmodels_and_is_near_the_exact_distribution() {
        for case in Case::all(include_str!("../../tests/reference/autocorrelation.json")) {
            let got = von_neumann(&case.sample("x"));
            agrees_or_fails(&case, "ratio", got.clone().map(|got| got.statistic), 1e-10);
            if let Ok(got) = got {
                agrees(&case, "p_beta", got.p_value, 1e-10);
                agrees(&case, "p_exact", got.p_value, if got.p_value <= 0.01 { 0.0015 } else { 0.004 });
            }
        }
    }

    #[test]
    fn a_trend_is_found_and_an_alternation_is_not() {
        let trend: Vec<f64> = (0..10).map(f64::from).collect();
        assert!(von_neumann(&trend).unwrap().p_value < 1e-4);
        let alternation: Vec<f64> = (0..10).map(|i| f64::from(i % 2)).collect();
        assert!(von_neumann(&alternation).unwrap().p_value > 0.999);
    }

    #[test]
    fn one_sample_pooled_is_its_own_test_but_for_the_normal_tail() {
        let x: Vec<f64> = (0..40).map(|i| f64::from(i * i % 17)).collect();
        let (alone, pooled) = (von_neumann(&x).unwrap(), von_neumann_pooled(&[&x]).unwrap());
        assert!((alone.p_value - pooled.p_value).abs() < 0.005, "{alone:?} {pooled:?}");
        let twice = von_neumann_pooled(&[&x, &x]).unwrap();
        assert!((twice.statistic / pooled.statistic - 2f64.sqrt()).abs() < 1e-12);
        assert!(von_neumann_pooled(&[[0.0; 0]; 0]).is_err() && von_neumann_pooled(&[&x[..5]]).is_err());
    }

    #[test]
    fn refuses_what_it_cannot_judge() {
        assert_eq!(von_neumann(&[1.0, 2.0, 3.0, 4.0, 5.0]), Err(StatsError::TooFew { needed: 6, got: 5 }));
        assert!(matches!(von_neumann(&[3.0; 8]), Err(StatsError::NoSpread { .. })));
        let mut values: Vec<f64> = (0..8).map(f64::from).collect();
        values[3] = f64::NAN;
        assert!(matches!(von_neumann(&values), Err(StatsError::NonFinite { index: 3, .. })));
        values[3] = f64::MAX;
        values[5] = f64::MIN;
        assert!(von_neumann(&values).is_ok_and(|got| got.statistic.is_finite()));
    }

    #[test]
    fn lag_one_equals_statsmodels() {
        for case in Case::all(include_str!("../../tests/reference/lag_one.json")) {
            let got = lag_one(&case.sample("values"));
            agrees_or_fails(&case, "lag_one", got, 1e-10);
        }
    }

    #[test]
    fn lag_one_refuses_what_cannot_depend() {
        assert_eq!(lag_one(&[1.0]), Err(StatsError::TooFew { needed: 2, got: 1 }));
        assert!(matches!(lag_one(&[0.1; 5]), Err(StatsError::NoSpread { .. })));
        assert!(matches!(lag_one(&[0.1, f64::NAN]), Err(StatsError::NonFinite { .. })));
    }
}
