//! Tasks: what solving a problem means.
//!
//! A task alone defines its algorithms (parameters, types, defaults, which are binding), its raw outputs, its
//! metrics and its parity contract. Implementations only offer algorithms; they never define or score them.

pub mod classification;
pub mod clustering;
pub mod metric;
pub mod parameter;
pub mod regression;
pub mod svm;

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::TargetKind;
use crate::data::bundle::Bundle;
use parameter::{ParameterDef, Parameters};

/// The definition of a task, as specs are checked against it and `benchrun list` prints it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TaskDef {
    /// The name in specs.
    pub name: String,
    /// What a solution is.
    pub doc: String,
    /// The kind of target a data set must have.
    pub target: TargetKind,
    /// The floating-point types it is defined for; the first is the default.
    pub dtypes: Vec<String>,
    /// The phases whose comparisons form the family of verdicts; a comparison on another phase gets an interval, but no verdict.
    pub primary_phases: Vec<String>,
    /// The metrics that reports show first.
    pub headline_metrics: Vec<String>,
    /// The metrics of which less is better; of all others more is.
    pub lower_is_better: Vec<String>,
    /// Its algorithms, those of adapters (`vendor:name`) last.
    pub algorithms: Vec<AlgorithmDef>,
}

impl TaskDef {
    /// The algorithm of that name.
    pub fn algorithm(&self, name: &str) -> Option<&AlgorithmDef> {
        self.algorithms.iter().find(|a| a.name == name)
    }
}

/// The definition of an algorithm.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct AlgorithmDef {
    /// The name in specs; an adapter's own algorithm is `vendor:name`.
    pub name: String,
    /// What it computes.
    pub doc: String,
    /// The objective that it minimises, if the scorer can evaluate it.
    pub objective: Option<String>,
    /// Its hyperparameters.
    pub parameters: Vec<ParameterDef>,
    /// Work that must be equal on both sides, as keys of the receipts' `work`: `epochs`, `trees`. How a solver reaches the optimum of a
    /// convex problem is no such work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub work: Vec<String>,
    /// For a stochastic learner: raw outputs differ from seed to seed, so quality over distinct seeds is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equivalence: Option<Equivalence>,
}

/// How the quality of a stochastic learner is compared: by two one-sided tests (TOST) over the blocks, each a draw of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Equivalence {
    /// The metric.
    pub metric: String,
    /// The largest difference of means that does not matter, in the metric's unit.
    #[schemars(range(min = 0.0))]
    pub margin: f64,
    /// Phases whose time claims to reach that quality. They need equivalence; the others need only that no difference is shown.
    #[serde(default)]
    pub quality_phases: Vec<String>,
}

/// A task's behaviour: scoring raw outputs, and saying whether two of them solved the same problem.
///
/// The runner calls these between trials, once for every implementation alike.
pub trait Task: Sync {
    /// Its definition, without the algorithms of adapters.
    fn definition(&self) -> TaskDef;

    /// Scores the raw outputs of one trial.
    ///
    /// # Errors
    /// The outputs are missing, have another shape or type than the task asks, or hold values that are not finite.
    fn score(&self, problem: &Problem<'_>, outputs: &Path) -> Result<Scores, TaskError>;

    /// Compares the raw outputs of two trials of one block under the task's contract.
    ///
    /// # Errors
    /// As [`Task::score`].
    fn compare(
        &self,
        problem: &Problem<'_>,
        contender: (&str, &Path),
        baseline: (&str, &Path),
    ) -> Result<Vec<Check>, TaskError>;
}

/// Every task.
pub const TASKS: &[&dyn Task] = &[&regression::Regression];

/// The problem that a trial was to solve.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// The algorithm's name.
    pub algorithm: &'a str,
    /// Its hyperparameters, defaults filled in.
    pub hyperparameters: &'a Parameters,
    /// The data.
    pub bundle: &'a Bundle,
    /// Tolerances that the spec sets in place of the contract's own.
    pub tolerances: &'a Tolerances,
    /// Whether the algorithm is a stochastic learner, whose quality over seeds is compared instead of its outputs.
    pub stochastic: bool,
}

/// Tolerances of the parity contract that a spec may set. The report says so where one is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tolerances {
    /// Convex problems: the largest distance of the objective from its minimum, over the objective of the best constant prediction.
    /// It is at least what the reference is certified to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1e-13, max = 1.0))]
    pub objective: Option<f64>,
    /// The largest difference of two predictions, over the standard deviation of the training target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1e-15, max = 1.0))]
    pub predictions: Option<f64>,
    /// Stochastic learners: the largest difference of mean quality that does not matter, in the unit of the contract's metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub quality: Option<f64>,
}

/// What the scorer found in one trial's outputs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scores {
    /// The task's metrics by name.
    pub metrics: BTreeMap<String, f64>,
    /// Metrics that are undefined on these outputs, each with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub undefined: BTreeMap<String, String>,
}

impl Scores {
    /// Adds a metric. JSON has no infinities, and a score that is none of the real numbers is none.
    pub fn add(&mut self, name: &str, value: f64) {
        if value.is_finite() {
            self.metrics.insert(name.to_owned(), value);
        } else {
            self.undefine(name, format!("it is {value}"));
        }
    }

    /// Says why a metric is undefined.
    pub fn undefine(&mut self, name: &str, reason: String) {
        self.undefined.insert(name.to_owned(), reason);
    }
}

/// One point of a parity contract, evaluated for a pair of trials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// What was compared, for example `predictions`.
    pub name: String,
    /// Whether the two agree.
    pub agrees: bool,
    /// The contender's value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contender: Option<String>,
    /// The baseline's value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// The figure that was judged, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<f64>,
    /// The largest figure allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<f64>,
    /// The finding as a phrase with both values: the reason if the two disagree.
    pub finding: String,
}

impl Check {
    /// A point on which two trials differ, or on which nothing proves that they agree.
    pub fn disagreement(name: &str, finding: String) -> Self {
        Self {
            name: name.to_owned(),
            agrees: false,
            contender: None,
            baseline: None,
            figure: None,
            allowed: None,
            finding,
        }
    }

    /// A point on which two trials agree.
    pub fn agreement(name: &str, finding: String) -> Self {
        Self { agrees: true, ..Self::disagreement(name, finding) }
    }

    /// The same point seen from the other side.
    #[must_use]
    pub fn swapped(self) -> Self {
        Self { contender: self.baseline, baseline: self.contender, ..self }
    }
}

/// Outputs that cannot be scored.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The file is missing or is not safetensors.
    #[error("the outputs {path} cannot be read: {message}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        message: String,
    },
    /// A tensor is missing.
    #[error("the outputs hold no tensor `{name}`")]
    Missing {
        /// The tensor's name.
        name: &'static str,
    },
    /// A tensor has another shape or type.
    #[error("the output `{name}` is {found}, but must be {expected}")]
    Shape {
        /// The tensor's name.
        name: &'static str,
        /// What it is.
        found: String,
        /// What it must be.
        expected: String,
    },
    /// A value is NaN or infinite.
    #[error("the output `{name}` holds {count} values that are not finite, the first at index {index}")]
    NotFinite {
        /// The tensor's name.
        name: &'static str,
        /// How many.
        count: usize,
        /// The first one's place.
        index: usize,
    },
    /// The bundle cannot be read.
    #[error(transparent)]
    Data(#[from] crate::data::DataError),
    /// The metrics refuse the values.
    #[error(transparent)]
    Metric(#[from] metric::MetricError),
    /// The converged reference could not be computed.
    #[error("no converged reference: {0}")]
    Reference(String),
}
