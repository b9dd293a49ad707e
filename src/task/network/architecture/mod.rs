//! Architectures: one definition each, from which initial weights are drawn and every native framework builds its modules.

mod convolutional;
mod mobilenet_v2;
mod recurrent;
mod resnet;
mod transformer;
mod vgg16;

use super::layer::{Layer, Named, TensorDef};
use crate::task::parameter::{ParameterDef, Parameters, Value};

/// An architecture.
pub trait Architecture: Sync {
    /// The algorithm's name.
    fn name(&self) -> &'static str;
    /// What it is, with its paper.
    fn doc(&self) -> &'static str;
    /// Its own hyperparameters.
    fn parameters(&self) -> Vec<ParameterDef>;
    /// Its layers for examples of a form.
    ///
    /// # Errors
    /// A phrase that says why there is no such network: an image is too small, or rows have another form.
    fn layers(&self, form: &Form, parameters: &Parameters) -> Result<Network, String>;
}

impl std::fmt::Debug for dyn Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What goes in and what comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// The extents of one example: channels, height and width, or steps and channels, or tokens.
    pub example: Vec<usize>,
    /// The number of tokens, where examples are made of them.
    pub vocabulary: Option<usize>,
    /// The number of outputs: classes, or 1 for a number, or tokens where the next is predicted.
    pub outputs: usize,
    /// Whether a network answers at every step what follows there. A row has one token more than it reads then.
    pub every_step: bool,
}

impl Form {
    /// Channels, height and width of an image.
    ///
    /// # Errors
    /// The examples are no images.
    pub fn image(&self) -> Result<[usize; 3], String> {
        match (&self.example[..], self.vocabulary) {
            (&[channels, height, width], None) => Ok([channels, height, width]),
            _ => Err(format!(
                "it wants images [channels, height, width], but an example is {:?}",
                self.example
            )),
        }
    }

    /// The number of answers that a network gives of one example.
    pub fn answers(&self) -> usize {
        if self.every_step { self.example.iter().product::<usize>().saturating_sub(1) } else { 1 }
    }

    /// The steps of a sequence of tokens.
    fn steps(&self) -> Result<usize, String> {
        match self.example[..] {
            [tokens] => Ok(tokens.saturating_sub(usize::from(self.every_step))),
            _ => Err(format!("it wants sequences of tokens, but an example is {:?}", self.example)),
        }
    }

    /// Steps, and channels at each step, of a sequence of numbers.
    fn series(&self) -> Result<[usize; 2], String> {
        match (&self.example[..], self.vocabulary) {
            (&[steps, channels], None) => Ok([steps, channels]),
            _ => Err(format!(
                "it wants tokens or a series [steps, channels], but an example is {:?}",
                self.example
            )),
        }
    }
}

/// A network: its layers.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// From one to the next.
    pub layers: Vec<Named>,
}

impl Network {
    /// Every tensor, sorted by name.
    pub fn tensors(&self) -> Vec<TensorDef> {
        let mut tensors = Layer::Sequential(self.layers.clone()).tensors("");
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        tensors
    }

    /// Whether training draws masks.
    pub fn drops(&self) -> bool {
        fn drops(layer: &Layer) -> bool {
            match layer {
                Layer::Dropout(p) => *p > 0.0,
                Layer::Recurrent(r) => r.dropout > 0.0 && r.layers > 1,
                Layer::TransformerEncoder(e) => e.dropout > 0.0,
                Layer::Sequential(layers) | Layer::Gate(layers) => any(layers),
                Layer::Residual { body, shortcut } => any(body) || any(shortcut),
                _ => false,
            }
        }
        fn any(layers: &[Named]) -> bool {
            layers.iter().any(|(_, layer)| drops(layer))
        }
        any(&self.layers)
    }
}

/// The architectures of the task `image`.
pub const IMAGE: &[&dyn Architecture] = &[
    &convolutional::LeNet5,
    &convolutional::SimpleCnn,
    &convolutional::AlexNet,
    &vgg16::Vgg16,
    &resnet::ResNet::EIGHTEEN,
    &resnet::ResNet::THIRTY_FOUR,
    &resnet::ResNet::SQUEEZED,
    &mobilenet_v2::MobileNetV2,
];

/// The architectures of the task `sequence`.
pub const SEQUENCE: &[&dyn Architecture] = &[
    &recurrent::RNN,
    &recurrent::LSTM,
    &recurrent::GRU,
    &recurrent::AttentionLstm,
    &transformer::TransformerEncoderNetwork,
];

/// The architectures of the task `next_token`: those that see nothing of what follows.
pub const NEXT_TOKEN: &[&dyn Architecture] =
    &[&recurrent::RNN, &recurrent::LSTM, &recurrent::GRU, &transformer::TransformerEncoderNetwork];

/// A layer with a name.
fn named(name: &str, layer: Layer) -> Named {
    (name.to_owned(), layer)
}

/// A layer without tensors.
fn plain(layer: Layer) -> Named {
    (String::new(), layer)
}

/// The share of values that dropout sets to 0.
fn dropout(default: f64) -> ParameterDef {
    let doc = "the share of values that dropout sets to 0 in training; 0 is none";
    ParameterDef::float_from("dropout", 0.0, default, doc).up_to(0.99)
}

/// A hyperparameter that is a number.
fn number(parameters: &Parameters, name: &str) -> Result<f64, String> {
    parameters.get(name).and_then(Value::as_float).ok_or_else(|| format!("`{name}` is missing"))
}

/// A hyperparameter that counts.
fn count(parameters: &Parameters, name: &str) -> Result<usize, String> {
    let value = parameters.get(name).and_then(Value::as_int);
    value.and_then(|v| usize::try_from(v).ok()).ok_or_else(|| format!("`{name}` is missing"))
}
