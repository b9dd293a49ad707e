//! What a trained network hands in: the losses of its steps, its answers, and how it takes its first step.

use ndarray::Array2;

use super::epochs;
use crate::data::bundle::TEST_FEATURES;
use crate::task::outputs::Outputs;
use crate::task::{Problem, Scores, TaskError};

/// The raw outputs that all networks share, checked.
#[derive(Debug)]
pub struct Evidence {
    /// The loss of every step.
    pub losses: Vec<f64>,
    /// Of all test rows after the last epoch [m, outputs].
    pub logits: Array2<f64>,
    /// The wall time of each epoch's training, in nanoseconds.
    pub epoch_ns: Vec<i64>,
    /// The answers after each epoch, the last of them those of the logits [epochs × m].
    pub answers: Vec<f64>,
    /// The first step, from the same weights and rows, with dropout off.
    pub first: FirstStep,
    /// The losses of the first steps from moved weights [draws, steps].
    pub envelope: Array2<f64>,
}

/// A step that shows what it does.
#[derive(Debug)]
pub struct FirstStep {
    /// The logits of its rows [b, outputs].
    pub logits: Array2<f64>,
    /// Their loss.
    pub loss: f64,
    /// Some entries of the gradient of each trainable tensor, in the order of their names.
    pub gradients: Vec<f64>,
    /// The norm of each whole gradient.
    pub norms: Vec<f64>,
}

impl Evidence {
    /// Reads the outputs of a network with so many outputs a row.
    ///
    /// # Errors
    /// A tensor is missing, of another shape or type, or not finite, or two contradict each other.
    pub fn read(problem: &Problem<'_>, outputs: &Outputs, width: usize) -> Result<Self, TaskError> {
        let extent = |name: &'static str, axis: usize| {
            outputs.shape(name).map(|shape| shape.get(axis).copied().unwrap_or(0))
        };
        let vector = |name: &'static str| outputs.numbers(name, &[extent(name, 0)?]);
        let rows = problem.bundle.rows(TEST_FEATURES)?;
        let logits = outputs.matrix("logits", (rows, width))?;
        let epoch_ns = outputs.labels("epoch_ns", extent("epoch_ns", 0)?, 1..i64::MAX)?;
        let target = problem.bundle.manifest().target;
        Ok(Self {
            losses: vector("losses")?,
            answers: epochs::answers(outputs, target, &logits, epoch_ns.len())?,
            logits,
            epoch_ns,
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

/// How many entries of a tensor's gradient are shown.
pub const SHOWN: usize = 64;

/// The places of the entries that are shown of a gradient with so many.
pub fn shown(entries: usize) -> impl Iterator<Item = usize> {
    let count = entries.min(SHOWN);
    (0..count).map(move |j| j * entries / count)
}

/// Steps from moved weights.
pub const ENVELOPE_STEPS: usize = 10;

/// How often the weights are moved.
pub const ENVELOPE_DRAWS: usize = 3;
