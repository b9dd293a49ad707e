//! Language models and their texts: which model, how it is made ready, and how texts become rows of its tokens.

pub mod catalogue;
pub mod config;
mod folder;
mod gguf;
pub mod model;
mod rows;
pub mod shapes;
pub mod tensors;

pub use config::{Activation, Architecture, Config};
pub use model::{Model, ModelRecord, Ready};
pub use rows::{RawTexts, RowsOf, dataset, note_tokens, truncate};

/// What a dataset of texts has beside its rows of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Language {
    /// The documents that the rows were made of, in order.
    pub documents: Vec<String>,
    /// The model, its folder as it stands in the cache.
    pub model: ModelRecord,
}

#[cfg(test)]
mod tests;
