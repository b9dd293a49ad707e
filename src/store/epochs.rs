//! How trainings went on, as `epochs.parquet`: one row for each epoch of each network, so that its learning curve can be drawn.

use std::collections::BTreeMap;

use polars::prelude::Column;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::parquet::{column, metrics};
use super::rows::counts;
use super::state::{RunState, TrialRecord};

/// One row of `epochs.parquet`: one epoch of one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EpochRow {
    /// The trial.
    pub trial: String,
    /// The case.
    pub case: String,
    /// The implementation.
    pub implementation: String,
    /// The block.
    pub block: u32,
    /// Whether the trial counts in the comparison.
    pub counted: bool,
    /// The epoch, from 1.
    pub epoch: u32,
    /// Its steps and what lies between them, in wall nanoseconds.
    pub wall_ns: u64,
    /// The evaluation on all test rows that followed, in wall nanoseconds.
    pub evaluate_ns: Option<u64>,
    /// What the task's metrics were after it; one column `metric_<name>` each.
    pub metrics: BTreeMap<String, f64>,
}

/// The rows of every trial that trained in epochs.
pub fn rows(state: &RunState) -> Vec<EpochRow> {
    let complete = state.complete();
    state.trials.iter().flat_map(|record| of_trial(record, counts(record, &complete))).collect()
}

fn of_trial(record: &TrialRecord, counted: bool) -> impl Iterator<Item = EpochRow> {
    let times = |phase| record.phase(phase).map_or(&[][..], |p| p.wall_ns.as_slice());
    let (epochs, evaluations) = (times("epoch"), times("evaluate"));
    let curves = record.scores.iter().flat_map(|scores| &scores.curves);
    (1..).zip(epochs).enumerate().map(move |(i, (epoch, wall_ns))| EpochRow {
        trial: record.trial.id.clone(),
        case: record.trial.case.clone(),
        implementation: record.trial.implementation.clone(),
        block: record.trial.block,
        counted,
        epoch,
        wall_ns: *wall_ns,
        evaluate_ns: evaluations.get(i).copied(),
        metrics: curves.clone().filter_map(|(name, curve)| Some((name.clone(), *curve.get(i)?))).collect(),
    })
}

/// The columns of `epochs.parquet`.
pub fn columns(rows: &[EpochRow]) -> Vec<Column> {
    let mut columns = vec![
        column("trial", rows, |r| &r.trial),
        column("case", rows, |r| &r.case),
        column("implementation", rows, |r| &r.implementation),
        column("block", rows, |r| r.block),
        column("counted", rows, |r| r.counted),
        column("epoch", rows, |r| r.epoch),
        column("wall_ns", rows, |r| r.wall_ns),
        column("evaluate_ns", rows, |r| r.evaluate_ns),
    ];
    columns.extend(metrics(rows, |r| &r.metrics));
    columns
}
