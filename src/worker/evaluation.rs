//! What a network says of all test rows, some rows at a time: logits, or what it makes of every token that follows others.

use super::native::{Ended, failed};
use crate::backend::Tensor;
use crate::backend::network::{Features, NextTokens, Trainable};
use crate::task::network::architecture::Form;
use crate::task::network::evidence::shown;
use crate::task::network::next_token::epoch_places;

/// The test rows.
pub(super) struct Tests {
    pub features: Features,
    pub rows: usize,
    pub width: usize,
}

/// What a network said of them.
#[derive(Debug)]
pub(super) enum Evaluation {
    /// Logits or numbers [m, outputs].
    Rows(Vec<f32>),
    /// Of the tokens of each row but its first.
    Tokens(NextTokens),
}

impl Default for Evaluation {
    fn default() -> Self {
        Self::Rows(Vec::new())
    }
}

impl Evaluation {
    /// Asks a network in evaluation.
    pub fn of(
        network: &dyn Trainable,
        tests: &Tests,
        form: &Form,
        batch_rows: Option<usize>,
    ) -> Result<Self, Ended> {
        let at_once = batch_rows.unwrap_or(tests.rows).max(1);
        let batches = (0..tests.rows).step_by(at_once).map(|begin| begin..(begin + at_once).min(tests.rows));
        if !form.every_step {
            let mut logits = Vec::with_capacity(tests.rows * form.outputs);
            for range in batches {
                let count = range.len();
                let rows = tests.features.rows(range, tests.width);
                logits.extend(network.predict(rows, count).map_err(failed("PredictError"))?);
            }
            return Ok(Self::Rows(logits));
        }
        let steps = form.answers();
        let places: Vec<usize> = shown(tests.rows * steps).collect();
        let mut all = NextTokens::default();
        for range in batches {
            let (count, begin) = (range.len(), range.start * steps);
            let within = places.iter().filter(|place| (begin..range.end * steps).contains(place));
            let within: Vec<i64> =
                within.map(|place| i64::try_from(place - begin).unwrap_or(i64::MAX)).collect();
            let rows = tests.features.rows(range, tests.width);
            let of_batch = network.next_tokens(rows, count, &within).map_err(failed("PredictError"))?;
            all.log_probabilities.extend(of_batch.log_probabilities);
            all.answers.extend(of_batch.answers);
            all.logits.extend(of_batch.logits);
        }
        Ok(Self::Tokens(all))
    }

    /// What is kept of each epoch: the class of the largest logit of each row, the first of equals, or the number itself where there is
    /// one; of tokens the answers at some places.
    #[expect(clippy::cast_precision_loss, reason = "the place of a class")]
    pub fn answers(&self, form: &Form) -> Vec<f32> {
        let of_row = |row: &[f32]| match row {
            [number] => *number,
            _ => (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best }) as f32,
        };
        match self {
            Self::Rows(logits) => logits.chunks(form.outputs).map(of_row).collect(),
            Self::Tokens(tokens) => {
                epoch_places(tokens.answers.len()).map(|place| tokens.answers[place] as f32).collect()
            }
        }
    }

    /// The raw outputs.
    pub fn outputs(&self, tests: &Tests, form: &Form) -> Vec<(&'static str, Tensor)> {
        let matrix =
            |values: &[f32]| Tensor::widened(vec![values.len() / form.outputs, form.outputs], values);
        match self {
            Self::Rows(logits) => vec![("logits", matrix(logits))],
            Self::Tokens(tokens) => {
                let shape = vec![tests.rows, form.answers()];
                vec![
                    ("logits", matrix(&tokens.logits)),
                    ("log_probabilities", Tensor::widened(shape.clone(), &tokens.log_probabilities)),
                    ("answers", Tensor::whole(shape, &tokens.answers)),
                ]
            }
        }
    }
}
