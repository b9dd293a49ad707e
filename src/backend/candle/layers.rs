//! Layers as candle-nn's modules. Where candle lacks an operation or its gradient, or computes another one than PyTorch, it says so here.

use std::cell::RefCell;

use candle_core::{D, Device, Result, Tensor};
use candle_nn::{BatchNorm, Conv2dConfig, Embedding, Linear, Module, ModuleT, VarBuilder, ops};
use rand_chacha::ChaCha8Rng;

use super::recurrent::RecurrentNetwork;
use crate::data::random::unit;
use crate::task::network::layer::{Layer, Named, Pool, TransformerEncoder};

/// A layer that computes.
pub enum Built {
    Conv2d(candle_nn::Conv2d),
    Linear(Linear),
    BatchNorm2d(BatchNorm),
    LayerNorm { weight: Tensor, bias: Tensor },
    Relu,
    Relu6,
    Tanh,
    Sigmoid,
    MaxPool2d(usize),
    AvgPool2d(usize),
    AdaptiveAvgPool2d(usize),
    Flatten,
    Dropout(f64),
    Sequential(Vec<Built>),
    Residual { body: Vec<Built>, shortcut: Vec<Built> },
    Gate(Vec<Built>),
    Embedding(Embedding),
    Recurrent(RecurrentNetwork),
    LastStates(usize),
    AdditiveAttention { projection: Linear, score: Tensor },
    Positions(Tensor),
    TransformerEncoder(Box<Encoder>),
    MeanOverTime,
}

/// A transformer's encoder layer.
pub struct Encoder {
    heads: usize,
    dropout: f64,
    causal: bool,
    in_projection: Linear,
    out_projection: Linear,
    linear1: Linear,
    linear2: Linear,
    norm1: Built,
    norm2: Built,
}

/// How a forward pass is made.
pub struct Pass<'p> {
    /// Whether batch normalisation takes its statistics from the batch, and moves the running ones.
    pub training: bool,
    /// Where masks of dropout are drawn; nothing is dropped without it.
    pub masks: Option<&'p RefCell<ChaCha8Rng>>,
}

/// Why candle cannot train these layers, if it cannot.
pub fn missing(layers: &[Named]) -> Option<String> {
    layers.iter().find_map(|(_, layer)| match layer {
        Layer::MaxPool2d(Pool { kernel, stride, padding }) | Layer::AvgPool2d(Pool { kernel, stride, padding })
            if kernel != stride || *padding > 0 =>
        {
            Some(format!(
                "candle has no gradient of a pooling whose window ({kernel}) is not its step ({stride}), and none with a border"
            ))
        }
        Layer::Sequential(layers) | Layer::Gate(layers) => missing(layers),
        Layer::Residual { body, shortcut } => missing(body).or_else(|| missing(shortcut)),
        _ => None,
    })
}

/// The layers as modules, whose tensors are those of the builder.
pub fn build(layers: &[Named], vars: &VarBuilder<'_>) -> Result<Vec<Built>> {
    layers
        .iter()
        .map(|(name, layer)| {
            let below = name.split('.').filter(|n| !n.is_empty()).fold(vars.clone(), |vars, n| vars.pp(n));
            module(layer, &below)
        })
        .collect()
}

fn module(layer: &Layer, vars: &VarBuilder<'_>) -> Result<Built> {
    Ok(match layer {
        Layer::Conv2d(c) => {
            let weight = vars.get((c.output, c.input / c.groups, c.kernel, c.kernel), "weight")?;
            let bias = if c.bias { Some(vars.get(c.output, "bias")?) } else { None };
            let config =
                Conv2dConfig { padding: c.padding, stride: c.stride, groups: c.groups, ..Default::default() };
            Built::Conv2d(candle_nn::Conv2d::new(weight, bias, config))
        }
        Layer::Linear(l) => Built::Linear(linear(l.input, l.output, vars)?),
        Layer::BatchNorm2d { channels } => Built::BatchNorm2d(BatchNorm::new(
            *channels,
            vars.get(*channels, "running_mean")?,
            vars.get(*channels, "running_var")?,
            vars.get(*channels, "weight")?,
            vars.get(*channels, "bias")?,
            1e-5,
        )?),
        Layer::LayerNorm { features } => {
            Built::LayerNorm { weight: vars.get(*features, "weight")?, bias: vars.get(*features, "bias")? }
        }
        Layer::Relu => Built::Relu,
        Layer::Relu6 => Built::Relu6,
        Layer::Tanh => Built::Tanh,
        Layer::Sigmoid => Built::Sigmoid,
        Layer::MaxPool2d(pool) => Built::MaxPool2d(pool.kernel),
        Layer::AvgPool2d(pool) => Built::AvgPool2d(pool.kernel),
        Layer::AdaptiveAvgPool2d { size } => Built::AdaptiveAvgPool2d(*size),
        Layer::Flatten => Built::Flatten,
        Layer::Dropout(p) => Built::Dropout(*p),
        Layer::Sequential(layers) => Built::Sequential(build(layers, vars)?),
        Layer::Residual { body, shortcut } => {
            Built::Residual { body: build(body, vars)?, shortcut: build(shortcut, vars)? }
        }
        Layer::Gate(layers) => Built::Gate(build(layers, vars)?),
        Layer::Embedding { tokens, dimension } => {
            Built::Embedding(Embedding::new(vars.get((*tokens, *dimension), "weight")?, *dimension))
        }
        Layer::Recurrent(recurrent) => Built::Recurrent(RecurrentNetwork::new(recurrent, vars)?),
        Layer::LastStates { directions } => Built::LastStates(*directions),
        Layer::AdditiveAttention { features } => Built::AdditiveAttention {
            projection: linear(*features, *features, &vars.pp("attention"))?,
            score: vars.pp("context").get((1, *features), "weight")?,
        },
        Layer::Positions { length, dimension } => {
            Built::Positions(vars.get((*length, *dimension), "positions")?)
        }
        Layer::TransformerEncoder(encoder) => {
            Built::TransformerEncoder(Box::new(Encoder::new(encoder, vars)?))
        }
        Layer::MeanOverTime => Built::MeanOverTime,
    })
}

fn linear(input: usize, output: usize, vars: &VarBuilder<'_>) -> Result<Linear> {
    Ok(Linear::new(vars.get((output, input), "weight")?, Some(vars.get(output, "bias")?)))
}

/// One layer after the other.
pub fn forward(layers: &[Built], x: &Tensor, pass: &Pass<'_>) -> Result<Tensor> {
    layers.iter().try_fold(x.clone(), |x, layer| layer.forward(&x, pass))
}

impl Built {
    fn forward(&self, x: &Tensor, pass: &Pass<'_>) -> Result<Tensor> {
        match self {
            Self::Conv2d(conv) => conv.forward(x),
            Self::Linear(linear) => linear.forward(x),
            Self::BatchNorm2d(norm) => norm.forward_t(x, pass.training),
            // candle's fused one has no gradient.
            Self::LayerNorm { weight, bias } => ops::layer_norm_slow(x, weight, bias, 1e-5),
            Self::Relu => rectify(x),
            // PyTorch's gradient is 0 at both ends; candle's of `clamp` is ½.
            Self::Relu6 => rectify(x)? - rectify(&(x - 6.0)?)?,
            Self::Tanh => x.tanh(),
            Self::Sigmoid => ops::sigmoid(x),
            Self::MaxPool2d(size) => max_pool2d(x, *size),
            Self::AvgPool2d(size) => x.avg_pool2d(*size),
            Self::AdaptiveAvgPool2d(size) => adaptive_avg_pool2d(x, *size),
            Self::Flatten => x.flatten_from(1),
            Self::Dropout(p) => drop(x, *p, pass),
            Self::Sequential(layers) => forward(layers, x, pass),
            Self::Residual { body, shortcut } => forward(body, x, pass)? + forward(shortcut, x, pass)?,
            Self::Gate(layers) => x.broadcast_mul(&forward(layers, x, pass)?),
            Self::Embedding(embedding) => embedding.forward(x),
            Self::Recurrent(network) => network.forward(x, pass),
            Self::LastStates(directions) => last_states(x, *directions),
            Self::AdditiveAttention { projection, score } => {
                let energies = projection.forward(x)?.tanh()?.broadcast_mul(score)?.sum_keepdim(D::Minus1)?;
                x.broadcast_mul(&ops::softmax(&energies, 1)?)?.sum(1)
            }
            Self::Positions(positions) => x.broadcast_add(positions),
            Self::TransformerEncoder(encoder) => encoder.forward(x, pass),
            Self::MeanOverTime => x.mean(1),
        }
    }
}

/// `max(x, 0)` with PyTorch's gradient, which is 0 at 0; that of candle's `relu` is 1 there.
fn rectify(x: &Tensor) -> Result<Tensor> {
    x * x.gt(&x.zeros_like()?)?.to_dtype(x.dtype())?
}

/// The largest value under windows that do not overlap. candle's `max_pool2d` gives a gradient that is too small by the number of values
/// under the window (`docs/candle.md`), so the maximum is taken over axes of their own.
fn max_pool2d(x: &Tensor, size: usize) -> Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    let (rows, columns) = (height / size, width / size);
    let whole = x.narrow(2, 0, rows * size)?.narrow(3, 0, columns * size)?.contiguous()?;
    whole.reshape(&[batch, channels, rows, size, columns, size][..])?.max(5)?.max(3)
}

/// As `torch.nn.AdaptiveAvgPool2d`.
fn adaptive_avg_pool2d(x: &Tensor, size: usize) -> Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    match (height, width) {
        (h, w) if (h, w) == (size, size) => Ok(x.clone()),
        _ if size == 1 => x.mean_keepdim((2, 3)),
        (1, 1) => x.broadcast_as((batch, channels, size, size))?.contiguous(),
        (h, w) if h == w && h % size == 0 => x.avg_pool2d(h / size),
        // candle has none of parts that differ in size: means are products by matrices.
        _ => means(height, size)?
            .broadcast_matmul(&x.contiguous()?.broadcast_matmul(&means(width, size)?.t()?.contiguous()?)?),
    }
}

/// [parts, extent]: each row takes the mean of its part, as PyTorch divides an extent: from ⌊i·n/k⌋ to ⌈(i + 1)·n/k⌉.
#[expect(clippy::cast_precision_loss, reason = "extents of images")]
fn means(extent: usize, parts: usize) -> Result<Tensor> {
    let mut matrix = vec![0_f32; parts * extent];
    for (i, row) in matrix.chunks_mut(extent).enumerate() {
        let part = i * extent / parts..((i + 1) * extent).div_ceil(parts);
        let share = 1.0 / part.len() as f32;
        row[part].fill(share);
    }
    Tensor::from_vec(matrix, (parts, extent), &Device::Cpu)
}

fn drop(x: &Tensor, p: f64, pass: &Pass<'_>) -> Result<Tensor> {
    let Some(masks) = pass.masks.filter(|_| p > 0.0) else { return Ok(x.clone()) };
    let mut rng = masks.borrow_mut();
    #[expect(clippy::cast_possible_truncation, reason = "a factor in single precision")]
    let kept = (1.0 / (1.0 - p)) as f32;
    let mask: Vec<f32> = (0..x.elem_count()).map(|_| if unit(&mut rng) < p { 0.0 } else { kept }).collect();
    x * Tensor::from_vec(mask, x.shape(), x.device())?
}

fn last_states(x: &Tensor, directions: usize) -> Result<Tensor> {
    let (_, length, features) = x.dims3()?;
    let hidden = features / directions;
    let forward = x.narrow(1, length - 1, 1)?.squeeze(1)?.narrow(1, 0, hidden)?;
    if directions == 1 {
        return Ok(forward);
    }
    let backward = x.narrow(1, 0, 1)?.squeeze(1)?.narrow(1, hidden, hidden)?;
    Tensor::cat(&[forward, backward], 1)
}

impl Encoder {
    fn new(of: &TransformerEncoder, vars: &VarBuilder<'_>) -> Result<Self> {
        let d = of.dimension;
        let attention = vars.pp("self_attn");
        let norm = |name: &str| module(&Layer::LayerNorm { features: d }, &vars.pp(name));
        Ok(Self {
            heads: of.heads,
            dropout: of.dropout,
            causal: of.causal,
            in_projection: Linear::new(
                attention.get((3 * d, d), "in_proj_weight")?,
                Some(attention.get(3 * d, "in_proj_bias")?),
            ),
            out_projection: linear(d, d, &attention.pp("out_proj"))?,
            linear1: linear(d, of.feed_forward, &vars.pp("linear1"))?,
            linear2: linear(of.feed_forward, d, &vars.pp("linear2"))?,
            norm1: norm("norm1")?,
            norm2: norm("norm2")?,
        })
    }

    fn forward(&self, x: &Tensor, pass: &Pass<'_>) -> Result<Tensor> {
        let attended = drop(&self.attend(x, pass)?, self.dropout, pass)?;
        let x = self.norm1.forward(&(x + attended)?, pass)?;
        let inner = drop(&rectify(&self.linear1.forward(&x)?)?, self.dropout, pass)?;
        let outer = drop(&self.linear2.forward(&inner)?, self.dropout, pass)?;
        self.norm2.forward(&(x + outer)?, pass)
    }

    fn attend(&self, x: &Tensor, pass: &Pass<'_>) -> Result<Tensor> {
        let (batch, length, dimension) = x.dims3()?;
        let size = dimension / self.heads;
        let projected = self.in_projection.forward(x)?;
        let part = |i: usize| {
            let part = projected.narrow(2, i * dimension, dimension)?;
            part.reshape((batch, length, self.heads, size))?.transpose(1, 2)?.contiguous()
        };
        let (queries, keys, values) = (part(0)?, part(1)?, part(2)?);
        #[expect(clippy::cast_precision_loss, reason = "the size of a head")]
        let mut scores = (queries.matmul(&keys.t()?.contiguous()?)? / (size as f64).sqrt())?;
        if self.causal {
            scores = scores.broadcast_add(&later(length)?)?;
        }
        let weights = drop(&ops::softmax(&scores, D::Minus1)?, self.dropout, pass)?;
        let attended = weights.matmul(&values)?.transpose(1, 2)?.contiguous()?;
        self.out_projection.forward(&attended.reshape((batch, length, dimension))?)
    }
}

/// [steps, steps]: −∞ where the column is a later step than the row, else 0.
fn later(steps: usize) -> Result<Tensor> {
    let entry = |place: usize| if place % steps > place / steps { f32::NEG_INFINITY } else { 0.0 };
    let values: Vec<f32> = (0..steps * steps).map(entry).collect();
    Tensor::from_vec(values, (steps, steps), &Device::Cpu)
}
