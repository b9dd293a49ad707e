//! Scores of a regression: raw predictions against the targets, for every implementation alike.
//!
//! Definitions are those of scikit-learn 1.9 (`sklearn.metrics`) and `SciPy` (`skew`, `kurtosis`), checked against
//! both in the tests. One deviation: where those libraries return NaN or a conventional number (R² of a constant
//! target is 1 or 0 in scikit-learn), the score here is [`MetricError::Undefined`], with the reason.
//!
//! A residual is `e = y_true − y_pred`. A new metric is one function and one line of [`METRICS`].
#![expect(clippy::cast_precision_loss, reason = "no slice in memory has 2⁵³ values")]
#![expect(clippy::float_cmp, reason = "constant and zero are meant exactly")]
#![expect(clippy::unnecessary_wraps, reason = "all formulas have one signature")]

use crate::task::metric::{Better, MetricError, all_finite};

/// Targets and predictions that were checked: of one length, at least one of each, all finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs<'a> {
    targets: &'a [f64],
    predictions: &'a [f64],
    residuals: Vec<f64>,
}

impl<'a> Pairs<'a> {
    /// Checks the two slices, both of n values in the target's unit.
    ///
    /// # Errors
    /// If they are empty, of unequal length, or hold a value that is not finite.
    pub fn check(targets: &'a [f64], predictions: &'a [f64]) -> Result<Self, MetricError> {
        if targets.len() != predictions.len() {
            let (targets, predictions) = (targets.len(), predictions.len());
            return Err(MetricError::UnequalLengths { targets, predictions });
        }
        if targets.is_empty() {
            return Err(MetricError::Empty);
        }
        all_finite("targets", targets)?;
        all_finite("predictions", predictions)?;
        let residuals = targets.iter().zip(predictions).map(|(y, p)| y - p).collect();
        Ok(Self { targets, predictions, residuals })
    }

    /// R² and explained variance compare with the target's own spread, which a constant target lacks.
    fn target_varies(&self) -> Result<(), &'static str> {
        if self.targets.iter().all(|y| *y == self.targets[0]) {
            return Err("the target is constant");
        }
        Ok(())
    }
}

/// A metric of regression.
#[derive(Debug)]
pub struct Metric {
    /// Its name in results and reports.
    pub name: &'static str,
    /// What it is, in one line, with its unit.
    pub doc: &'static str,
    /// Which direction is better.
    pub better: Better,
    formula: Formula,
}

/// From checked pairs to a value, or the reason why there is none.
type Formula = fn(&Pairs) -> Result<f64, &'static str>;

impl Metric {
    const fn new(name: &'static str, better: Better, doc: &'static str, formula: Formula) -> Self {
        Self { name, doc, better, formula }
    }

    /// The metric's value.
    ///
    /// # Errors
    /// [`MetricError::Undefined`] where the formula has no value, or none that a float can hold.
    pub fn of(&self, pairs: &Pairs) -> Result<f64, MetricError> {
        let value =
            (self.formula)(pairs).and_then(|v| if v.is_finite() { Ok(v) } else { Err("it overflows") });
        value.map_err(|reason| MetricError::Undefined { metric: self.name, reason })
    }
}

/// Every metric of regression, in the order of reports.
#[rustfmt::skip]
pub static METRICS: &[Metric] = &[
    Metric::new("mse", Better::Lower, "mean squared error, in squared units of the target", mse),
    Metric::new("rmse", Better::Lower, "root mean squared error, in units of the target", rmse),
    Metric::new("mae", Better::Lower, "mean absolute error, in units of the target", mae),
    Metric::new("max_error", Better::Lower, "largest absolute error, in units of the target", max_error),
    Metric::new("mape", Better::Lower, "mean absolute error relative to the target, as a fraction", mape),
    Metric::new("r2", Better::Higher, "R², the fraction of the target's sum of squares that is explained", r2),
    Metric::new("explained_variance", Better::Higher, "R² that forgives a constant offset of the predictions", explained_variance),
    Metric::new("residual_std", Better::Lower, "standard deviation (n − 1) of the residuals, in units of the target", residual_std),
    Metric::new("residual_skewness", Better::Neither, "skewness of the residuals (target minus prediction), 0 if symmetric", residual_skewness),
    Metric::new("residual_kurtosis", Better::Neither, "excess kurtosis of the residuals, 0 if normal", residual_kurtosis),
];

/// The metric of that name.
pub fn metric(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

/// A metric's name and its value, or why it has none.
pub type Score = (&'static str, Result<f64, MetricError>);

/// Every metric of [`METRICS`], in its order. One that is undefined does not stop the others.
///
/// # Errors
/// As [`Pairs::check`].
pub fn score(targets: &[f64], predictions: &[f64]) -> Result<Vec<Score>, MetricError> {
    let pairs = Pairs::check(targets, predictions)?;
    Ok(METRICS.iter().map(|metric| (metric.name, metric.of(&pairs))).collect())
}

/// How many coefficients are not exactly zero: the size of a sparse linear model (scikit-learn's `coef_ != 0`).
///
/// # Errors
/// If a coefficient is not finite.
pub fn non_zero_coefficients(coefficients: &[f64]) -> Result<usize, MetricError> {
    all_finite("coefficients", coefficients)?;
    Ok(coefficients.iter().filter(|c| **c != 0.0).count())
}

/// `Σ e² / n` (`mean_squared_error`).
fn mse(pairs: &Pairs) -> Result<f64, &'static str> {
    Ok(mean(pairs.residuals.iter().map(|e| e * e)))
}

/// `√MSE` (`root_mean_squared_error`).
fn rmse(pairs: &Pairs) -> Result<f64, &'static str> {
    mse(pairs).map(f64::sqrt)
}

/// `Σ |e| / n` (`mean_absolute_error`).
fn mae(pairs: &Pairs) -> Result<f64, &'static str> {
    Ok(mean(pairs.residuals.iter().map(|e| e.abs())))
}

/// `max |e|` (`max_error`).
fn max_error(pairs: &Pairs) -> Result<f64, &'static str> {
    Ok(pairs.residuals.iter().fold(0.0, |largest, e| e.abs().max(largest)))
}

/// `Σ |e| / max(|y|, ε) / n` with ε = 2⁻⁵² (`mean_absolute_percentage_error`): arbitrarily large where a target is 0.
fn mape(pairs: &Pairs) -> Result<f64, &'static str> {
    let relative =
        pairs.residuals.iter().zip(pairs.targets).map(|(e, y)| e.abs() / y.abs().max(f64::EPSILON));
    Ok(mean(relative))
}

/// `1 − Σ e² / Σ (y − ȳ)²` (`r2_score` with `force_finite=False`).
fn r2(pairs: &Pairs) -> Result<f64, &'static str> {
    pairs.target_varies()?;
    let spread = central_moment(pairs.targets, 2);
    Ok(1.0 - mse(pairs)? / spread)
}

/// `1 − Var(e) / Var(y)` (`explained_variance_score` with `force_finite=False`).
fn explained_variance(pairs: &Pairs) -> Result<f64, &'static str> {
    pairs.target_varies()?;
    Ok(1.0 - central_moment(&pairs.residuals, 2) / central_moment(pairs.targets, 2))
}

/// `√(Σ (e − ē)² / (n − 1))` (`numpy.std` with `ddof=1`).
fn residual_std(pairs: &Pairs) -> Result<f64, &'static str> {
    match pairs.residuals.len() {
        1 => Err("one residual has no spread"),
        n => Ok((central_moment(&pairs.residuals, 2) * n as f64 / (n - 1) as f64).sqrt()),
    }
}

/// `m₃ / m₂^{3/2}` of the central moments (`scipy.stats.skew`, biased).
fn residual_skewness(pairs: &Pairs) -> Result<f64, &'static str> {
    let m2 = variance_above_rounding(&pairs.residuals)?;
    Ok(central_moment(&pairs.residuals, 3) / m2.powf(1.5))
}

/// `m₄ / m₂² − 3` of the central moments (`scipy.stats.kurtosis`, Fisher's, biased).
fn residual_kurtosis(pairs: &Pairs) -> Result<f64, &'static str> {
    let m2 = variance_above_rounding(&pairs.residuals)?;
    Ok(central_moment(&pairs.residuals, 4) / (m2 * m2) - 3.0)
}

/// The biased variance, if it is more than the rounding of the mean. The threshold is that of `SciPy`: `(ε · mean)²`.
fn variance_above_rounding(values: &[f64]) -> Result<f64, &'static str> {
    let m2 = central_moment(values, 2);
    let rounding = f64::EPSILON * mean(values.iter().copied());
    if m2 <= rounding * rounding { Err("the residuals are constant") } else { Ok(m2) }
}

/// `Σ (v − v̄)^k / n`.
fn central_moment(values: &[f64], k: i32) -> f64 {
    let center = mean(values.iter().copied());
    mean(values.iter().map(|v| (v - center).powi(k)))
}

/// `Σ v / n`; the iterator is not empty.
fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn equals_scikit_learn_and_scipy() {
        let cases: Value =
            serde_json::from_str(include_str!("../../../tests/reference/regression_metrics.json")).unwrap();
        let slice = |v: &Value| v.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect::<Vec<_>>();
        for case in cases.as_array().unwrap() {
            let scores = score(&slice(&case["y_true"]), &slice(&case["y_pred"])).unwrap();
            assert_eq!(scores.len(), case["values"].as_object().unwrap().len());
            for (name, value) in scores {
                let at = format!("{name} of {}", case["name"]);
                match (&case["values"][name], value) {
                    (Value::Null, Err(MetricError::Undefined { metric, .. })) => assert_eq!(metric, name),
                    (Value::Number(want), Ok(got)) => {
                        let want = want.as_f64().unwrap();
                        assert!((got - want).abs() <= 1e-9 * want.abs().max(1.0), "{at}: {got}, not {want}");
                    }
                    (want, got) => panic!("{at}: {got:?}, not {want:?}"),
                }
            }
        }
    }

    #[test]
    fn refuses_what_it_cannot_score() {
        assert_eq!(score(&[], &[]), Err(MetricError::Empty));
        let unequal = MetricError::UnequalLengths { targets: 1, predictions: 2 };
        assert_eq!(score(&[1.0], &[1.0, 2.0]), Err(unequal));
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let at = |result: Result<Vec<Score>, MetricError>| match result {
                Err(MetricError::NonFinite { values, index, .. }) => (values, index),
                other => panic!("{other:?}"),
            };
            assert_eq!(at(score(&[1.0, bad], &[1.0, 2.0])), ("targets", 1));
            assert_eq!(at(score(&[1.0, 2.0], &[bad, 2.0])), ("predictions", 0));
        }
    }

    #[test]
    fn never_returns_nan_or_infinity() {
        for (_, value) in score(&[1e300, -1e300, 0.0], &[-1e300, 1e300, 1.0]).unwrap() {
            assert!(value.map_or(true, f64::is_finite));
        }
        let overflow = metric("mse").unwrap().of(&Pairs::check(&[1e300], &[0.0]).unwrap());
        assert_eq!(overflow, Err(MetricError::Undefined { metric: "mse", reason: "it overflows" }));
    }

    #[test]
    fn a_constant_target_has_no_r2() {
        let value = metric("r2").unwrap().of(&Pairs::check(&[2.0, 2.0], &[2.0, 2.0]).unwrap());
        let undefined = value.unwrap_err().to_string();
        assert_eq!(undefined, "r2 is undefined: the target is constant");
    }

    #[test]
    fn names_are_unique_and_documented() {
        for (i, a) in METRICS.iter().enumerate() {
            assert!(!a.doc.is_empty() && METRICS[..i].iter().all(|b| b.name != a.name), "{}", a.name);
        }
    }

    #[test]
    fn counts_coefficients() {
        assert_eq!(non_zero_coefficients(&[0.0, -0.0, 1e-300, 3.0]), Ok(2));
        assert_eq!(non_zero_coefficients(&[]), Ok(0));
        assert!(non_zero_coefficients(&[f64::NAN]).is_err());
    }
}
