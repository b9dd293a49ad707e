//! Images: train a convolutional network to tell their classes.

use super::network::architecture::IMAGE as ARCHITECTURES;
use super::network::task::NetworkTask;
use crate::data::TargetKind;

/// The task `image`.
pub const IMAGE: NetworkTask = NetworkTask {
    name: "image",
    doc: "train a network to tell the class of every image of the test split",
    architectures: ARCHITECTURES,
    tokens: false,
    target: TargetKind::Classes,
    headline: &["accuracy", "log_loss"],
    margin: 0.02,
    epoch_metrics: &["accuracy"],
    unit: "images",
};
