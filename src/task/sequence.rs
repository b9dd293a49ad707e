//! Sequences: train a network to tell the class of each (`sequence`), the number that follows it (`forecast`), or at every step the token
//! that follows there (`next_token`).

use super::network::architecture::{NEXT_TOKEN as SEEING_NO_NEXT, SEQUENCE as ARCHITECTURES};
use super::network::task::NetworkTask;
use crate::data::TargetKind;

/// The task `sequence`.
pub const SEQUENCE: NetworkTask = NetworkTask {
    name: "sequence",
    doc: "train a network to tell the class of every sequence of the test split",
    architectures: ARCHITECTURES,
    tokens: true,
    target: TargetKind::Classes,
    headline: &["accuracy", "log_loss"],
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
    headline: &["r2", "rmse"],
    margin: 0.02,
    epoch_metrics: &["r2", "rmse"],
    unit: "sequences",
};

/// The task `next_token`.
pub const NEXT_TOKEN: NetworkTask = NetworkTask {
    name: "next_token",
    doc: "train a network to predict at every step of a sequence the token that follows",
    architectures: SEEING_NO_NEXT,
    tokens: true,
    target: TargetKind::Next,
    headline: &["log_loss", "perplexity", "accuracy"],
    // Nats a token: 2 % of the perplexity.
    margin: 0.02,
    epoch_metrics: &["accuracy"],
    unit: "sequences",
};
