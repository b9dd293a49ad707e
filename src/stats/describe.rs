//! Descriptive statistics of one sample, as `NumPy` and `SciPy` define them. All are in the sample's own unit.

use super::error::{StatsError, check_positive, check_sample, finite};

/// `Σ x / n`.
///
/// # Errors
/// If the sample is empty or holds a value that is not finite, or the sum overflows.
pub fn mean(values: &[f64]) -> Result<f64, StatsError> {
    check_sample(values, 1)?;
    finite("the mean", mean_of(values))
}

/// `√(Σ (x − x̄)² / (n − 1))`.
///
/// # Errors
/// If there are fewer than 2 values, one is not finite, or the result overflows.
pub fn standard_deviation(values: &[f64]) -> Result<f64, StatsError> {
    check_sample(values, 2)?;
    finite("the standard deviation", standard_deviation_of(values))
}

/// The middle value, or the mean of the two middle ones.
///
/// # Errors
/// If the sample is empty or holds a value that is not finite.
pub fn median(values: &[f64]) -> Result<f64, StatsError> {
    check_sample(values, 1)?;
    let mut values = values.to_vec();
    let middle = values.len() / 2;
    let odd = values.len() % 2 == 1;
    // What comes before the middle need not be sorted.
    let (before, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if odd {
        return Ok(*upper);
    }
    let lower = before.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Halved before they are added, so that the largest floats do not overflow.
    Ok(0.5 * lower + 0.5 * *upper)
}

/// The mean of what is left when `⌊fraction · n⌋` values are cut off each end (`scipy.stats.trim_mean`).
///
/// # Errors
/// As [`mean`], and if the fraction is not in [0, 0.5).
pub fn trimmed_mean(values: &[f64], fraction: f64) -> Result<f64, StatsError> {
    check_sample(values, 1)?;
    if !(0.0..0.5).contains(&fraction) {
        return Err(StatsError::Parameter { name: "the fraction", allowed: "in [0, 0.5)", value: fraction });
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below n / 2")]
    let cut = (fraction * values.len() as f64) as usize;
    mean(&sorted(values)[cut..values.len() - cut])
}

/// `exp(Σ ln x / n)`.
///
/// # Errors
/// If the sample is empty or holds a value that is not positive and finite.
pub fn geometric_mean(values: &[f64]) -> Result<f64, StatsError> {
    check_positive(values, 1)?;
    let logs: Vec<f64> = values.iter().map(|x| x.ln()).collect();
    Ok(mean_of(&logs).exp())
}

/// The value below which the fraction `q` of the sample lies, interpolated linearly between neighbours
/// (`numpy.quantile`, method `linear`: Hyndman & Fan 1996, The American Statistician 50, 361–365, definition 7).
///
/// # Errors
/// If the sample is empty or holds a value that is not finite, or `q` is not in [0, 1].
pub fn quantile(values: &[f64], q: f64) -> Result<f64, StatsError> {
    check_sample(values, 1)?;
    if !(0.0..=1.0).contains(&q) {
        return Err(StatsError::Parameter { name: "the quantile", allowed: "in [0, 1]", value: q });
    }
    finite("the quantile", quantile_of_sorted(&sorted(values), q))
}

/// The third quartile less the first.
///
/// # Errors
/// If the sample is empty or holds a value that is not finite, or the difference overflows.
pub fn interquartile_range(values: &[f64]) -> Result<f64, StatsError> {
    check_sample(values, 1)?;
    let sorted = sorted(values);
    finite("the interquartile range", quantile_of_sorted(&sorted, 0.75) - quantile_of_sorted(&sorted, 0.25))
}

/// The median of the absolute deviations from the median, unscaled (`scipy.stats.median_abs_deviation`).
///
/// # Errors
/// If the sample is empty or holds a value that is not finite, or a deviation overflows.
pub fn median_absolute_deviation(values: &[f64]) -> Result<f64, StatsError> {
    let center = median(values)?;
    let deviations: Vec<f64> = values.iter().map(|x| (x - center).abs()).collect();
    median(&deviations).map_err(|_| StatsError::Overflow { statistic: "the deviation from the median" })
}

/// `mean(a) / mean(b)`.
///
/// # Errors
/// As [`mean`] of each, and if the mean of `b` is 0.
pub fn ratio_of_means(a: &[f64], b: &[f64]) -> Result<f64, StatsError> {
    finite("the ratio of means", mean(a)? / mean(b)?)
}

/// `median(a) / median(b)`.
///
/// # Errors
/// As [`median`] of each, and if the median of `b` is 0.
pub fn ratio_of_medians(a: &[f64], b: &[f64]) -> Result<f64, StatsError> {
    finite("the ratio of medians", median(a)? / median(b)?)
}

/// `Σ x / n`; the sample is not empty.
pub(super) fn mean_of(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// `√(Σ (x − x̄)² / (n − 1))`; the sample has two values or more. The deviations are scaled before they are squared,
/// so that neither large nor small ones leave a float's range.
pub(super) fn standard_deviation_of(values: &[f64]) -> f64 {
    let mean = mean_of(values);
    let scale = values.iter().fold(0.0, |largest: f64, x| largest.max((x - mean).abs()));
    if scale == 0.0 {
        return 0.0;
    }
    let squares: f64 = values.iter().map(|x| ((x - mean) / scale).powi(2)).sum();
    scale * (squares / (values.len() - 1) as f64).sqrt()
}

/// The sample variance, `Σ (x − x̄)² / (n − 1)`; the sample has two values or more.
pub(super) fn variance_of(values: &[f64]) -> f64 {
    standard_deviation_of(values).powi(2)
}

/// The median of sorted values. They are halved before they are added, so that the largest floats do not overflow.
pub(super) fn median_of_sorted(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { 0.5 * sorted[middle - 1] + 0.5 * sorted[middle] }
}

/// The quantile of sorted values, for q in [0, 1].
pub(super) fn quantile_of_sorted(sorted: &[f64], q: f64) -> f64 {
    let (below, t) = quantile_place(sorted.len(), q);
    interpolated(sorted[below], sorted[(below + 1).min(sorted.len() - 1)], t)
}

/// The quantile of values in any order, which it moves: for one or two quantiles of many values, where sorting them takes longer.
pub(super) fn quantile_by_selection(values: &mut [f64], q: f64) -> f64 {
    let (below, t) = quantile_place(values.len(), q);
    let (_, low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let high = above.iter().copied().reduce(f64::min).unwrap_or(*low);
    interpolated(*low, high, t)
}

/// The place of the value below a quantile among n sorted ones, and how far the quantile is from it to the next.
fn quantile_place(n: usize, q: f64) -> (usize, f64) {
    let place = q * (n - 1) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and n − 1")]
    let below = place as usize;
    (below, place.fract())
}

fn interpolated(low: f64, high: f64, t: f64) -> f64 {
    // From the nearer end, as NumPy does, so that the result is monotone in q.
    if t < 0.5 { low + (high - low) * t } else { high - (high - low) * (1.0 - t) }
}

/// The values in increasing order; all are finite.
pub(super) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{Case, agrees_or_fails};
    use proptest::prelude::*;

    #[test]
    fn equals_scipy() {
        for case in Case::all(include_str!("../../tests/reference/describe.json")) {
            let x = case.sample("x");
            let check = |key, got| agrees_or_fails(&case, key, got, 1e-10);
            check("mean", mean(&x));
            check("standard_deviation", standard_deviation(&x));
            check("median", median(&x));
            check("trimmed_mean_10", trimmed_mean(&x, 0.1));
            check("trimmed_mean_25", trimmed_mean(&x, 0.25));
            check("geometric_mean", geometric_mean(&x));
            check("quantile_2.5", quantile(&x, 0.025));
            check("quantile_60", quantile(&x, 0.6));
            check("quantile_100", quantile(&x, 1.0));
            check("interquartile_range", interquartile_range(&x));
            check("median_absolute_deviation", median_absolute_deviation(&x));
        }
    }

    #[test]
    fn extremes_do_not_become_nan() {
        let max = f64::MAX;
        assert_eq!(median(&[max, max]), Ok(max));
        assert_eq!(mean(&[max, max]), Err(StatsError::Overflow { statistic: "the mean" }));
        assert!((standard_deviation(&[1e300, -1e300]).unwrap() / 2f64.sqrt() / 1e300 - 1.0).abs() < 1e-15);
        assert!((standard_deviation(&[1e-300, -1e-300]).unwrap() / 2f64.sqrt() / 1e-300 - 1.0).abs() < 1e-15);
        assert_eq!(geometric_mean(&[1.0, 0.0]), Err(StatsError::NotPositive { index: 1, value: 0.0 }));
        for function in [mean, median, geometric_mean, interquartile_range, median_absolute_deviation] {
            assert_eq!(function(&[]), Err(StatsError::TooFew { needed: 1, got: 0 }));
            assert!(matches!(function(&[1.0, f64::NAN]), Err(StatsError::NonFinite { index: 1, .. })));
        }
        assert!(quantile(&[1.0], 1.1).is_err() && quantile(&[1.0], f64::NAN).is_err());
        assert!(trimmed_mean(&[1.0], 0.5).is_err());
        assert_eq!(ratio_of_means(&[1.0, 5.0], &[2.0]), Ok(1.5));
        assert_eq!(ratio_of_medians(&[1.0, 5.0, 6.0], &[2.0]), Ok(2.5));
        assert!(matches!(ratio_of_medians(&[1.0], &[0.0]), Err(StatsError::Overflow { .. })));
    }

    proptest! {
        #[test]
        fn quantiles_are_monotone_and_inside(
            x in prop::collection::vec(-1e9..1e9, 1..30), p in 0.0..1.0, q in 0.0..1.0,
        ) {
            let (low, high) = (quantile(&x, f64::min(p, q)).unwrap(), quantile(&x, f64::max(p, q)).unwrap());
            prop_assert!(low <= high);
            prop_assert!(quantile(&x, 0.0).unwrap() <= low && high <= quantile(&x, 1.0).unwrap());
            prop_assert!((quantile(&x, 0.5).unwrap() - median(&x).unwrap()).abs() <= 1e-6);
        }
    }
}
