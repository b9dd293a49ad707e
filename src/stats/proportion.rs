//! Proportions: how sure a share of counted events is.

use super::Interval;
use super::distribution::normal_quantile;
use super::error::{StatsError, check_above_zero};

/// Wilson's interval of a probability, at level 1 − alpha, from `successes` of `trials` independent trials:
///
/// ```text
/// (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n),   z = Φ⁻¹(1 − α/2)
/// ```
///
/// (Wilson 1927, Journal of the American Statistical Association 22, 209–212, his equation for the limits). Unlike the interval p ± z·s it
/// stays within [0, 1] and keeps its level for shares near 0, which false positives are (Brown, Cai & DasGupta 2001, Statistical Science 16,
/// 101–133).
///
/// # Errors
/// If there are no trials, or more successes than trials, or alpha is not between 0 and 1.
pub fn wilson(successes: usize, trials: usize, alpha: f64) -> Result<Interval, StatsError> {
    check_above_zero("the number of trials", trials as f64)?;
    if successes > trials {
        let name = "the number of successes";
        return Err(StatsError::Parameter { name, allowed: "at most the trials", value: successes as f64 });
    }
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(StatsError::Parameter { name: "alpha", allowed: "between 0 and 1", value: alpha });
    }
    let n = trials as f64;
    let p = successes as f64 / n;
    let z = -normal_quantile(0.5 * alpha);
    let centre = p + z * z / (2.0 * n);
    let half_width = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    // At the ends the formula gives 0 and 1 up to rounding.
    let low = if successes == 0 { 0.0 } else { (centre - half_width) / scale };
    let high = if successes == trials { 1.0 } else { (centre + half_width) / scale };
    Ok(Interval { low, high })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{Case, agrees};

    #[test]
    fn equals_statsmodels() {
        for case in Case::all(include_str!("../../tests/reference/proportion.json")) {
            let alpha = case.number("alpha");
            let got = wilson(case.count("successes"), case.count("trials"), alpha).unwrap();
            agrees(&case, "low", got.low, 1e-10);
            agrees(&case, "high", got.high, 1e-10);
        }
    }

    #[test]
    fn refuses_what_is_no_share() {
        for (successes, trials, alpha) in
            [(0, 0, 0.05), (3, 2, 0.05), (1, 2, 0.0), (1, 2, 1.0), (1, 2, f64::NAN)]
        {
            assert!(matches!(wilson(successes, trials, alpha), Err(StatsError::Parameter { .. })));
        }
    }
}
