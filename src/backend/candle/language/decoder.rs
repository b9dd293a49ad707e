//! What decoders have in common: the teacher-forced pass, and generation through caches of keys and values.

use std::collections::BTreeMap;

use candle_core::{D, Result, Storage, Tensor};
use candle_nn::kv_cache::KvCache;

use super::load::Parameters;
use super::{WRITTEN_OUT, ids, text};
use crate::backend::language::{Decoder, Model};
use crate::backend::network::{NextTokens, Weights};

/// Places whose logits are worked out at once: a vocabulary of 50 000 makes 13 MB of them.
const PLACES: usize = 64;

/// Tokens that a cache has room for beyond the prompt. It grows by as much as it began with when that is not enough.
const ROOM: usize = 256;

/// A decoder's layers.
pub trait Network {
    /// The states after the last layer [rows, length, hidden], from tokens [rows, length] that follow those in the caches, if there are any.
    fn states(&self, tokens: &Tensor, caches: Option<&mut [KvCache]>) -> Result<Tensor>;
    /// The logits of what follows […, vocabulary], from such states […, hidden].
    fn logits(&self, states: &Tensor) -> Result<Tensor>;
    /// The number of layers.
    fn layers(&self) -> usize;
}

/// A decoder with its file's tensors.
pub struct Texts<N> {
    pub parameters: Parameters,
    pub network: N,
    /// One of each layer.
    pub caches: Vec<KvCache>,
    /// The logits [rows, vocabulary] of what follows the tokens in the caches.
    pub kept: Option<Tensor>,
}

impl<N: Network> Texts<N> {
    /// With empty caches.
    pub fn new(parameters: Parameters, network: N) -> Self {
        Self { parameters, network, caches: Vec::new(), kept: None }
    }

    fn told(&self, tokens: &[i64], rows: usize, shown: &[i64]) -> Result<NextTokens> {
        let length = tokens.len() / rows;
        let given = ids(tokens, (rows, length))?.narrow(1, 0, length - 1)?.contiguous()?;
        let states = self.network.states(&given, None)?.flatten_to(1)?;
        let truth: Vec<i64> = tokens.chunks(length).flat_map(|row| &row[1..]).copied().collect();
        let mut told = NextTokens::default();
        for (chunk, truth) in truth.chunks(PLACES).enumerate() {
            let logits = self.network.logits(&states.narrow(0, chunk * PLACES, truth.len())?)?;
            told.answers.extend(likeliest(&logits)?);
            log_probabilities(&logits, truth, &mut told.log_probabilities)?;
        }
        if !shown.is_empty() {
            let places = ids(shown, shown.len())?;
            told.logits = self.network.logits(&states.index_select(&places, 0)?)?.flatten_all()?.to_vec1()?;
        }
        Ok(told)
    }

    fn feed(&mut self, tokens: &[i64], rows: usize) -> Result<()> {
        let length = tokens.len() / rows;
        let states = self.network.states(&ids(tokens, (rows, length))?, Some(&mut self.caches))?;
        // What follows the last token alone: a prompt's other logits would be most of the work of a short one.
        let last = states.narrow(1, length - 1, 1)?.squeeze(1)?.contiguous()?;
        self.kept = Some(self.network.logits(&last)?);
        Ok(())
    }

    fn logits(&self) -> Result<&Tensor> {
        self.kept.as_ref().ok_or_else(|| candle_core::Error::msg("no prompt was given"))
    }
}

/// The token of the largest logit of each row, the first of equals.
fn likeliest(logits: &Tensor) -> Result<Vec<i64>> {
    Ok(logits.argmax(D::Minus1)?.to_vec1::<u32>()?.into_iter().map(i64::from).collect())
}

/// The logarithm of the probability of one token of each row of logits. It is taken from the logits where they lie: `log_softmax` would
/// write each of them five times.
fn log_probabilities(logits: &Tensor, tokens: &[i64], into: &mut Vec<f32>) -> Result<()> {
    let (storage, layout) = logits.storage_and_layout();
    let (Storage::Cpu(storage), Some((begin, end))) = (&*storage, layout.contiguous_offsets()) else {
        candle_core::bail!("logits are not in one piece on the CPU");
    };
    let logits = &storage.as_slice::<f32>()?[begin..end];
    for (row, token) in logits.chunks(logits.len() / tokens.len()).zip(tokens) {
        let largest = row.iter().fold(f32::NEG_INFINITY, |m, v| m.max(*v));
        let sum: f64 = row.iter().map(|v| f64::from((v - largest).exp())).sum();
        let logit = usize::try_from(*token).ok().and_then(|token| row.get(token));
        let Some(logit) = logit else { candle_core::bail!("token {token} is not in the vocabulary") };
        #[expect(clippy::cast_possible_truncation, reason = "answers are in single precision")]
        into.push((f64::from(logit - largest) - sum.ln()) as f32);
    }
    Ok(())
}

impl<N: Network> Decoder for Texts<N> {
    fn next_tokens(
        &self,
        tokens: &[i64],
        rows: usize,
        shown: &[i64],
    ) -> std::result::Result<NextTokens, String> {
        self.told(tokens, rows, shown).map_err(text)
    }

    fn prefill(&mut self, prompts: &[i64], rows: usize) -> std::result::Result<(), String> {
        let room = (prompts.len() / rows).next_multiple_of(ROOM) + ROOM;
        self.caches = (0..self.network.layers()).map(|_| KvCache::new(2, room)).collect();
        self.feed(prompts, rows).map_err(text)
    }

    fn decode(&mut self, tokens: &[i64]) -> std::result::Result<(), String> {
        self.feed(tokens, tokens.len()).map_err(text)
    }

    fn likeliest(&self) -> std::result::Result<Vec<i64>, String> {
        self.logits().and_then(likeliest).map_err(text)
    }

    fn logits(&self) -> std::result::Result<Vec<f32>, String> {
        self.logits().and_then(|logits| logits.flatten_all()?.to_vec1()).map_err(text)
    }

    fn cache_bytes(&self) -> u64 {
        let tensors = self.caches.iter().flat_map(|cache| [cache.k(), cache.v()]);
        tensors
            .map(|t| t.ok().flatten().map_or(0, |t| (t.elem_count() * t.dtype().size_in_bytes()) as u64))
            .sum()
    }
}

impl<N> Model for Texts<N> {
    fn weights(&self) -> std::result::Result<Weights, String> {
        self.parameters.weights().map_err(text)
    }

    fn dtype(&self) -> String {
        super::dtype(&self.parameters)
    }

    fn facts(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("attention".to_owned(), WRITTEN_OUT.to_owned())])
    }

    fn pool(&self) -> usize {
        rayon::current_num_threads()
    }
}
