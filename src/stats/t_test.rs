//! The t tests, two-sided, with the interval that belongs to each.
//!
//! Student (1908), Biometrika 6, 1–25; Welch (1947), Biometrika 34, 28–35.

use super::describe::{mean_of, variance_of};
use super::distribution::{t_critical, t_two_sided};
use super::error::{StatsError, check_open_unit, check_sample, differences, finite};
use super::{Interval, TestResult};

/// A t test of the hypothesis that the difference is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TTest {
    /// The difference of means, in the sample's unit.
    pub difference: f64,
    /// Its standard error, in the same unit.
    pub standard_error: f64,
    /// The degrees of freedom, not always whole.
    pub degrees_of_freedom: f64,
    /// t and its two-sided p-value.
    pub result: TestResult,
}

impl TTest {
    fn new(difference: f64, standard_error: f64, degrees_of_freedom: f64) -> Result<Self, StatsError> {
        finite("the standard error", standard_error)?;
        let statistic = finite("t", difference / standard_error)?;
        let p_value = t_two_sided(statistic, degrees_of_freedom);
        let result = TestResult { statistic, p_value };
        Ok(Self {
            difference: finite("the difference", difference)?,
            standard_error,
            degrees_of_freedom,
            result,
        })
    }

    /// The interval of the difference at level 1 − alpha: `difference ± t_{1 − α/2} · standard error`.
    ///
    /// # Errors
    /// If `alpha` is not between 0 and 1.
    pub fn interval(&self, alpha: f64) -> Result<Interval, StatsError> {
        check_open_unit("alpha", alpha)?;
        let half_width = t_critical(alpha, self.degrees_of_freedom) * self.standard_error;
        Ok(Interval { low: self.difference - half_width, high: self.difference + half_width })
    }
}

/// The t test that a mean equals `expected`: df = n − 1. Its interval, moved by `expected`, is the mean's.
///
/// # Errors
/// If there are fewer than 2 values, one is not finite, or all are equal up to rounding.
pub fn one_sample(values: &[f64], expected: f64) -> Result<TTest, StatsError> {
    check_sample(values, 2)?;
    check_sample(&[expected], 1)?;
    let n = values.len() as f64;
    let variance = variance_above_rounding(values, values)?;
    TTest::new(mean_of(values) - expected, (variance / n).sqrt(), n - 1.0)
}

/// The paired t test of `a − b`: df = n − 1.
///
/// # Errors
/// If the samples differ in length, there are fewer than 2 pairs, a value is not finite, or all differences are equal
/// up to rounding.
pub fn paired(a: &[f64], b: &[f64]) -> Result<TTest, StatsError> {
    let differences = differences(a, b, 2)?;
    let n = differences.len() as f64;
    let variance = variance_above_rounding(&differences, &[a, b].concat())?;
    TTest::new(mean_of(&differences), (variance / n).sqrt(), n - 1.0)
}

/// Student's t test of `mean(a) − mean(b)`, equal variances assumed: df = n₁ + n₂ − 2.
///
/// # Errors
/// If a sample has fewer than 2 values, one is not finite, or neither sample varies beyond rounding.
pub fn student(a: &[f64], b: &[f64]) -> Result<TTest, StatsError> {
    let (va, vb) = two_variances(a, b)?;
    let (na, nb) = (a.len() as f64, b.len() as f64);
    let df = na + nb - 2.0;
    let pooled = ((na - 1.0) * va + (nb - 1.0) * vb) / df;
    TTest::new(mean_of(a) - mean_of(b), (pooled * (1.0 / na + 1.0 / nb)).sqrt(), df)
}

/// The t test that one new value comes from where `earlier` ones came from: the difference from their mean, with the standard error
/// `s √(1 + 1/k)` and df = k − 1. Its interval is a prediction interval, moved by the mean: Hahn & Meeker (1991), "Statistical
/// Intervals", section 4.7.
///
/// # Errors
/// If there are fewer than 2 earlier values, one is not finite, or all are equal up to rounding.
pub fn new_observation(value: f64, earlier: &[f64]) -> Result<TTest, StatsError> {
    check_sample(earlier, 2)?;
    check_sample(&[value], 1)?;
    let k = earlier.len() as f64;
    let variance = variance_above_rounding(earlier, earlier)?;
    TTest::new(value - mean_of(earlier), (variance * (1.0 + 1.0 / k)).sqrt(), k - 1.0)
}

/// Welch's t test of `mean(a) − mean(b)`, variances free; degrees of freedom after Satterthwaite.
///
/// # Errors
/// As [`student`].
pub fn welch(a: &[f64], b: &[f64]) -> Result<TTest, StatsError> {
    let (va, vb) = two_variances(a, b)?;
    let (na, nb) = (a.len() as f64, b.len() as f64);
    let (standard_error, df) = welch_satterthwaite(va, na, vb, nb);
    TTest::new(mean_of(a) - mean_of(b), standard_error, df)
}

/// The standard error of a difference of means and its degrees of freedom, from variances and sizes.
pub(super) fn welch_satterthwaite(va: f64, na: f64, vb: f64, nb: f64) -> (f64, f64) {
    let (ea, eb) = (va / na, vb / nb);
    // As fractions of the sum, so that squares of small variances do not vanish.
    let (fa, fb) = (ea / (ea + eb), eb / (ea + eb));
    ((ea + eb).sqrt(), 1.0 / (fa * fa / (na - 1.0) + fb * fb / (nb - 1.0)))
}

pub(super) fn two_variances(a: &[f64], b: &[f64]) -> Result<(f64, f64), StatsError> {
    check_sample(a, 2)?;
    check_sample(b, 2)?;
    let of = |values| match variance_above_rounding(values, values) {
        Err(StatsError::NoSpread { .. }) => Ok(0.0),
        variance => variance,
    };
    match (of(a)?, of(b)?) {
        (0.0, 0.0) => Err(StatsError::NoSpread { statistic: "t" }),
        variances => Ok(variances),
    }
}

/// The variance, if the values differ by more than the rounding of numbers as large as `from`, which they were
/// computed from: a t of 10¹⁵ is an artefact of subtraction.
pub(super) fn variance_above_rounding(values: &[f64], from: &[f64]) -> Result<f64, StatsError> {
    let rounding = 4.0 * f64::EPSILON * from.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    let variance = finite("the variance", variance_of(values))?;
    if variance.sqrt() <= rounding { Err(StatsError::NoSpread { statistic: "t" }) } else { Ok(variance) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{Case, agrees, agrees_or_fails};

    #[test]
    fn equals_scipy() {
        for case in Case::all(include_str!("../../tests/reference/two_samples.json")) {
            let (a, b) = (case.sample("a"), case.sample("b"));
            for (key, got) in
                [("paired", paired(&a, &b)), ("student", student(&a, &b)), ("welch", welch(&a, &b))]
            {
                agrees_or_fails(
                    &case,
                    &format!("{key}_t"),
                    got.clone().map(|got| got.result.statistic),
                    1e-8,
                );
                let Ok(got) = got else { continue };
                let interval = got.interval(0.05).unwrap();
                agrees(&case, &format!("{key}_p"), got.result.p_value, 1e-8);
                agrees(&case, &format!("{key}_df"), got.degrees_of_freedom, 1e-8);
                agrees(&case, &format!("{key}_low"), interval.low, 1e-8);
                agrees(&case, &format!("{key}_high"), interval.high, 1e-8);
            }
            let one = one_sample(&a, 0.5);
            agrees_or_fails(&case, "one_sample_t", one.clone().map(|one| one.result.statistic), 1e-8);
            if let Ok(one) = one {
                agrees(&case, "one_sample_p", one.result.p_value, 1e-8);
            }
        }
    }

    #[test]
    fn a_new_observation_equals_statsmodels() {
        for case in Case::all(include_str!("../../tests/reference/new_observation.json")) {
            let got = new_observation(case.number("now"), &case.sample("earlier")).unwrap();
            agrees(&case, "difference", got.difference, 1e-8);
            for (level, alpha) in [("", 0.05), ("_family", 0.05 / 40.0)] {
                let interval = got.interval(alpha).unwrap();
                agrees(&case, &format!("low{level}"), interval.low, 1e-8);
                agrees(&case, &format!("high{level}"), interval.high, 1e-8);
            }
        }
        assert_eq!(new_observation(1.0, &[2.0]), Err(StatsError::TooFew { needed: 2, got: 1 }));
        assert!(matches!(new_observation(f64::NAN, &[2.0, 3.0]), Err(StatsError::NonFinite { .. })));
        assert!(matches!(new_observation(1.0, &[2.0, 2.0]), Err(StatsError::NoSpread { .. })));
    }

    #[test]
    fn refuses_what_it_cannot_test() {
        type Test = fn(&[f64], &[f64]) -> Result<TTest, StatsError>;
        for test in [paired as Test, student, welch] {
            assert_eq!(test(&[1.0], &[2.0]), Err(StatsError::TooFew { needed: 2, got: 1 }));
            assert!(matches!(
                test(&[1.0, f64::NAN], &[2.0, 3.0]),
                Err(StatsError::NonFinite { index: 1, .. })
            ));
            assert!(matches!(test(&[1.0, 1.0], &[2.0, 2.0]), Err(StatsError::NoSpread { .. })));
        }
        assert_eq!(paired(&[1.0, 2.0], &[1.0]), Err(StatsError::UnequalLengths { first: 2, second: 1 }));
        // Differences that only rounding made unequal.
        assert!(matches!(paired(&[0.3, 0.4, 0.7], &[0.1, 0.2, 0.5]), Err(StatsError::NoSpread { .. })));
    }
}
