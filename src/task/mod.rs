//! Tasks: what solving a problem means.
//!
//! A task alone defines its algorithms (parameters, types, defaults, which are binding), its raw outputs, its
//! metrics and its parity contract. Implementations only offer algorithms; they never define or score them. Algorithms
//! that are judged alike form a [`Family`]: one file of the task's folder.

pub mod classification;
pub mod clustering;
pub mod decomposition;
pub mod image;
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

use crate::data::TargetKind;
use crate::data::bundle::{Bundle, Tensor};
use outputs::Outputs;
use parameter::{ParameterDef, Parameters};

/// The definition of a task, as specs are checked against it and `benchrun list` prints it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TaskDef {
    /// The name in specs.
    pub name: String,
    /// What a solution is.
    pub doc: String,
    /// The kinds of target that a data set may have. A file's target is read as the first.
    pub targets: Vec<TargetKind>,
    /// Whether it takes rows of token ids. Without, only data sets of numbers fit.
    #[serde(default, skip_serializing_if = "is_false")]
    pub tokens: bool,
    /// Whether a fit sees the target of its rows.
    pub supervised: bool,
    /// What a fitted model is asked to do with rows: `predict` or `transform`. Its phases are named `<application>@<rows>`.
    pub application: String,
    /// What its trials train.
    pub learner: Learner,
    /// The floating-point types it is defined for; the first is the default.
    pub dtypes: Vec<String>,
    /// The phases whose comparisons form the family of verdicts; a comparison on another phase gets an interval, but no verdict.
    pub primary_phases: Vec<String>,
    /// The metrics that reports show first.
    pub headline_metrics: Vec<String>,
    /// The metrics of which less is better; of all others more is.
    pub lower_is_better: Vec<String>,
    /// The metrics that are known after every epoch of a training, so that one of them may be an experiment's target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub epoch_metrics: Vec<String>,
    /// Its algorithms, those of adapters (`vendor:name`) last.
    pub algorithms: Vec<AlgorithmDef>,
}

/// What a trial trains, which says what its phases are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Learner {
    /// A model that is fitted from the training rows as a whole: `fit_first`, `fit`, then its application.
    Estimator,
    /// A network that is trained step by step from weights that the block draws: `build`, `train`, then `predict`.
    Network,
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
    /// Whether it speaks of its training rows alone, so that nothing can be timed but its fit.
    #[serde(default, skip_serializing_if = "is_false")]
    pub transductive: bool,
    /// Work that must be equal on both sides, as keys of the receipts' `work`: `epochs`, `trees`. How a solver reaches the optimum of a
    /// convex problem is no such work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub work: Vec<String>,
    /// For a stochastic learner: raw outputs differ from seed to seed, so quality over distinct seeds is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equivalence: Option<Equivalence>,
}

impl AlgorithmDef {
    /// A deterministic algorithm without a stated objective.
    pub fn new(name: &str, doc: &str, parameters: Vec<ParameterDef>) -> Self {
        Self {
            name: name.to_owned(),
            doc: doc.to_owned(),
            objective: None,
            parameters,
            transductive: false,
            work: Vec::new(),
            equivalence: None,
        }
    }

    /// The same algorithm with the objective that it minimises.
    #[must_use]
    pub fn minimising(self, objective: &str) -> Self {
        Self { objective: Some(objective.to_owned()), ..self }
    }

    /// The same algorithm as one that speaks of its training rows alone.
    #[must_use]
    pub fn transductive(self) -> Self {
        Self { transductive: true, ..self }
    }

    /// The same algorithm with work that must be equal on both sides.
    #[must_use]
    pub fn with_work(self, keys: &[&str]) -> Self {
        Self { work: keys.iter().map(|key| (*key).to_owned()).collect(), ..self }
    }

    /// The same algorithm as a stochastic learner, whose quality over seeds is compared. The time of its fits claims to reach it.
    #[must_use]
    pub fn stochastic(self, metric: &str, margin: f64) -> Self {
        let quality_phases = ["fit_first", "fit"].map(str::to_owned).to_vec();
        Self { equivalence: Some(Equivalence { metric: metric.to_owned(), margin, quality_phases }), ..self }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(value: &bool) -> bool {
    !value
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

/// A quality that a training is to reach. Its time to get there is the phase [`TO_TARGET`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The metric, on the test rows.
    pub metric: String,
    /// The value to reach.
    pub value: f64,
    /// Whether it is reached from above, because less is better.
    pub at_most: bool,
}

impl Target {
    /// After how many epochs it was first reached, given the metric after each.
    pub fn reached(&self, curve: &[f64]) -> Option<u64> {
        let reaches = |value: &f64| if self.at_most { *value <= self.value } else { *value >= self.value };
        curve.iter().position(reaches).map(|epoch| epoch as u64 + 1)
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.metric, if self.at_most { "≤" } else { "≥" }, self.value)
    }
}

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

    /// What the calls of a case's phases process; nothing for most tasks.
    fn rates(&self, _: &Problem<'_>) -> Option<Rates> {
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
    /// Classification: how many rows of each class (outer) were given each label (inner).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confusion: Vec<Vec<u64>>,
    /// Networks: metrics after each epoch.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub curves: BTreeMap<String, Vec<f64>>,
    /// After how many epochs the target was first reached; nothing where there is none, or it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs_to_target: Option<u64>,
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

/// The name of the point by which a contract says that everything two trials computed is equal in every bit, so that nothing about their
/// quality is left to chance.
pub const EQUAL_BITS: &str = "equal bits";

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

/// Whether a figure is allowed. One that is not a number never is: coefficients of 1e308 are finite, but what follows from them is not.
pub fn within(figure: f64, allowed: f64) -> bool {
    figure <= allowed
}

/// The largest of some figures of at least 0; not a number if one of them is none.
pub fn largest(figures: impl IntoIterator<Item = f64>) -> f64 {
    figures.into_iter().fold(0.0, |m: f64, f| if m.is_nan() || f.is_nan() { f64::NAN } else { m.max(f) })
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
    /// A value is none that the output can have.
    #[error("the output `{name}` holds {value} at index {index}, but must hold {expected}")]
    Value {
        /// The tensor's name.
        name: &'static str,
        /// The value.
        value: String,
        /// Its place.
        index: usize,
        /// What is allowed.
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
    /// Two things that were handed in contradict each other.
    #[error("{0}")]
    Contradiction(String),
    /// The bundle cannot be read.
    #[error(transparent)]
    Data(#[from] crate::data::DataError),
    /// The metrics refuse the values.
    #[error(transparent)]
    Metric(#[from] metric::MetricError),
    /// The problem cannot be posed.
    #[error("{0}")]
    Impossible(String),
    /// The converged reference could not be computed.
    #[error("no converged reference: {0}")]
    Reference(String),
}
