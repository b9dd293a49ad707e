//! Networks: what a native framework implements to train them. The loop around it is [`crate::worker::network`].

use std::collections::BTreeMap;

use ndarray::ArrayD;

use crate::task::network::Case;
use crate::task::network::layer::TensorDef;
use crate::task::network::precision::Precision;
use crate::task::parameter::Parameters;

/// Tensors by name, single precision, row-major.
pub type Weights = BTreeMap<String, ArrayD<f32>>;

/// A framework that trains networks.
pub trait Networks: Sync {
    /// Takes the data of a trial to where it is computed on.
    ///
    /// # Errors
    /// Why it cannot train this network: an operation or its gradient is missing, the device is not there.
    fn load(&self, ask: Ask<'_>) -> Result<Box<dyn Loaded>, String>;
}

/// What is asked of a framework.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The network and how it is trained.
    pub case: &'a Case,
    /// The rows to train on [n, d].
    pub features: Features,
    /// What is to be predicted of them.
    pub target: Target,
    /// The seed of what the framework draws itself, such as dropout.
    pub seed: u64,
    /// The device.
    pub device: &'a str,
    /// The type of parameters, activations and the optimiser's memory. Losses and answers are in single precision.
    pub precision: Precision,
    /// The number of threads.
    pub threads: usize,
}

/// Rows of examples, row-major.
#[derive(Debug, Clone)]
pub enum Features {
    /// Numbers.
    Numbers(Vec<f32>),
    /// Token ids.
    Tokens(Vec<i64>),
}

/// Some rows of examples, row-major.
#[derive(Debug, Clone, Copy)]
pub enum Rows<'a> {
    /// Numbers.
    Numbers(&'a [f32]),
    /// Token ids.
    Tokens(&'a [i64]),
}

/// The rows of one step.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Training rows.
    pub rows: &'a [i64],
    /// How the image of each is moved: whether it is mirrored (0 or 1), and how many pixels down and right of its own corner the view of it
    /// begins, beyond its border in zeros. Empty where nothing is moved.
    pub moves: &'a [[i64; 3]],
}

/// A target for each training row.
#[derive(Debug, Clone)]
pub enum Target {
    /// The label of a class, from 0.
    Classes(Vec<i64>),
    /// A number.
    Numbers(Vec<f32>),
    /// No values of its own: at each step of a row the token that follows it there.
    Next,
}

impl Features {
    /// The rows from one to before another, of so many values each.
    pub fn rows(&self, rows: std::ops::Range<usize>, width: usize) -> Rows<'_> {
        let range = rows.start * width..rows.end * width;
        match self {
            Self::Numbers(values) => Rows::Numbers(&values[range]),
            Self::Tokens(tokens) => Rows::Tokens(&tokens[range]),
        }
    }
}

/// The data of a trial, where it is computed on.
pub trait Loaded {
    /// A network with its optimiser, from initial weights. The framework's own generator is seeded anew.
    ///
    /// # Errors
    /// The framework's message.
    fn build(&self, weights: &Weights) -> Result<Box<dyn Trainable + '_>, String>;
    /// How the framework was built and what it computes with, for the receipt.
    fn facts(&self) -> BTreeMap<String, String>;
    /// The size of the pool of threads that it uses.
    fn pool(&self) -> usize;
}

/// A network that can be trained.
pub trait Trainable {
    /// One step of the optimiser on some training rows at a learning rate; the loss that it began with.
    ///
    /// # Errors
    /// The framework's message.
    fn step(&mut self, batch: Batch<'_>, rate: f64) -> Result<f64, String>;
    /// The mean loss on some training rows, in evaluation.
    ///
    /// # Errors
    /// The framework's message.
    fn loss(&self, rows: &[i64]) -> Result<f64, String>;
    /// What the network says of `count` rows, in evaluation: [count, outputs], owned by the caller. Where the next token is predicted rows
    /// come whole, and of all but the last of each row's tokens it says what follows: [count, steps, outputs].
    ///
    /// # Errors
    /// The framework's message.
    fn predict(&self, rows: Rows<'_>, count: usize) -> Result<Vec<f32>, String>;
    /// What the network makes of the tokens that do follow in `count` whole rows, in evaluation; `shown` are places among count · steps.
    ///
    /// # Errors
    /// The framework's message.
    fn next_tokens(&self, rows: Rows<'_>, count: usize, shown: &[i64]) -> Result<NextTokens, String>;
    /// The tensors that it was built from, read back from what computes. It is asked before the first step: running statistics, which
    /// training moves, may be a module's own copies (candle).
    ///
    /// # Errors
    /// The framework's message.
    fn weights(&self) -> Result<Weights, String>;
    /// What a step on some rows begins with: in training, but nothing is dropped.
    ///
    /// # Errors
    /// The framework's message.
    fn first_step(&mut self, batch: Batch<'_>) -> Result<FirstStep, String>;
    /// The type of the trainable tensors, read from them.
    ///
    /// # Errors
    /// It is none in which a network is asked to compute.
    fn precision(&self) -> Result<Precision, String>;
    /// The hyperparameters of optimiser and layers, read from the objects that compute.
    fn read_back(&self) -> Parameters;
}

/// What a network makes of tokens that follow others: rows and their steps one after the other.
#[derive(Debug, Default)]
pub struct NextTokens {
    /// The natural logarithm of the probability that each was given [count · steps].
    pub log_probabilities: Vec<f32>,
    /// The token that was given the largest probability in the place of each [count · steps].
    pub answers: Vec<i64>,
    /// The logits of the places that are shown [shown, outputs].
    pub logits: Vec<f32>,
}

/// How a step begins.
#[derive(Debug)]
pub struct FirstStep {
    /// [rows, outputs]; where the next token is predicted [rows · steps, outputs].
    pub logits: Vec<f32>,
    /// The mean loss.
    pub loss: f64,
    /// The gradient of each trainable tensor by name.
    pub gradients: BTreeMap<String, Vec<f32>>,
}

/// The weights as a framework's modules want them: each once, with the shape that the network has.
///
/// # Errors
/// One is missing, too many, or has another shape.
pub fn checked<'w>(tensors: &[TensorDef], weights: &'w Weights) -> Result<Vec<&'w ArrayD<f32>>, String> {
    if let Some(odd) = weights.keys().find(|name| tensors.iter().all(|t| t.name != **name)) {
        return Err(format!("the weights hold `{odd}`, which the network has not"));
    }
    let check = |tensor: &TensorDef| {
        let given = weights.get(&tensor.name);
        let given = given.ok_or_else(|| format!("the weights lack `{}` {:?}", tensor.name, tensor.shape))?;
        if given.shape() == tensor.shape {
            Ok(given)
        } else {
            let (name, has, wants) = (&tensor.name, given.shape(), &tensor.shape);
            Err(format!("the weights' `{name}` is {has:?}, but the network's is {wants:?}"))
        }
    };
    tensors.iter().map(check).collect()
}

/// Where each pixel of a moved image [height, width] is taken from, in one with a border of so many zeros: the rows, and the columns.
pub fn places([mirrored, down, right]: [i64; 3], [height, width]: [i64; 2], border: i64) -> [Vec<i64>; 2] {
    let column = |x: i64| if mirrored == 1 { width - 1 - x } else { x };
    [
        (0..height).map(|y| y + border + down).collect(),
        (0..width).map(|x| column(x) + border + right).collect(),
    ]
}
