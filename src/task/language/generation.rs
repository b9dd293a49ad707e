//! Going on with a text: the likeliest token at every step, or tokens drawn by lot.
//!
//! Every side is timed with a cache of keys and values. Afterwards it shows without one, from whole texts, what it would have chosen at every step and by how
//! little: so a cache that is wrong is found, and two sides may part only where the choice was as good as a tie.

use super::precision::{ALLOWED, near, root_mean_square, to_reference};
use super::sampler::{Choice, Sampling, likeliest};
use super::{GENERATE, WORK, config, count, tokens_parameter};
use crate::data::bundle::TEST_FEATURES;
use crate::task::network::evidence::shown;
use crate::task::outputs::Outputs;
use crate::task::parameter::{ParameterDef, Parameters, Value};
use crate::task::{AlgorithmDef, Check, Family, Problem, Scores, Side, TaskError, within};
use ndarray::Array2;

/// How near a drawn token's choice must have been to another one for two sides to part there, as a share of the whole distribution.
const DRAWN: f64 = 1e-3;

/// What is asked of a decoder that goes on with texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Generation {
    /// The first tokens of a row, which are given.
    pub prompt: usize,
    /// The tokens that are chosen.
    pub new: usize,
    /// How they are drawn; by default the likeliest is chosen.
    pub sampling: Option<Sampling>,
}

/// What an algorithm asks for, if it goes on with texts.
pub fn asked(algorithm: &str, parameters: &Parameters) -> Option<Generation> {
    let number = |name: &str| parameters.get(name).and_then(Value::as_float).unwrap_or(1.0);
    let sampling = match algorithm {
        "greedy" => None,
        "sample" => Some(Sampling {
            temperature: number("temperature"),
            top_k: count(parameters, "top_k"),
            top_p: number("top_p"),
            repetition_penalty: number("repetition_penalty"),
        }),
        _ => return None,
    };
    Some(Generation {
        prompt: count(parameters, "prompt_tokens"),
        new: count(parameters, "new_tokens"),
        sampling,
    })
}

/// Decoders that go on with a text.
#[derive(Debug)]
pub struct Generated;

impl Family for Generated {
    fn algorithms(&self) -> Vec<AlgorithmDef> {
        let tokens = || {
            vec![
                tokens_parameter("prompt_tokens", 1, 64, "first tokens of a row, which are given"),
                tokens_parameter("new_tokens", 2, 64, "tokens that are chosen, whatever they are"),
            ]
        };
        let sampled = [
            tokens(),
            vec![
                ParameterDef::positive("temperature", 1.0, "logits are divided by it"),
                ParameterDef::int_from("top_k", 0, 50, "so many of the likeliest tokens are left; 0 is all"),
                ParameterDef::positive(
                    "top_p",
                    1.0,
                    "the likeliest tokens are left that have this probability together",
                )
                .up_to(1.0),
                ParameterDef::positive(
                    "repetition_penalty",
                    1.0,
                    "what makes tokens that occurred less likely; 1 does not",
                ),
            ],
        ]
        .concat();
        let algorithm = |name: &str, doc: &str, parameters| {
            AlgorithmDef::new(name, doc, parameters).with_work(&WORK).applied(GENERATE)
        };
        vec![
            algorithm(
                "greedy",
                "go on with each row's first tokens, always with the likeliest next one",
                tokens(),
            ),
            algorithm(
                "sample",
                "go on with each row's first tokens by lot, after penalty, temperature, top-k and top-p; both sides are given the same uniform numbers",
                sampled,
            ),
        ]
    }

    fn score(&self, problem: &Problem<'_>, outputs: &Outputs, scores: &mut Scores) -> Result<(), TaskError> {
        let shown = Shown::read(problem, outputs)?;
        shown.recheck(problem)?;
        scores.add("distinct_2", distinct(&shown.tokens, 2));
        Ok(())
    }

    fn compare(&self, problem: &Problem<'_>, a: Side<'_>, b: Side<'_>) -> Result<Vec<Check>, TaskError> {
        let (of_a, of_b) = (Shown::read(problem, a.outputs)?, Shown::read(problem, b.outputs)?);
        let mut checks = vec![parting(&of_a, &of_b)];
        if of_a.tokens == of_b.tokens {
            checks.push(near("logits", "logits", &of_a.logits, &of_b.logits));
        }
        checks.extend(to_reference("first_logits", a, b)?);
        Ok(checks)
    }
}

/// What a side shows.
struct Shown {
    asked: Generation,
    /// The rows of each phase.
    batches: Vec<i64>,
    /// The chosen tokens [rows of all phases, new].
    tokens: Array2<i64>,
    /// What is chosen without a cache, and by how little.
    answers: Array2<i64>,
    margins: Array2<f64>,
    /// The logits of some places of the last phase [s, vocabulary].
    logits: Array2<f64>,
    /// The uniform numbers of these places, where tokens are drawn.
    uniforms: Vec<f64>,
}

impl Shown {
    fn read(problem: &Problem<'_>, outputs: &Outputs) -> Result<Self, TaskError> {
        let asked = asked(problem.algorithm, problem.hyperparameters).expect("the family's own algorithms");
        let vocabulary = config(problem.bundle)?.vocabulary;
        let phases = outputs.shape("batches")?.first().copied().unwrap_or(0);
        let most = i64::try_from(problem.bundle.rows(TEST_FEATURES)?).unwrap_or(i64::MAX);
        let batches = outputs.labels("batches", phases, 1..most + 1)?;
        let extent = |rows: i64| usize::try_from(rows).unwrap_or(0);
        let (rows, last) =
            (batches.iter().map(|b| extent(*b)).sum(), batches.last().map_or(0, |b| extent(*b)));
        let known = 0..i64::try_from(vocabulary).unwrap_or(i64::MAX);
        let whole = |name| {
            let values = outputs.labels_of(name, &[rows, asked.new], known.clone())?;
            Ok::<_, TaskError>(
                Array2::from_shape_vec((rows, asked.new), values).expect("the shape was checked"),
            )
        };
        let places = shown(last * asked.new).count();
        Ok(Self {
            asked,
            tokens: whole("tokens")?,
            answers: whole("answers")?,
            margins: outputs.matrix("margins", (rows, asked.new))?,
            logits: outputs.matrix("logits", (places, vocabulary))?,
            uniforms: if asked.sampling.is_some() {
                outputs.numbers("uniforms", &[places])?
            } else {
                Vec::new()
            },
            batches,
        })
    }

    /// Up to which margin a choice is as good as a tie.
    fn tie(&self) -> f64 {
        match self.asked.sampling {
            // Both of two logits may be off.
            None => 2.0 * ALLOWED * root_mean_square(&self.logits),
            Some(_) => DRAWN,
        }
    }

    /// Whether the tokens are those that the logits say: with a cache and without, and by the scorer's own choice.
    fn recheck(&self, problem: &Problem<'_>) -> Result<(), TaskError> {
        let tie = self.tie();
        for ((row, step), token) in self.tokens.indexed_iter() {
            let (answer, margin) = (self.answers[[row, step]], self.margins[[row, step]]);
            if margin < 0.0 {
                return Err(TaskError::Value {
                    name: "margins",
                    value: margin.to_string(),
                    index: row * self.asked.new + step,
                    expected: "numbers of at least 0".to_owned(),
                });
            }
            if answer != *token && !within(margin, tie) {
                return Err(TaskError::Contradiction(format!(
                    "step {} of row {} was answered with the token {token}, but without a cache it is {answer} by a margin of {margin:.1e} (a tie is up to {tie:.0e})",
                    step + 1,
                    row + 1
                )));
            }
        }
        self.recheck_shown(problem, tie)
    }

    #[expect(clippy::cast_possible_truncation, reason = "logits are single-precision numbers, widened")]
    fn recheck_shown(&self, problem: &Problem<'_>, tie: f64) -> Result<(), TaskError> {
        let prompts = problem.bundle.i64_matrix(TEST_FEATURES)?;
        let last = self.batches.last().map_or(0, |b| usize::try_from(*b).unwrap_or(0));
        let begin = self.tokens.nrows() - last;
        for (index, place) in shown(last * self.asked.new).enumerate() {
            let (row, step) = (place / self.asked.new, place % self.asked.new);
            let logits: Vec<f32> = self.logits.row(index).iter().map(|logit| *logit as f32).collect();
            let choice = match self.asked.sampling {
                None => likeliest(&logits),
                Some(sampling) => {
                    let prompt = prompts.row(row);
                    let before = prompt.iter().take(self.asked.prompt);
                    let chosen = self.tokens.row(begin + row);
                    let history: Vec<i64> = before.chain(chosen.iter().take(step)).copied().collect();
                    sampling.choose(&logits, &history, self.uniforms[index])
                }
            };
            let told = Choice {
                token: self.answers[[begin + row, step]],
                margin: self.margins[[begin + row, step]],
            };
            let same = choice.token == told.token && within((choice.margin - told.margin).abs(), tie);
            if !same && !within(choice.margin, tie) {
                return Err(TaskError::Contradiction(format!(
                    "the logits that are shown of step {} of row {} choose the token {} by a margin of {:.1e}, but the outputs say {} by {:.1e}",
                    step + 1,
                    row + 1,
                    choice.token,
                    choice.margin,
                    told.token,
                    told.margin
                )));
            }
        }
        Ok(())
    }
}

/// Where two sides' tokens part, and whether they may.
fn parting(a: &Shown, b: &Shown) -> Check {
    const NAME: &str = "tokens";
    if a.batches != b.batches {
        let finding =
            format!("one side went on with batches of {:?}, the other of {:?}", a.batches, b.batches);
        return Check::disagreement(NAME, finding);
    }
    if a.uniforms != b.uniforms {
        return Check::disagreement(NAME, "the two drew with other uniform numbers".to_owned());
    }
    let (rows, steps) = a.tokens.dim();
    let tie = a.tie().max(b.tie());
    let (mut parted, mut shortest, mut widest) = (0, steps, 0.0_f64);
    for row in 0..rows {
        let first = (0..steps).find(|step| a.tokens[[row, *step]] != b.tokens[[row, *step]]);
        let Some(step) = first else { continue };
        let margin = a.margins[[row, step]].min(b.margins[[row, step]]);
        if !within(margin, tie) {
            let finding = format!(
                "tokens part at step {} of row {}, where the choice had a margin of {margin:.1e} (a tie is up to {tie:.0e})",
                step + 1,
                row + 1
            );
            return Check { figure: Some(margin), allowed: Some(tie), ..Check::disagreement(NAME, finding) };
        }
        parted += 1;
        shortest = shortest.min(step);
        widest = widest.max(margin);
    }
    let finding = if parted == 0 {
        format!("all {steps} tokens of {rows} rows identical")
    } else {
        format!(
            "{} of {rows} rows identical in all {steps} tokens; {parted} part at a tie (margins up to {widest:.0e}), the first after {shortest} tokens",
            rows - parted
        )
    };
    Check { figure: Some(widest), allowed: Some(tie), ..Check::agreement(NAME, finding) }
}

/// The share of distinct n-grams among all (J. Li et al. 2016, a diversity-promoting objective function for neural conversation models).
#[expect(clippy::cast_precision_loss, reason = "numbers of tokens")]
fn distinct(tokens: &Array2<i64>, n: usize) -> f64 {
    let rows: Vec<Vec<i64>> = tokens.outer_iter().map(|row| row.to_vec()).collect();
    let all: Vec<&[i64]> = rows.iter().flat_map(|row| row.windows(n)).collect();
    let different: std::collections::BTreeSet<&[i64]> = all.iter().copied().collect();
    different.len() as f64 / all.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(tokens: Array2<i64>, margins: Array2<f64>) -> Shown {
        let asked = Generation { prompt: 2, new: tokens.ncols(), sampling: None };
        let batches = vec![i64::try_from(tokens.nrows()).unwrap()];
        let logits = ndarray::array![[1.0, -1.0]];
        Shown { asked, batches, answers: tokens.clone(), tokens, margins, logits, uniforms: Vec::new() }
    }

    #[test]
    fn sides_may_part_at_a_tie_alone() {
        let margins = ndarray::array![[5.0, 5.0, 1e-4], [5.0, 5.0, 5.0]];
        let a = shown(ndarray::array![[1, 2, 3], [4, 5, 6]], margins.clone());
        assert_eq!(parting(&a, &a).finding, "all 3 tokens of 2 rows identical");
        let at_a_tie = shown(ndarray::array![[1, 2, 9], [4, 5, 6]], margins.clone());
        let check = parting(&a, &at_a_tie);
        assert!(
            check.agrees && check.finding.starts_with("1 of 2 rows identical in all 3 tokens"),
            "{check:?}"
        );
        let elsewhere = shown(ndarray::array![[1, 2, 3], [4, 9, 6]], margins);
        let check = parting(&a, &elsewhere);
        assert!(!check.agrees && check.finding.starts_with("tokens part at step 2 of row 2"), "{check:?}");
    }

    #[test]
    fn distinct_bigrams_are_counted_within_rows() {
        assert!((distinct(&ndarray::array![[1, 2, 1, 2], [3, 1, 2, 4]], 2) - 4.0 / 6.0).abs() < 1e-12);
    }
}
