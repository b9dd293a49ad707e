//! Regression: predict a number for every row.
//!
//! Raw outputs: `predictions` [test rows] for every algorithm; `coefficients` [features] and `intercept` [1] for the
//! linear ones, from which the scorer computes the objective.

mod contract;
pub mod linear;
pub mod metrics;
mod outputs;

use std::path::Path;

use crate::data::TargetKind;
use crate::task::parameter::ParameterDef;
use crate::task::{AlgorithmDef, Check, Problem, Scores, Task, TaskDef, TaskError};
use outputs::Outputs;

/// The task `regression`.
#[derive(Debug)]
pub struct Regression;

impl Task for Regression {
    fn definition(&self) -> TaskDef {
        let intercept = || {
            ParameterDef::boolean(
                "fit_intercept",
                true,
                "whether to fit an intercept, which is not penalised",
            )
        };
        let alpha = |doc| ParameterDef::float_from("alpha", 0.0, 1.0, doc);
        let algorithm = |name: &str, doc: &str, objective: &str, parameters| AlgorithmDef {
            name: name.to_owned(),
            doc: doc.to_owned(),
            objective: Some(objective.to_owned()),
            parameters,
            work: Vec::new(),
            equivalence: None,
        };
        TaskDef {
            name: "regression".to_owned(),
            doc: "predict a number for every row of the test split".to_owned(),
            target: TargetKind::Continuous,
            dtypes: vec!["float64".to_owned()],
            primary_phases: ["fit", "predict@1", "predict@all"].map(str::to_owned).to_vec(),
            headline_metrics: ["r2", "rmse"].map(str::to_owned).to_vec(),
            lower_is_better: ["mse", "rmse", "mae", "max_error", "mape", "residual_std"]
                .map(str::to_owned)
                .to_vec(),
            algorithms: vec![
                algorithm("ols", "ordinary least squares", "|y - Xw - b|²", vec![intercept()]),
                algorithm(
                    "ridge",
                    "least squares with a squared penalty",
                    "|y - Xw - b|² + alpha |w|²",
                    vec![alpha("weight of the squared penalty"), intercept()],
                ),
                algorithm(
                    "lasso",
                    "least squares with an absolute penalty",
                    "|y - Xw - b|² / 2n + alpha |w|₁",
                    vec![alpha("weight of the absolute penalty"), intercept()],
                ),
                algorithm(
                    "elastic_net",
                    "least squares with both penalties",
                    "|y - Xw - b|² / 2n + alpha l1_ratio |w|₁ + alpha (1 - l1_ratio) |w|² / 2",
                    vec![
                        alpha("weight of both penalties"),
                        ParameterDef::float_from("l1_ratio", 0.0, 0.5, "share of the absolute penalty")
                            .up_to(1.0),
                        intercept(),
                    ],
                ),
            ],
        }
    }

    fn score(&self, problem: &Problem<'_>, path: &Path) -> Result<Scores, TaskError> {
        let outputs = Outputs::read(path, problem)?;
        let mut scores = Scores::default();
        contract::score(problem, &outputs, &mut scores)?;
        Ok(scores)
    }

    fn compare(
        &self,
        problem: &Problem<'_>,
        contender: (&str, &Path),
        baseline: (&str, &Path),
    ) -> Result<Vec<Check>, TaskError> {
        let read = |path| Outputs::read(path, problem);
        contract::compare(problem, (contender.0, &read(contender.1)?), (baseline.0, &read(baseline.1)?))
    }
}
