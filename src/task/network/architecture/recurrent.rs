//! Recurrent networks: Elman's, LSTM, GRU, and an LSTM with attention over its outputs.
//!
//! Tokens go through an embedding first; a series of numbers goes in as it is. The last states (both directions side by side), or the
//! outputs weighed by attention, go through dropout and an affine map; where the next token is predicted, the states of every step do.

use super::{Architecture, Form, Network, count, dropout, named, number, plain};
use crate::task::network::layer::{Cell, Layer, Linear, Named, Recurrent};
use crate::task::parameter::{ParameterDef, Parameters, Value};

/// A recurrent network of which the last states count.
#[derive(Debug)]
pub struct LastState {
    name: &'static str,
    doc: &'static str,
    cell: Cell,
}

/// Elman's network.
pub const RNN: LastState = LastState {
    name: "rnn",
    doc: "a recurrent network with hyperbolic tangents (Elman 1990), as torch.nn.RNN, and an affine map of its last states",
    cell: Cell::Tanh,
};
/// Long short-term memory.
pub const LSTM: LastState = LastState {
    name: "lstm",
    doc: "long short-term memory (Hochreiter and Schmidhuber 1997), as torch.nn.LSTM, and an affine map of its last states",
    cell: Cell::Lstm,
};
/// Gated recurrent units.
pub const GRU: LastState = LastState {
    name: "gru",
    doc: "gated recurrent units (Cho et al. 2014), as torch.nn.GRU, and an affine map of their last states",
    cell: Cell::Gru,
};

impl Architecture for LastState {
    fn name(&self) -> &'static str {
        self.name
    }

    fn doc(&self) -> &'static str {
        self.doc
    }

    fn parameters(&self) -> Vec<ParameterDef> {
        parameters()
    }

    fn layers(&self, form: &Form, parameters: &Parameters) -> Result<Network, String> {
        let (mut layers, recurrent) = recurrent(self.cell, form, parameters)?;
        let directions = recurrent.directions();
        let states = recurrent.hidden * directions;
        if form.every_step && directions > 1 {
            return Err("a bidirectional network sees the token that it is to predict".to_owned());
        }
        layers.push(named("recurrent", Layer::Recurrent(recurrent)));
        if !form.every_step {
            layers.push(plain(Layer::LastStates { directions }));
        }
        layers.extend([
            plain(Layer::Dropout(number(parameters, "dropout")?)),
            named("head", Layer::Linear(Linear::new(states, form.outputs))),
        ]);
        Ok(Network { layers })
    }
}

/// An LSTM whose outputs are weighed by additive attention: Bahdanau, Cho, Bengio (2015), Neural machine translation by jointly learning
/// to align and translate, ICLR, with the last layer's outputs alone as in Zhou et al. (2016), ACL.
#[derive(Debug)]
pub struct AttentionLstm;

impl Architecture for AttentionLstm {
    fn name(&self) -> &'static str {
        "attention_lstm"
    }

    fn doc(&self) -> &'static str {
        "long short-term memory whose outputs are weighed by additive attention (Bahdanau et al. 2015, Zhou et al. 2016)"
    }

    fn parameters(&self) -> Vec<ParameterDef> {
        parameters()
    }

    fn layers(&self, form: &Form, parameters: &Parameters) -> Result<Network, String> {
        let (mut layers, recurrent) = recurrent(Cell::Lstm, form, parameters)?;
        let features = recurrent.hidden * recurrent.directions();
        layers.extend([
            named("recurrent", Layer::Recurrent(recurrent)),
            plain(Layer::AdditiveAttention { features }),
            plain(Layer::Dropout(number(parameters, "dropout")?)),
            named("head", Layer::Linear(Linear::new(features, form.outputs))),
        ]);
        Ok(Network { layers })
    }
}

fn parameters() -> Vec<ParameterDef> {
    vec![
        ParameterDef::int_from("embedding", 1, 64, "the length of a token's vector; series have none")
            .up_to(65_536.0),
        ParameterDef::int_from("hidden", 1, 128, "the values of a state").up_to(65_536.0),
        ParameterDef::int_from("layers", 1, 1, "layers, each on the outputs of the one before").up_to(64.0),
        ParameterDef::boolean(
            "bidirectional",
            false,
            "whether another network goes through the steps backwards",
        ),
        dropout(0.0),
    ]
}

/// What comes before the recurrent layers, and these.
fn recurrent(cell: Cell, form: &Form, parameters: &Parameters) -> Result<(Vec<Named>, Recurrent), String> {
    let (before, input) = match form.vocabulary {
        Some(tokens) => {
            let dimension = count(parameters, "embedding")?;
            (vec![named("embedding", Layer::Embedding { tokens, dimension })], dimension)
        }
        None => (Vec::new(), form.series()?[1]),
    };
    let bidirectional = parameters.get("bidirectional").and_then(Value::as_bool).unwrap_or(false);
    let (hidden, layers) = (count(parameters, "hidden")?, count(parameters, "layers")?);
    let dropout = if layers > 1 { number(parameters, "dropout")? } else { 0.0 };
    Ok((before, Recurrent { cell, input, hidden, layers, bidirectional, dropout }))
}
