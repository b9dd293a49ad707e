//! Layers: what architectures are made of, with the names, shapes and initial values of their tensors.
//!
//! A layer means what the module of the same name means in PyTorch 2.11 (`torch.nn`), its defaults included (ε = 1e-5 and momentum 0.1 of
//! batch normalisation, ε = 1e-5 of layer normalisation). Names of tensors are the paths of PyTorch's modules.

/// A layer with the name of its module. An empty name stands for modules without tensors, and adds nothing to a path.
pub type Named = (String, Layer);

/// One layer.
#[derive(Debug, Clone, PartialEq)]
pub enum Layer {
    /// A convolution of [b, input, h, w].
    Conv2d(Conv2d),
    /// `x Wᵀ + b` on the last axis.
    Linear(Linear),
    /// Batch normalisation of [b, channels, h, w]: statistics of the batch in training, running ones in evaluation.
    BatchNorm2d {
        /// The channels.
        channels: usize,
    },
    /// Normalisation over the last axis.
    LayerNorm {
        /// Its extent.
        features: usize,
    },
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// The hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(−x))`.
    Sigmoid,
    /// The largest value under a window.
    MaxPool2d(Pool),
    /// The mean under a window.
    AvgPool2d(Pool),
    /// The means of `size` × `size` parts of height and width.
    AdaptiveAvgPool2d {
        /// Height and width of the result.
        size: usize,
    },
    /// [b, …] to [b, n].
    Flatten,
    /// In training sets each value to 0 with this probability, and scales the rest by 1 / (1 − p).
    Dropout(f64),
    /// One after the other.
    Sequential(Vec<Named>),
    /// `body(x) + shortcut(x)`; an empty shortcut is x itself.
    Residual {
        /// The layers of the longer way.
        body: Vec<Named>,
        /// Those of the shorter one.
        shortcut: Vec<Named>,
    },
    /// `x · gate(x)`, where the gate gives [b, c, 1, 1].
    Gate(Vec<Named>),
    /// Tokens [b, l] to vectors [b, l, dimension].
    Embedding {
        /// The number of tokens.
        tokens: usize,
        /// The length of a vector.
        dimension: usize,
    },
    /// A recurrent network: [b, l, input] to its outputs [b, l, directions · hidden].
    Recurrent(Recurrent),
    /// Of a recurrent network's outputs [b, l, directions · hidden] the last state of each direction [b, directions · hidden]: the forward one
    /// at the last step, the backward one at the first.
    LastStates {
        /// The directions, 1 or 2.
        directions: usize,
    },
    /// Weighs [b, l, features] over l by softmax of vᵀ tanh(W x + b), and sums to [b, features]. W and b are `attention`, v is `context`.
    AdditiveAttention {
        /// The features.
        features: usize,
    },
    /// Adds sinusoidal positions, a tensor of its own that is not learned, to [b, length, dimension].
    Positions {
        /// The steps.
        length: usize,
        /// The dimension.
        dimension: usize,
    },
    /// One layer of a transformer's encoder on [b, l, dimension], normalised after each part.
    TransformerEncoder(TransformerEncoder),
    /// The mean over l of [b, l, features].
    MeanOverTime,
}

/// A convolution with a square window.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv2d {
    /// Channels in.
    pub input: usize,
    /// Channels out.
    pub output: usize,
    /// Height and width of the window.
    pub kernel: usize,
    /// The step of the window.
    pub stride: usize,
    /// Zeros around the image.
    pub padding: usize,
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Whether there is a bias.
    pub bias: bool,
    /// How the weights begin.
    pub initial: Initial,
}

/// An affine map.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// Values in.
    pub input: usize,
    /// Values out.
    pub output: usize,
    /// How the weights begin.
    pub initial: Initial,
}

/// How the weights of a convolution or an affine map begin, and its bias with them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Initial {
    /// PyTorch's default: both uniform within ± 1/√fan-in (Kaiming-uniform with a = √5).
    Default,
    /// He et al. (2015): normal with deviation √(2 / fan-out); the bias 0.
    KaimingNormal,
    /// The same, and the bias as by default.
    KaimingNormalWeight,
    /// Normal with this deviation; the bias 0.
    Normal(f64),
}

/// A window that moves over an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// Height and width of the window.
    pub kernel: usize,
    /// Its step.
    pub stride: usize,
    /// The border around the image, which never counts.
    pub padding: usize,
}

/// What a recurrent network remembers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// Elman (1990), with the hyperbolic tangent.
    Tanh,
    /// Hochreiter and Schmidhuber (1997).
    Lstm,
    /// Cho et al. (2014), in PyTorch's form.
    Gru,
}

impl Cell {
    /// How many matrices its tensors stack: the gates, and what they let through.
    pub fn gates(self) -> usize {
        match self {
            Self::Tanh => 1,
            Self::Lstm => 4,
            Self::Gru => 3,
        }
    }
}

/// A recurrent network of one or more layers.
#[derive(Debug, Clone, PartialEq)]
pub struct Recurrent {
    /// The cell.
    pub cell: Cell,
    /// Values in, at each step.
    pub input: usize,
    /// Values of a state.
    pub hidden: usize,
    /// Layers, each on the outputs of the one before.
    pub layers: usize,
    /// Whether another network goes through the steps backwards.
    pub bidirectional: bool,
    /// Dropout between layers.
    pub dropout: f64,
}

/// Vaswani et al. (2017), the encoder's layer.
#[derive(Debug, Clone, PartialEq)]
pub struct TransformerEncoder {
    /// The dimension of the model.
    pub dimension: usize,
    /// The heads of its attention.
    pub heads: usize,
    /// The width between its two affine maps.
    pub feed_forward: usize,
    /// Dropout, in its four places.
    pub dropout: f64,
    /// Whether a step sees itself and earlier ones alone.
    pub causal: bool,
}

/// A tensor of an architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorDef {
    /// Its path.
    pub name: String,
    /// Its extents, outermost first.
    pub shape: Vec<usize>,
    /// How it begins.
    pub start: Start,
    /// Whether it is learned. Running statistics are not.
    pub trainable: bool,
}

/// How a tensor begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// With one value throughout.
    Constant(f64),
    /// Uniform within ± the bound.
    Uniform(f64),
    /// Normal with this deviation, around 0.
    Normal(f64),
    /// [length, dimension] of Vaswani et al. (2017), section 3.5: columns 2i and 2i + 1 are sine and cosine of t / 10000^(2i / dimension).
    Sinusoids,
}

impl Layer {
    /// Every tensor below the path, in the order of the layers.
    pub fn tensors(&self, path: &str) -> Vec<TensorDef> {
        let tensor = |name: &str, shape: &[usize], start| TensorDef {
            name: join(path, name),
            shape: shape.to_vec(),
            start,
            trainable: true,
        };
        let (zero, one) = (Start::Constant(0.0), Start::Constant(1.0));
        match self {
            Self::Conv2d(c) => {
                let window = c.kernel * c.kernel;
                let (weight, bias) = c.initial.starts(c.input / c.groups * window, c.output * window);
                let shape = [c.output, c.input / c.groups, c.kernel, c.kernel];
                let mut tensors = vec![tensor("weight", &shape, weight)];
                tensors.extend(c.bias.then(|| tensor("bias", &[c.output], bias)));
                tensors
            }
            Self::Linear(l) => {
                let (weight, bias) = l.initial.starts(l.input, l.output);
                vec![tensor("weight", &[l.output, l.input], weight), tensor("bias", &[l.output], bias)]
            }
            Self::BatchNorm2d { channels } => {
                let running =
                    |name, start| TensorDef { trainable: false, ..tensor(name, &[*channels], start) };
                vec![
                    tensor("weight", &[*channels], one),
                    tensor("bias", &[*channels], zero),
                    running("running_mean", zero),
                    running("running_var", one),
                ]
            }
            Self::LayerNorm { features } => {
                vec![tensor("weight", &[*features], one), tensor("bias", &[*features], zero)]
            }
            Self::Sequential(layers) | Self::Gate(layers) => of_all(layers, path),
            Self::Residual { body, shortcut } => [of_all(body, path), of_all(shortcut, path)].concat(),
            Self::Embedding { tokens, dimension } => {
                vec![tensor("weight", &[*tokens, *dimension], Start::Normal(1.0))]
            }
            Self::Recurrent(r) => r.tensors(path),
            Self::AdditiveAttention { features } => {
                let inner = Linear::new(*features, *features);
                let outer = inner.initial.starts(*features, 1).0;
                let mut tensors = Self::Linear(inner).tensors(&join(path, "attention"));
                tensors.push(tensor("context.weight", &[1, *features], outer));
                tensors
            }
            Self::Positions { length, dimension } => {
                vec![TensorDef {
                    trainable: false,
                    ..tensor("positions", &[*length, *dimension], Start::Sinusoids)
                }]
            }
            Self::TransformerEncoder(e) => e.tensors(path),
            Self::Relu
            | Self::Relu6
            | Self::Tanh
            | Self::Sigmoid
            | Self::MaxPool2d(_)
            | Self::AvgPool2d(_)
            | Self::AdaptiveAvgPool2d { .. }
            | Self::Flatten
            | Self::Dropout(_)
            | Self::LastStates { .. }
            | Self::MeanOverTime => Vec::new(),
        }
    }
}

fn of_all(layers: &[Named], path: &str) -> Vec<TensorDef> {
    layers.iter().flat_map(|(name, layer)| layer.tensors(&join(path, name))).collect()
}

/// A path one name longer.
pub fn join(path: &str, name: &str) -> String {
    match (path, name) {
        ("", name) => name.to_owned(),
        (path, "") => path.to_owned(),
        (path, name) => format!("{path}.{name}"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "extents of layers")]
impl Initial {
    /// How weight and bias begin.
    fn starts(self, fan_in: usize, fan_out: usize) -> (Start, Start) {
        match self {
            Self::Default => {
                let bound = Start::Uniform((fan_in as f64).sqrt().recip());
                (bound, bound)
            }
            Self::KaimingNormal => (Start::Normal((2.0 / fan_out as f64).sqrt()), Start::Constant(0.0)),
            Self::KaimingNormalWeight => {
                (Self::KaimingNormal.starts(fan_in, fan_out).0, Self::Default.starts(fan_in, fan_out).1)
            }
            Self::Normal(deviation) => (Start::Normal(deviation), Start::Constant(0.0)),
        }
    }
}

impl Conv2d {
    /// A convolution with step 1, as many zeros around as keep the size where the window is odd, a bias and PyTorch's initial values.
    pub fn new(input: usize, output: usize, kernel: usize) -> Self {
        Self {
            input,
            output,
            kernel,
            stride: 1,
            padding: kernel / 2,
            groups: 1,
            bias: true,
            initial: Initial::Default,
        }
    }
}

impl Linear {
    /// An affine map with PyTorch's initial values.
    pub fn new(input: usize, output: usize) -> Self {
        Self { input, output, initial: Initial::Default }
    }
}

impl Pool {
    /// A window that moves by its own size.
    pub fn new(kernel: usize) -> Self {
        Self { kernel, stride: kernel, padding: 0 }
    }

    /// The extent of what it makes of an extent; 0 where the window does not fit.
    pub fn of(self, extent: usize) -> usize {
        window(extent, self.kernel, self.stride, self.padding)
    }
}

/// How often a window fits into an extent with zeros around it.
pub fn window(extent: usize, kernel: usize, stride: usize, padding: usize) -> usize {
    (extent + 2 * padding).checked_sub(kernel).map_or(0, |rest| rest / stride + 1)
}

impl Recurrent {
    /// The number of directions.
    pub fn directions(&self) -> usize {
        if self.bidirectional { 2 } else { 1 }
    }

    /// The suffixes of the names of the tensors of each layer and direction, with the number of values in.
    pub fn parts(&self) -> Vec<(String, usize)> {
        let mut parts = Vec::new();
        for layer in 0..self.layers {
            let input = if layer == 0 { self.input } else { self.hidden * self.directions() };
            for suffix in &["", "_reverse"][..self.directions()] {
                parts.push((format!("l{layer}{suffix}"), input));
            }
        }
        parts
    }

    #[expect(clippy::cast_precision_loss, reason = "values of a state")]
    fn tensors(&self, path: &str) -> Vec<TensorDef> {
        let start = Start::Uniform((self.hidden as f64).sqrt().recip());
        let rows = self.cell.gates() * self.hidden;
        let mut tensors = Vec::new();
        for (suffix, input) in self.parts() {
            let shapes = [
                ("weight_ih", vec![rows, input]),
                ("weight_hh", vec![rows, self.hidden]),
                ("bias_ih", vec![rows]),
                ("bias_hh", vec![rows]),
            ];
            tensors.extend(shapes.map(|(name, shape)| TensorDef {
                name: join(path, &format!("{name}_{suffix}")),
                shape,
                start,
                trainable: true,
            }));
        }
        tensors
    }
}

impl TransformerEncoder {
    #[expect(clippy::cast_precision_loss, reason = "extents of layers")]
    fn tensors(&self, path: &str) -> Vec<TensorDef> {
        let d = self.dimension;
        let of = |name: &str, shape: &[usize], start| TensorDef {
            name: join(path, name),
            shape: shape.to_vec(),
            start,
            trainable: true,
        };
        let zero = Start::Constant(0.0);
        // Glorot and Bengio (2010), uniform, over the three projections as one matrix.
        let glorot = Start::Uniform((6.0 / (4 * d) as f64).sqrt());
        let mut tensors = vec![
            of("self_attn.in_proj_weight", &[3 * d, d], glorot),
            of("self_attn.in_proj_bias", &[3 * d], zero),
            of("self_attn.out_proj.weight", &[d, d], Initial::Default.starts(d, d).0),
            of("self_attn.out_proj.bias", &[d], zero),
        ];
        let parts = [
            ("linear1", Layer::Linear(Linear::new(d, self.feed_forward))),
            ("linear2", Layer::Linear(Linear::new(self.feed_forward, d))),
            ("norm1", Layer::LayerNorm { features: d }),
            ("norm2", Layer::LayerNorm { features: d }),
        ];
        tensors.extend(parts.iter().flat_map(|(name, layer)| layer.tensors(&join(path, name))));
        tensors
    }
}
