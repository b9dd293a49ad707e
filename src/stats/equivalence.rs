//! Are two means equivalent, different, or is it undecided? Two one-sided t tests beside the two-sided one.
//!
//! Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics 15, 657–680: the means are equivalent at level
//! α if the interval of their difference at level 1 − 2α lies within the bounds. Where it does not, a two-sided test at
//! level α may show that they differ (Lakens 2017, Social Psychological and Personality Science 8, 355–362).

use super::describe::variance_of;
use super::distribution::{t_cdf, t_critical};
use super::error::{StatsError, differences};
use super::power::{LARGEST_SAMPLE, power_at};
use super::solve::smallest;
use super::t_test::{self, TTest, two_variances, welch_satterthwaite};
use super::{Interval, noncentral_t};

/// The power with which [`Outcome::Undecided`] promises that its sample size decides.
pub const PROMISED_POWER: f64 = 0.8;

/// What the data show, the first that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The difference lies within the bounds.
    Equivalent,
    /// The difference is not 0, and not shown to lie within the bounds.
    Different,
    /// Neither is shown.
    Undecided {
        /// The number of pairs, or of values in each sample, from which one of both tests decides with
        /// [`PROMISED_POWER`], if difference and spread are what was measured. None above a million.
        needed: Option<usize>,
    },
}

/// The result of a test of equivalence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Equivalence {
    /// The two-sided t test of the difference, which has the difference and its standard error.
    pub test: TTest,
    /// The difference's interval at level 1 − 2α.
    pub interval: Interval,
    /// The larger of both one-sided p-values: equivalent if below α.
    pub p_value: f64,
    /// What is shown.
    pub outcome: Outcome,
}

/// Equivalence of paired samples: `mean(a − b)` within the bounds, in the samples' unit, at level `alpha`.
///
/// # Errors
/// As [`t_test::paired`]; if the bounds are not finite or in order, or `alpha` is not between 0 and 0.5.
pub fn paired(a: &[f64], b: &[f64], bounds: Interval, alpha: f64) -> Result<Equivalence, StatsError> {
    check(bounds, alpha)?;
    let test = t_test::paired(a, b)?;
    let variance = variance_of(&differences(a, b, 2)?);
    let at = |n: usize| ((variance / n as f64).sqrt(), n as f64 - 1.0);
    Ok(judge(test, bounds, alpha, at))
}

/// Equivalence of two samples: `mean(a) − mean(b)` within the bounds, by Welch's t tests at level `alpha`.
///
/// # Errors
/// As [`t_test::welch`]; if the bounds are not finite or in order, or `alpha` is not between 0 and 0.5.
pub fn welch(a: &[f64], b: &[f64], bounds: Interval, alpha: f64) -> Result<Equivalence, StatsError> {
    check(bounds, alpha)?;
    let test = t_test::welch(a, b)?;
    let (va, vb) = two_variances(a, b)?;
    let at = |n: usize| welch_satterthwaite(va, n as f64, vb, n as f64);
    Ok(judge(test, bounds, alpha, at))
}

fn check(bounds: Interval, alpha: f64) -> Result<(), StatsError> {
    if !(bounds.low.is_finite() && bounds.high.is_finite() && bounds.low < bounds.high) {
        let (name, allowed) = ("the lower bound", "finite and below the upper bound");
        return Err(StatsError::Parameter { name, allowed, value: bounds.low });
    }
    if !(alpha > 0.0 && alpha < 0.5) {
        return Err(StatsError::Parameter { name: "alpha", allowed: "between 0 and 0.5", value: alpha });
    }
    Ok(())
}

/// The outcome, where `at` gives standard error and degrees of freedom of a sample size.
fn judge(test: TTest, bounds: Interval, alpha: f64, at: impl Fn(usize) -> (f64, f64)) -> Equivalence {
    let (difference, error, df) = (test.difference, test.standard_error, test.degrees_of_freedom);
    let not_above_low = t_cdf(-(difference - bounds.low) / error, df);
    let not_below_high = t_cdf((difference - bounds.high) / error, df);
    let p_value = not_above_low.max(not_below_high);
    let half_width = t_critical(2.0 * alpha, df) * error;
    let outcome = if p_value < alpha {
        Outcome::Equivalent
    } else if test.result.p_value < alpha {
        Outcome::Different
    } else {
        let decides = |n| {
            let (error, df) = at(n);
            let shows_difference = power_at(difference / error, df, t_critical(alpha, df));
            shows_difference.max(equivalence_power(difference, bounds, error, df, alpha)) >= PROMISED_POWER
        };
        Outcome::Undecided { needed: smallest(2, LARGEST_SAMPLE, decides) }
    };
    let interval = Interval { low: difference - half_width, high: difference + half_width };
    Equivalence { test, interval, p_value, outcome }
}

/// The probability that both one-sided tests reject: Phillips (1990), Journal of Pharmacokinetics and
/// Biopharmaceutics 18, 137–144, by the difference of two noncentral t probabilities, which is never too high.
fn equivalence_power(difference: f64, bounds: Interval, error: f64, df: f64, alpha: f64) -> f64 {
    let critical = t_critical(2.0 * alpha, df);
    let below_high = noncentral_t::cdf(-critical, df, (difference - bounds.high) / error);
    let not_above_low = noncentral_t::cdf(critical, df, (difference - bounds.low) / error);
    (below_high - not_above_low).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{Case, agrees, agrees_or_fails};

    #[test]
    fn equals_statsmodels() {
        for case in Case::all(include_str!("../../tests/reference/equivalence.json")) {
            let (a, b, alpha) = (case.sample("a"), case.sample("b"), case.number("alpha"));
            let bounds = Interval { low: case.number("low"), high: case.number("high") };
            let results =
                [("paired", paired(&a, &b, bounds, alpha)), ("welch", welch(&a, &b, bounds, alpha))];
            for (key, got) in results {
                agrees_or_fails(&case, &format!("{key}_p"), got.clone().map(|got| got.p_value), 1e-8);
                let Ok(got) = got else { continue };
                agrees(&case, &format!("{key}_low"), got.interval.low, 1e-8);
                agrees(&case, &format!("{key}_high"), got.interval.high, 1e-8);
                let outcome = match got.outcome {
                    Outcome::Equivalent => "equivalent".to_owned(),
                    Outcome::Different => "different".to_owned(),
                    Outcome::Undecided { needed: Some(needed) } => format!("undecided, {needed} needed"),
                    Outcome::Undecided { needed: None } => "undecided".to_owned(),
                };
                assert_eq!(outcome, case.text(&format!("{key}_outcome")), "{key} of {}", case.name);
            }
        }
    }

    #[test]
    fn refuses_what_it_cannot_judge() {
        let bounds = Interval { low: -1.0, high: 1.0 };
        let (a, b) = ([1.0, 2.0, 3.0], [1.5, 2.0, 3.0]);
        assert!(matches!(paired(&a, &a, bounds, 0.05), Err(StatsError::NoSpread { .. })));
        assert!(matches!(welch(&a, &[1.0], bounds, 0.05), Err(StatsError::TooFew { .. })));
        assert!(matches!(paired(&a, &b, bounds, 0.5), Err(StatsError::Parameter { name: "alpha", .. })));
        for (low, high) in [(1.0, -1.0), (f64::NAN, 1.0), (-1.0, f64::INFINITY)] {
            assert!(matches!(welch(&a, &b, Interval { low, high }, 0.05), Err(StatsError::Parameter { .. })));
        }
    }
}
