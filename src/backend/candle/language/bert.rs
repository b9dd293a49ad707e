//! BERT (Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding") as candle-transformers has
//! it. The reference is transformers' `modeling_bert.py` (<https://github.com/huggingface/transformers>); there is no deviation.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config as BertConfig, HiddenAct};

use super::encoder::{Batch, Network};
use crate::data::language::{Activation, Config};

/// The layers.
pub struct Bert(BertModel);

impl Bert {
    /// From a file's tensors.
    pub fn load(config: &Config, vars: VarBuilder<'_>) -> Result<Self> {
        let hidden_act = match config.activation {
            Activation::Gelu => HiddenAct::Gelu,
            Activation::GeluTanh => HiddenAct::GeluApproximate,
            Activation::Silu => candle_core::bail!("candle-transformers' BERT has no `silu`"),
        };
        let config = BertConfig {
            vocab_size: config.vocabulary,
            hidden_size: config.hidden,
            num_hidden_layers: config.layers,
            num_attention_heads: config.heads,
            intermediate_size: config.intermediate,
            hidden_act,
            max_position_embeddings: config.positions,
            type_vocab_size: config.segments,
            layer_norm_eps: config.epsilon,
            ..BertConfig::default()
        };
        Ok(Self(BertModel::load(vars, &config)?))
    }
}

impl Network for Bert {
    fn states(&self, batch: &Batch) -> Result<Tensor> {
        self.0.forward(&batch.tokens, &batch.tokens.zeros_like()?, batch.kept.as_ref())
    }

    fn attention(&self) -> &'static str {
        "candle-transformers': products of matrices and a softmax"
    }
}
