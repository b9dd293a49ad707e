//! Sequences: train a network to tell the class of each (`sequence`), or the number that follows it (`forecast`).

use super::network::architecture::SEQUENCE as ARCHITECTURES;
use super::network::task::NetworkTask;
use crate::data::TargetKind;

/// The task `sequence`.
pub const SEQUENCE: NetworkTask = NetworkTask {
    name: "sequence",
    doc: "train a network to tell the class of every sequence of the test split",
    architectures: ARCHITECTURES,
    tokens: true,
    target: TargetKind::Classes,
    headline: ["accuracy", "log_loss"],
    margin: 0.02,
    epoch_metrics: &["accuracy"],
    unit: "sequences",
};

/// The task `forecast`.
pub const FORECAST: NetworkTask = NetworkTask {
    name: "forecast",
    doc: "train a network to predict the number that belongs to every sequence of the test split",
    architectures: ARCHITECTURES,
    tokens: true,
    target: TargetKind::Continuous,
    headline: ["r2", "rmse"],
    margin: 0.02,
    epoch_metrics: &["r2", "rmse"],
    unit: "sequences",
};
