//! How likely a model holds the tokens of every row: perplexity, and the share of tokens that it would have chosen itself.
//!
//! Texts longer than a row are read as a sliding window does: with `context`, the first tokens of a row are read and not counted.

use super::precision::{figure, near, to_reference};
use super::{WORK, config, count, tokens_parameter};
use crate::data::bundle::TEST_FEATURES;
use crate::task::network::evidence::shown;
use crate::task::network::next_token::NextTokens;
use crate::task::outputs::Outputs;
use crate::task::parameter::Parameters;
use crate::task::{AlgorithmDef, Check, Family, Problem, Scores, Side, TaskError, largest, within};
use ndarray::Array2;

/// The largest difference of two sides' log-probabilities of a token, in nats.
const LOG_PROBABILITY: f64 = 2e-3;
/// The largest share of tokens in whose place two sides would have chosen others: where the two likeliest are as good as equal.
const ANSWERS: f64 = 5e-3;

/// The reduced outputs of a model that reads whole rows.
#[derive(Debug)]
pub struct Perplexity;

/// The tokens of a row that are read and not counted.
pub fn context(parameters: &Parameters) -> usize {
    count(parameters, "context")
}

impl Family for Perplexity {
    fn algorithms(&self) -> Vec<AlgorithmDef> {
        let context =
            tokens_parameter("context", 0, 0, "first tokens of a row that are read and not counted");
        let doc = "the exponential of the mean negative log-likelihood of every token, given those before it in its row";
        vec![AlgorithmDef::new("perplexity", doc, vec![context]).with_work(&WORK).applied(super::SCORE)]
    }

    fn score(&self, problem: &Problem<'_>, outputs: &Outputs, scores: &mut Scores) -> Result<(), TaskError> {
        let (next, _) = read(problem, outputs)?;
        let steps = problem.bundle.columns(TEST_FEATURES)?.saturating_sub(1);
        counted(&next, steps, context(problem.hyperparameters)).score(scores);
        Ok(())
    }

    fn compare(&self, problem: &Problem<'_>, a: Side<'_>, b: Side<'_>) -> Result<Vec<Check>, TaskError> {
        let ((of_a, logits_a), (of_b, logits_b)) = (read(problem, a.outputs)?, read(problem, b.outputs)?);
        let pairs = of_a.log_probabilities.iter().zip(&of_b.log_probabilities);
        let apart = largest(pairs.map(|(x, y)| (x - y).abs()));
        let others = of_a.answers.iter().zip(&of_b.answers).filter(|(x, y)| x != y).count();
        let mut checks = vec![
            figure("log-probabilities", "log-probabilities of the tokens", apart, LOG_PROBABILITY),
            near("logits", "logits", &logits_a, &logits_b),
            likeliest(others, of_b.answers.len()),
        ];
        checks.extend(to_reference("first_logits", a, b)?);
        Ok(checks)
    }
}

/// In how many of some places two sides would have chosen other tokens.
#[expect(clippy::cast_precision_loss, reason = "numbers of tokens")]
fn likeliest(others: usize, all: usize) -> Check {
    let share = others as f64 / all as f64;
    let finding =
        format!("other likeliest tokens in {others} of {all} places (allowed {:.1} %)", 100.0 * ANSWERS);
    let agrees = within(share, ANSWERS);
    let (figure, allowed) = (Some(share), Some(ANSWERS));
    Check { agrees, figure, allowed, ..Check::disagreement("likeliest tokens", finding) }
}

/// What is told of every token, and the logits of the places that are shown.
fn read(problem: &Problem<'_>, outputs: &Outputs) -> Result<(NextTokens, Array2<f64>), TaskError> {
    let rows = problem.bundle.rows(TEST_FEATURES)?;
    let steps = problem.bundle.columns(TEST_FEATURES)?.saturating_sub(1);
    let places = shown(rows * steps).count();
    let logits = outputs.matrix("logits", (places, config(problem.bundle)?.vocabulary))?;
    Ok((NextTokens::read(problem, outputs, logits.view())?, logits))
}

/// Those tokens of rows of so many steps that are counted: step s tells of the row's token s + 1.
fn counted(next: &NextTokens, steps: usize, context: usize) -> NextTokens {
    let is_counted = |place: &usize| place % steps + 1 >= context;
    let places: Vec<usize> = (0..next.truth.len()).filter(is_counted).collect();
    NextTokens {
        log_probabilities: places.iter().map(|place| next.log_probabilities[*place]).collect(),
        answers: places.iter().map(|place| next.answers[*place]).collect(),
        truth: places.iter().map(|place| next.truth[*place]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_the_context_are_not_counted() {
        // Two rows of four tokens, of which three follow another.
        let next = NextTokens {
            log_probabilities: vec![-1.0, -2.0, -3.0, -4.0, -5.0, -6.0],
            answers: vec![1, 2, 3, 4, 5, 6],
            truth: vec![1, 2, 3, 4, 5, 6],
        };
        assert_eq!(counted(&next, 3, 0).truth, [1, 2, 3, 4, 5, 6]);
        assert_eq!(counted(&next, 3, 2).truth, [2, 3, 5, 6], "tokens 0 and 1 of each row are context");
        assert_eq!(counted(&next, 3, 3).log_probabilities, [-3.0, -6.0]);
    }
}
