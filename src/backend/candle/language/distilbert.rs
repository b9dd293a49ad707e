//! DistilBERT (Sanh et al. 2019, "DistilBERT, a distilled version of BERT: smaller, faster, cheaper and lighter"). The reference is
//! transformers' `modeling_distilbert.py` (<https://github.com/huggingface/transformers>). It is not candle-transformers' own, which
//! computes `gelu` by its approximation with a hyperbolic tangent: 5e-4 from transformers' states, where float32 allows 1e-6.

use candle_core::{Result, Tensor};
use candle_nn::{
    Activation as Act, Embedding, LayerNorm, Linear, Module, VarBuilder, embedding, layer_norm, linear,
};

use super::attention::SelfAttention;
use super::encoder::{Batch, Network};
use super::{WRITTEN_OUT, act};
use crate::data::language::Config;

/// The layers.
pub struct DistilBert {
    words: Embedding,
    positions: Tensor,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

struct Layer {
    attention: SelfAttention,
    attention_output: Linear,
    attention_norm: LayerNorm,
    inner: Linear,
    activation: Act,
    outer: Linear,
    output_norm: LayerNorm,
}

impl DistilBert {
    /// From a file's tensors.
    pub fn load(config: &Config, vars: &VarBuilder<'_>) -> Result<Self> {
        let embeddings = vars.pp("embeddings");
        let hidden = config.hidden;
        let layer = |i: usize| Layer::load(config, &vars.pp("transformer.layer").pp(i));
        Ok(Self {
            words: embedding(config.vocabulary, hidden, embeddings.pp("word_embeddings"))?,
            positions: embeddings.pp("position_embeddings").get((config.positions, hidden), "weight")?,
            norm: layer_norm(hidden, config.epsilon, embeddings.pp("LayerNorm"))?,
            layers: (0..config.layers).map(layer).collect::<Result<_>>()?,
        })
    }
}

impl Layer {
    fn load(config: &Config, vars: &VarBuilder<'_>) -> Result<Self> {
        let (hidden, wide) = (config.hidden, config.intermediate);
        let norm = |name: &str| layer_norm(hidden, config.epsilon, vars.pp(name));
        let attention = vars.pp("attention");
        Ok(Self {
            attention: SelfAttention::load(&attention, ["q_lin", "k_lin", "v_lin"], hidden, config.heads)?,
            attention_output: linear(hidden, hidden, attention.pp("out_lin"))?,
            attention_norm: norm("sa_layer_norm")?,
            inner: linear(hidden, wide, vars.pp("ffn.lin1"))?,
            activation: act(config.activation),
            outer: linear(wide, hidden, vars.pp("ffn.lin2"))?,
            output_norm: norm("output_layer_norm")?,
        })
    }

    fn forward(&self, x: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        let attended = self.attention_output.forward(&self.attention.forward(x, mask)?)?;
        let x = self.attention_norm.forward(&(attended + x)?)?;
        let inner = self.activation.forward(&self.inner.forward(&x)?)?;
        self.output_norm.forward(&(self.outer.forward(&inner)? + x)?)
    }
}

impl Network for DistilBert {
    fn states(&self, batch: &Batch) -> Result<Tensor> {
        let places = self.positions.narrow(0, 0, batch.tokens.dim(1)?)?;
        let x = self.norm.forward(&self.words.forward(&batch.tokens)?.broadcast_add(&places)?)?;
        let mask = batch.mask()?;
        self.layers.iter().try_fold(x, |x, layer| layer.forward(&x, mask.as_ref()))
    }

    fn attention(&self) -> &'static str {
        WRITTEN_OUT
    }
}
