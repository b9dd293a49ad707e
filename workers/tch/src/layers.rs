//! Layers by libtorch's operations: those that PyTorch's modules of the same names call, in their order, so that bits are equal.

use std::collections::BTreeMap;

use benchrun::task::network::layer::{self, Cell, Layer, Named, Pool, join};
use tch::{Cuda, Kind, Tensor};

/// The tensors of a network by name.
pub type Tensors = BTreeMap<String, Tensor>;

/// A layer that computes.
pub enum Built {
    Conv2d { weight: Tensor, bias: Option<Tensor>, stride: i64, padding: i64, groups: i64 },
    Linear { weight: Tensor, bias: Option<Tensor> },
    BatchNorm2d { weight: Tensor, bias: Tensor, running_mean: Tensor, running_var: Tensor },
    LayerNorm { weight: Tensor, bias: Tensor },
    Relu,
    Relu6,
    Tanh,
    Sigmoid,
    MaxPool2d(Pool),
    AvgPool2d(Pool),
    AdaptiveAvgPool2d(i64),
    Flatten,
    Dropout(f64),
    Sequential(Vec<Built>),
    Residual { body: Vec<Built>, shortcut: Vec<Built> },
    Gate(Vec<Built>),
    Embedding(Tensor),
    Recurrent(Recurrent),
    LastStates { directions: usize },
    AdditiveAttention { attention: Box<Built>, context: Tensor },
    Positions(Tensor),
    TransformerEncoder(Box<Encoder>),
    MeanOverTime,
}

/// A recurrent network, its tensors in PyTorch's order.
pub struct Recurrent {
    of: layer::Recurrent,
    tensors: Vec<Tensor>,
}

/// A transformer's encoder layer.
pub struct Encoder {
    of: layer::TransformerEncoder,
    in_projection: (Tensor, Tensor),
    out_projection: (Tensor, Tensor),
    linear1: (Tensor, Tensor),
    linear2: (Tensor, Tensor),
    norm1: (Tensor, Tensor),
    norm2: (Tensor, Tensor),
}

/// How a forward pass is made.
#[derive(Clone, Copy)]
pub struct Pass {
    /// As of modules in training.
    pub training: bool,
    /// Whether dropout drops.
    pub drops: bool,
}

impl Pass {
    fn share(self, p: f64) -> f64 {
        if self.drops { p } else { 0.0 }
    }
}

/// The layers below a path, with their tensors.
pub fn build(layers: &[Named], path: &str, tensors: &Tensors) -> Vec<Built> {
    layers.iter().map(|(name, layer)| module(layer, &join(path, name), tensors)).collect()
}

fn module(layer: &Layer, path: &str, tensors: &Tensors) -> Built {
    let get = |name: &str| tensors[&join(path, name)].shallow_clone();
    match layer {
        Layer::Conv2d(c) => Built::Conv2d {
            weight: get("weight"),
            bias: c.bias.then(|| get("bias")),
            stride: size(c.stride),
            padding: size(c.padding),
            groups: size(c.groups),
        },
        Layer::Linear(_) => Built::Linear { weight: get("weight"), bias: Some(get("bias")) },
        Layer::BatchNorm2d { .. } => Built::BatchNorm2d {
            weight: get("weight"),
            bias: get("bias"),
            running_mean: get("running_mean"),
            running_var: get("running_var"),
        },
        Layer::LayerNorm { .. } => Built::LayerNorm { weight: get("weight"), bias: get("bias") },
        Layer::Relu => Built::Relu,
        Layer::Relu6 => Built::Relu6,
        Layer::Tanh => Built::Tanh,
        Layer::Sigmoid => Built::Sigmoid,
        Layer::MaxPool2d(pool) => Built::MaxPool2d(*pool),
        Layer::AvgPool2d(pool) => Built::AvgPool2d(*pool),
        Layer::AdaptiveAvgPool2d { size: extent } => Built::AdaptiveAvgPool2d(size(*extent)),
        Layer::Flatten => Built::Flatten,
        Layer::Dropout(p) => Built::Dropout(*p),
        Layer::Sequential(layers) => Built::Sequential(build(layers, path, tensors)),
        Layer::Residual { body, shortcut } => {
            Built::Residual { body: build(body, path, tensors), shortcut: build(shortcut, path, tensors) }
        }
        Layer::Gate(layers) => Built::Gate(build(layers, path, tensors)),
        Layer::Embedding { .. } => Built::Embedding(get("weight")),
        Layer::Recurrent(of) => {
            let names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"];
            let of_part = |(part, _)| names.map(|name| get(&format!("{name}_{part}")));
            let tensors = of.parts().into_iter().flat_map(of_part).collect();
            let network = Recurrent { of: of.clone(), tensors };
            network.flatten();
            Built::Recurrent(network)
        }
        Layer::LastStates { directions } => Built::LastStates { directions: *directions },
        Layer::AdditiveAttention { .. } => Built::AdditiveAttention {
            attention: Box::new(Built::Linear {
                weight: get("attention.weight"),
                bias: Some(get("attention.bias")),
            }),
            context: get("context.weight"),
        },
        Layer::Positions { .. } => Built::Positions(get("positions")),
        Layer::TransformerEncoder(of) => {
            let pair = |name: &str| (get(&format!("{name}.weight")), get(&format!("{name}.bias")));
            Built::TransformerEncoder(Box::new(Encoder {
                of: of.clone(),
                in_projection: (get("self_attn.in_proj_weight"), get("self_attn.in_proj_bias")),
                out_projection: pair("self_attn.out_proj"),
                linear1: pair("linear1"),
                linear2: pair("linear2"),
                norm1: pair("norm1"),
                norm2: pair("norm2"),
            }))
        }
        Layer::MeanOverTime => Built::MeanOverTime,
    }
}

fn size(extent: usize) -> i64 {
    i64::try_from(extent).unwrap_or(i64::MAX)
}

/// One layer after the other. The last states of a recurrent network are kept for the layer that wants them.
pub fn forward(layers: &[Built], x: &Tensor, pass: Pass) -> Tensor {
    let mut x = x.shallow_clone();
    let mut states = None;
    for layer in layers {
        x = match (layer, &states) {
            (Built::Recurrent(network), _) => {
                let (outputs, last) = network.forward(&x, pass);
                states = Some(last);
                outputs
            }
            (Built::LastStates { directions: 1 }, Some(states)) => states.get(-1),
            (Built::LastStates { .. }, Some(states)) => Tensor::cat(&[states.get(-2), states.get(-1)], 1),
            _ => layer.forward(&x, pass),
        };
    }
    x
}

impl Built {
    fn forward(&self, x: &Tensor, pass: Pass) -> Tensor {
        match self {
            Self::Conv2d { weight, bias, stride, padding, groups } => {
                x.conv2d(weight, bias.as_ref(), [*stride; 2], [*padding; 2], [1, 1], *groups)
            }
            Self::Linear { weight, bias } => x.linear(weight, bias.as_ref()),
            Self::BatchNorm2d { weight, bias, running_mean, running_var } => x.batch_norm(
                Some(weight),
                Some(bias),
                Some(running_mean),
                Some(running_var),
                pass.training,
                0.1,
                1e-5,
                true,
            ),
            Self::LayerNorm { weight, bias } => norm(x, (weight, bias)),
            Self::Relu => x.relu(),
            Self::Relu6 => x.relu6(),
            Self::Tanh => x.tanh(),
            Self::Sigmoid => x.sigmoid(),
            Self::MaxPool2d(pool) => {
                let [kernel, stride, padding] =
                    [pool.kernel, pool.stride, pool.padding].map(|n| [size(n); 2]);
                x.max_pool2d(kernel, stride, padding, [1, 1], false)
            }
            Self::AvgPool2d(pool) => {
                let [kernel, stride, padding] =
                    [pool.kernel, pool.stride, pool.padding].map(|n| [size(n); 2]);
                x.avg_pool2d(kernel, stride, padding, false, true, None)
            }
            Self::AdaptiveAvgPool2d(size) => x.adaptive_avg_pool2d([*size; 2]),
            Self::Flatten => x.flatten(1, -1),
            Self::Dropout(p) => x.dropout(pass.share(*p), pass.training),
            Self::Sequential(layers) => forward(layers, x, pass),
            Self::Residual { body, shortcut } => forward(body, x, pass) + forward(shortcut, x, pass),
            Self::Gate(layers) => forward(layers, x, pass) * x,
            Self::Embedding(weight) => Tensor::embedding(weight, x, -1, false, false),
            Self::Recurrent(network) => network.forward(x, pass).0,
            Self::LastStates { .. } => panic!("last states are those of a recurrent layer just before"),
            Self::AdditiveAttention { attention, context } => {
                let scores = attention.forward(x, pass).tanh().linear(context, None::<&Tensor>);
                (scores.softmax(1, None) * x).sum_dim_intlist(1, false, None::<Kind>)
            }
            Self::Positions(positions) => x + positions,
            Self::TransformerEncoder(encoder) => encoder.forward(x, pass),
            Self::MeanOverTime => x.mean_dim(1, false, None::<Kind>),
        }
    }
}

fn norm(x: &Tensor, (weight, bias): (&Tensor, &Tensor)) -> Tensor {
    x.layer_norm(weight.size(), Some(weight), Some(bias), 1e-5, true)
}

fn linear(x: &Tensor, (weight, bias): &(Tensor, Tensor)) -> Tensor {
    x.linear(weight, Some(bias))
}

impl Recurrent {
    /// CUDA's kernels want the weights of all layers in one piece, as `torch.nn.RNNBase.flatten_parameters` makes it.
    fn flatten(&self) {
        let [weight, ..] = &self.tensors[..] else { return };
        if !weight.device().is_cuda() || !Cuda::cudnn_is_available() {
            return;
        }
        let of = &self.of;
        // The numbers of `torch._C._cudnn`'s modes.
        let mode = match of.cell {
            Cell::Tanh => 1,
            Cell::Lstm => 2,
            Cell::Gru => 3,
        };
        let (input, hidden, layers) = (weight.size()[1], size(of.hidden), size(of.layers));
        let _ = tch::no_grad(|| {
            Tensor::internal_cudnn_rnn_flatten_weight(
                &self.tensors,
                4,
                input,
                mode,
                hidden,
                0,
                layers,
                true,
                of.bidirectional,
            )
        });
    }

    /// The outputs [b, l, directions · hidden], and the last states [layers · directions, b, hidden].
    fn forward(&self, x: &Tensor, pass: Pass) -> (Tensor, Tensor) {
        let of = &self.of;
        let states = [size(of.layers * of.directions()), x.size()[0], size(of.hidden)];
        let zero = Tensor::zeros(states, (x.kind(), x.device()));
        let (layers, dropout) = (size(of.layers), pass.share(of.dropout));
        let (tensors, training, both) = (&self.tensors, pass.training, of.bidirectional);
        match of.cell {
            Cell::Lstm => {
                let states = [zero.shallow_clone(), zero];
                let (outputs, last, _) =
                    x.lstm(&states, tensors, true, layers, dropout, training, both, true);
                (outputs, last)
            }
            Cell::Gru => x.gru(&zero, tensors, true, layers, dropout, training, both, true),
            Cell::Tanh => x.rnn_tanh(&zero, tensors, true, layers, dropout, training, both, true),
        }
    }
}

impl Encoder {
    /// As `torch.nn.TransformerEncoderLayer`, which answers in evaluation by a fused kernel where the number of heads is even.
    fn forward(&self, x: &Tensor, pass: Pass) -> Tensor {
        if !pass.training && self.of.heads.is_multiple_of(2) {
            return self.fused(x);
        }
        let p = pass.share(self.of.dropout);
        let drop = |x: Tensor| x.dropout(p, pass.training);
        let x = norm(&(x + drop(self.attend(x, p, pass.training))), (&self.norm1.0, &self.norm1.1));
        let inner = drop(linear(&x, &self.linear1).relu());
        let outer = drop(linear(&inner, &self.linear2));
        norm(&(x + outer), (&self.norm2.0, &self.norm2.1))
    }

    fn fused(&self, x: &Tensor) -> Tensor {
        // As `generate_square_subsequent_mask` and `MultiheadAttention.merge_masks` make it: one for every row and head, of type 2.
        let mask = self.of.causal.then(|| {
            let (batch, length) = (x.size()[0], x.size()[1]);
            let mask = Tensor::full([length, length], f64::NEG_INFINITY, (x.kind(), x.device())).triu(1);
            mask.view([1, 1, length, length]).expand([batch, size(self.of.heads), -1, -1], false)
        });
        Tensor::internal_transformer_encoder_layer_fwd(
            x,
            size(self.of.dimension),
            size(self.of.heads),
            &self.in_projection.0,
            &self.in_projection.1,
            &self.out_projection.0,
            &self.out_projection.1,
            false,
            false,
            1e-5,
            &self.norm1.0,
            &self.norm1.1,
            &self.norm2.0,
            &self.norm2.1,
            &self.linear1.0,
            &self.linear1.1,
            &self.linear2.0,
            &self.linear2.1,
            mask.as_ref(),
            mask.as_ref().map(|_| 2),
        )
    }

    /// The order of operations of `torch.nn.functional.multi_head_attention_forward`, steps first.
    fn attend(&self, x: &Tensor, dropout: f64, training: bool) -> Tensor {
        let (batch, length) = (x.size()[0], x.size()[1]);
        let (dimension, heads) = (size(self.of.dimension), size(self.of.heads));
        let steps_first = x.transpose(1, 0);
        let projected = linear(&steps_first, &self.in_projection);
        let parts = projected.unflatten(-1, [3, dimension]).unsqueeze(0).transpose(0, -2).squeeze_dim(-2);
        let parts = parts.contiguous();
        let part = |i: i64| {
            let by_head = parts.get(i).view([length, batch * heads, dimension / heads]).transpose(0, 1);
            by_head.view([batch, heads, length, dimension / heads])
        };
        let share = if training { dropout } else { 0.0 };
        let attended = Tensor::scaled_dot_product_attention(
            &part(0),
            &part(1),
            &part(2),
            None::<&Tensor>,
            share,
            self.of.causal,
            None,
            false,
        );
        let attended = attended.permute([2, 0, 1, 3]).contiguous().view([batch * length, dimension]);
        linear(&attended, &self.out_projection).view([length, batch, dimension]).transpose(1, 0)
    }
}
