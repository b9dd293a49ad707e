//! Dependence between values that were taken one after the other.

use super::describe::mean_of;
use super::error::{StatsError, check_sample};

/// The autocorrelation at lag 1: `Σ (xₜ − x̄)(xₜ₊₁ − x̄) / Σ (xₜ − x̄)²`, over n − 1 and n terms (`statsmodels.tsa.acf`).
///
/// Of n independent values it has expectation −1/n and, for large n, standard deviation 1/√n (Box, Jenkins & Reinsel 2008, Time Series
/// Analysis, 4th edition, section 2.1.6): −0.1 ± 0.3 at n = 10.
///
/// # Errors
/// If there are fewer than 2 values, one is not finite, or all are equal.
pub fn autocorrelation_lag_one(values: &[f64]) -> Result<f64, StatsError> {
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
    super::error::finite("the autocorrelation", products / squares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{Case, agrees_or_fails};

    #[test]
    fn equals_statsmodels() {
        for case in Case::all(include_str!("../../tests/reference/serial.json")) {
            let got = autocorrelation_lag_one(&case.sample("values"));
            agrees_or_fails(&case, "lag_one", got, 1e-10);
        }
    }

    #[test]
    fn refuses_what_cannot_depend() {
        assert_eq!(autocorrelation_lag_one(&[1.0]), Err(StatsError::TooFew { needed: 2, got: 1 }));
        assert!(matches!(autocorrelation_lag_one(&[0.1; 5]), Err(StatsError::NoSpread { .. })));
        assert!(matches!(autocorrelation_lag_one(&[0.1, f64::NAN]), Err(StatsError::NonFinite { .. })));
    }
}
