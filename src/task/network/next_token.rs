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
    pub truth: Vec<i64>,
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
            answers: outputs.labels_of("answers", &[rows, steps], allowed)?,
            truth: truth.collect(),
        };
        told.recheck(logits)?;
        Ok(told)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ndarray::Array2;
    use serde::Deserialize;

    use super::*;
    use crate::backend::Tensor;
    use crate::data::Source;
    use crate::data::bundle::{Bundle, Dtype, Preparation, Scale, prepare};
    use crate::task::parameter::{Parameters, Value};
    use crate::task::{Series, Task, Tolerances, sequence};

    /// One case of `tests/reference/next_token.py`.
    #[derive(Debug, Deserialize)]
    struct Reference {
        name: String,
        truth: Vec<i64>,
        logits: Vec<Vec<f64>>,
        log_probabilities: Vec<f64>,
        answers: Vec<i64>,
        metrics: BTreeMap<String, f64>,
    }

    impl Reference {
        fn all() -> Vec<Self> {
            serde_json::from_str(include_str!("../../../tests/reference/next_token.json")).unwrap()
        }

        fn told(&self) -> NextTokens {
            let (log_probabilities, answers) = (self.log_probabilities.clone(), self.answers.clone());
            NextTokens { log_probabilities, answers, truth: self.truth.clone() }
        }

        /// The logits of the places that are shown.
        fn shown(&self) -> Array2<f64> {
            let rows: Vec<f64> =
                shown(self.logits.len()).flat_map(|place| self.logits[place].clone()).collect();
            Array2::from_shape_vec((rows.len() / self.logits[0].len(), self.logits[0].len()), rows).unwrap()
        }
    }

    #[test]
    fn metrics_are_those_of_torch() {
        for reference in Reference::all() {
            let told = reference.told();
            told.recheck(reference.shown().view()).unwrap();
            let mut scores = Scores::default();
            told.score(&mut scores);
            assert_eq!(scores.metrics.len(), reference.metrics.len());
            for (name, value) in &scores.metrics {
                let expected = reference.metrics[name];
                // Log-probabilities were rounded to single precision; perplexities of large logits are exponentials of hundreds.
                let allowed = if name == "perplexity" { 1e-4 } else { 1e-6 };
                assert!(
                    (value - expected).abs() <= allowed * expected,
                    "{} {name}: {value} is not {expected}",
                    reference.name
                );
            }
        }
    }

    #[test]
    fn what_contradicts_the_logits_that_are_shown_or_itself_is_refused() {
        let references = Reference::all();
        let refused = |case: usize, change: &dyn Fn(&mut NextTokens)| {
            let mut told = references[case].told();
            change(&mut told);
            told.recheck(references[case].shown().view()).unwrap_err().to_string()
        };
        let place = |case: usize, right: bool, is_shown: bool| {
            let told = references[case].told();
            let mut places = 0..told.truth.len();
            let fits = |i: &usize| {
                (told.answers[*i] == told.truth[*i]) == right
                    && shown(told.truth.len()).any(|s| s == *i) == is_shown
            };
            places.find(fits).unwrap()
        };
        // Where logits are shown everything is known.
        let at = place(0, false, true);
        let error = refused(0, &|told| told.log_probabilities[at] -= 1e-5);
        assert!(error.contains("as the logits that are shown say"), "{error}");
        let error = refused(0, &|told| told.answers[at] = (told.answers[at] + 1) % 5);
        assert!(error.contains("`answers`") || error.contains("`log_probabilities`"), "{error}");
        // Elsewhere no token but the likeliest has more than a half, and that one at least its share.
        for (right, told_instead) in [(false, -0.5), (true, -1.5), (true, 0.1)] {
            let at = place(1, right, false);
            let error = refused(1, &|told| told.log_probabilities[at] = told_instead);
            assert!(
                error.contains(&format!("`log_probabilities` holds {told_instead} at index {at}")),
                "{error}"
            );
        }
        // Who claims to have told a token that was unlikely is found out.
        let at = (0..150)
            .find(|i| !shown(150).any(|s| s == *i) && references[1].log_probabilities[*i] < -1.5)
            .unwrap();
        let error = refused(1, &|told| told.answers[at] = told.truth[at]);
        assert!(error.contains("-1.386294 to 0.000000"), "{error}");
    }

    fn bundle(cache: &std::path::Path) -> Bundle {
        let given = [("rows", 40), ("length", 10), ("vocabulary", 6)];
        let given = given.map(|(name, value)| (name.to_owned(), Value::Int(value))).into();
        let source = Source::generator("tokens", &given).unwrap();
        let preparation = Preparation {
            test_fraction: 0.25,
            fold: None,
            published: false,
            scale: Scale::None,
            seed: 1,
            dtype: Dtype::Float32,
            stratify: false,
        };
        prepare(&source, &preparation, cache, &mut |_| ()).unwrap()
    }

    /// Outputs of a network that knows nothing, of one epoch on a bundle of 10 test rows.
    fn outputs() -> Vec<(&'static str, Tensor)> {
        let numbers = |shape: &[usize], value: f64| {
            Tensor::numbers(shape.to_vec(), &vec![value; shape.iter().product()])
        };
        vec![
            ("losses", numbers(&[1], 1.8)),
            ("logits", numbers(&[64, 6], 0.0)),
            ("log_probabilities", numbers(&[10, 10], -(6_f64.ln()))),
            ("answers", Tensor::whole(vec![10, 10], &[2; 100])),
            ("epoch_answers", Tensor::whole(vec![1, 100], &[2; 100])),
            ("epoch_ns", Tensor::from(vec![1])),
            ("initial_logits", numbers(&[64, 6], 0.0)),
            ("first_logits", numbers(&[64, 6], 0.0)),
            ("first_loss", Tensor::from(1.8)),
            ("first_gradients", numbers(&[3], 0.1)),
            ("first_gradient_norms", numbers(&[2], 0.1)),
            ("envelope", numbers(&[3, 1], 1.8)),
        ]
    }

    #[test]
    fn outputs_are_scored_against_the_rows_of_the_bundle() {
        let folder = tempfile::tempdir().unwrap();
        let bundle = bundle(folder.path());
        let path = folder.path().join("outputs.safetensors");
        let tolerances = Tolerances::default();
        let problem = Problem {
            algorithm: "lstm",
            hyperparameters: &Parameters::new(),
            bundle: &bundle,
            weights: None,
            dtype: Some("float32"),
            tolerances: &tolerances,
            stochastic: true,
            target: None,
        };
        let score = |outputs: &[(&'static str, Tensor)]| {
            std::fs::write(&path, crate::backend::serialize(outputs).unwrap()).unwrap();
            sequence::NEXT_TOKEN.score(&problem, &path, &Series::new())
        };
        let scores = score(&outputs()).unwrap();
        let tokens = bundle.i64_matrix(TEST_FEATURES).unwrap();
        let twos = tokens.indexed_iter().filter(|((_, step), token)| *step > 0 && **token == 2).count();
        let is = |name: &str, value: f64| assert!((scores.metrics[name] - value).abs() < 1e-12, "{name}");
        is("accuracy", f64::from(u32::try_from(twos).unwrap()) / 100.0);
        is("perplexity", 6.0);
        is("log_loss", 6_f64.ln());
        is("training_loss", 1.8);
        let changed = |name: &str, tensor: Tensor| {
            let mut outputs = outputs();
            outputs.iter_mut().find(|(n, _)| *n == name).unwrap().1 = tensor;
            score(&outputs).unwrap_err().to_string()
        };
        assert_eq!(
            changed("epoch_answers", Tensor::whole(vec![1, 100], &[3; 100])),
            "the last of the output `epoch_answers` is 3 for token 0, but the output `answers` has 2"
        );
        let error = changed("epoch_answers", Tensor::whole(vec![0, 100], &[]));
        assert!(error.contains("must be I64 [1, 100]"), "{error}");
        let error = changed("answers", Tensor::whole(vec![10, 10], &[6; 100]));
        assert!(error.contains("labels from 0 to 5"), "{error}");
        let error = changed("logits", Tensor::numbers(vec![10, 6], &[0.0; 60]));
        assert!(error.contains("must be F64 [64, 6]"), "{error}");
    }
}
