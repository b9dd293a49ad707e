//! The next token of every step: the reduced form of a network's answers, rechecked, and its metrics.
//!
//! Logits of every step would be as many numbers as there are tokens, times the vocabulary. A network tells instead what it made of each
//! token that follows others, log-probability and arg-max in single precision, and the logits of some places from which the scorer
//! computes both anew. At all other places the two must at least not contradict each other.

use ndarray::ArrayView2;

use super::evidence::{shown, spread};
use crate::data::bundle::TEST_FEATURES;
use crate::task::outputs::Outputs;
use crate::task::{Problem, Scores, TaskError};

/// The most places whose answers are kept of each epoch: the standard error of their share of right ones is below 0.002.
pub const EPOCH_PLACES: usize = 1 << 16;

/// The places whose answers are kept of each epoch, of so many.
pub fn epoch_places(entries: usize) -> impl Iterator<Item = usize> {
    spread(entries, EPOCH_PLACES)
}

/// The spacing of single-precision numbers around 1.
const SINGLE: f64 = 1.0 / (1 << 23) as f64;

/// What a network made of every token of the test rows that follows others, rows and their steps one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct NextTokens {
    /// The natural logarithm of the probability that each was given.
    pub log_probabilities: Vec<f64>,
    /// The token that was given the largest probability in the place of each.
    pub answers: Vec<i64>,
    /// The tokens themselves.
    truth: Vec<i64>,
}

impl NextTokens {
    /// Reads what is told, given the logits of the places that are shown [s, vocabulary].
    ///
    /// # Errors
    /// A tensor is missing, of another shape or type, or not finite; or what is told contradicts the logits or itself.
    pub fn read(
        problem: &Problem<'_>,
        outputs: &Outputs,
        logits: ArrayView2<'_, f64>,
    ) -> Result<Self, TaskError> {
        let tokens = problem.bundle.i64_matrix(TEST_FEATURES)?;
        let (rows, steps) = (tokens.nrows(), tokens.ncols().saturating_sub(1));
        let truth = tokens.outer_iter().flat_map(|row| row.iter().skip(1).copied().collect::<Vec<_>>());
        let allowed = 0..i64::try_from(logits.ncols()).unwrap_or(i64::MAX);
        let told = Self {
            log_probabilities: outputs.numbers("log_probabilities", &[rows, steps])?,
            answers: outputs.labels_of("answers", &[rows, steps], allowed.clone())?,
            truth: truth.collect(),
        };
        told.recheck(logits)?;
        let epochs = outputs.shape("epoch_answers")?.first().copied().unwrap_or(0);
        let places = epoch_places(rows * steps).count();
        let of_epochs = outputs.labels_of("epoch_answers", &[epochs, places], allowed)?;
        let last = &of_epochs[of_epochs.len().saturating_sub(places)..];
        let differ = last.iter().zip(epoch_places(rows * steps)).find(|(a, at)| **a != told.answers[*at]);
        match differ {
            Some((answer, index)) => Err(contradiction(
                "answers",
                index,
                told.answers[index],
                &format!("{answer}, as after the last epoch"),
            )),
            None => Ok(told),
        }
    }

    /// Whether all that is told can be so.
    #[expect(clippy::cast_precision_loss, reason = "the size of a vocabulary")]
    fn recheck(&self, logits: ArrayView2<'_, f64>) -> Result<(), TaskError> {
        let vocabulary = logits.ncols() as f64;
        for (index, (told, answer)) in self.log_probabilities.iter().zip(&self.answers).enumerate() {
            // The likeliest token has at least its share, and any other at most a half.
            let (least, most) = if *answer == self.truth[index] {
                (-vocabulary.ln(), 0.0)
            } else {
                (f64::NEG_INFINITY, -std::f64::consts::LN_2)
            };
            let rounding = SINGLE * (vocabulary + told.abs());
            if *told < least - rounding || *told > most + rounding {
                let wanted = format!(
                    "{least:.6} to {most:.6} where the answer is {answer} and the token {}",
                    self.truth[index]
                );
                return Err(contradiction("log_probabilities", index, *told, &wanted));
            }
        }
        for (row, index) in logits.outer_iter().zip(shown(self.answers.len())) {
            let place = |token: i64| usize::try_from(token).ok().filter(|t| *t < row.len());
            let (Some(answer), Some(truth)) = (place(self.answers[index]), place(self.truth[index])) else {
                return Err(contradiction(
                    "answers",
                    index,
                    self.answers[index],
                    "a token of the vocabulary",
                ));
            };
            let largest = row.fold(f64::NEG_INFINITY, |m, v| m.max(*v));
            if row[answer] < largest {
                let wanted = "the token of the largest logit that is shown";
                return Err(contradiction("answers", index, self.answers[index], wanted));
            }
            let sum: f64 = row.iter().map(|v| (v - largest).exp()).sum();
            let computed = row[truth] - largest - sum.ln();
            // A sum of as many terms as there are tokens, rounded after each, and differences of logits.
            let size = row.fold(0.0_f64, |m, v| m.max(v.abs()));
            let rounding = SINGLE * (vocabulary + 4.0 * size);
            let told = self.log_probabilities[index];
            if !crate::task::within((told - computed).abs(), rounding) {
                let wanted = format!("{computed} ± {rounding:.0e}, as the logits that are shown say");
                return Err(contradiction("log_probabilities", index, told, &wanted));
            }
        }
        Ok(())
    }

    /// Adds the metrics: the mean negative log-likelihood in nats a token, its exponential, and the share of right answers.
    #[expect(clippy::cast_precision_loss, reason = "numbers of tokens")]
    pub fn score(&self, scores: &mut Scores) {
        let count = self.truth.len() as f64;
        let log_loss = -self.log_probabilities.iter().sum::<f64>() / count;
        let right = self.answers.iter().zip(&self.truth).filter(|(answer, token)| answer == token).count();
        scores.add("log_loss", log_loss);
        scores.add("perplexity", log_loss.exp());
        scores.add("accuracy", right as f64 / count);
    }
}

fn contradiction(name: &'static str, index: usize, value: impl std::fmt::Display, wanted: &str) -> TaskError {
    TaskError::Value { name, value: value.to_string(), index, expected: wanted.to_owned() }
}
