//! Recurrent networks of several layers and directions from candle-nn's cells, which go through one layer in one direction.
//!
//! candle-nn has no cell with a hyperbolic tangent, and its GRU neither layers nor directions; these are written out here on its operations,
//! with PyTorch's names and formulas.

use candle_core::{Result, Tensor};
use candle_nn::rnn::{Direction, LSTM, LSTMConfig, RNN};
use candle_nn::{VarBuilder, ops};

use super::layers::Pass;
use crate::task::network::layer::{Cell, Recurrent};

/// A recurrent network.
pub struct RecurrentNetwork {
    /// By layer, then by direction.
    layers: Vec<Vec<Part>>,
}

/// One direction of one layer.
enum Part {
    Lstm(LSTM),
    Other { cell: Cell, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor },
}

impl RecurrentNetwork {
    /// The network whose tensors are those of the builder.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn new(of: &Recurrent, vars: &VarBuilder<'_>) -> Result<Self> {
        let directions = of.directions();
        let parts = of.parts().into_iter().enumerate().map(|(i, (suffix, input))| {
            if of.cell == Cell::Lstm {
                let direction = if i % directions == 1 { Direction::Backward } else { Direction::Forward };
                let config = LSTMConfig { layer_idx: i / directions, direction, ..Default::default() };
                return LSTM::new(input, of.hidden, config, vars.clone()).map(Part::Lstm);
            }
            let rows = of.cell.gates() * of.hidden;
            let named = |name: &str| format!("{name}_{suffix}");
            Ok(Part::Other {
                cell: of.cell,
                weight_ih: vars.get((rows, input), &named("weight_ih"))?,
                weight_hh: vars.get((rows, of.hidden), &named("weight_hh"))?,
                bias_ih: vars.get(rows, &named("bias_ih"))?,
                bias_hh: vars.get(rows, &named("bias_hh"))?,
            })
        });
        let mut layers: Vec<Vec<Part>> = Vec::new();
        for (i, part) in parts.enumerate() {
            if i % directions == 0 {
                layers.push(Vec::new());
            }
            if let Some(layer) = layers.last_mut() {
                layer.push(part?);
            }
        }
        Ok(Self { layers })
    }

    /// [b, l, input] to [b, l, directions · hidden].
    ///
    /// # Errors
    /// candle's.
    pub fn forward(&self, x: &Tensor, _: &Pass<'_>) -> Result<Tensor> {
        self.layers.iter().try_fold(x.clone(), |x, layer| {
            let outputs = layer.iter().enumerate().map(|(direction, part)| part.forward(&x, direction == 1));
            Tensor::cat(&outputs.collect::<Result<Vec<_>>>()?, 2)
        })
    }
}

impl Part {
    /// The states of every step [b, l, hidden].
    fn forward(&self, x: &Tensor, backwards: bool) -> Result<Tensor> {
        let x = if backwards { reversed(x)? } else { x.clone() };
        let states = match self {
            Self::Lstm(lstm) => {
                let states = lstm.seq(&x)?;
                Tensor::stack(&states.iter().map(candle_nn::rnn::LSTMState::h).collect::<Vec<_>>(), 1)?
            }
            Self::Other { cell, weight_ih, weight_hh, bias_ih, bias_hh } => {
                let (batch, length, _) = x.dims3()?;
                // What comes from the inputs is the same product for all steps.
                let inputs = x.broadcast_matmul(&weight_ih.t()?)?.broadcast_add(bias_ih)?;
                let mut state = Tensor::zeros((batch, weight_hh.dim(1)?), x.dtype(), x.device())?;
                let mut states = Vec::with_capacity(length);
                for step in 0..length {
                    let from_input = inputs.narrow(1, step, 1)?.squeeze(1)?;
                    let from_state = state.matmul(&weight_hh.t()?)?.broadcast_add(bias_hh)?;
                    state = next(*cell, &from_input, &from_state, &state)?;
                    states.push(state.clone());
                }
                Tensor::stack(&states, 1)?
            }
        };
        if backwards { reversed(&states) } else { Ok(states) }
    }
}

/// PyTorch's formulas of `torch.nn.RNN` and `torch.nn.GRU`.
fn next(cell: Cell, from_input: &Tensor, from_state: &Tensor, state: &Tensor) -> Result<Tensor> {
    if cell == Cell::Tanh {
        return (from_input + from_state)?.tanh();
    }
    let (input, hidden) = (from_input.chunk(3, 1)?, from_state.chunk(3, 1)?);
    let reset = ops::sigmoid(&(&input[0] + &hidden[0])?)?;
    let update = ops::sigmoid(&(&input[1] + &hidden[1])?)?;
    let new = (&input[2] + (reset * &hidden[2])?)?.tanh()?;
    // (1 − z) n + z h, as PyTorch computes it.
    ((state - &new)? * update)? + new
}

/// The steps in the other order.
fn reversed(x: &Tensor) -> Result<Tensor> {
    let length = u32::try_from(x.dim(1)?).unwrap_or(u32::MAX);
    let places: Vec<u32> = (0..length).rev().collect();
    let count = places.len();
    x.contiguous()?.index_select(&Tensor::from_vec(places, count, x.device())?, 1)
}
