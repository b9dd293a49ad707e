//! Specs: from TOML text to checked types, or to every error at once.
//!
//! ```text
//! text ─► document (values, places) ─► shape (against the schema) ─► raw (serde) ─► check ─► Spec
//! ```
//!
//! Only a [`Spec`] can be planned and run. Every default is filled in, every name resolved, every grid expanded.

mod blocks;
mod check;
mod document;
mod grid;
pub mod problem;
mod protocol;
pub mod raw;
mod shape;
mod source;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::data::Source;
use crate::data::bundle::Scale;
use crate::implementation::Registry;
use crate::task::network::given::WeightsFile;
use crate::task::parameter::Parameters;
use crate::task::{Target, Tolerances};
use crate::worker::protocol::Repeat;
pub use blocks::Blocks;
use document::Document;
pub use problem::SpecError;
use problem::{Place, Problem};

/// A checked spec.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spec {
    /// Its name, usable as a folder's name.
    pub name: String,
    /// How every trial is run.
    pub protocol: Protocol,
    /// The experiments, at least one.
    pub experiments: Vec<Experiment>,
}

/// How every trial is run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Protocol {
    /// The number of blocks of a case.
    pub blocks: Blocks,
    /// The longest time the run may be expected to take.
    pub budget: Option<Duration>,
    /// Threads of one trial.
    pub threads: usize,
    /// The device of one trial, `cpu` or `cuda`.
    pub device: String,
    /// The run's seed.
    pub seed: u64,
    /// The longest time of one trial.
    pub timeout: Duration,
    /// The memory of one trial.
    pub memory_bytes: u64,
    /// The time between two readings of what a trial costs; none for readings at its events alone.
    pub sampling: Option<Duration>,
    /// How often a block is begun anew because an environment failed.
    pub retries: u32,
    /// After so many equal failures in a row an implementation is given up; 0 is never.
    pub give_up_after: u32,
    /// Repetition of warm fits.
    pub fit: Repeat,
    /// Repetition of predictions, as far as the spec says.
    pub predict: AskedRepeat,
    /// Rows of one prediction call; the learner's own where the spec gives none.
    pub batch_sizes: Option<Vec<BatchSize>>,
}

/// Bounds on the repetition of a phase that a spec gives; the others are the learner's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct AskedRepeat {
    /// Untimed calls before the first sample.
    pub warmup: Option<u32>,
    /// The least number of samples.
    pub min_samples: Option<u32>,
    /// The largest number of samples.
    pub max_samples: Option<u32>,
    /// No sample begins after so many nanoseconds.
    pub max_time_ns: Option<u64>,
    /// Calls are batched until a sample lasts so many nanoseconds.
    pub min_sample_ns: Option<u64>,
}

impl AskedRepeat {
    /// These bounds, and the usual ones where none is given. A usual number of samples gives way to one that was asked for.
    pub fn or(self, usual: Repeat) -> Repeat {
        let max_samples = self.max_samples.unwrap_or(usual.max_samples.max(self.min_samples.unwrap_or(0)));
        Repeat {
            warmup: self.warmup.unwrap_or(usual.warmup),
            min_samples: self.min_samples.unwrap_or(usual.min_samples.min(max_samples)),
            max_samples,
            max_time_ns: self.max_time_ns.unwrap_or(usual.max_time_ns),
            min_sample_ns: self.min_sample_ns.unwrap_or(usual.min_sample_ns),
        }
    }
}

/// Rows of one prediction call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchSize {
    /// So many rows.
    Rows(usize),
    /// The whole test split.
    All,
}

/// A checked experiment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Experiment {
    /// Its name, unique in the spec.
    pub name: String,
    /// The task.
    pub task: String,
    /// Data sets and settings of the matrix and of its includes, excluded ones left out.
    pub cases: Vec<CaseDef>,
    /// The ids of the implementations.
    pub implementations: Vec<String>,
    /// The one that the others are compared with.
    pub baseline: String,
    /// The share of rows that are held out.
    pub test_fraction: f64,
    /// Whether the rows that the data was published to be tested on are held out instead.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub published: bool,
    /// The folds of a cross-validation; none where one part is held out throughout.
    pub folds: Option<u32>,
    /// Whether both sides of the split hold the classes in the same proportions.
    pub stratify: bool,
    /// How features are scaled.
    pub scale: Scale,
    /// The initial weights of its networks, where they are given and not drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightsFile>,
    /// The floating-point type.
    pub dtype: String,
    /// Settings that the spec gives, by implementation and algorithm.
    pub settings: BTreeMap<String, BTreeMap<String, Parameters>>,
    /// The quality that a training is to reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Tolerances that the spec gives.
    pub tolerances: Tolerances,
}

/// One data set × algorithm × hyperparameter setting of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseDef {
    /// The data.
    pub source: Source,
    /// The algorithm.
    pub algorithm: String,
    /// Its hyperparameters, defaults filled in.
    pub hyperparameters: Parameters,
    /// Implementations that an exclude takes out of this case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
}

impl Spec {
    /// Reads and checks a spec's text. Relative paths in it start from `folder`.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place.
    pub fn parse(
        path: &str,
        text: &str,
        folder: &Path,
        registry: &Registry,
        max_trials: u64,
    ) -> Result<Self, Box<SpecError>> {
        let document =
            Document::parse(text).map_err(|problems| Box::new(SpecError::new(path, text, problems)))?;
        let failed = |problems: Vec<Problem>| {
            let located = problems.into_iter().map(|p| (document.locate(&p), p)).collect();
            Box::new(SpecError::new(path, text, located))
        };
        let schema = serde_json::Value::from(schemars::schema_for!(raw::RawSpec));
        let problems = shape::check(&schema, &document.values);
        if !problems.is_empty() {
            return Err(failed(problems));
        }
        let raw: raw::RawSpec = document
            .values
            .clone()
            .try_into()
            .map_err(|e: toml::de::Error| failed(vec![Problem::value(&Place::default(), e.message())]))?;
        check::spec(raw, folder, registry, max_trials).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_that_are_given_go_before_the_usual_ones() {
        let usual = Repeat { warmup: 5, min_samples: 5, max_samples: 30, max_time_ns: 500, min_sample_ns: 0 };
        assert_eq!(AskedRepeat::default().or(usual), usual);
        let samples = |min_samples, max_samples| {
            let repeat = AskedRepeat { min_samples, max_samples, ..AskedRepeat::default() }.or(usual);
            (repeat.min_samples, repeat.max_samples)
        };
        assert_eq!(samples(Some(100), None), (100, 100), "the largest number is at least the least");
        assert_eq!(samples(None, Some(3)), (3, 3), "the least number is at most the largest");
        assert_eq!(samples(Some(2), Some(40)), (2, 40));
        let batched = AskedRepeat { min_sample_ns: Some(1_000_000), ..AskedRepeat::default() };
        assert_eq!(batched.or(usual).min_sample_ns, 1_000_000);
    }
}
