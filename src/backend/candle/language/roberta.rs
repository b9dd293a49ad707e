//! BERT (Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding") and RoBERTa (Liu et al.
//! 2019, "RoBERTa: A Robustly Optimized BERT Pretraining Approach"), which differs by where positions begin. The reference is
//! transformers' `modeling_bert.py` and `modeling_roberta.py` (<https://github.com/huggingface/transformers>). All tokens are of the first
//! kind of segment, and there is no pooler: its output is not asked for.

use candle_core::{Device, Result, Tensor};
use candle_nn::{
    Activation as Act, Embedding, LayerNorm, Linear, Module, VarBuilder, embedding, layer_norm, linear,
};

use super::attention::SelfAttention;
use super::encoder::{Batch, Network};
use super::{WRITTEN_OUT, act};
use crate::data::language::Config;

/// The layers.
pub struct Roberta {
    words: Embedding,
    positions: Tensor,
    /// The first kind of segment.
    segment: Tensor,
    norm: LayerNorm,
    layers: Vec<Layer>,
    /// Positions are counted from after this one, and padding is there; BERT's are counted from 0, padding among them.
    padding: Option<u32>,
}

struct Layer {
    attention: SelfAttention,
    attention_output: Linear,
    attention_norm: LayerNorm,
    intermediate: Linear,
    activation: Act,
    output: Linear,
    output_norm: LayerNorm,
}

impl Roberta {
    /// From a file's tensors.
    pub fn load(config: &Config, vars: &VarBuilder<'_>, padding: Option<u32>) -> Result<Self> {
        let embeddings = vars.pp("embeddings");
        let hidden = config.hidden;
        let segments = embeddings.pp("token_type_embeddings").get((config.segments, hidden), "weight")?;
        let layer = |i: usize| Layer::load(config, &vars.pp("encoder.layer").pp(i));
        Ok(Self {
            words: embedding(config.vocabulary, hidden, embeddings.pp("word_embeddings"))?,
            positions: embeddings.pp("position_embeddings").get((config.positions, hidden), "weight")?,
            segment: segments.get(0)?,
            norm: layer_norm(hidden, config.epsilon, embeddings.pp("LayerNorm"))?,
            layers: (0..config.layers).map(layer).collect::<Result<_>>()?,
            padding,
        })
    }

    /// The vectors of the places' positions: [length, hidden], or of each row where they differ.
    fn places(&self, batch: &Batch) -> Result<Tensor> {
        let (_, length) = batch.tokens.dims2()?;
        match (self.padding, &batch.kept) {
            (None, _) => self.positions.narrow(0, 0, length),
            (Some(padding), None) => self.positions.narrow(0, padding as usize + 1, length),
            (Some(padding), Some(kept)) => {
                let places = kept.to_vec2::<f32>()?.into_iter().flat_map(|row| counted(&row, padding));
                let places = Tensor::from_vec(places.collect(), batch.tokens.shape(), &Device::Cpu)?;
                Embedding::new(self.positions.clone(), self.positions.dim(1)?).forward(&places)
            }
        }
    }
}

/// The positions of a row's tokens: the n-th that is no padding has the n-th after padding's.
fn counted(kept: &[f32], padding: u32) -> Vec<u32> {
    let place = |last: &mut u32, kept: &f32| {
        let is = *kept > 0.0;
        *last += u32::from(is);
        Some(if is { *last } else { padding })
    };
    kept.iter().scan(padding, place).collect()
}

impl Layer {
    fn load(config: &Config, vars: &VarBuilder<'_>) -> Result<Self> {
        let (hidden, wide) = (config.hidden, config.intermediate);
        let norm = |name: &str| layer_norm(hidden, config.epsilon, vars.pp(name));
        let attention = vars.pp("attention.self");
        Ok(Self {
            attention: SelfAttention::load(&attention, ["query", "key", "value"], hidden, config.heads)?,
            attention_output: linear(hidden, hidden, vars.pp("attention.output.dense"))?,
            attention_norm: norm("attention.output.LayerNorm")?,
            intermediate: linear(hidden, wide, vars.pp("intermediate.dense"))?,
            activation: act(config.activation),
            output: linear(wide, hidden, vars.pp("output.dense"))?,
            output_norm: norm("output.LayerNorm")?,
        })
    }

    fn forward(&self, x: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        let attended = self.attention_output.forward(&self.attention.forward(x, mask)?)?;
        let x = self.attention_norm.forward(&(attended + x)?)?;
        let inner = self.activation.forward(&self.intermediate.forward(&x)?)?;
        self.output_norm.forward(&(self.output.forward(&inner)? + x)?)
    }
}

impl Network for Roberta {
    fn states(&self, batch: &Batch) -> Result<Tensor> {
        let words = self.words.forward(&batch.tokens)?.broadcast_add(&self.segment)?;
        let x = self.norm.forward(&words.broadcast_add(&self.places(batch)?)?)?;
        let mask = batch.mask()?;
        self.layers.iter().try_fold(x, |x, layer| layer.forward(&x, mask.as_ref()))
    }

    fn attention(&self) -> &'static str {
        WRITTEN_OUT
    }
}
