//! Scoring and comparing between trials: the task's word on raw outputs, once for both languages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::event::JudgedPair;
use crate::data::bundle::Bundle;
use crate::store::manifest::CaseRecord;
use crate::task::{self, Check, Draws, Finished, Problem, Rates, Scores, Series, TaskError};

fn problem<'p>(case: &'p CaseRecord, bundle: &'p Bundle) -> Problem<'p> {
    Problem {
        algorithm: &case.algorithm,
        hyperparameters: &case.hyperparameters,
        bundle,
        dtype: case.dtype.as_deref(),
        weights: case.weights.as_ref(),
        tolerances: &case.tolerances,
        stochastic: case.equivalence.is_some(),
        target: case.target.as_ref(),
    }
}

/// What a trial that worked handed in.
#[derive(Debug)]
pub struct Handed {
    /// The file of its raw outputs.
    pub outputs: PathBuf,
    /// The kernels that it computed with, where it says that they give equal bits for equal inputs.
    pub kernels: Option<String>,
}

impl Handed {
    fn of<'a>(&'a self, name: &'a str) -> Finished<'a> {
        Finished { name, outputs: &self.outputs, kernels: self.kernels.as_deref() }
    }
}

/// What a block draws for all sides.
pub fn draw(case: &CaseRecord, bundle: &Bundle, seed: u64) -> Result<Option<Draws>, TaskError> {
    task::task(&case.task).map_or(Ok(None), |task| task.draw(&problem(case, bundle), seed))
}

/// Whether a case can be posed at all.
pub fn check(case: &CaseRecord, bundle: &Bundle) -> Result<(), TaskError> {
    task::task(&case.task).map_or(Ok(()), |task| task.check(&problem(case, bundle)))
}

/// What the calls of a case's phases process.
pub fn rates(case: &CaseRecord, bundle: &Bundle, batches: &[(String, u64)]) -> Option<Rates> {
    task::task(&case.task)?.rates(&problem(case, bundle), batches)
}

/// Scores one trial's outputs, which must say the same of times as its samples.
pub fn score(
    case: &CaseRecord,
    bundle: &Bundle,
    outputs: &Path,
    series: &Series<'_>,
) -> Result<Scores, TaskError> {
    match task::task(&case.task) {
        Some(task) => task.score(&problem(case, bundle), outputs, series),
        None => Ok(Scores::default()),
    }
}

/// Compares the outputs of every pair of a block. In a pair with the case's baseline, that is the baseline; in any other, the later one.
pub fn pairs(case: &CaseRecord, bundle: &Bundle, outputs: &BTreeMap<&str, Handed>) -> Vec<JudgedPair> {
    let Some(task) = task::task(&case.task) else { return Vec::new() };
    let problem = problem(case, bundle);
    let sides = outputs.iter().map(|(name, handed)| handed.of(name));
    let mut sides: Vec<Finished<'_>> = sides.collect();
    sides.sort_by_key(|side| side.name == case.baseline);
    let mut pairs = Vec::new();
    for (i, contender) in sides.iter().enumerate() {
        for baseline in &sides[i + 1..] {
            let checks = task.compare(&problem, *contender, *baseline).unwrap_or_else(|error| {
                vec![Check::disagreement("outputs", format!("the outputs could not be compared: {error}"))]
            });
            pairs.push(JudgedPair {
                contender: contender.name.to_owned(),
                baseline: baseline.name.to_owned(),
                checks,
            });
        }
    }
    pairs
}
