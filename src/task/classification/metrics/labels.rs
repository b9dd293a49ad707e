//! Metrics of labels alone, all from the confusion matrix.

use crate::task::metric::MetricError;

/// Labels that were checked: in pairs, at least one, all in `0..classes`; with their confusion matrix.
#[derive(Debug, Clone)]
pub struct Labels<'a> {
    truth: &'a [i64],
    /// `counts[truth][prediction]`.
    counts: Vec<Vec<u64>>,
}

/// How many rows of each true class were predicted as each class: `[truth][prediction]`.
///
/// # Errors
/// As [`Labels::check`].
pub fn confusion(truth: &[i64], predictions: &[i64], classes: usize) -> Result<Vec<Vec<u64>>, MetricError> {
    Ok(Labels::check(truth, predictions, classes)?.counts)
}

/// Hits, rows predicted and rows that are of a class.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    hits: u64,
    predicted: u64,
    actual: u64,
}

/// `TP / (TP + FP)`, 0 where the class was never predicted.
pub fn precision_of(counts: Counts) -> f64 {
    ratio(counts.hits, counts.predicted)
}

/// `TP / (TP + FN)`, 0 where the class does not occur.
pub fn recall_of(counts: Counts) -> f64 {
    ratio(counts.hits, counts.actual)
}

/// `2 TP / (2 TP + FP + FN)`, 0 where the class neither occurs nor was predicted.
pub fn f1_of(counts: Counts) -> f64 {
    ratio(2 * counts.hits, counts.predicted + counts.actual)
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl<'a> Labels<'a> {
    /// Checks two slices of labels.
    ///
    /// # Errors
    /// If they are empty, of unequal length, or hold a label outside `0..classes`.
    pub fn check(truth: &'a [i64], predictions: &[i64], classes: usize) -> Result<Self, MetricError> {
        if truth.len() != predictions.len() {
            let (targets, predictions) = (truth.len(), predictions.len());
            return Err(MetricError::UnequalLengths { targets, predictions });
        }
        if truth.is_empty() {
            return Err(MetricError::Empty);
        }
        for (values, labels) in [("targets", truth), ("predictions", predictions)] {
            let outside = |label: &i64| usize::try_from(*label).map_or(true, |l| l >= classes);
            if let Some(index) = labels.iter().position(outside) {
                return Err(MetricError::UnknownClass { values, index, label: labels[index], classes });
            }
        }
        let mut counts = vec![vec![0; classes]; classes];
        for (t, p) in truth.iter().zip(predictions) {
            counts[class(*t)][class(*p)] += 1;
        }
        Ok(Self { truth, counts })
    }

    /// The true classes.
    pub fn truth(&self) -> impl Iterator<Item = usize> {
        self.truth.iter().map(|label| class(*label))
    }

    /// For each row, whether it is of `class`.
    pub fn is_class(&self, class: usize) -> Vec<bool> {
        self.truth().map(|c| c == class).collect()
    }

    /// How many rows are of each class.
    pub fn true_rows(&self) -> Vec<u64> {
        self.each().map(|c| c.actual).collect()
    }

    fn of(&self, class: usize) -> Counts {
        Counts {
            hits: self.counts[class][class],
            predicted: self.counts.iter().map(|row| row[class]).sum(),
            actual: self.counts[class].iter().sum(),
        }
    }

    fn each(&self) -> impl Iterator<Item = Counts> {
        (0..self.counts.len()).map(|class| self.of(class))
    }

    fn total(&self) -> Counts {
        self.each().fold(Counts::default(), |sum, c| Counts {
            hits: sum.hits + c.hits,
            predicted: sum.predicted + c.predicted,
            actual: sum.actual + c.actual,
        })
    }

    /// `accuracy_score`.
    pub fn accuracy(&self) -> Result<f64, &'static str> {
        Ok(recall_of(self.total()))
    }

    /// `balanced_accuracy_score`.
    pub fn balanced_accuracy(&self) -> Result<f64, &'static str> {
        Ok(mean(self.each().filter(|c| c.actual > 0).map(recall_of)))
    }

    /// `precision_score` of class 1.
    pub fn precision(&self) -> Result<f64, &'static str> {
        let positive = self.of(1);
        if positive.predicted == 0 { Err("class 1 was never predicted") } else { Ok(precision_of(positive)) }
    }

    /// `recall_score` of class 1.
    pub fn recall(&self) -> Result<f64, &'static str> {
        let positive = self.of(1);
        if positive.actual == 0 {
            Err("class 1 does not occur in the truth")
        } else {
            Ok(recall_of(positive))
        }
    }

    /// `f1_score` of class 1.
    pub fn f1(&self) -> Result<f64, &'static str> {
        let positive = self.of(1);
        if positive.predicted + positive.actual == 0 {
            return Err("class 1 neither occurs nor was predicted");
        }
        Ok(f1_of(positive))
    }

    /// `average="macro"`: over the classes that occur in truth or predictions.
    pub fn macro_mean(&self, of: fn(Counts) -> f64) -> Result<f64, &'static str> {
        Ok(mean(self.each().filter(|c| c.predicted + c.actual > 0).map(of)))
    }

    /// `average="micro"`.
    pub fn micro(&self, of: fn(Counts) -> f64) -> Result<f64, &'static str> {
        Ok(of(self.total()))
    }

    /// `average="weighted"`: weighted by the true rows.
    pub fn weighted_mean(&self, of: fn(Counts) -> f64) -> Result<f64, &'static str> {
        let sum: f64 = self.each().map(|c| c.actual as f64 * of(c)).sum();
        Ok(sum / self.truth.len() as f64)
    }

    /// `matthews_corrcoef`, for any number of classes (Gorodkin 2004, "Comparing two K-category assignments", eq. 8).
    pub fn matthews(&self) -> Result<f64, &'static str> {
        let n = self.truth.len() as f64;
        let hits = self.total().hits as f64;
        let dot = |f: fn(Counts) -> u64, g: fn(Counts) -> u64| -> f64 {
            self.each().map(|c| f(c) as f64 * g(c) as f64).sum()
        };
        let covariance = hits * n - dot(|c| c.actual, |c| c.predicted);
        let of_truth = n * n - dot(|c| c.actual, |c| c.actual);
        let of_predictions = n * n - dot(|c| c.predicted, |c| c.predicted);
        if of_truth == 0.0 {
            return Err("the truth is constant");
        }
        if of_predictions == 0.0 {
            return Err("the predictions are constant");
        }
        Ok(covariance / (of_truth.sqrt() * of_predictions.sqrt()))
    }
}

/// A checked label as an index.
fn class(label: i64) -> usize {
    usize::try_from(label).expect("labels are checked to be classes")
}

/// The mean; the iterator is not empty, since there is a row and it has a class.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for value in values {
        sum += value;
        n += 1.0;
    }
    sum / n
}
