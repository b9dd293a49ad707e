//! candle: networks on its own CPU kernels, from `candle-nn`'s modules.

mod language;
mod layers;
mod optimizer;
mod recurrent;
mod training;

use super::Framework;
use crate::worker::protocol::Blas;

/// The framework.
pub const FRAMEWORK: Framework = Framework {
    id: "rust/candle",
    doc: "candle-nn's modules and candle's gradients on the CPU; its generator cannot be seeded there, so dropout draws from ours",
    versions: &[
        ("candle-core", env!("BENCHRUN_VERSION_CANDLE_CORE")),
        ("candle-nn", env!("BENCHRUN_VERSION_CANDLE_NN")),
        ("candle-transformers", env!("BENCHRUN_VERSION_CANDLE_TRANSFORMERS")),
        ("tokenizers", env!("BENCHRUN_VERSION_TOKENIZERS")),
    ],
    blas: || Blas {
        name: "gemm".to_owned(),
        version: Some(env!("BENCHRUN_VERSION_GEMM").to_owned()),
        architecture: None,
        threads: rayon::current_num_threads(),
    },
    set_threads: super::rayon_pool,
    algorithms: &[],
    networks: Some(&training::Candle),
    languages: Some(&language::Candle),
};

#[cfg(test)]
mod tests;
