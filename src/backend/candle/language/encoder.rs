//! What encoders have in common: their input, and one vector from the states of a text.

use std::collections::BTreeMap;

use candle_core::{D, Device, Result, Tensor};

use super::load::Parameters;
use super::{ids, text};
use crate::backend::language::{Encoder, Model, Pooling};
use crate::backend::network::Weights;

/// Texts of equal length.
pub struct Batch {
    /// [rows, length]
    pub tokens: Tensor,
    /// [rows, length]: 1 where the token is no padding. None where no token is padding.
    pub kept: Option<Tensor>,
}

impl Batch {
    fn new(tokens: &[i64], rows: usize, pad: Option<i64>) -> Result<Self> {
        let shape = (rows, tokens.len() / rows);
        let kept = if tokens.iter().any(|token| Some(*token) == pad) {
            let kept = tokens.iter().map(|token| if Some(*token) == pad { 0.0 } else { 1.0 });
            Some(Tensor::from_vec(kept.collect::<Vec<f32>>(), shape, &Device::Cpu)?)
        } else {
            None
        };
        Ok(Self { tokens: ids(tokens, shape)?, kept })
    }

    /// What is added to the scores of attention [rows, 1, 1, length]: the least number for padding, as transformers has it.
    pub fn mask(&self) -> Result<Option<Tensor>> {
        let mask = |kept: &Tensor| ((1.0 - kept)? * f64::from(f32::MIN))?.unsqueeze(1)?.unsqueeze(1);
        self.kept.as_ref().map(mask).transpose()
    }

    fn pooled(&self, states: &Tensor, pooling: Pooling) -> Result<Tensor> {
        match (pooling, &self.kept) {
            (Pooling::Cls, _) => states.narrow(1, 0, 1)?.squeeze(1),
            (Pooling::Mean, None) => states.mean(1),
            // The sums are products by zeros and ones.
            (Pooling::Mean, Some(kept)) => {
                kept.unsqueeze(1)?.matmul(states)?.squeeze(1)?.broadcast_div(&kept.sum_keepdim(1)?)
            }
        }
    }
}

/// An encoder's layers.
pub trait Network {
    /// The last hidden states [rows, length, hidden].
    fn states(&self, batch: &Batch) -> Result<Tensor>;
    /// How its attention is computed.
    fn attention(&self) -> &'static str;
}

/// An encoder with its file's tensors.
pub struct Texts<N> {
    pub parameters: Parameters,
    pub network: N,
    pub pad: Option<i64>,
}

impl<N: Network> Texts<N> {
    fn embed(&self, tokens: &[i64], rows: usize, pooling: Pooling, normalize: bool) -> Result<Vec<f32>> {
        let batch = Batch::new(tokens, rows, self.pad)?;
        let mut embeddings = batch.pooled(&self.network.states(&batch)?, pooling)?;
        if normalize {
            embeddings = embeddings.broadcast_div(&embeddings.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?)?;
        }
        embeddings.flatten_all()?.to_vec1()
    }
}

impl<N: Network> Encoder for Texts<N> {
    fn encode(
        &self,
        tokens: &[i64],
        rows: usize,
        pooling: Pooling,
        normalize: bool,
    ) -> std::result::Result<Vec<f32>, String> {
        self.embed(tokens, rows, pooling, normalize).map_err(text)
    }
}

impl<N: Network> Model for Texts<N> {
    fn weights(&self) -> std::result::Result<Weights, String> {
        self.parameters.weights().map_err(text)
    }

    fn dtype(&self) -> String {
        super::dtype(&self.parameters)
    }

    fn facts(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("attention".to_owned(), self.network.attention().to_owned())])
    }

    fn pool(&self) -> usize {
        rayon::current_num_threads()
    }
}
