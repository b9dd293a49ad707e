//! Power of two-sided t tests: what was achieved, the smallest detectable effect, and the sample size needed.
//!
//! Under an effect the t statistic is noncentral t, so all three follow from
//! `power(δ) = P(|T_{df, δ}| > t_{1 − α/2, df})`: Cohen (1988), "Statistical Power Analysis for the Behavioral
//! Sciences", 2nd ed., chapters 2 and 12. Effects are standardised (Cohen's d).

use super::distribution::t_critical;
use super::error::{StatsError, check_above_zero, check_open_unit};
use super::noncentral_t;
use super::solve::root_from_zero;

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
    check_open_unit("alpha", alpha)?;
    if !(alpha < power && power < 1.0) {
        return Err(StatsError::Parameter {
            name: "power",
            allowed: "above alpha and below 1",
            value: power,
        });
    }
    let critical = t_critical(alpha, df);
    Ok(root_from_zero(|noncentrality| power_at(noncentrality, df, critical) - power, critical))
}

fn power_at(noncentrality: f64, df: f64, critical: f64) -> f64 {
    let above = noncentral_t::cdf(-critical, df, -noncentrality);
    let below = noncentral_t::cdf(-critical, df, noncentrality);
    above + below
}
