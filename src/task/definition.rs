//! What a task defines: its algorithms, what is asked of data and implementations, and how a stochastic learner's quality is compared.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::parameter::ParameterDef;
use crate::data::TargetKind;

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
    /// A language model that was trained before: `build`, `tokenize`, then its application.
    Pretrained,
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
    /// What it asks of rows, where that is not what its task does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
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
            application: None,
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

    /// The same algorithm with an application of its own.
    #[must_use]
    pub fn applied(self, application: &str) -> Self {
        Self { application: Some(application.to_owned()), ..self }
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
