//! GPT-2 (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"). The reference is transformers' `modeling_gpt2.py`
//! (<https://github.com/huggingface/transformers>), whose linear layers keep their matrices as [input, output].

use candle_core::{Result, Tensor};
use candle_nn::kv_cache::KvCache;
use candle_nn::{Activation as Act, Embedding, LayerNorm, Linear, Module, VarBuilder, embedding, layer_norm};

use super::attention::{attend, causal, join, split};
use super::decoder::Network;
use super::{act, output_layer};
use crate::data::language::Config;

/// The layers.
pub struct Gpt2 {
    words: Embedding,
    positions: Tensor,
    layers: Vec<Layer>,
    norm: LayerNorm,
    head: Linear,
}

struct Layer {
    heads: usize,
    attention_norm: LayerNorm,
    /// Queries, keys and values.
    projection: Projection,
    attention_output: Projection,
    inner_norm: LayerNorm,
    inner: Projection,
    activation: Act,
    outer: Projection,
}

/// A linear layer with the matrix [input, output]: transformers' `Conv1D`.
struct Projection {
    weight: Tensor,
    bias: Tensor,
}

impl Projection {
    fn load(input: usize, output: usize, vars: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self { weight: vars.get((input, output), "weight")?, bias: vars.get(output, "bias")? })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (rows, length, input) = x.dims3()?;
        let y = x.reshape((rows * length, input))?.matmul(&self.weight)?;
        y.broadcast_add(&self.bias)?.reshape((rows, length, ()))
    }
}

impl Gpt2 {
    /// From a file's tensors.
    pub fn load(config: &Config, vars: &VarBuilder<'_>) -> Result<Self> {
        let transformer = vars.pp("transformer");
        let hidden = config.hidden;
        let words = embedding(config.vocabulary, hidden, transformer.pp("wte"))?;
        let layer = |i: usize| Layer::load(config, &transformer.pp("h").pp(i));
        Ok(Self {
            head: output_layer(config, &words, vars)?,
            words,
            positions: transformer.pp("wpe").get((config.positions, hidden), "weight")?,
            layers: (0..config.layers).map(layer).collect::<Result<_>>()?,
            norm: layer_norm(hidden, config.epsilon, transformer.pp("ln_f"))?,
        })
    }
}

impl Layer {
    fn load(config: &Config, vars: &VarBuilder<'_>) -> Result<Self> {
        let (hidden, wide) = (config.hidden, config.intermediate);
        let norm = |name: &str| layer_norm(hidden, config.epsilon, vars.pp(name));
        let projection = |name: &str, input, output| Projection::load(input, output, &vars.pp(name));
        Ok(Self {
            heads: config.heads,
            attention_norm: norm("ln_1")?,
            projection: projection("attn.c_attn", hidden, 3 * hidden)?,
            attention_output: projection("attn.c_proj", hidden, hidden)?,
            inner_norm: norm("ln_2")?,
            inner: projection("mlp.c_fc", hidden, wide)?,
            activation: act(config.activation),
            outer: projection("mlp.c_proj", wide, hidden)?,
        })
    }

    fn forward(&self, x: &Tensor, mask: Option<&Tensor>, cache: Option<&mut KvCache>) -> Result<Tensor> {
        let x = (self.attend(&self.attention_norm.forward(x)?, mask, cache)? + x)?;
        let inner = self.activation.forward(&self.inner.forward(&self.inner_norm.forward(&x)?)?)?;
        self.outer.forward(&inner)? + x
    }

    fn attend(&self, x: &Tensor, mask: Option<&Tensor>, cache: Option<&mut KvCache>) -> Result<Tensor> {
        let hidden = x.dim(2)?;
        let projected = self.projection.forward(x)?;
        let part = |i: usize| split(&projected.narrow(2, i * hidden, hidden)?, self.heads);
        let (queries, mut keys, mut values) = (part(0)?, part(1)?, part(2)?);
        if let Some(cache) = cache {
            (keys, values) = cache.append(&keys, &values)?;
        }
        self.attention_output.forward(&join(&attend(&queries, &keys, &values, mask)?)?)
    }
}

impl Network for Gpt2 {
    fn states(&self, tokens: &Tensor, mut caches: Option<&mut [KvCache]>) -> Result<Tensor> {
        let (_, length) = tokens.dims2()?;
        let begin = caches.as_ref().and_then(|c| c.first()).map_or(0, KvCache::current_seq_len);
        let mask = if length > 1 { Some(causal(length)?) } else { None };
        let places = self.positions.narrow(0, begin, length)?;
        let mut x = self.words.forward(tokens)?.broadcast_add(&places)?;
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x, mask.as_ref(), caches.as_mut().map(|caches| &mut caches[i]))?;
        }
        Ok(x)
    }

    fn logits(&self, states: &Tensor) -> Result<Tensor> {
        self.head.forward(&self.norm.forward(states)?)
    }

    fn layers(&self) -> usize {
        self.layers.len()
    }
}
