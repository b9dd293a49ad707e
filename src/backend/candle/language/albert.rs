//! ALBERT (Lan et al. 2020, "ALBERT: A Lite BERT for Self-supervised Learning of Language Representations"): narrow embeddings, and one
//! layer's parameters for all layers. The reference is transformers' `modeling_albert.py`
//! (<https://github.com/huggingface/transformers>), with one group of one layer, as every published ALBERT has. All tokens are of the first
//! kind of segment, and there is no pooler: its output is not asked for.

use candle_core::{Result, Tensor};
use candle_nn::{
    Activation as Act, Embedding, LayerNorm, Linear, Module, VarBuilder, embedding, layer_norm, linear,
};

use super::attention::SelfAttention;
use super::encoder::{Batch, Network};
use super::{WRITTEN_OUT, act};
use crate::data::language::Config;

/// The layers.
pub struct Albert {
    words: Embedding,
    positions: Tensor,
    /// The first kind of segment.
    segment: Tensor,
    norm: LayerNorm,
    /// From the embeddings' width to the hidden one.
    mapping: Linear,
    layers: usize,
    attention: SelfAttention,
    attention_output: Linear,
    attention_norm: LayerNorm,
    inner: Linear,
    activation: Act,
    outer: Linear,
    output_norm: LayerNorm,
}

impl Albert {
    /// From a file's tensors.
    pub fn load(config: &Config, vars: &VarBuilder<'_>) -> Result<Self> {
        let (narrow, hidden, wide) = (config.embedding, config.hidden, config.intermediate);
        let embeddings = vars.pp("embeddings");
        let segments = embeddings.pp("token_type_embeddings").get((config.segments, narrow), "weight")?;
        let encoder = vars.pp("encoder");
        let layer = encoder.pp("albert_layer_groups.0.albert_layers.0");
        let attention = layer.pp("attention");
        let norm = |width: usize, at: VarBuilder<'_>| layer_norm(width, config.epsilon, at);
        Ok(Self {
            words: embedding(config.vocabulary, narrow, embeddings.pp("word_embeddings"))?,
            positions: embeddings.pp("position_embeddings").get((config.positions, narrow), "weight")?,
            segment: segments.get(0)?,
            norm: norm(narrow, embeddings.pp("LayerNorm"))?,
            mapping: linear(narrow, hidden, encoder.pp("embedding_hidden_mapping_in"))?,
            layers: config.layers,
            attention: SelfAttention::load(&attention, ["query", "key", "value"], hidden, config.heads)?,
            attention_output: linear(hidden, hidden, attention.pp("dense"))?,
            attention_norm: norm(hidden, attention.pp("LayerNorm"))?,
            inner: linear(hidden, wide, layer.pp("ffn"))?,
            activation: act(config.activation),
            outer: linear(wide, hidden, layer.pp("ffn_output"))?,
            output_norm: norm(hidden, layer.pp("full_layer_layer_norm"))?,
        })
    }

    fn layer(&self, x: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        let attended = self.attention_output.forward(&self.attention.forward(x, mask)?)?;
        let x = self.attention_norm.forward(&(attended + x)?)?;
        let inner = self.activation.forward(&self.inner.forward(&x)?)?;
        self.output_norm.forward(&(self.outer.forward(&inner)? + x)?)
    }
}

impl Network for Albert {
    fn states(&self, batch: &Batch) -> Result<Tensor> {
        let words = self.words.forward(&batch.tokens)?.broadcast_add(&self.segment)?;
        let places = self.positions.narrow(0, 0, batch.tokens.dim(1)?)?;
        let x = self.norm.forward(&words.broadcast_add(&places)?)?;
        let mask = batch.mask()?;
        (0..self.layers).try_fold(self.mapping.forward(&x)?, |x, _| self.layer(&x, mask.as_ref()))
    }

    fn attention(&self) -> &'static str {
        WRITTEN_OUT
    }
}
