//! Power of two-sided t tests: what was achieved, the smallest detectable effect, and the sample size needed.
//!
//! Under an effect the t statistic is noncentral t, so all three follow from
//! `power(δ) = P(|T_{df, δ}| > t_{1 − α/2, df})`: Cohen (1988), "Statistical Power Analysis for the Behavioral
//! Sciences", 2nd ed., chapters 2 and 12. Effects are standardised (Cohen's d).

use super::distribution::{Known, t_critical};
use super::error::{StatsError, check_above_zero, check_open_unit};
use super::noncentral_t;
use super::solve::{root_from_zero, smallest};

/// The probability that a two-sided t test at level `alpha` rejects, when its statistic has this noncentrality.
///
/// # Errors
/// If `df` or `alpha` are out of range, or the noncentrality is not finite.
pub fn t_test_power(noncentrality: f64, df: f64, alpha: f64) -> Result<f64, StatsError> {
    check_above_zero("the degrees of freedom", df)?;
    check_open_unit("alpha", alpha)?;
    if !noncentrality.is_finite() {
        let (name, allowed) = ("the noncentrality", "finite");
        return Err(StatsError::Parameter { name, allowed, value: noncentrality });
    }
    Ok(power_at(noncentrality, df, t_critical(alpha, df)))
}

/// The noncentrality at which a two-sided t test at level `alpha` rejects with probability `power`.
///
/// # Errors
/// If `df` or `alpha` are out of range, or `power` is not in (`alpha`, 1).
pub fn detectable_noncentrality(df: f64, alpha: f64, power: f64) -> Result<f64, StatsError> {
    check_above_zero("the degrees of freedom", df)?;
    check_levels(alpha, power)?;
    thread_local!(static KNOWN: Known<3> = Known::default());
    let found = || {
        let critical = t_critical(alpha, df);
        root_from_zero(|noncentrality| power_at(noncentrality, df, critical) - power, critical)
    };
    Ok(KNOWN.with(|known| known.value([df, alpha, power], found)))
}

/// The power of the paired t test: noncentrality `d √n`, where d is the mean difference over the standard deviation of
/// the differences.
///
/// # Errors
/// If there are fewer than 2 pairs, `alpha` is out of range, or the effect is not finite.
pub fn paired_power(effect: f64, pairs: usize, alpha: f64) -> Result<f64, StatsError> {
    let (df, scale) = paired(pairs)?;
    t_test_power(effect * scale, df, alpha)
}

/// The power of Student's t test: noncentrality `d / √(1/n₁ + 1/n₂)`, where d is the difference of means over the
/// common standard deviation.
///
/// # Errors
/// If a sample has fewer than 2 values, `alpha` is out of range, or the effect is not finite.
pub fn two_sample_power(effect: f64, first: usize, second: usize, alpha: f64) -> Result<f64, StatsError> {
    let (df, scale) = two_sample(first, second)?;
    t_test_power(effect * scale, df, alpha)
}

/// The smallest effect d > 0 that the paired t test shows with this power.
///
/// # Errors
/// If there are fewer than 2 pairs, `alpha` is out of range, or `power` is not in (`alpha`, 1).
pub fn paired_detectable(pairs: usize, alpha: f64, power: f64) -> Result<f64, StatsError> {
    let (df, scale) = paired(pairs)?;
    Ok(detectable_noncentrality(df, alpha, power)? / scale)
}

/// The smallest effect d > 0 that Student's t test shows with this power.
///
/// # Errors
/// If a sample has fewer than 2 values, `alpha` is out of range, or `power` is not in (`alpha`, 1).
pub fn two_sample_detectable(first: usize, second: usize, alpha: f64, power: f64) -> Result<f64, StatsError> {
    let (df, scale) = two_sample(first, second)?;
    Ok(detectable_noncentrality(df, alpha, power)? / scale)
}

/// The number of pairs from which the paired t test shows the effect with this power.
///
/// # Errors
/// If `alpha` or `power` are out of range, or the effect is so small (0 included) that 1 000 000 pairs do not do.
pub fn paired_needed(effect: f64, alpha: f64, power: f64) -> Result<usize, StatsError> {
    needed(effect, alpha, power, paired)
}

/// The size of each of two equal samples from which Student's t test shows the effect with this power.
///
/// # Errors
/// If `alpha` or `power` are out of range, or the effect is so small (0 included) that 1 000 000 values in each do
/// not do.
pub fn two_sample_needed(effect: f64, alpha: f64, power: f64) -> Result<usize, StatsError> {
    needed(effect, alpha, power, |n| two_sample(n, n))
}

/// Up to here a needed sample size is searched.
pub(super) const LARGEST_SAMPLE: usize = 1_000_000;

fn needed(
    effect: f64,
    alpha: f64,
    power: f64,
    design: impl Fn(usize) -> Result<(f64, f64), StatsError>,
) -> Result<usize, StatsError> {
    check_levels(alpha, power)?;
    let reached = |n| {
        design(n)
            .and_then(|(df, scale)| t_test_power(effect * scale, df, alpha))
            .is_ok_and(|got| got >= power)
    };
    let (name, allowed) = ("the effect", "large enough to be shown by 1 000 000 values");
    smallest(2, LARGEST_SAMPLE, reached).ok_or(StatsError::Parameter { name, allowed, value: effect })
}

fn check_levels(alpha: f64, power: f64) -> Result<(), StatsError> {
    check_open_unit("alpha", alpha)?;
    if alpha < power && power < 1.0 {
        return Ok(());
    }
    Err(StatsError::Parameter { name: "power", allowed: "above alpha and below 1", value: power })
}

/// Degrees of freedom, and the factor from effect to noncentrality.
fn paired(pairs: usize) -> Result<(f64, f64), StatsError> {
    if pairs < 2 {
        return Err(StatsError::TooFew { needed: 2, got: pairs });
    }
    Ok((pairs as f64 - 1.0, (pairs as f64).sqrt()))
}

fn two_sample(first: usize, second: usize) -> Result<(f64, f64), StatsError> {
    let fewer = first.min(second);
    if fewer < 2 {
        return Err(StatsError::TooFew { needed: 2, got: fewer });
    }
    let (first, second) = (first as f64, second as f64);
    Ok((first + second - 2.0, 1.0 / (1.0 / first + 1.0 / second).sqrt()))
}

pub(super) fn power_at(noncentrality: f64, df: f64, critical: f64) -> f64 {
    let above = noncentral_t::cdf(-critical, df, -noncentrality);
    let below = noncentral_t::cdf(-critical, df, noncentrality);
    above + below
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{Case, agrees};

    #[test]
    fn equals_statsmodels() {
        for case in Case::all(include_str!("../../tests/reference/distributions.json")) {
            let (alpha, effect) = (|| case.number("alpha"), || case.number("effect"));
            let (n, n2) = (|| case.count("n"), || case.count("n2"));
            let got = match case.name.as_str() {
                "paired power" => paired_power(effect(), n(), alpha()),
                "two-sample power" => two_sample_power(effect(), n(), n2(), alpha()),
                "paired detectable" => paired_detectable(n(), alpha(), case.number("power")),
                "two-sample detectable" => two_sample_detectable(n(), n2(), alpha(), case.number("power")),
                "paired needed" => paired_needed(effect(), alpha(), case.number("power")).map(|n| n as f64),
                "two-sample needed" => {
                    two_sample_needed(effect(), alpha(), case.number("power")).map(|n| n as f64)
                }
                _ => continue,
            };
            agrees(&case, "value", got.unwrap(), 1e-8);
        }
    }

    #[test]
    fn detectable_and_needed_invert_power() {
        for n in [2, 3, 10, 500] {
            let effect = paired_detectable(n, 0.05, 0.9).unwrap();
            assert!((paired_power(effect, n, 0.05).unwrap() - 0.9).abs() < 1e-10);
            assert_eq!(paired_needed(effect * (1.0 + 1e-9), 0.05, 0.9), Ok(n));
            assert_eq!(paired_needed(-effect * (1.0 + 1e-9), 0.05, 0.9), Ok(n));
        }
        assert!((t_test_power(0.0, 7.0, 0.05).unwrap() - 0.05).abs() < 1e-12);
    }

    #[test]
    fn refuses_parameters_out_of_range() {
        use StatsError::{Parameter, TooFew};
        assert_eq!(paired_power(1.0, 1, 0.05), Err(TooFew { needed: 2, got: 1 }));
        assert_eq!(two_sample_detectable(5, 1, 0.05, 0.8), Err(TooFew { needed: 2, got: 1 }));
        assert!(matches!(t_test_power(f64::NAN, 3.0, 0.05), Err(Parameter { .. })));
        assert!(matches!(t_test_power(1.0, 0.0, 0.05), Err(Parameter { .. })));
        assert!(matches!(t_test_power(1.0, 3.0, 1.0), Err(Parameter { .. })));
        assert!(matches!(detectable_noncentrality(3.0, 0.05, 0.05), Err(Parameter { .. })));
        assert!(matches!(paired_needed(0.0, 0.05, 0.8), Err(Parameter { name: "the effect", .. })));
        assert!(matches!(paired_needed(1e-9, 0.05, 0.8), Err(Parameter { name: "the effect", .. })));
        assert!(matches!(two_sample_needed(1.0, 0.05, 2.0), Err(Parameter { name: "power", .. })));
    }
}
