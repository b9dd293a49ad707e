//! Training by tch: data as tensors, a network as layers over variables, its step.

use std::collections::BTreeMap;

use benchrun::backend::network::{
    Ask, Batch, Features, FirstStep, Loaded, Networks, NextTokens, Rows, Target, Trainable, Weights, checked,
    places,
};
use benchrun::task::network::Case;
use benchrun::task::network::layer::{Layer, TensorDef};
use benchrun::task::network::precision::Precision;
use benchrun::task::parameter::Parameters;
use benchrun::worker::protocol::{CPU, CUDA, KERNELS};
use ndarray::ArrayD;
use tch::nn::VarStore;
use tch::{Cuda, Device, Kind, Reduction, TchError, Tensor};

use super::layers::{self, Built, Pass, Tensors};
use super::optimizer::{self, Optimiser};

/// tch as a framework that trains networks.
#[derive(Debug)]
pub struct Tch;

impl Networks for Tch {
    fn load(&self, ask: Ask<'_>) -> Result<Box<dyn Loaded>, String> {
        let device = match ask.device {
            CPU => Device::Cpu,
            CUDA => cuda()?,
            other => return Err(format!("tch computes on cpu or cuda, not on {other}")),
        };
        optimizer::check(&ask.case.training, ask.precision)?;
        let data = Data::new(&ask, device);
        data.wait();
        Ok(Box::new(data))
    }
}

/// The first CUDA device.
///
/// # Errors
/// Why there is none: a first tensor on it tells.
fn cuda() -> Result<Device, String> {
    let device = Device::Cuda(0);
    let first = Tensor::f_zeros([1], (Kind::Float, device));
    first.map(drop).map_err(|error| {
        let told = match error {
            TchError::Torch(told) => told,
            other => other.to_string(),
        };
        let reason = told.lines().next().unwrap_or_default();
        let reason = reason.split(". ").next().unwrap_or_default().trim_end_matches('.');
        format!("no CUDA device is there: {reason}")
    })?;
    // The fastest kernel of a trial would be another one every time.
    Cuda::cudnn_set_benchmark(false);
    Ok(device)
}

/// What NVIDIA's libraries were told; of cuDNN's deterministic kernels tch can neither set nor read anything.
fn of_cuda() -> [(&'static str, String); 5] {
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| "none".to_owned());
    [
        ("cudnn", tch::utils::version_cudnn().to_string()),
        ("cudnn_benchmark", "false".to_owned()),
        ("cudnn_deterministic", "tch cannot set it".to_owned()),
        ("cublas_workspace_config", variable("CUBLAS_WORKSPACE_CONFIG")),
        ("nvidia_tf32_override", variable("NVIDIA_TF32_OVERRIDE")),
    ]
}

/// The data of a trial, on the device.
struct Data {
    case: Case,
    /// Every tensor, in the order of PyTorch's modules.
    tensors: Vec<TensorDef>,
    features: Tensor,
    /// None where it is the next token, which the features hold.
    target: Option<Tensor>,
    seed: i64,
    device: Device,
    precision: Precision,
    threads: usize,
}

impl Data {
    fn new(ask: &Ask<'_>, device: Device) -> Self {
        let target = match &ask.target {
            Target::Classes(labels) => Some(Tensor::from_slice(labels)),
            Target::Numbers(numbers) => Some(Tensor::from_slice(numbers)),
            Target::Next => None,
        };
        let kind = kind(ask.precision);
        let features = match &ask.features {
            Features::Numbers(values) => Tensor::from_slice(values).to_kind(kind),
            Features::Tokens(tokens) => Tensor::from_slice(tokens),
        };
        let case = ask.case.clone();
        let shape = shape(-1, &case);
        Self {
            tensors: Layer::Sequential(case.network.layers.clone()).tensors(""),
            features: features.view(&shape[..]).to_device(device),
            target: target.map(|target| target.to_device(device)),
            // In 63 bits, which both of PyTorch's interfaces take alike.
            seed: (ask.seed & (u64::MAX >> 1)).cast_signed(),
            case,
            device,
            precision: ask.precision,
            threads: ask.threads,
        }
    }
}

/// Of rows [b, l] all tokens but the last of each [b, l - 1], and those that follow them [b · (l - 1)].
fn split(rows: &Tensor) -> (Tensor, Tensor) {
    let steps = rows.size()[1] - 1;
    (rows.narrow(1, 0, steps), rows.narrow(1, 1, steps).flatten(0, -1))
}

fn kind(precision: Precision) -> Kind {
    match precision {
        Precision::Float32 => Kind::Float,
        Precision::Bfloat16 => Kind::BFloat16,
    }
}

/// The extents of so many examples.
fn shape(count: i64, case: &Case) -> Vec<i64> {
    let example = case.form.example.iter().map(|n| i64::try_from(*n).unwrap_or(i64::MAX));
    std::iter::once(count).chain(example).collect()
}

impl Data {
    /// Until the device has done all that it was told; steps and answers wait by reading their results.
    fn wait(&self) {
        if let Device::Cuda(number) = self.device {
            Cuda::synchronize(i64::try_from(number).unwrap_or_default());
        }
    }

    /// The images of a batch, each moved as it was drawn. Nothing but copies.
    fn moved(&self, images: &Tensor, moves: &[[i64; 3]]) -> Tensor {
        let [_, channels, height, width] = images.size()[..] else { return images.shallow_clone() };
        let border = i64::try_from(self.case.training.shift).unwrap_or_default();
        let (mut rows, mut columns) = (Vec::new(), Vec::new());
        for of_image in moves {
            let [of_rows, of_columns] = places(*of_image, [height, width], border);
            rows.extend(of_rows);
            columns.extend(of_columns);
        }
        let index = |places: &Tensor, shape: [i64; 4]| Some(places.view(shape).to_device(self.device));
        let all = |count| Tensor::arange(count, (Kind::Int64, Device::Cpu));
        images.constant_pad_nd([border; 4]).index(&[
            index(&all(images.size()[0]), [-1, 1, 1, 1]),
            index(&all(channels), [1, -1, 1, 1]),
            index(&Tensor::from_slice(&rows), [-1, 1, height, 1]),
            index(&Tensor::from_slice(&columns), [-1, 1, 1, width]),
        ])
    }
}

impl Loaded for Data {
    fn build(&self, weights: &Weights) -> Result<Box<dyn Trainable + '_>, String> {
        let values = checked(&self.tensors, weights)?;
        tch::manual_seed(self.seed);
        let network = Network::new(self, &values).map_err(|e| e.to_string())?;
        self.wait();
        Ok(Box::new(network))
    }

    fn facts(&self) -> BTreeMap<String, String> {
        let libtorch = env!("BENCHRUN_LIBTORCH");
        let mut facts = BTreeMap::from([("libtorch".to_owned(), libtorch.to_owned())]);
        if self.device == Device::Cpu && self.threads == 1 {
            let dtype = self.precision.name();
            facts.insert(KERNELS.to_owned(), format!("libtorch {libtorch}, {dtype}, one CPU thread"));
        }
        if self.device != Device::Cpu {
            facts.extend(of_cuda().map(|(name, value)| (name.to_owned(), value)));
        }
        facts
    }

    fn pool(&self) -> usize {
        super::threads()
    }
}

/// A network in training.
struct Network<'d> {
    data: &'d Data,
    /// Holds the variables that the optimiser moves.
    _store: VarStore,
    /// Every tensor.
    tensors: Tensors,
    layers: Vec<Built>,
    optimiser: Optimiser,
}

impl<'d> Network<'d> {
    fn new(data: &'d Data, weights: &[&ArrayD<f32>]) -> Result<Self, tch::TchError> {
        let mut store = VarStore::new(data.device);
        store.set_kind(kind(data.precision));
        let root = store.root();
        let mut tensors = Tensors::new();
        let mut parameters = Vec::new();
        for (tensor, values) in data.tensors.iter().zip(weights) {
            let extents: Vec<i64> =
                tensor.shape.iter().map(|n| i64::try_from(*n).unwrap_or(i64::MAX)).collect();
            let values = match values.as_slice() {
                Some(values) => Tensor::from_slice(values),
                None => Tensor::from_slice(&values.iter().copied().collect::<Vec<f32>>()),
            };
            let values = values.view(&extents[..]);
            let held = if tensor.trainable {
                // A store takes the dot for a path.
                let variable = root.f_var_copy(&tensor.name.replace('.', "|"), &values)?;
                parameters.push(variable.shallow_clone());
                variable
            } else {
                values.to_device(data.device).to_kind(kind(data.precision))
            };
            tensors.insert(tensor.name.clone(), held);
        }
        let layers = layers::build(&data.case.network.layers, "", &tensors);
        let optimiser = Optimiser::new(&data.case.training, &store, parameters)?;
        Ok(Self { data, _store: store, tensors, layers, optimiser })
    }

    /// Rows from outside, on the device.
    fn rows(&self, rows: Rows<'_>, count: usize) -> Tensor {
        let features = match rows {
            Rows::Numbers(values) => Tensor::from_slice(values).to_kind(kind(self.data.precision)),
            Rows::Tokens(tokens) => Tensor::from_slice(tokens),
        };
        let shape = shape(i64::try_from(count).unwrap_or(i64::MAX), &self.data.case);
        features.view(&shape[..]).to_device(self.data.device)
    }

    /// Logits [b, outputs] of training rows, or [b · steps, outputs] of the tokens that follow others, and their mean loss.
    fn forward(&self, batch: Batch<'_>, pass: Pass) -> (Tensor, Tensor) {
        let places = Tensor::from_slice(batch.rows).to_device(self.data.device);
        let mut features = self.data.features.index_select(0, &places);
        if !batch.moves.is_empty() {
            features = self.data.moved(&features, batch.moves);
        }
        let (features, target) = match &self.data.target {
            Some(target) => (features, target.index_select(0, &places)),
            None => split(&features),
        };
        let mut logits = layers::forward(&self.layers, &features, pass).to_kind(Kind::Float);
        if self.data.target.is_none() {
            logits = logits.flatten(0, 1);
        }
        let loss = if target.kind() == Kind::Int64 {
            logits.cross_entropy_loss(&target, None::<&Tensor>, Reduction::Mean, -100, 0.0)
        } else {
            logits.squeeze_dim(1).mse_loss(&target, Reduction::Mean)
        };
        (logits, loss)
    }
}

fn flat(tensor: &Tensor) -> Tensor {
    tensor.to_device(Device::Cpu).contiguous().view(-1)
}

fn values(tensor: &Tensor) -> Result<Vec<f32>, String> {
    Vec::try_from(flat(tensor)).map_err(|e: tch::TchError| e.to_string())
}

fn whole(tensor: &Tensor) -> Result<Vec<i64>, String> {
    Vec::try_from(flat(tensor)).map_err(|e: tch::TchError| e.to_string())
}

const TRAINING: Pass = Pass { training: true, drops: true };
const EVALUATION: Pass = Pass { training: false, drops: false };

impl Trainable for Network<'_> {
    fn step(&mut self, batch: Batch<'_>, rate: f64) -> Result<f64, String> {
        let (_, loss) = self.forward(batch, TRAINING);
        self.optimiser.step(&loss, rate);
        Ok(loss.double_value(&[]))
    }

    fn loss(&self, rows: &[i64]) -> Result<f64, String> {
        let batch = Batch { rows, moves: &[] };
        Ok(tch::no_grad(|| self.forward(batch, EVALUATION).1.double_value(&[])))
    }

    fn predict(&self, rows: Rows<'_>, count: usize) -> Result<Vec<f32>, String> {
        let mut features = self.rows(rows, count);
        if self.data.case.form.every_step {
            features = split(&features).0;
        }
        values(&tch::no_grad(|| layers::forward(&self.layers, &features, EVALUATION)))
    }

    fn next_tokens(&self, rows: Rows<'_>, count: usize, shown: &[i64]) -> Result<NextTokens, String> {
        let (features, target) = split(&self.rows(rows, count));
        tch::no_grad(|| {
            let logits =
                layers::forward(&self.layers, &features, EVALUATION).to_kind(Kind::Float).flatten(0, 1);
            let log_probabilities = logits.log_softmax(1, None).gather(1, &target.unsqueeze(1), false);
            let places = Tensor::from_slice(shown).to_device(self.data.device);
            Ok(NextTokens {
                log_probabilities: values(&log_probabilities)?,
                answers: whole(&logits.argmax(1, false))?,
                logits: values(&logits.index_select(0, &places))?,
            })
        })
    }

    fn weights(&self) -> Result<Weights, String> {
        let of = |tensor: &TensorDef| {
            let array = ArrayD::from_shape_vec(tensor.shape.clone(), values(&self.tensors[&tensor.name])?);
            Ok((tensor.name.clone(), array.map_err(|e| e.to_string())?))
        };
        self.data.tensors.iter().map(of).collect()
    }

    fn first_step(&mut self, batch: Batch<'_>) -> Result<FirstStep, String> {
        let (logits, loss) = self.forward(batch, Pass { training: true, drops: false });
        let trainable: Vec<&TensorDef> = self.data.tensors.iter().filter(|t| t.trainable).collect();
        let parameters: Vec<&Tensor> = trainable.iter().map(|t| &self.tensors[&t.name]).collect();
        let gradients = Tensor::run_backward(&[&loss], &parameters, false, false);
        let named = trainable.iter().zip(&gradients);
        let gradients = named.map(|(tensor, gradient)| Ok((tensor.name.clone(), values(gradient)?)));
        Ok(FirstStep {
            logits: values(&logits)?,
            loss: loss.double_value(&[]),
            gradients: gradients.collect::<Result<_, String>>()?,
        })
    }

    fn precision(&self) -> Result<Precision, String> {
        let trainable = || self.data.tensors.iter().filter(|t| t.trainable);
        let is = |p: &Precision| trainable().all(|t| self.tensors[&t.name].kind() == kind(*p));
        let found = Precision::ALL.into_iter().find(is);
        found.ok_or_else(|| "the network's tensors are of several types".to_owned())
    }

    fn read_back(&self) -> Parameters {
        self.optimiser.read_back()
    }
}
