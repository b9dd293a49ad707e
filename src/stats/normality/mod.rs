//! Tests of normality. They are reported and decide nothing: a test that is chosen by a pre-test loses its level.

mod anderson_darling;
mod dagostino;
mod lilliefors;
mod shapiro_wilk;

pub use anderson_darling::anderson_darling;
pub use dagostino::dagostino_k2;
pub use lilliefors::lilliefors;
pub use shapiro_wilk::shapiro_wilk;

use super::describe::{mean_of, sorted, standard_deviation_of};
use super::error::{StatsError, check_varies, finite};

/// The values in increasing order, less their mean, over their standard deviation (n − 1).
fn standardised(statistic: &'static str, values: &[f64], needed: usize) -> Result<Vec<f64>, StatsError> {
    check_varies(statistic, values, needed)?;
    let (mean, deviation) =
        (mean_of(values), finite("the standard deviation", standard_deviation_of(values))?);
    Ok(sorted(values).into_iter().map(|x| (x - mean) / deviation).collect())
}

/// `c₀ + c₁ x + c₂ x² + …`
fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

#[cfg(test)]
mod tests {
    use super::super::TestResult;
    use super::super::reference::{Case, agrees, agrees_or_fails};
    use super::*;

    fn check(key: &str, test: fn(&[f64]) -> Result<TestResult, StatsError>, statistic: f64, p_value: f64) {
        for case in Case::all(include_str!("../../../tests/reference/normality.json")) {
            let got = test(&case.sample("x"));
            agrees_or_fails(&case, key, got.clone().map(|got| got.statistic), statistic);
            if let Ok(got) = got {
                agrees(&case, &format!("{key}_p"), got.p_value, p_value);
            }
        }
    }

    #[test]
    fn shapiro_wilk_equals_scipy() {
        // SciPy takes its normal quantiles from AS 111, which are good to about 1e-9; p magnifies the difference.
        check("shapiro_wilk", shapiro_wilk, 1e-8, 1e-6);
    }

    #[test]
    fn anderson_darling_equals_statsmodels() {
        check("anderson_darling", anderson_darling, 1e-8, 1e-8);
    }

    #[test]
    fn lilliefors_equals_statsmodels() {
        check("lilliefors", lilliefors, 1e-8, 1e-8);
    }

    #[test]
    fn dagostino_k2_equals_scipy() {
        check("dagostino_k2", dagostino_k2, 1e-8, 1e-8);
    }

    #[test]
    fn refuses_what_it_cannot_judge() {
        for test in [shapiro_wilk, anderson_darling, lilliefors, dagostino_k2] {
            assert!(matches!(test(&[]), Err(StatsError::TooFew { got: 0, .. })));
            assert!(matches!(test(&[3.0; 30]), Err(StatsError::NoSpread { .. })));
            let mut values: Vec<f64> = (0..30).map(f64::from).collect();
            values[7] = f64::NAN;
            assert!(matches!(test(&values), Err(StatsError::NonFinite { index: 7, .. })));
            values[7] = 1e308;
            assert!(test(&values).is_ok_and(|result| result.p_value <= 1e-3));
        }
    }
}
