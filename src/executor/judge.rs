//! Scoring and comparing between trials: the task's word on raw outputs, once for both languages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::event::JudgedPair;
use crate::data::bundle::Bundle;
use crate::store::manifest::CaseRecord;
use crate::task::{self, Check, Problem, Scores, TaskError};

fn problem<'p>(case: &'p CaseRecord, bundle: &'p Bundle) -> Problem<'p> {
    Problem {
        algorithm: &case.algorithm,
        hyperparameters: &case.hyperparameters,
        bundle,
        tolerances: &case.tolerances,
        stochastic: case.equivalence.is_some(),
    }
}

/// Scores one trial's outputs.
pub fn score(case: &CaseRecord, bundle: &Bundle, outputs: &Path) -> Result<Scores, TaskError> {
    match task::task(&case.task) {
        Some(task) => task.score(&problem(case, bundle), outputs),
        None => Ok(Scores::default()),
    }
}

/// Compares the outputs of every pair of a block. In a pair with the case's baseline, that is the baseline; in any other, the later one.
pub fn pairs(case: &CaseRecord, bundle: &Bundle, outputs: &BTreeMap<&str, PathBuf>) -> Vec<JudgedPair> {
    let Some(task) = task::task(&case.task) else { return Vec::new() };
    let problem = problem(case, bundle);
    let mut sides: Vec<(&str, &Path)> = outputs.iter().map(|(id, path)| (*id, path.as_path())).collect();
    sides.sort_by_key(|(id, _)| *id == case.baseline);
    let mut pairs = Vec::new();
    for (i, contender) in sides.iter().enumerate() {
        for baseline in &sides[i + 1..] {
            let checks = task.compare(&problem, *contender, *baseline).unwrap_or_else(|error| {
                vec![Check::disagreement("outputs", format!("the outputs could not be compared: {error}"))]
            });
            pairs.push(JudgedPair {
                contender: contender.0.to_owned(),
                baseline: baseline.0.to_owned(),
                checks,
            });
        }
    }
    pairs
}
