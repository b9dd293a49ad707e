//! The encoder of Vaswani et al. (2017), Attention is all you need, NeurIPS, as a model of sequences: `torch.nn.TransformerEncoder` with
//! sinusoidal positions, the mean over the steps, and an affine map. Normalisation comes after each part, as in the paper; embeddings are not
//! scaled by the root of the dimension, since they begin with deviation 1. Where the next token is predicted each step sees itself and earlier
//! ones alone, and the affine map answers at every step.

use super::{Architecture, Form, Network, count, dropout, named, number, plain};
use crate::task::network::layer::{Layer, Linear, Named, TransformerEncoder};
use crate::task::parameter::{ParameterDef, Parameters};

/// A transformer's encoder.
#[derive(Debug)]
pub struct TransformerEncoderNetwork;

impl Architecture for TransformerEncoderNetwork {
    fn name(&self) -> &'static str {
        "transformer_encoder"
    }

    fn doc(&self) -> &'static str {
        "the encoder of a transformer (Vaswani et al. 2017), as torch.nn.TransformerEncoder, with the mean over its outputs"
    }

    fn parameters(&self) -> Vec<ParameterDef> {
        vec![
            ParameterDef::int_from("hidden", 2, 64, "the dimension of the model, an even number")
                .up_to(65_536.0),
            ParameterDef::int_from("heads", 1, 4, "the heads of the attention; they divide the dimension")
                .up_to(1024.0),
            ParameterDef::int_from("layers", 1, 2, "layers of the encoder").up_to(64.0),
            ParameterDef::int_from(
                "feed_forward",
                1,
                128,
                "the width between the two affine maps of a layer",
            )
            .up_to(1_048_576.0),
            dropout(0.1),
        ]
    }

    fn layers(&self, form: &Form, parameters: &Parameters) -> Result<Network, String> {
        let (dimension, heads) = (count(parameters, "hidden")?, count(parameters, "heads")?);
        if dimension % 2 != 0 || dimension % heads != 0 {
            return Err(format!(
                "`hidden` is {dimension}, but must be even and a multiple of `heads`, which is {heads}"
            ));
        }
        let feed_forward = count(parameters, "feed_forward")?;
        let dropout = number(parameters, "dropout")?;
        let (input, length) = match form.vocabulary {
            Some(tokens) => (named("embedding", Layer::Embedding { tokens, dimension }), form.steps()?),
            None => {
                let [steps, channels] = form.series()?;
                (named("input", Layer::Linear(Linear::new(channels, dimension))), steps)
            }
        };
        let causal = form.every_step;
        let encoder = TransformerEncoder { dimension, heads, feed_forward, dropout, causal };
        let encoder = Layer::TransformerEncoder(encoder);
        let encoders: Vec<Named> =
            (0..count(parameters, "layers")?).map(|i| named(&i.to_string(), encoder.clone())).collect();
        let mut layers = vec![
            input,
            plain(Layer::Positions { length, dimension }),
            plain(Layer::Dropout(dropout)),
            named("encoder.layers", Layer::Sequential(encoders)),
        ];
        if !form.every_step {
            layers.push(plain(Layer::MeanOverTime));
        }
        layers.push(named("head", Layer::Linear(Linear::new(dimension, form.outputs))));
        Ok(Network { layers })
    }
}
