//! Scoring and comparing between trials: the task's word on raw outputs, once for both languages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::data::bundle::Bundle;
use crate::plan::{Case, Plan};
use crate::task::{Check, Problem, Scores, TASKS, Task, TaskError};

fn task(name: &str) -> Option<&'static dyn Task> {
    TASKS.iter().copied().find(|t| t.definition().name == name)
}

fn problem<'p>(plan: &'p Plan, case: &'p Case, bundle: &'p Bundle) -> Problem<'p> {
    let (experiment, def) = (plan.experiment(case), plan.def(case));
    Problem {
        algorithm: &def.algorithm,
        hyperparameters: &def.hyperparameters,
        bundle,
        tolerances: &experiment.tolerances,
    }
}

/// Scores one trial's outputs.
pub fn score(plan: &Plan, case: &Case, bundle: &Bundle, outputs: &Path) -> Result<Scores, TaskError> {
    match task(&plan.experiment(case).task) {
        Some(task) => task.score(&problem(plan, case, bundle), outputs),
        None => Ok(Scores::default()),
    }
}

/// Compares the outputs of a block with those of the baseline, by contender. Nothing where one side has none.
pub fn pairs(
    plan: &Plan,
    case: &Case,
    bundle: &Bundle,
    outputs: &BTreeMap<&str, PathBuf>,
) -> BTreeMap<String, Vec<Check>> {
    let experiment = plan.experiment(case);
    let baseline = experiment.baseline.as_str();
    let (Some(task), Some(reference)) = (task(&experiment.task), outputs.get(baseline)) else {
        return BTreeMap::new();
    };
    let problem = problem(plan, case, bundle);
    outputs
        .iter()
        .filter(|(implementation, _)| **implementation != baseline)
        .map(|(contender, path)| {
            let checks =
                task.compare(&problem, (contender, path), (baseline, reference)).unwrap_or_else(|error| {
                    vec![Check {
                        name: "outputs".to_owned(),
                        agrees: false,
                        contender: None,
                        baseline: None,
                        figure: None,
                        allowed: None,
                        finding: format!("the outputs could not be compared: {error}"),
                    }]
                });
            ((*contender).to_owned(), checks)
        })
        .collect()
}
