//! Language models: what a native framework implements to answer with one. The loop around it is [`crate::worker::language`].

use std::collections::BTreeMap;
use std::path::Path;

use super::network::{NextTokens, Weights};
use crate::data::language::Config;

/// A framework that answers with language models.
pub trait Languages: Sync {
    /// A model from the files of its folder.
    ///
    /// # Errors
    /// Why there is none.
    fn build(&self, ask: &ModelAsk<'_>) -> Result<Built, Refusal>;
}

/// What is asked of a framework.
#[derive(Debug, Clone, Copy)]
pub struct ModelAsk<'a> {
    /// What the model is.
    pub config: &'a Config,
    /// Its weights: a safetensors file in single precision with Hugging Face's names.
    pub weights: &'a Path,
    /// The device, `cpu` or `cuda`.
    pub device: &'a str,
    /// The type in which it computes, `float32`.
    pub dtype: &'a str,
    /// The number of threads.
    pub threads: usize,
}

/// Why there is no model.
#[derive(Debug)]
pub enum Refusal {
    /// The framework cannot do this: a result.
    Unsupported(String),
    /// It could, and failed.
    Failed(String),
}

/// A model of one of two kinds.
pub enum Built {
    /// Tells of a text as a whole.
    Encoder(Box<dyn Encoder>),
    /// Tells what follows a text.
    Decoder(Box<dyn Decoder>),
}

impl std::fmt::Debug for Built {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Encoder(_) => "encoder",
            Self::Decoder(_) => "decoder",
        })
    }
}

/// What both kinds tell of themselves.
pub trait Model {
    /// The tensors that it computes with, under the names of the file.
    ///
    /// # Errors
    /// The framework's message.
    fn weights(&self) -> Result<Weights, String>;
    /// The type of these tensors, read from them.
    fn dtype(&self) -> String;
    /// How the framework was built, and which attention it computes.
    fn facts(&self) -> BTreeMap<String, String>;
    /// The size of the pool of threads that it uses.
    fn pool(&self) -> usize;
}

/// How the states of a text's tokens become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The mean of the last hidden states over the tokens that are no padding.
    Mean,
    /// The last hidden state of the first token.
    Cls,
}

/// A model of a text as a whole.
pub trait Encoder: Model {
    /// `rows` texts of equal length, padded at the right with the config's `pad`, to [rows, hidden], owned by the caller.
    ///
    /// # Errors
    /// The framework's message.
    fn encode(
        &self,
        tokens: &[i64],
        rows: usize,
        pooling: Pooling,
        normalize: bool,
    ) -> Result<Vec<f32>, String>;
}

/// A model of what follows a text.
pub trait Decoder: Model {
    /// Of `rows` whole rows of tokens: what it makes of every token but each row's first; `shown` are places among rows · (length − 1).
    ///
    /// # Errors
    /// The framework's message.
    fn next_tokens(&self, tokens: &[i64], rows: usize, shown: &[i64]) -> Result<NextTokens, String>;
    /// Empties the caches, and reads the prompts [rows, length]: the logits of what follows each are kept.
    ///
    /// # Errors
    /// The framework's message.
    fn prefill(&mut self, prompts: &[i64], rows: usize) -> Result<(), String>;
    /// Reads one more token of each row: the logits of what follows are kept.
    ///
    /// # Errors
    /// The framework's message.
    fn decode(&mut self, tokens: &[i64]) -> Result<(), String>;
    /// The token of the largest of the logits that are kept, of each row; the first of equals.
    ///
    /// # Errors
    /// The framework's message.
    fn likeliest(&self) -> Result<Vec<i64>, String>;
    /// The logits that are kept [rows, vocabulary], owned by the caller.
    ///
    /// # Errors
    /// The framework's message.
    fn logits(&self) -> Result<Vec<f32>, String>;
    /// What the keys and values in the caches take, in bytes.
    fn cache_bytes(&self) -> u64;
}
