//! Networks: what the tasks that train them share. `docs/design/networks.md` has the whole of it.
//!
//! An architecture is defined once ([`architecture`]); a block draws its initial weights and the order of its rows ([`draws`]) and both
//! languages train from these ([`training`]); what they hand in ([`evidence`]) is compared step by step ([`contract`]).

pub mod architecture;
pub mod contract;
pub mod draws;
pub mod epochs;
pub mod evidence;
pub mod given;
pub mod layer;
pub mod next_token;
pub mod precision;
pub mod rates;
pub mod task;
pub mod training;

use super::{AlgorithmDef, Equivalence, TO_TARGET};
use crate::data::TargetKind;
use crate::data::bundle::Bundle;
use architecture::{Architecture, Form, Network};
use training::Training;

/// The phases that get verdicts.
pub const PRIMARY_PHASES: [&str; 4] = ["train_step", "evaluate", "predict@1", "predict@32"];

/// The algorithms of some architectures, whose quality over seeds is compared by a metric within ± a margin.
pub fn algorithms(
    architectures: &[&dyn Architecture],
    images: bool,
    metric: &str,
    margin: f64,
) -> Vec<AlgorithmDef> {
    let algorithm = |architecture: &&dyn Architecture| {
        let augmentation = if images { training::augmentation() } else { Vec::new() };
        let parameters = [architecture.parameters(), training::parameters(), augmentation].concat();
        let definition = AlgorithmDef::new(architecture.name(), architecture.doc(), parameters);
        // A step does the same work whatever the seed; how far a whole training gets is its quality.
        let quality_phases = ["epoch", TO_TARGET].map(str::to_owned).to_vec();
        AlgorithmDef {
            equivalence: Some(Equivalence { metric: metric.to_owned(), margin, quality_phases }),
            ..definition.with_work(&["steps", "epochs", "weights", "order"])
        }
    };
    architectures.iter().map(algorithm).collect()
}

/// A network and how it is trained, as one case asks for them.
#[derive(Debug, Clone)]
pub struct Case {
    /// What goes in and what comes out.
    pub form: Form,
    /// The layers.
    pub network: Network,
    /// How they are trained.
    pub training: Training,
    /// What is to be predicted.
    pub target: TargetKind,
}

/// What goes in and what comes out, as a bundle says.
pub fn form(bundle: &Bundle) -> Form {
    let manifest = bundle.manifest();
    let outputs = match manifest.target {
        TargetKind::Classes => manifest.class_names.len(),
        TargetKind::Continuous => 1,
        TargetKind::Next => manifest.vocabulary.unwrap_or(0),
    };
    let example = bundle.example_shape().unwrap_or_default();
    let every_step = manifest.target == TargetKind::Next;
    Form { example, vocabulary: manifest.vocabulary, outputs, every_step }
}

#[cfg(test)]
pub mod tests;
