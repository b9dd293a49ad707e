//! Tasks: what solving a problem means.
//!
//! A task alone defines its algorithms (parameters, types, defaults, which are binding), its raw outputs, its
//! metrics and its parity contract. Implementations only offer algorithms; they never define or score them. Algorithms
//! that are judged alike form a [`Family`]: one file of the task's folder.

pub mod classification;
pub mod clustering;
pub mod decomposition;
mod definition;
mod error;
mod finding;
pub mod image;
pub mod language;
pub mod metric;
pub mod network;
pub mod outputs;
pub mod parameter;
pub mod regression;
pub mod sequence;
pub mod svm;
pub mod tree;

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::bundle::{Bundle, Tensor};
pub use definition::{AlgorithmDef, Equivalence, Learner, Target, TaskDef, Tolerances};
pub use error::TaskError;
pub use finding::{Check, EQUAL_BITS, Scores, largest, within};
use outputs::Outputs;
use parameter::Parameters;

/// The training time up to the end of the first epoch after which the target was reached, evaluations apart.
pub const TO_TARGET: &str = "to_target";

/// What the calls of a case's phases process, so that their times are rates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// What is counted: `images`.
    pub unit: String,
    /// How many of these a row has: 1, or the tokens of a sequence, padding among them.
    pub per_row: u64,
    /// Rows of one call of each phase, where all its calls have the same number.
    pub rows: BTreeMap<String, u64>,
}

impl Rates {
    /// What one call of a phase processes; nothing where that is not known.
    pub fn of_call(&self, phase: &str) -> Option<u64> {
        Some(self.rows.get(phase)? * self.per_row)
    }
}

/// The wall times of a trial's samples by their series, as its worker sent them. What its raw outputs say of times must be the same.
pub type Series<'a> = BTreeMap<&'a str, &'a [u64]>;

/// A task's behaviour: scoring raw outputs, and saying whether two of them solved the same problem.
///
/// The runner calls these between trials, once for every implementation alike.
pub trait Task: Sync {
    /// Its definition, without the algorithms of adapters.
    fn definition(&self) -> TaskDef;

    /// Adds the metrics that all of its algorithms have.
    ///
    /// # Errors
    /// The outputs lack something, have another shape or type than the task asks, or hold values that are not finite.
    fn metrics(&self, problem: &Problem<'_>, outputs: &Outputs, scores: &mut Scores)
    -> Result<(), TaskError>;

    /// The contract of an adapter's own algorithm, of which the task knows nothing but the outputs that all share.
    ///
    /// # Errors
    /// As [`Task::metrics`].
    fn compare_plainly(
        &self,
        problem: &Problem<'_>,
        contender: Side<'_>,
        baseline: Side<'_>,
    ) -> Result<Vec<Check>, TaskError>;

    /// How an algorithm is judged; none for an adapter's own.
    fn family(&self, algorithm: &str) -> Option<&dyn Family>;

    /// The task as one that trains networks, if it is one.
    fn network(&self) -> Option<&network::task::NetworkTask> {
        None
    }

    /// Whether the problem can be posed at all, before anything is run.
    ///
    /// # Errors
    /// Why not: an architecture wants larger images, two hyperparameters do not go together.
    fn check(&self, _: &Problem<'_>) -> Result<(), TaskError> {
        Ok(())
    }

    /// What a block draws from its seed for all sides alike; nothing for most tasks.
    ///
    /// # Errors
    /// As [`Task::check`].
    fn draw(&self, _: &Problem<'_>, _seed: u64) -> Result<Option<Draws>, TaskError> {
        Ok(None)
    }

    /// What the calls of a case's phases process; nothing for most tasks. Those of its application come with the rows of a call.
    fn rates(&self, _: &Problem<'_>, _batches: &[(String, u64)]) -> Option<Rates> {
        None
    }

    /// Whether raw outputs say the same of times as the samples.
    ///
    /// # Errors
    /// Where they differ, or the outputs lack something.
    fn check_times(&self, _: &Outputs, _: &Series<'_>) -> Result<(), TaskError> {
        Ok(())
    }

    /// Scores the raw outputs of one trial.
    ///
    /// # Errors
    /// The outputs cannot be read, or as [`Task::metrics`] and [`Task::check_times`].
    fn score(&self, problem: &Problem<'_>, outputs: &Path, series: &Series<'_>) -> Result<Scores, TaskError> {
        let outputs = Outputs::read(outputs)?;
        self.check_times(&outputs, series)?;
        let mut scores = Scores::default();
        self.metrics(problem, &outputs, &mut scores)?;
        if let Some(family) = self.family(problem.algorithm) {
            family.score(problem, &outputs, &mut scores)?;
        }
        Ok(scores)
    }

    /// Compares the raw outputs of two trials of one block under the contract of the algorithm.
    ///
    /// # Errors
    /// As [`Task::score`].
    fn compare(
        &self,
        problem: &Problem<'_>,
        contender: Finished<'_>,
        baseline: Finished<'_>,
    ) -> Result<Vec<Check>, TaskError> {
        let (a, b) = (Outputs::read(contender.outputs)?, Outputs::read(baseline.outputs)?);
        let (a, b) = (contender.with(&a), baseline.with(&b));
        match self.family(problem.algorithm) {
            Some(family) => family.compare(problem, a, b),
            None => self.compare_plainly(problem, a, b),
        }
    }
}

/// Algorithms of one task that are judged alike.
pub trait Family: Sync {
    /// Their definitions.
    fn algorithms(&self) -> Vec<AlgorithmDef>;

    /// Adds what only they have: objectives, sizes of models. It also checks the outputs that only they have.
    ///
    /// # Errors
    /// As [`Task::metrics`].
    fn score(&self, problem: &Problem<'_>, outputs: &Outputs, scores: &mut Scores) -> Result<(), TaskError>;

    /// Every point of their contract for one pair of trials of one block. For a stochastic learner these are the points beside the
    /// quality over seeds, at least one.
    ///
    /// # Errors
    /// As [`Task::metrics`].
    fn compare(
        &self,
        problem: &Problem<'_>,
        contender: Side<'_>,
        baseline: Side<'_>,
    ) -> Result<Vec<Check>, TaskError>;
}

/// A trial that handed in raw outputs.
#[derive(Debug, Clone, Copy)]
pub struct Finished<'a> {
    /// The implementation.
    pub name: &'a str,
    /// The file of its raw outputs.
    pub outputs: &'a Path,
    /// The kernels that it computed with, where it says that they give equal bits for equal inputs.
    pub kernels: Option<&'a str>,
}

impl<'a> Finished<'a> {
    fn with(self, outputs: &'a Outputs) -> Side<'a> {
        Side { name: self.name, outputs, kernels: self.kernels }
    }
}

/// The family of an algorithm among some.
fn family_of(families: &'static [&'static dyn Family], algorithm: &str) -> Option<&'static dyn Family> {
    families.iter().copied().find(|family| family.algorithms().iter().any(|a| a.name == algorithm))
}

/// One side of a pair: the implementation's name and its raw outputs.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The implementation.
    pub name: &'a str,
    /// What it handed in.
    pub outputs: &'a Outputs,
    /// As of [`Finished`].
    pub kernels: Option<&'a str>,
}

/// What a block draws for all sides.
#[derive(Debug)]
pub struct Draws {
    /// The tensors of the file that all sides read.
    pub tensors: Vec<(String, Tensor)>,
    /// What the `work` of every receipt must say, because it follows from the draws alone.
    pub work: Parameters,
}

/// Every task.
pub const TASKS: &[&dyn Task] = &[
    &regression::Regression,
    &classification::Classification,
    &clustering::Clustering,
    &decomposition::Decomposition,
    &image::IMAGE,
    &sequence::SEQUENCE,
    &sequence::FORECAST,
    &sequence::NEXT_TOKEN,
    &language::Embedding,
    &language::LanguageModel,
];

/// The task of that name.
pub fn task(name: &str) -> Option<&'static dyn Task> {
    TASKS.iter().copied().find(|t| t.definition().name == name)
}

/// The problem that a trial was to solve.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// The algorithm's name.
    pub algorithm: &'a str,
    /// Its hyperparameters, defaults filled in.
    pub hyperparameters: &'a Parameters,
    /// The data.
    pub bundle: &'a Bundle,
    /// The floating-point type; the task's first where nothing tells.
    pub dtype: Option<&'a str>,
    /// The initial weights of a network, where the user gives some.
    pub weights: Option<&'a network::given::WeightsFile>,
    /// Tolerances that the spec sets in place of the contract's own.
    pub tolerances: &'a Tolerances,
    /// Whether the algorithm is a stochastic learner, whose quality over seeds is compared instead of its outputs.
    pub stochastic: bool,
    /// The quality that a training is to reach, where the spec names one.
    pub target: Option<&'a Target>,
}
