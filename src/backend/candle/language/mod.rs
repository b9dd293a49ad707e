//! Language models on candle's CPU kernels.

mod albert;
mod attention;
mod bert;
mod decoder;
mod distilbert;
mod encoder;
mod gpt2;
mod llama;
mod load;
mod roberta;

use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::{Activation as Act, Embedding, Linear, VarBuilder, linear_no_bias};

use crate::backend::language::{Built, Languages, ModelAsk, Refusal};
use crate::data::language::{Activation, Architecture, Config};
use load::Parameters;

/// candle as a framework that answers with language models.
#[derive(Debug)]
pub struct Candle;

/// Why bfloat16 is refused: `sums_of_bfloat16_stand_still` shows it.
const BFLOAT16: &str =
    "candle's `sum` of bfloat16 adds in bfloat16 on the CPU, where 256 and 1 are 256: norms are lost";

/// How attention is computed.
const WRITTEN_OUT: &str = "products of matrices and a softmax, written out";

impl Languages for Candle {
    fn build(&self, ask: &ModelAsk<'_>) -> std::result::Result<Built, Refusal> {
        if ask.device != "cpu" {
            return Err(Refusal::Unsupported(format!(
                "candle was built without {}",
                ask.device.to_uppercase()
            )));
        }
        if ask.dtype != "float32" {
            return Err(Refusal::Unsupported(BFLOAT16.to_owned()));
        }
        built(ask).map_err(|error| Refusal::Failed(text(error)))
    }
}

fn built(ask: &ModelAsk<'_>) -> Result<Built> {
    let config = ask.config;
    let parameters = Parameters::read(ask.weights)?;
    let vars = parameters.builder();
    Ok(match config.architecture {
        Architecture::Bert => encoder(config, parameters, bert::Bert::load(config, vars)?),
        Architecture::DistilBert => encoder(config, parameters, distilbert::DistilBert::load(config, &vars)?),
        Architecture::Roberta => {
            let Some(padding) = config.pad.and_then(|pad| u32::try_from(pad).ok()) else {
                candle_core::bail!(
                    "RoBERTa's positions begin after padding's, and the config names no padding"
                );
            };
            encoder(config, parameters, roberta::Roberta::load(config, &vars, Some(padding))?)
        }
        Architecture::Albert => encoder(config, parameters, albert::Albert::load(config, &vars)?),
        Architecture::Gpt2 => decoder(parameters, gpt2::Gpt2::load(config, &vars)?),
        Architecture::Llama => decoder(parameters, llama::Llama::load(config, &vars)?),
    })
}

fn encoder(config: &Config, parameters: Parameters, network: impl encoder::Network + 'static) -> Built {
    Built::Encoder(Box::new(encoder::Texts { parameters, network, pad: config.pad }))
}

fn decoder(parameters: Parameters, network: impl decoder::Network + 'static) -> Built {
    Built::Decoder(Box::new(decoder::Texts::new(parameters, network)))
}

#[expect(clippy::needless_pass_by_value, reason = "the signature of `map_err`")]
fn text(error: candle_core::Error) -> String {
    error.to_string()
}

/// The name of the parameters' type.
fn dtype(parameters: &Parameters) -> String {
    match parameters.dtype() {
        DType::F32 => "float32".to_owned(),
        other => other.as_str().to_owned(),
    }
}

/// Tokens, or places, as candle's indices.
fn ids(ids: &[i64], shape: impl Into<Shape>) -> Result<Tensor> {
    let ids = ids.iter().map(|id| u32::try_from(*id)).collect::<std::result::Result<Vec<_>, _>>();
    Tensor::from_vec(ids.map_err(candle_core::Error::wrap)?, shape.into(), &Device::Cpu)
}

/// The output layer of a decoder: the table of its tokens, or one of its own.
fn output_layer(config: &Config, words: &Embedding, vars: &VarBuilder<'_>) -> Result<Linear> {
    if config.tied {
        Ok(Linear::new(words.embeddings().clone(), None))
    } else {
        linear_no_bias(config.hidden, config.vocabulary, vars.pp("lm_head"))
    }
}

fn act(activation: Activation) -> Act {
    match activation {
        Activation::Gelu => Act::Gelu,
        Activation::GeluTanh => Act::NewGelu,
        Activation::Silu => Act::Silu,
    }
}

#[cfg(test)]
mod tests;
