//! Scores of a classification: raw labels and scores against the classes, for every implementation alike.
//!
//! Definitions are those of scikit-learn 1.9 (`sklearn.metrics`), checked against it in the tests. Classes are the numbers
//! from 0; where there are two, class 1 is the positive one. Deviations and conventions:
//!
//! * Where scikit-learn warns and returns a conventional number for the whole metric (precision of a positive class that was
//!   never predicted, Matthews' correlation of a constant, areas under curves of one class), the score here is
//!   [`MetricError::Undefined`], with the reason.
//! * In averages over classes a class counts as scikit-learn's default counts it: one that occurs in neither truth nor
//!   predictions is left out; one that was never predicted has precision 0, one that never occurs has recall 0.
//! * Balanced accuracy averages the recalls of the classes that occur in the truth.
//! * Areas one-vs-rest are undefined where a class does not occur in the truth, instead of an average over NaN or 0.
//! * Probabilities are clipped to `[ε, 1 − ε]`, ε = 2⁻⁵², in the log-loss. Rows must sum to 1 within √ε, where scikit-learn warns.
//!
//! A new metric is one function and one line of [`METRICS`].
#![expect(clippy::cast_precision_loss, reason = "no slice in memory has 2⁵³ values")]

mod labels;
mod ranking;

use std::borrow::Cow;

use ndarray::{ArrayView2, Axis};

use crate::task::metric::{Better, MetricError};
pub use labels::{Labels, confusion};

/// Checked raw outputs: labels in range and in pairs, scores finite and one row for each label.
#[derive(Debug, Clone)]
pub struct Scored<'a> {
    labels: Labels<'a>,
    scores: Option<ArrayView2<'a, f64>>,
    probabilities: Option<ArrayView2<'a, f64>>,
}

impl<'a> Scored<'a> {
    /// Checks raw outputs of m rows: labels `truth` and `predictions` [m]; `scores` that order the rows by class, [m, 1] of class 1
    /// where there are two `classes` and [m, classes] otherwise; `probabilities` [m, classes]. Without scores the
    /// probabilities order the rows.
    ///
    /// # Errors
    /// As [`Labels::check`]; or a table has another shape or a value that is not finite.
    pub fn check(
        truth: &'a [i64],
        predictions: &'a [i64],
        scores: Option<ArrayView2<'a, f64>>,
        probabilities: Option<ArrayView2<'a, f64>>,
        classes: usize,
    ) -> Result<Self, MetricError> {
        let labels = Labels::check(truth, predictions, classes)?;
        let columns = if classes == 2 { 1 } else { classes };
        table("scores", scores, [truth.len(), columns])?;
        table("probabilities", probabilities, [truth.len(), classes])?;
        let last_column = |p: ArrayView2<'a, f64>| match classes {
            2 => p.split_at(Axis(1), 1).1,
            _ => p,
        };
        Ok(Self { labels, scores: scores.or(probabilities.map(last_column)), probabilities })
    }

    /// The column of scores that orders rows by how much they belong to `class`.
    fn scores_of(&self, class: usize) -> Result<Cow<'_, [f64]>, &'static str> {
        let scores = self.scores.as_ref().ok_or("there are no scores")?;
        let column = scores.column(if scores.ncols() == 1 { 0 } else { class });
        Ok(column.to_slice().map_or_else(|| Cow::Owned(column.to_vec()), Cow::Borrowed))
    }
}

fn table(
    name: &'static str,
    values: Option<ArrayView2<'_, f64>>,
    expected: [usize; 2],
) -> Result<(), MetricError> {
    let Some(values) = values else { return Ok(()) };
    let found = [values.nrows(), values.ncols()];
    if found != expected {
        return Err(MetricError::Shape { values: name, found, expected });
    }
    match values.iter().enumerate().find(|(_, v)| !v.is_finite()) {
        Some((index, value)) => Err(MetricError::NonFinite { values: name, index, value: *value }),
        None => Ok(()),
    }
}

/// For how many classes a metric has a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Any number.
    Any,
    /// Two, of which class 1 is the positive one.
    Two,
    /// More than two.
    Several,
}

impl Scope {
    fn covers(self, classes: usize) -> bool {
        match self {
            Self::Any => true,
            Self::Two => classes == 2,
            Self::Several => classes > 2,
        }
    }
}

/// A metric of classification.
#[derive(Debug)]
pub struct Metric {
    /// Its name in results and reports.
    pub name: &'static str,
    /// What it is, in one line.
    pub doc: &'static str,
    /// Which direction is better.
    pub better: Better,
    /// For how many classes it is given.
    pub scope: Scope,
    formula: Formula,
}

/// From checked outputs to a value, or the reason why there is none.
type Formula = fn(&Scored<'_>) -> Result<f64, &'static str>;

impl Metric {
    const fn higher(name: &'static str, scope: Scope, doc: &'static str, formula: Formula) -> Self {
        Self { name, doc, better: Better::Higher, scope, formula }
    }

    /// The metric's value.
    ///
    /// # Errors
    /// [`MetricError::Undefined`] where the formula has no value, or none that a float can hold.
    pub fn of(&self, scored: &Scored<'_>) -> Result<f64, MetricError> {
        let value =
            (self.formula)(scored).and_then(|v| if v.is_finite() { Ok(v) } else { Err("it overflows") });
        value.map_err(|reason| MetricError::Undefined { metric: self.name, reason })
    }
}

/// Every metric of classification, in the order of reports.
#[rustfmt::skip]
pub static METRICS: &[Metric] = &[
    Metric::higher("accuracy", Scope::Any, "share of rows whose class was predicted", |s| s.labels.accuracy()),
    Metric::higher("balanced_accuracy", Scope::Any, "mean recall of the classes that occur", |s| s.labels.balanced_accuracy()),
    Metric::higher("precision", Scope::Two, "share of the rows predicted as class 1 that are of class 1", |s| s.labels.precision()),
    Metric::higher("recall", Scope::Two, "share of the rows of class 1 that were predicted", |s| s.labels.recall()),
    Metric::higher("f1", Scope::Two, "harmonic mean of precision and recall of class 1", |s| s.labels.f1()),
    Metric::higher("precision_macro", Scope::Any, "mean precision of the classes", |s| s.labels.macro_mean(labels::precision_of)),
    Metric::higher("recall_macro", Scope::Any, "mean recall of the classes", |s| s.labels.macro_mean(labels::recall_of)),
    Metric::higher("f1_macro", Scope::Any, "mean F1 of the classes", |s| s.labels.macro_mean(labels::f1_of)),
    Metric::higher("precision_micro", Scope::Any, "precision of all classes counted together", |s| s.labels.micro(labels::precision_of)),
    Metric::higher("recall_micro", Scope::Any, "recall of all classes counted together", |s| s.labels.micro(labels::recall_of)),
    Metric::higher("f1_micro", Scope::Any, "F1 of all classes counted together", |s| s.labels.micro(labels::f1_of)),
    Metric::higher("precision_weighted", Scope::Any, "mean precision, classes weighted by their rows", |s| s.labels.weighted_mean(labels::precision_of)),
    Metric::higher("recall_weighted", Scope::Any, "mean recall, classes weighted by their rows", |s| s.labels.weighted_mean(labels::recall_of)),
    Metric::higher("f1_weighted", Scope::Any, "mean F1, classes weighted by their rows", |s| s.labels.weighted_mean(labels::f1_of)),
    Metric::higher("matthews", Scope::Any, "Matthews' correlation of truth and predictions, 0 for chance", |s| s.labels.matthews()),
    Metric::higher("roc_auc", Scope::Two, "area under the ROC curve: the chance that a row of class 1 scores above one of class 0", roc_auc),
    Metric::higher("roc_auc_ovr_macro", Scope::Several, "mean area under the ROC curves of each class against the rest", |s| one_vs_rest(s, ranking::roc_auc, false)),
    Metric::higher("roc_auc_ovr_weighted", Scope::Several, "the same, classes weighted by their rows", |s| one_vs_rest(s, ranking::roc_auc, true)),
    Metric::higher("average_precision", Scope::Two, "area under the precision-recall curve, as a sum of steps", average_precision),
    Metric::higher("average_precision_macro", Scope::Several, "mean area under the precision-recall curves of each class against the rest", |s| one_vs_rest(s, ranking::average_precision, false)),
    Metric { name: "log_loss", doc: "mean negative log-probability of the true class, in nats", better: Better::Lower, scope: Scope::Any, formula: log_loss },
];

/// The metric of that name.
pub fn metric(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

/// A metric's name and its value, or why it has none.
pub type Score = (&'static str, Result<f64, MetricError>);

/// Every metric of [`METRICS`] that has a meaning for this number of classes, in its order. One that is undefined does not stop the others.
///
/// # Errors
/// As [`Scored::check`].
pub fn score<'a>(
    truth: &'a [i64],
    predictions: &'a [i64],
    scores: Option<ArrayView2<'a, f64>>,
    probabilities: Option<ArrayView2<'a, f64>>,
    classes: usize,
) -> Result<Vec<Score>, MetricError> {
    let scored = Scored::check(truth, predictions, scores, probabilities, classes)?;
    let covering = METRICS.iter().filter(|metric| metric.scope.covers(classes));
    Ok(covering.map(|metric| (metric.name, metric.of(&scored))).collect())
}

/// `roc_auc_score` of class 1.
fn roc_auc(scored: &Scored<'_>) -> Result<f64, &'static str> {
    ranking::roc_auc(&scored.labels.is_class(1), &scored.scores_of(1)?)
}

/// `average_precision_score` of class 1.
fn average_precision(scored: &Scored<'_>) -> Result<f64, &'static str> {
    ranking::average_precision(&scored.labels.is_class(1), &scored.scores_of(1)?)
}

/// The mean over classes of a curve's area, each class against the rest (`multi_class="ovr"`).
fn one_vs_rest(
    scored: &Scored<'_>,
    area: fn(&[bool], &[f64]) -> Result<f64, &'static str>,
    weighted: bool,
) -> Result<f64, &'static str> {
    let (mut sum, mut weights) = (0.0, 0.0);
    for (class, rows) in scored.labels.true_rows().into_iter().enumerate() {
        if rows == 0 {
            return Err("a class does not occur in the truth");
        }
        let weight = if weighted { rows as f64 } else { 1.0 };
        sum += weight * area(&scored.labels.is_class(class), &scored.scores_of(class)?)?;
        weights += weight;
    }
    Ok(sum / weights)
}

/// `−Σ ln p(true class) / n` (`log_loss`).
fn log_loss(scored: &Scored<'_>) -> Result<f64, &'static str> {
    let probabilities = scored.probabilities.as_ref().ok_or("there are no probabilities")?;
    let mut sum = 0.0;
    for (row, class) in probabilities.axis_iter(Axis(0)).zip(scored.labels.truth()) {
        if row.iter().any(|p| !(0.0..=1.0).contains(p)) {
            return Err("a probability is outside 0 to 1");
        }
        if (row.sum() - 1.0).abs() > f64::EPSILON.sqrt() {
            return Err("the probabilities of a row do not sum to 1");
        }
        sum -= row[class].clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln();
    }
    Ok(sum / probabilities.nrows() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Deserialize)]
    struct Case {
        name: String,
        classes: usize,
        truth: Vec<i64>,
        predictions: Vec<i64>,
        scores: Option<Vec<Vec<f64>>>,
        probabilities: Option<Vec<Vec<f64>>>,
        confusion: Vec<Vec<u64>>,
        values: BTreeMap<String, Option<f64>>,
    }

    fn table(rows: Option<Vec<Vec<f64>>>) -> Option<Array2<f64>> {
        let rows = rows?;
        let shape = (rows.len(), rows[0].len());
        Some(Array2::from_shape_vec(shape, rows.into_iter().flatten().collect()).unwrap())
    }

    #[test]
    fn equals_scikit_learn() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../../../tests/reference/classification_metrics.json"))
                .unwrap();
        assert!(cases.len() >= 20);
        for mut case in cases {
            let (scores, probabilities) = (table(case.scores), table(case.probabilities));
            let found = score(
                &case.truth,
                &case.predictions,
                scores.as_ref().map(Array2::view),
                probabilities.as_ref().map(Array2::view),
                case.classes,
            )
            .unwrap();
            for (name, got) in found {
                let at = format!("{name} of {}", case.name);
                match (case.values.remove(name), got) {
                    (Some(None), Err(MetricError::Undefined { metric, .. })) => assert_eq!(metric, name),
                    (Some(Some(want)), Ok(got)) => {
                        assert!((got - want).abs() <= 1e-12 * want.abs().max(1.0), "{at}: {got}, not {want}");
                    }
                    (want, got) => panic!("{at}: {got:?}, not {want:?}"),
                }
            }
            assert!(case.values.is_empty(), "{}: nothing scores {:?}", case.name, case.values);
            assert_eq!(
                confusion(&case.truth, &case.predictions, case.classes).unwrap(),
                case.confusion,
                "{}",
                case.name
            );
        }
    }

    #[test]
    fn refuses_what_it_cannot_score() {
        let plain = |truth: &[i64], predictions: &[i64], classes| {
            score(truth, predictions, None, None, classes).unwrap_err().to_string()
        };
        assert_eq!(plain(&[], &[], 2), "there are no values to score");
        assert_eq!(plain(&[0], &[0, 1], 2), "there are 1 targets but 2 predictions");
        assert_eq!(plain(&[0, 2], &[0, 1], 2), "targets should be classes from 0 to 1, but number 1 is 2");
        assert_eq!(
            plain(&[0, 1], &[0, -1], 2),
            "predictions should be classes from 0 to 1, but number 1 is -1"
        );
        let wide = array![[0.1, 0.9]];
        let error = score(&[0], &[0], Some(wide.view()), None, 2).unwrap_err().to_string();
        assert_eq!(error, "scores should be [1, 1], but are [1, 2]");
        let bad = array![[f64::NAN, 1.0]];
        let error = score(&[0], &[0], None, Some(bad.view()), 2).unwrap_err().to_string();
        assert_eq!(error, "probabilities should be finite, but number 0 is NaN");
    }

    fn one(
        name: &str,
        truth: &[i64],
        predictions: &[i64],
        probabilities: Option<&Array2<f64>>,
        classes: usize,
    ) -> String {
        let view = probabilities.map(Array2::view);
        let scored = Scored::check(truth, predictions, None, view, classes).unwrap();
        metric(name).unwrap().of(&scored).map_or_else(|e| e.to_string(), |v| v.to_string())
    }

    #[test]
    fn says_why_a_metric_is_undefined() {
        assert_eq!(
            one("precision", &[1, 0], &[0, 0], None, 2),
            "precision is undefined: class 1 was never predicted"
        );
        assert_eq!(
            one("recall", &[0, 0], &[0, 1], None, 2),
            "recall is undefined: class 1 does not occur in the truth"
        );
        assert_eq!(
            one("f1", &[0, 0], &[0, 0], None, 2),
            "f1 is undefined: class 1 neither occurs nor was predicted"
        );
        assert_eq!(
            one("matthews", &[1, 0], &[0, 0], None, 2),
            "matthews is undefined: the predictions are constant"
        );
        assert_eq!(one("roc_auc", &[1, 0], &[0, 0], None, 2), "roc_auc is undefined: there are no scores");
        let unnormalised = array![[0.5, 0.6], [0.5, 0.5]];
        assert_eq!(
            one("log_loss", &[1, 0], &[0, 0], Some(&unnormalised), 2),
            "log_loss is undefined: the probabilities of a row do not sum to 1"
        );
        let negative = array![[1.5, -0.5], [0.5, 0.5]];
        assert_eq!(
            one("log_loss", &[1, 0], &[0, 0], Some(&negative), 2),
            "log_loss is undefined: a probability is outside 0 to 1"
        );
        let certain = array![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
        assert_eq!(
            one("roc_auc_ovr_macro", &[0, 1], &[0, 1], Some(&certain), 3),
            "roc_auc_ovr_macro is undefined: a class does not occur in the truth"
        );
    }

    #[test]
    fn names_are_unique_and_documented() {
        for (i, a) in METRICS.iter().enumerate() {
            assert!(!a.doc.is_empty() && METRICS[..i].iter().all(|b| b.name != a.name), "{}", a.name);
        }
    }
}
