//! Outliers: reported, never removed.

use super::Interval;
use super::describe::{median, median_absolute_deviation, quantile_of_sorted, sorted};
use super::error::{StatsError, check_above_zero, check_sample, finite};

/// Values beyond Tukey's fences.
#[derive(Debug, Clone, PartialEq)]
pub struct Fenced {
    /// The fences; values on them are inside.
    pub fences: Interval,
    /// The places, from 0, of the values outside.
    pub outside: Vec<usize>,
}

/// The values outside `[Q₁ − k·IQR, Q₃ + k·IQR]`. Tukey (1977), "Exploratory Data Analysis", chapter 2: k = 1.5 for
/// values "outside", 3 for "far out".
///
/// # Errors
/// If the sample is empty or holds a value that is not finite, `k` is not above 0, or a fence overflows.
pub fn tukey_fences(values: &[f64], k: f64) -> Result<Fenced, StatsError> {
    check_sample(values, 1)?;
    check_above_zero("k", k)?;
    let sorted = sorted(values);
    let (q1, q3) = (quantile_of_sorted(&sorted, 0.25), quantile_of_sorted(&sorted, 0.75));
    let reach = k * (q3 - q1);
    let fences = Interval { low: finite("a fence", q1 - reach)?, high: finite("a fence", q3 + reach)? };
    let outside = (0..values.len()).filter(|i| !fences.contains(values[*i])).collect();
    Ok(Fenced { fences, outside })
}

/// The modified z-score of each value, `0.6745 (x − median) / MAD`. Iglewicz & Hoaglin (1993), "How to Detect and
/// Handle Outliers": above 3.5 in size, a value is a potential outlier.
///
/// # Errors
/// If the sample is empty, holds a value that is not finite, or half its values or more are equal: then the MAD is 0.
pub fn modified_z_scores(values: &[f64]) -> Result<Vec<f64>, StatsError> {
    let (center, spread) = (median(values)?, median_absolute_deviation(values)?);
    if spread == 0.0 {
        return Err(StatsError::NoSpread { statistic: "the modified z-score" });
    }
    values.iter().map(|x| finite("a modified z-score", 0.6745 * (x - center) / spread)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{Case, agrees};

    #[test]
    fn equals_numpy() {
        for case in Case::all(include_str!("../../tests/reference/describe.json")) {
            let x = case.sample("x");
            let fenced = tukey_fences(&x, 1.5).unwrap();
            agrees(&case, "fence_low", fenced.fences.low, 1e-10);
            agrees(&case, "fence_high", fenced.fences.high, 1e-10);
            assert_eq!(fenced.outside, case.counts("outside"), "{}", case.name);
            match modified_z_scores(&x) {
                Ok(scores) => {
                    for (got, want) in scores.iter().zip(case.sample("modified_z_scores")) {
                        assert!((got - want).abs() <= 1e-10 * want.abs().max(1.0), "{}", case.name);
                    }
                }
                Err(StatsError::NoSpread { .. }) => {
                    assert!(case.is_undefined("modified_z_scores"), "{}", case.name);
                }
                Err(other) => panic!("{}: {other}", case.name),
            }
        }
    }

    #[test]
    fn refuses_what_it_cannot_judge() {
        assert_eq!(tukey_fences(&[], 1.5), Err(StatsError::TooFew { needed: 1, got: 0 }));
        assert!(matches!(tukey_fences(&[f64::NAN], 1.5), Err(StatsError::NonFinite { .. })));
        assert!(matches!(tukey_fences(&[1.0], -1.0), Err(StatsError::Parameter { .. })));
        assert!(matches!(tukey_fences(&[f64::MAX, -f64::MAX], 1.5), Err(StatsError::Overflow { .. })));
        assert!(matches!(modified_z_scores(&[f64::INFINITY]), Err(StatsError::NonFinite { .. })));
    }
}
