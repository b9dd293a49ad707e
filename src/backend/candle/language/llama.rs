//! Llama (Touvron et al. 2023, "LLaMA: Open and Efficient Foundation Language Models"), with grouped-query attention (Ainslie et al. 2023,
//! "GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints"). The reference is transformers'
//! `modeling_llama.py` (<https://github.com/huggingface/transformers>). It is not candle-transformers' own, which gives the logits of the
//! last place alone. The angles of the rotary embedding are worked out in double precision and rounded once.

use candle_core::{Device, Result, Tensor};
use candle_nn::kv_cache::KvCache;
use candle_nn::rotary_emb::rope;
use candle_nn::{
    Activation as Act, Embedding, Linear, Module, RmsNorm, VarBuilder, embedding, linear_no_bias, rms_norm,
};

use super::attention::{attend, causal, join, split};
use super::decoder::Network;
use super::{act, output_layer};
use crate::data::language::Config;

/// The layers.
pub struct Llama {
    words: Embedding,
    rotary: Rotary,
    layers: Vec<Layer>,
    norm: RmsNorm,
    head: Linear,
}

/// Cosines and sines of the angles by which each position turns the halves of a head's vector: [positions, width / 2]
/// (Su et al. 2021, "RoFormer: Enhanced Transformer with Rotary Position Embedding", in the layout of transformers' `rotate_half`).
struct Rotary {
    cosines: Tensor,
    sines: Tensor,
}

struct Layer {
    heads: usize,
    groups: usize,
    attention_norm: RmsNorm,
    queries: Linear,
    keys: Linear,
    values: Linear,
    attention_output: Linear,
    inner_norm: RmsNorm,
    gate: Linear,
    up: Linear,
    activation: Act,
    down: Linear,
}

impl Rotary {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "small numbers; rounded once"
    )]
    fn new(theta: f64, width: usize, positions: usize) -> Result<Self> {
        let half = width / 2;
        let angle = |i: usize| (i / half) as f64 * theta.powf(-((2 * (i % half)) as f64) / width as f64);
        let table = |f: fn(f64) -> f64| {
            let values: Vec<f32> = (0..positions * half).map(|i| f(angle(i)) as f32).collect();
            Tensor::from_vec(values, (positions, half), &Device::Cpu)
        };
        Ok(Self { cosines: table(f64::cos)?, sines: table(f64::sin)? })
    }

    fn part(&self, begin: usize, length: usize) -> Result<Self> {
        Ok(Self {
            cosines: self.cosines.narrow(0, begin, length)?,
            sines: self.sines.narrow(0, begin, length)?,
        })
    }

    fn turn(&self, x: &Tensor) -> Result<Tensor> {
        rope(x, &self.cosines, &self.sines)
    }
}

impl Llama {
    /// From a file's tensors.
    pub fn load(config: &Config, vars: &VarBuilder<'_>) -> Result<Self> {
        let model = vars.pp("model");
        let words = embedding(config.vocabulary, config.hidden, model.pp("embed_tokens"))?;
        let layers = model.pp("layers");
        // The width of a head need not be the hidden one's part: the file tells it.
        let all = layers.pp("0.self_attn.q_proj").get_unchecked("weight")?.dim(0)?;
        let width = all / config.heads;
        let layer = |i: usize| Layer::load(config, width, &layers.pp(i));
        Ok(Self {
            head: output_layer(config, &words, vars)?,
            words,
            rotary: Rotary::new(config.rope_theta, width, config.positions)?,
            layers: (0..config.layers).map(layer).collect::<Result<_>>()?,
            norm: rms_norm(config.hidden, config.epsilon, model.pp("norm"))?,
        })
    }
}

impl Layer {
    fn load(config: &Config, width: usize, vars: &VarBuilder<'_>) -> Result<Self> {
        let (hidden, wide) = (config.hidden, config.intermediate);
        let (queries, keys) = (config.heads * width, config.key_value_heads * width);
        let norm = |name: &str| rms_norm(hidden, config.epsilon, vars.pp(name));
        let attention =
            |name: &str, input, output| linear_no_bias(input, output, vars.pp("self_attn").pp(name));
        let inner = |name: &str, input, output| linear_no_bias(input, output, vars.pp("mlp").pp(name));
        Ok(Self {
            heads: config.heads,
            groups: config.key_value_heads,
            attention_norm: norm("input_layernorm")?,
            queries: attention("q_proj", hidden, queries)?,
            keys: attention("k_proj", hidden, keys)?,
            values: attention("v_proj", hidden, keys)?,
            attention_output: attention("o_proj", queries, hidden)?,
            inner_norm: norm("post_attention_layernorm")?,
            gate: inner("gate_proj", hidden, wide)?,
            up: inner("up_proj", hidden, wide)?,
            activation: act(config.activation),
            down: inner("down_proj", wide, hidden)?,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        rotary: &Rotary,
        mask: Option<&Tensor>,
        cache: Option<&mut KvCache>,
    ) -> Result<Tensor> {
        let x = (self.attend(&self.attention_norm.forward(x)?, rotary, mask, cache)? + x)?;
        let normed = self.inner_norm.forward(&x)?;
        let gated = (self.activation.forward(&self.gate.forward(&normed)?)? * self.up.forward(&normed)?)?;
        self.down.forward(&gated)? + x
    }

    fn attend(
        &self,
        x: &Tensor,
        rotary: &Rotary,
        mask: Option<&Tensor>,
        cache: Option<&mut KvCache>,
    ) -> Result<Tensor> {
        let queries = rotary.turn(&split(&self.queries.forward(x)?, self.heads)?)?;
        let mut keys = rotary.turn(&split(&self.keys.forward(x)?, self.groups)?)?;
        let mut values = split(&self.values.forward(x)?, self.groups)?;
        if let Some(cache) = cache {
            (keys, values) = cache.append(&keys, &values)?;
        }
        self.attention_output.forward(&join(&attend(&queries, &keys, &values, mask)?)?)
    }
}

impl Network for Llama {
    fn states(&self, tokens: &Tensor, mut caches: Option<&mut [KvCache]>) -> Result<Tensor> {
        let (_, length) = tokens.dims2()?;
        let begin = caches.as_ref().and_then(|c| c.first()).map_or(0, KvCache::current_seq_len);
        let mask = if length > 1 { Some(causal(length)?) } else { None };
        let rotary = self.rotary.part(begin, length)?;
        let mut x = self.words.forward(tokens)?;
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x, &rotary, mask.as_ref(), caches.as_mut().map(|caches| &mut caches[i]))?;
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
