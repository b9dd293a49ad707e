//! Training on candle: data as tensors, a network as candle-nn's modules over variables, its step.

use std::cell::RefCell;
use std::collections::BTreeMap;

use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::{VarBuilder, VarMap, loss, ops};
use ndarray::ArrayD;
use rand_chacha::ChaCha8Rng;

use super::layers::{self, Built, Pass};
use super::optimizer::Optimiser;
use crate::backend::network::{
    Ask, Batch, Features, FirstStep, Loaded, Networks, NextTokens, Rows, Target, Trainable, Weights, checked,
    places,
};
use crate::data::random::stream;
use crate::task::network::Case;
use crate::task::network::layer::TensorDef;
use crate::task::network::precision::Precision;
use crate::task::parameter::Parameters;
use crate::worker::protocol::CPU;

/// The stream of the trial's seed from which masks of dropout are drawn.
const MASKS: u64 = 4;

/// Means and gradients are such sums; `sums_of_bfloat16_stand_still` shows it.
const BFLOAT16: &str = "candle's `sum` of bfloat16 adds in bfloat16 on the CPU, where 256 and 1 are 256: means and gradients are lost";

/// candle as a framework that trains networks.
#[derive(Debug)]
pub struct Candle;

impl Networks for Candle {
    fn load(&self, ask: Ask<'_>) -> std::result::Result<Box<dyn Loaded>, String> {
        if ask.device != CPU {
            return Err(format!("candle was built without {}", ask.device.to_uppercase()));
        }
        if ask.precision == Precision::Bfloat16 {
            return Err(BFLOAT16.to_owned());
        }
        if let Some(missing) = layers::missing(&ask.case.network.layers) {
            return Err(missing);
        }
        let loaded = Data::new(ask).map_err(text)?;
        Ok(Box::new(loaded))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature of `map_err`")]
fn text(error: candle_core::Error) -> String {
    error.to_string()
}

/// The data of a trial.
struct Data {
    case: Case,
    tensors: Vec<TensorDef>,
    features: Tensor,
    /// None where it is the next token, which the features hold.
    target: Option<Tensor>,
    seed: u64,
}

impl Data {
    fn new(ask: Ask<'_>) -> Result<Self> {
        let target = match ask.target {
            Target::Classes(labels) => Some(Tensor::new(labels, &Device::Cpu)?.to_dtype(DType::U32)?),
            Target::Numbers(numbers) => Some(Tensor::new(numbers, &Device::Cpu)?),
            Target::Next => None,
        };
        let example = &ask.case.form.example;
        let features = match ask.features {
            Features::Numbers(values) => Tensor::new(values, &Device::Cpu)?,
            Features::Tokens(tokens) => Tensor::new(tokens, &Device::Cpu)?.to_dtype(DType::U32)?,
        };
        let rows = features.elem_count() / example.iter().product::<usize>();
        let features = features.reshape([&[rows], &example[..]].concat())?;
        let case = ask.case.clone();
        Ok(Self { tensors: case.network.tensors(), case, features, target, seed: ask.seed })
    }

    /// What a network reads of some training rows, and what it is to answer.
    fn rows(&self, batch: Batch<'_>) -> Result<(Tensor, Tensor)> {
        let places = Tensor::new(batch.rows, &Device::Cpu)?;
        let mut features = self.features.index_select(&places, 0)?;
        if !batch.moves.is_empty() {
            features = moved(&features, batch.moves, self.case.training.shift)?;
        }
        match &self.target {
            Some(target) => Ok((features, target.index_select(&places, 0)?)),
            None => split(&features),
        }
    }

    /// Rows from outside as a tensor.
    fn tensor(&self, rows: Rows<'_>, count: usize) -> Result<Tensor> {
        let shape = [&[count], &self.case.form.example[..]].concat();
        match rows {
            Rows::Numbers(values) => Tensor::from_slice(values, shape, &Device::Cpu),
            Rows::Tokens(tokens) => Tensor::from_slice(tokens, shape, &Device::Cpu)?.to_dtype(DType::U32),
        }
    }
}

/// Of rows [b, l] all tokens but the last of each [b, l - 1], and those that follow them [b · (l - 1)].
fn split(rows: &Tensor) -> Result<(Tensor, Tensor)> {
    let steps = rows.dim(1)? - 1;
    Ok((rows.narrow(1, 0, steps)?, rows.narrow(1, 1, steps)?.flatten_all()?))
}

/// Images, each moved as it was drawn in a border of zeros. Nothing but copies.
pub(super) fn moved(images: &Tensor, moves: &[[i64; 3]], border: usize) -> Result<Tensor> {
    let (count, channels, height, width) = images.dims4()?;
    let padded = images.pad_with_zeros(2, border, border)?.pad_with_zeros(3, border, border)?;
    let (rows, columns) = (height + 2 * border, width + 2 * border);
    let long = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let mut from = Vec::with_capacity(count * channels * height * width);
    for of_image in moves {
        let [ys, xs] = places(*of_image, [long(height), long(width)], long(border));
        for channel in 0..channels {
            let begin = long(channel * rows * columns);
            from.extend(ys.iter().flat_map(|y| xs.iter().map(move |x| begin + y * long(columns) + x)));
        }
    }
    let from = Tensor::from_vec(from, (count, channels * height * width), &Device::Cpu)?;
    padded.flatten_from(1)?.contiguous()?.gather(&from, 1)?.reshape(images.shape())
}

impl Loaded for Data {
    fn build(&self, weights: &Weights) -> std::result::Result<Box<dyn Trainable + '_>, String> {
        let values = checked(&self.tensors, weights)?;
        let network = Network::new(self, values).map_err(text)?;
        Ok(Box::new(network))
    }

    fn facts(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    fn pool(&self) -> usize {
        rayon::current_num_threads()
    }
}

/// A network in training.
struct Network<'d> {
    data: &'d Data,
    /// Every tensor, in the order of the definitions.
    variables: Vec<Var>,
    layers: Vec<Built>,
    optimiser: Optimiser,
    masks: RefCell<ChaCha8Rng>,
}

impl<'d> Network<'d> {
    fn new(data: &'d Data, weights: Vec<&ArrayD<f32>>) -> Result<Self> {
        let map = VarMap::new();
        let mut variables = Vec::new();
        for (tensor, values) in data.tensors.iter().zip(weights) {
            let values: Vec<f32> = values.iter().copied().collect();
            let variable = Var::from_vec(values, tensor.shape.clone(), &Device::Cpu)?;
            map.data().lock().expect("nobody else holds it").insert(tensor.name.clone(), variable.clone());
            variables.push(variable);
        }
        let vars = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
        let layers = layers::build(&data.case.network.layers, &vars)?;
        let trainable = data.tensors.iter().zip(&variables).filter(|(tensor, _)| tensor.trainable);
        let optimiser = Optimiser::new(&data.case.training, trainable.map(|(_, v)| v.clone()).collect());
        Ok(Self { data, variables, layers, optimiser, masks: RefCell::new(stream(data.seed, MASKS)) })
    }

    /// Logits [b, outputs] of rows, or [b · steps, outputs] of the tokens that follow others, and their mean loss.
    fn forward(&self, batch: Batch<'_>, pass: &Pass<'_>) -> Result<(Tensor, Tensor)> {
        let (features, target) = self.data.rows(batch)?;
        let logits = layers::forward(&self.layers, &features, pass)?.flatten_to(D::Minus2)?;
        let loss = match target.dtype() {
            DType::U32 => loss::cross_entropy(&logits, &target)?,
            _ => loss::mse(&logits.squeeze(1)?, &target)?,
        };
        Ok((logits, loss))
    }

    fn train(&mut self, batch: Batch<'_>, rate: f64) -> Result<f64> {
        let (_, loss) = self.forward(batch, &Pass { training: true, masks: Some(&self.masks) })?;
        self.optimiser.step(&loss.backward()?, rate)?;
        Ok(f64::from(loss.to_scalar::<f32>()?))
    }

    fn answer(&self, rows: Rows<'_>, count: usize) -> Result<Vec<f32>> {
        let mut features = self.data.tensor(rows, count)?;
        if self.data.case.form.every_step {
            features = split(&features)?.0;
        }
        layers::forward(&self.layers, &features, &EVALUATION)?.flatten_all()?.to_vec1()
    }

    fn tokens(&self, rows: Rows<'_>, count: usize, shown: &[i64]) -> Result<NextTokens> {
        let (features, target) = split(&self.data.tensor(rows, count)?)?;
        let logits = layers::forward(&self.layers, &features, &EVALUATION)?.flatten_to(1)?;
        let told = ops::log_softmax(&logits, 1)?.gather(&target.unsqueeze(1)?, 1)?;
        let answers = logits.argmax(1)?.to_vec1::<u32>()?;
        let logits = match shown {
            [] => Vec::new(),
            _ => logits.index_select(&Tensor::new(shown, &Device::Cpu)?, 0)?.flatten_all()?.to_vec1()?,
        };
        Ok(NextTokens {
            log_probabilities: told.flatten_all()?.to_vec1()?,
            answers: answers.into_iter().map(i64::from).collect(),
            logits,
        })
    }

    fn first(&self, batch: Batch<'_>) -> Result<FirstStep> {
        let (logits, loss) = self.forward(batch, &Pass { training: true, masks: None })?;
        let store = loss.backward()?;
        let mut gradients = BTreeMap::new();
        for (tensor, variable) in self.data.tensors.iter().zip(&self.variables).filter(|(t, _)| t.trainable) {
            let gradient = match store.get(variable) {
                Some(gradient) => gradient.flatten_all()?.to_vec1()?,
                None => candle_core::bail!("candle gave no gradient of {}", tensor.name),
            };
            gradients.insert(tensor.name.clone(), gradient);
        }
        Ok(FirstStep {
            logits: logits.flatten_all()?.to_vec1()?,
            loss: f64::from(loss.to_scalar::<f32>()?),
            gradients,
        })
    }
}

const EVALUATION: Pass<'_> = Pass { training: false, masks: None };

impl Trainable for Network<'_> {
    fn step(&mut self, batch: Batch<'_>, rate: f64) -> std::result::Result<f64, String> {
        self.train(batch, rate).map_err(text)
    }

    fn loss(&self, rows: &[i64]) -> std::result::Result<f64, String> {
        let loss = self.forward(Batch { rows, moves: &[] }, &EVALUATION);
        let loss = loss.and_then(|(_, loss)| loss.to_scalar::<f32>());
        loss.map(f64::from).map_err(text)
    }

    fn predict(&self, rows: Rows<'_>, count: usize) -> std::result::Result<Vec<f32>, String> {
        self.answer(rows, count).map_err(text)
    }

    fn next_tokens(
        &self,
        rows: Rows<'_>,
        count: usize,
        shown: &[i64],
    ) -> std::result::Result<NextTokens, String> {
        self.tokens(rows, count, shown).map_err(text)
    }

    fn weights(&self) -> std::result::Result<Weights, String> {
        let tensors = self.data.tensors.iter().zip(&self.variables);
        tensors
            .map(|(tensor, variable)| {
                let values = variable.as_tensor().flatten_all().and_then(|t| t.to_vec1()).map_err(text)?;
                let array =
                    ArrayD::from_shape_vec(tensor.shape.clone(), values).map_err(|e| e.to_string())?;
                Ok((tensor.name.clone(), array))
            })
            .collect()
    }

    fn first_step(&mut self, batch: Batch<'_>) -> std::result::Result<FirstStep, String> {
        self.first(batch).map_err(text)
    }

    fn precision(&self) -> std::result::Result<Precision, String> {
        let trainable = || self.data.tensors.iter().zip(&self.variables).filter(|(t, _)| t.trainable);
        let odd = trainable().find(|(_, variable)| variable.dtype() != DType::F32);
        odd.map_or(Ok(Precision::Float32), |(t, v)| Err(format!("{} is of {:?}", t.name, v.dtype())))
    }

    fn read_back(&self) -> Parameters {
        self.optimiser.read_back()
    }
}
