//! The mean of several means that were each measured with their own spread and their own number of values.

use super::Interval;
use super::describe::{mean_of, variance_of};
use super::distribution::t_critical;
use super::error::{StatsError, check_open_unit, check_sample, finite};

/// The mean over groups of the groups' means, and its interval. It speaks of these groups alone: their differences from one another
/// are no error of measurement.
///
/// The standard error is `√(Σ sᵢ²/nᵢ) / k`; its degrees of freedom are Welch and Satterthwaite's,
/// `(Σ sᵢ²/nᵢ)² / Σ ((sᵢ²/nᵢ)² / (nᵢ − 1))`. Satterthwaite (1946), Biometrics Bulletin 2, 110–114.
///
/// # Errors
/// If there is no group, one has fewer than 2 values or one that is not finite, or `alpha` is not between 0 and 1.
pub fn mean_of_means(groups: &[impl AsRef<[f64]>], alpha: f64) -> Result<(f64, Interval), StatsError> {
    check_open_unit("alpha", alpha)?;
    if groups.is_empty() {
        return Err(StatsError::TooFew { needed: 1, got: 0 });
    }
    let (mut mean, mut squared_error, mut denominator) = (0.0, 0.0, 0.0);
    for group in groups {
        let values = group.as_ref();
        check_sample(values, 2)?;
        let n = values.len() as f64;
        let of_mean = variance_of(values) / n;
        mean += mean_of(values);
        squared_error += of_mean;
        denominator += of_mean * of_mean / (n - 1.0);
    }
    let k = groups.len() as f64;
    let mean = finite("the mean", mean / k)?;
    if squared_error <= 0.0 {
        return Ok((mean, Interval { low: mean, high: mean }));
    }
    let df = squared_error * squared_error / denominator;
    let half_width = finite("the standard error", t_critical(alpha, df) * squared_error.sqrt() / k)?;
    Ok((mean, Interval { low: mean - half_width, high: mean + half_width }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::t_test;

    #[test]
    fn one_group_is_the_one_sample_t_interval() {
        let values = [0.1, 0.4, 0.2, 0.35];
        let (mean, interval) = mean_of_means(&[values], 0.05).unwrap();
        let test = t_test::one_sample(&values, 0.0).unwrap();
        assert!((mean - test.difference).abs() < 1e-15);
        let wanted = test.interval(0.05).unwrap();
        assert!((interval.low - wanted.low).abs() < 1e-12 && (interval.high - wanted.high).abs() < 1e-12);
    }

    #[test]
    fn two_groups_of_opposite_sign_are_half_of_welchs_difference() {
        let (a, b) = ([1.0, 1.3, 0.7, 1.1], [0.2, 0.9, 0.5]);
        let minus_b = b.map(|x: f64| -x);
        let (mean, interval) = mean_of_means(&[&a[..], &minus_b], 0.05).unwrap();
        let welch = t_test::welch(&a, &b).unwrap();
        let wanted = welch.interval(0.05).unwrap();
        assert!((mean - welch.difference / 2.0).abs() < 1e-15);
        assert!((interval.low - wanted.low / 2.0).abs() < 1e-12);
        assert!((interval.high - wanted.high / 2.0).abs() < 1e-12);
    }

    #[test]
    fn refuses_what_it_cannot_sum_up() {
        let none: [&[f64]; 0] = [];
        assert_eq!(mean_of_means(&none, 0.05), Err(StatsError::TooFew { needed: 1, got: 0 }));
        assert_eq!(mean_of_means(&[[1.0]], 0.05), Err(StatsError::TooFew { needed: 2, got: 1 }));
        assert!(mean_of_means(&[[1.0, f64::NAN]], 0.05).is_err());
        assert!(mean_of_means(&[[1.0, 2.0]], 1.0).is_err());
        let constant = mean_of_means(&[[1.0, 1.0], [3.0, 3.0]], 0.05).unwrap();
        assert_eq!(constant, (2.0, Interval { low: 2.0, high: 2.0 }));
    }
}
