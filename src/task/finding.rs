//! What the scorer finds: the metrics of one trial, and the points of the contract for a pair.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
