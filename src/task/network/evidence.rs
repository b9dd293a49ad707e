//! What a trained network hands in: the losses of its steps, its answers, and how it takes its first step.

use ndarray::Array2;

use super::architecture::Form;
use super::epochs;
use super::next_token::NextTokens;
use crate::data::bundle::TEST_FEATURES;
use crate::task::outputs::Outputs;
use crate::task::{Problem, Scores, TaskError};

/// The raw outputs that all networks share, checked.
#[derive(Debug)]
pub struct Evidence {
    /// The loss of every step.
    pub losses: Vec<f64>,
    /// Of all test rows after the last epoch [m, outputs]; where the next token is predicted, of the places that are [`shown`].
    pub logits: Array2<f64>,
    /// Where the next token is predicted, what was made of every one.
    pub next: Option<NextTokens>,
    /// The wall time of each epoch's training, in nanoseconds.
    pub epoch_ns: Vec<i64>,
    /// The answers after each epoch, the last of them those of the logits [epochs × m]; where the next token is predicted, those at some places.
    pub answers: Vec<f64>,
    /// Of some test rows before training, in evaluation: as [`FirstStep::logits`].
    pub initial_logits: Array2<f64>,
    /// The first step, from the same weights and rows, with dropout off.
    pub first: FirstStep,
    /// The losses of the first steps from moved weights [draws, steps].
    pub envelope: Array2<f64>,
}

/// A step that shows what it does.
#[derive(Debug)]
pub struct FirstStep {
    /// The logits of its rows [b, outputs]; where the next token is predicted, of the places that are [`shown`].
    pub logits: Array2<f64>,
    /// Their loss.
    pub loss: f64,
    /// Some entries of the gradient of each trainable tensor, in the order of their names.
    pub gradients: Vec<f64>,
    /// The norm of each whole gradient.
    pub norms: Vec<f64>,
}

impl Evidence {
    /// Reads the outputs of a network with such outputs.
    ///
    /// # Errors
    /// A tensor is missing, of another shape or type, or not finite, or two contradict each other.
    pub fn read(problem: &Problem<'_>, outputs: &Outputs, form: &Form) -> Result<Self, TaskError> {
        let extent = |name: &'static str, axis: usize| {
            outputs.shape(name).map(|shape| shape.get(axis).copied().unwrap_or(0))
        };
        let vector = |name: &'static str| outputs.numbers(name, &[extent(name, 0)?]);
        let rows = problem.bundle.rows(TEST_FEATURES)?;
        let few = |rows: usize| if form.every_step { shown(rows * form.answers()).count() } else { rows };
        let (initial, rows, width) = (few(rows.min(INITIAL_ROWS)), few(rows), form.outputs);
        let logits = outputs.matrix("logits", (rows, width))?;
        let next = form.every_step.then(|| NextTokens::read(problem, outputs, logits.view())).transpose()?;
        let epoch_ns = outputs.labels("epoch_ns", extent("epoch_ns", 0)?, 1..i64::MAX)?;
        let target = problem.bundle.manifest().target;
        Ok(Self {
            losses: vector("losses")?,
            answers: epochs::answers(outputs, target, &logits, next.as_ref(), epoch_ns.len())?,
            logits,
            next,
            epoch_ns,
            initial_logits: outputs.matrix("initial_logits", (initial, width))?,
            first: FirstStep {
                logits: outputs.matrix("first_logits", (extent("first_logits", 0)?, width))?,
                loss: outputs.numbers("first_loss", &[1])?[0],
                gradients: vector("first_gradients")?,
                norms: vector("first_gradient_norms")?,
            },
            envelope: outputs.matrix("envelope", (extent("envelope", 0)?, extent("envelope", 1)?))?,
        })
    }
}

impl Evidence {
    /// Adds what all networks are scored by.
    pub fn score(&self, scores: &mut Scores) {
        scores.add("training_loss", self.losses.last().copied().unwrap_or(f64::NAN));
    }
}

/// How many entries of a tensor's gradient are shown, and of how many tokens the logits.
pub const SHOWN: usize = 64;

/// The places of what is shown of so many.
pub fn shown(entries: usize) -> impl Iterator<Item = usize> {
    spread(entries, SHOWN)
}

/// At most so many places, spread evenly over all.
pub fn spread(entries: usize, most: usize) -> impl Iterator<Item = usize> {
    let count = entries.min(most);
    (0..count).map(move |j| j * entries / count)
}

/// The first test rows whose logits are shown before training.
pub const INITIAL_ROWS: usize = 16;

/// Steps from moved weights.
pub const ENVELOPE_STEPS: usize = 10;

/// How often the weights are moved.
pub const ENVELOPE_DRAWS: usize = 3;
