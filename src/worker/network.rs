//! A trial of a network: build, train step by step, evaluate, predict, and show the first step. `docs/design/networks.md` has the rules, and
//! the Python kit the same loop (`benchrun_kit/training.py`).

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::Path;

use ndarray::ArrayD;
use safetensors::SafeTensors;
use sha2::{Digest, Sha256};

use super::channel::Channel;
use super::clock::{Clock, SystemClock};
use super::evaluation::{Evaluation, Tests};
use super::measure::{Samples, measure, timed};
use super::native::{Ended, begin, build_facts, end, failed, samples, write};
use super::process;
use super::protocol::{Event, PhaseKind, PhaseRequest, Receipt, Request, Threads};
use crate::backend::network::{Ask, Batch, Features, Loaded, Target, Trainable, Weights};
use crate::backend::{Framework, Tensor};
use crate::data::TargetKind;
use crate::data::bundle::{Bundle, TEST_FEATURES, TRAIN_FEATURES, TRAIN_TARGET};
use crate::data::random::{stream, unit};
use crate::files::{hexadecimal, sha256};
use crate::task::network::architecture::Form;
use crate::task::network::draws::{AUGMENT, WEIGHT};
use crate::task::network::evidence::{ENVELOPE_DRAWS, ENVELOPE_STEPS, INITIAL_ROWS, shown};
use crate::task::network::precision::Precision;
use crate::task::parameter::{Parameters, Value};
use crate::task::{self, network::Case};

/// The stream of the trial's seed from which weights are moved.
const MOVES: u64 = 8;

/// The least time between two signs of life.
const HEARTBEAT_NS: u64 = 1_000_000_000;

/// What the block drew.
struct Draws {
    sha256: String,
    weights: Weights,
    /// One row of the training rows for each epoch.
    order: Vec<Vec<i64>>,
    /// For each epoch how the image of each row in its order is moved; empty where none is.
    moves: Vec<Vec<[i64; 3]>>,
    rates: Vec<f64>,
    validation: Vec<i64>,
}

/// Everything that is loaded.
struct Inputs {
    bundle: String,
    train_rows: usize,
    tests: Tests,
    case: Case,
    precision: Precision,
    draws: Draws,
}

/// What a training leaves behind.
#[derive(Default)]
struct Trained {
    series: [Samples; 3],
    losses: Vec<f64>,
    last: Evaluation,
    answers: Vec<Vec<f32>>,
    rows: Sha256,
}

/// Runs the trial.
pub(super) fn trial(channel: &mut Channel, request: &Request, framework: &Framework) -> Result<(), Ended> {
    let Some(networks) = framework.networks else {
        return Err(Ended::Unsupported(format!("{} trains no networks", framework.id)));
    };
    let Some(precision) = Precision::of(&request.dtype) else {
        let known = Precision::ALL.map(Precision::name).join(" or ");
        let reason = format!("{} trains in {known}, not in {}", framework.id, request.dtype);
        return Err(Ended::Unsupported(reason));
    };
    begin(channel, "load")?;
    let (inputs, features, target) = load(request, precision)?;
    let ask = Ask {
        case: &inputs.case,
        features,
        target,
        seed: request.seed,
        device: &request.device,
        precision,
        threads: request.threads,
    };
    let loaded = networks.load(ask).map_err(Ended::Unsupported)?;
    end(channel, "load")?;

    let mut network: Option<Box<dyn Trainable + '_>> = None;
    let (mut trained, mut weights) = (Trained::default(), String::new());
    for phase in &request.phases {
        begin(channel, &phase.name)?;
        let series = match (phase.kind, &mut network) {
            (PhaseKind::Build, _) => {
                let build = |_| loaded.build(black_box(&inputs.draws.weights)).map_err(failed("BuildError"));
                let (of_builds, built) = measure(&SystemClock, &phase.repeat, request.slowdown, build)?;
                network = built;
                vec![of_builds]
            }
            (PhaseKind::Train, Some(network)) => {
                trained = train(channel, request, phase, &inputs, &mut **network)?;
                trained.series.to_vec()
            }
            (PhaseKind::Predict, Some(network)) => vec![predict(&**network, request, phase, &inputs)?],
            _ => {
                let message =
                    format!("{} comes before the network is built, or is none of a network", phase.name);
                return Err(Ended::Failed { kind: "InvalidRequest", message });
            }
        };
        end(channel, &phase.name)?;
        if let (PhaseKind::Build, Some(network)) = (phase.kind, &network) {
            weights = digest(&network.weights().map_err(failed("BuildError"))?);
        }
        for (name, of_name) in phase.series().into_iter().zip(series) {
            samples(channel, &name, of_name)?;
        }
    }
    let Some(network) = network else {
        return Err(Ended::Failed {
            kind: "InvalidRequest",
            message: "no phase builds a network".to_owned(),
        });
    };
    let used = (network.read_back(), network.precision().map_err(failed("ReadBackError"))?);
    let receipt = receipt(request, framework, &*loaded, &inputs, &trained, (used, weights));
    channel.send(&Event::Receipt(receipt))?;
    let outputs = outputs(request, &*loaded, &inputs, &trained)?;
    write(channel, &request.output_dir, &outputs)
}

fn load(request: &Request, precision: Precision) -> Result<(Inputs, Features, Target), Ended> {
    let bundle = Bundle::open(&request.bundle).map_err(failed("BundleError"))?;
    let read = |role| match bundle.manifest().vocabulary {
        Some(_) => bundle.i64_values(role).map(Features::Tokens),
        None => bundle.f32_values(role).map(Features::Numbers),
    };
    let features = read(TRAIN_FEATURES).map_err(failed("BundleError"))?;
    let test = read(TEST_FEATURES).map_err(failed("BundleError"))?;
    let target = match bundle.manifest().target {
        TargetKind::Classes => bundle.i64_vector(TRAIN_TARGET).map(Target::Classes),
        TargetKind::Continuous => bundle.f32_vector(TRAIN_TARGET).map(Target::Numbers),
        TargetKind::Next => Ok(Target::Next),
    };
    let target = target.map_err(failed("BundleError"))?;
    let case = task::task(&request.task).and_then(|task| task.network());
    let Some(case) = case else {
        return Err(Ended::Unsupported(format!("the task {} trains no networks", request.task)));
    };
    let case =
        case.read(&request.algorithm, &request.hyperparameters, &bundle).map_err(Ended::Unsupported)?;
    let Some(path) = &request.draws else {
        let message = "the request names no draws".to_owned();
        return Err(Ended::Failed { kind: "InvalidRequest", message });
    };
    let inputs = Inputs {
        bundle: bundle.hash().to_owned(),
        train_rows: bundle.rows(TRAIN_FEATURES).map_err(failed("BundleError"))?,
        tests: Tests {
            features: test,
            rows: bundle.rows(TEST_FEATURES).map_err(failed("BundleError"))?,
            width: bundle.columns(TEST_FEATURES).map_err(failed("BundleError"))?,
        },
        case,
        precision,
        draws: Draws::read(path).map_err(failed("DrawsError"))?,
    };
    Ok((inputs, features, target))
}

impl Draws {
    fn read(path: &Path) -> Result<Self, String> {
        let bytes = fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| e.to_string())?;
        let mut weights = Weights::new();
        for (name, tensor) in file.tensors() {
            if let Some(name) = name.strip_prefix(WEIGHT) {
                let values = numbers(tensor.data(), f32::from_le_bytes);
                let array = ArrayD::from_shape_vec(tensor.shape(), values).map_err(|e| e.to_string())?;
                weights.insert(name.to_owned(), array);
            }
        }
        let of = |name: &str| file.tensor(name).map_err(|e| format!("{name}: {e}"));
        let order = of("order")?;
        let rows = order.shape().get(1).copied().unwrap_or(0).max(1);
        let places = numbers(order.data(), i64::from_le_bytes);
        let moves = match file.tensor(AUGMENT) {
            Ok(tensor) => numbers(tensor.data(), i64::from_le_bytes).as_chunks().0.to_vec(),
            Err(_) => Vec::new(),
        };
        Ok(Self {
            sha256: sha256(&bytes),
            weights,
            order: places.chunks(rows).map(<[i64]>::to_vec).collect(),
            moves: moves.chunks(rows).map(<[[i64; 3]]>::to_vec).collect(),
            rates: numbers(of("rates")?.data(), f64::from_le_bytes),
            validation: of("validation").map(|v| numbers(v.data(), i64::from_le_bytes)).unwrap_or_default(),
        })
    }

    /// The batches of an epoch.
    fn batches(&self, epoch: usize, size: usize) -> impl Iterator<Item = Batch<'_>> {
        let moves = self.moves.get(epoch).map_or(&[][..], Vec::as_slice);
        self.order[epoch].chunks(size).enumerate().map(move |(i, rows)| {
            let moves = moves.get(i * size..i * size + rows.len()).unwrap_or_default();
            Batch { rows, moves }
        })
    }
}

fn numbers<T, const N: usize>(bytes: &[u8], from: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|chunk| from(*chunk)).collect()
}

/// A whole training.
fn train(
    channel: &mut Channel,
    request: &Request,
    phase: &PhaseRequest,
    inputs: &Inputs,
    network: &mut dyn Trainable,
) -> Result<Trained, Ended> {
    let training = &inputs.case.training;
    let draws = &inputs.draws;
    let mut trained = Trained::default();
    let [mut steps, mut epochs, mut evaluations] =
        [Samples::default(), Samples::default(), Samples::default()];
    let (mut best, mut without_gain) = (f64::INFINITY, 0);
    let mut told = SystemClock.wall_ns();
    for epoch in 0..draws.order.len() {
        let (epoch_cpu, epoch_wall) = (SystemClock.cpu_ns(), SystemClock.wall_ns());
        for batch in draws.batches(epoch, training.batch_size) {
            let done = trained.losses.len();
            let Some(rate) = draws.rates.get(done) else { break };
            let (sample, loss) = timed(&SystemClock, request.slowdown, || {
                network.step(black_box(batch), *rate).map_err(failed("StepError"))
            })?;
            steps.add(1, sample);
            trained.losses.push(loss);
            for row in batch.rows {
                trained.rows.update(row.to_le_bytes());
            }
            let now = SystemClock.wall_ns();
            if now - told >= HEARTBEAT_NS {
                told = now;
                let (done, total) = (done as u64 + 1, draws.rates.len() as u64);
                channel.send(&Event::Progress { phase: phase.name.clone(), done, total })?;
            }
        }
        let wall = SystemClock.wall_ns() - epoch_wall;
        epochs.add(1, (wall, SystemClock.cpu_ns() - epoch_cpu));
        let form = &inputs.case.form;
        let (sample, evaluation) = timed(&SystemClock, request.slowdown, || {
            Evaluation::of(network, &inputs.tests, form, phase.batch_rows)
        })?;
        evaluations.add(1, sample);
        trained.answers.push(evaluation.answers(form));
        trained.last = evaluation;
        if let Some(patience) = training.patience {
            let loss = validation_loss(network, &draws.validation, phase.batch_rows)?;
            without_gain = if loss < best { 0 } else { without_gain + 1 };
            best = best.min(loss);
            if without_gain >= patience {
                break;
            }
        }
    }
    trained.series = [steps, epochs, evaluations];
    Ok(trained)
}

/// The mean loss of the rows set apart, some rows at a time.
#[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
fn validation_loss(network: &dyn Trainable, apart: &[i64], batch_rows: Option<usize>) -> Result<f64, Ended> {
    let mut sum = 0.0;
    for rows in apart.chunks(batch_rows.unwrap_or(apart.len()).max(1)) {
        sum += network.loss(rows).map_err(failed("StepError"))? * rows.len() as f64;
    }
    Ok(sum / apart.len() as f64)
}

/// Batches of test rows, each another than the one before.
fn predict(
    network: &dyn Trainable,
    request: &Request,
    phase: &PhaseRequest,
    inputs: &Inputs,
) -> Result<Samples, Ended> {
    let tests = &inputs.tests;
    let count = phase.batch_rows.unwrap_or(tests.rows);
    if count == 0 || count > tests.rows {
        let message = format!("batch_rows is {count}, but the test split has {} rows", tests.rows);
        return Err(Ended::Failed { kind: "InvalidRequest", message });
    }
    let batches = tests.rows / count;
    let (samples, last) = measure(&SystemClock, &phase.repeat, request.slowdown, |number| {
        let begin = usize::try_from(number).unwrap_or_default() % batches * count;
        let rows = tests.features.rows(begin..begin + count, tests.width);
        network.predict(black_box(rows), count).map(black_box).map_err(failed("PredictError"))
    })?;
    let wanted = count * inputs.case.form.answers() * inputs.case.form.outputs;
    match last {
        Some(logits) if logits.len() != wanted => {
            let message = format!("{} values were answered, but {wanted} were asked", logits.len());
            Err(Ended::Failed { kind: "PredictError", message })
        }
        _ => Ok(samples),
    }
}

/// The SHA-256 over tensors: of each, by name, the name, a zero byte and its little-endian values.
pub(super) fn digest(weights: &Weights) -> String {
    let mut digest = Sha256::new();
    for (name, values) in weights {
        digest.update(name.as_bytes());
        digest.update([0]);
        values.iter().for_each(|v| digest.update(v.to_le_bytes()));
    }
    hexadecimal(&digest.finalize())
}

fn receipt(
    request: &Request,
    framework: &Framework,
    loaded: &dyn Loaded,
    inputs: &Inputs,
    trained: &Trained,
    ((used, precision), weights): ((Parameters, Precision), String),
) -> Receipt {
    let counted = |count: usize| Value::Int(i64::try_from(count).unwrap_or(i64::MAX));
    let work = [
        ("steps", counted(trained.losses.len())),
        ("epochs", counted(trained.answers.len())),
        ("weights", Value::Text(weights)),
        ("order", Value::Text(hexadecimal(&trained.rows.clone().finalize()))),
    ];
    Receipt {
        // The optimiser tells what it uses; the draws and the loop took the rest from the request.
        hyperparameters: request.hyperparameters.clone().into_iter().chain(used).collect(),
        settings: request.settings.clone(),
        bundle: inputs.bundle.clone(),
        draws: Some(inputs.draws.sha256.clone()),
        dtype: precision.name().to_owned(),
        layout: "row-major".to_owned(),
        train_rows: inputs.train_rows as u64,
        features: inputs.tests.width as u64,
        device: request.device.clone(),
        threads: Threads { allowed: request.threads, pool: loaded.pool(), alive: process::threads() },
        blas: vec![(framework.blas)()],
        work: work.map(|(name, value)| (name.to_owned(), value)).into(),
        build: build_facts().into_iter().chain(loaded.facts()).collect(),
        libraries: process::libraries(),
    }
}

fn outputs(
    request: &Request,
    loaded: &dyn Loaded,
    inputs: &Inputs,
    trained: &Trained,
) -> Result<Vec<(&'static str, Tensor)>, Ended> {
    let Inputs { case, draws, .. } = inputs;
    let batches: Vec<Batch<'_>> = draws.batches(0, case.training.batch_size).collect();
    let mut network = loaded.build(&draws.weights).map_err(failed("BuildError"))?;
    let tests = &inputs.tests;
    let initial = INITIAL_ROWS.min(tests.rows);
    let initial_logits = network.predict(tests.features.rows(0..initial, tests.width), initial);
    let initial_logits = initial_logits.map_err(failed("PredictError"))?;
    let first = network.first_step(batches[0]).map_err(failed("StepError"))?;
    let mut shown_gradients = Vec::new();
    let mut norms = Vec::new();
    for gradient in first.gradients.values() {
        shown_gradients.extend(shown(gradient.len()).map(|place| f64::from(gradient[place])));
        norms.push(gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt());
    }
    let steps = ENVELOPE_STEPS.min(draws.rates.len()).min(batches.len());
    let mut envelope = Vec::new();
    for draw in 0..ENVELOPE_DRAWS {
        let moved = moved(&draws.weights, inputs.precision, request.seed, MOVES + draw as u64);
        let mut network = loaded.build(&moved).map_err(failed("BuildError"))?;
        for (batch, rate) in batches.iter().zip(&draws.rates).take(steps) {
            envelope.push(network.step(*batch, *rate).map_err(failed("StepError"))?);
        }
    }
    let epochs = trained.answers.len();
    let kept = trained.answers.first().map_or(0, Vec::len);
    let epoch_ns = trained.series[1].wall_ns.iter().map(|ns| i64::try_from(*ns).unwrap_or(i64::MAX));
    let answers = trained.answers.concat();
    let answers = match &case.target {
        TargetKind::Continuous => Tensor::widened(vec![epochs, kept], &answers),
        #[expect(clippy::cast_possible_truncation, reason = "places of classes")]
        _ => Tensor::whole(vec![epochs, kept], &answers.iter().map(|a| *a as i64).collect::<Vec<_>>()),
    };
    let mut outputs = trained.last.outputs(&inputs.tests, &case.form);
    outputs.extend([
        ("losses", Tensor::numbers(vec![trained.losses.len()], &trained.losses)),
        ("epoch_answers", answers),
        ("epoch_ns", Tensor::from(epoch_ns.collect::<Vec<i64>>())),
        ("initial_logits", few(&case.form, &initial_logits)),
        ("first_logits", few(&case.form, &first.logits)),
        ("first_loss", Tensor::from(first.loss)),
        ("first_gradients", Tensor::numbers(vec![shown_gradients.len()], &shown_gradients)),
        ("first_gradient_norms", Tensor::numbers(vec![norms.len()], &norms)),
        ("envelope", Tensor::numbers(vec![ENVELOPE_DRAWS, steps], &envelope)),
    ]);
    Ok(outputs)
}

/// The logits as they are; of tokens those of some, because there are too many.
fn few(form: &Form, logits: &[f32]) -> Tensor {
    let width = form.outputs;
    let rows = logits.len() / width;
    if !form.every_step {
        return Tensor::widened(vec![rows, width], logits);
    }
    let of_some = shown(rows).flat_map(|place| &logits[place * width..(place + 1) * width]).copied();
    let of_some: Vec<f32> = of_some.collect();
    Tensor::widened(vec![of_some.len() / width, width], &of_some)
}

/// The weights, each moved by one unit in the last place, away from zero or towards it at random.
fn moved(weights: &Weights, precision: Precision, seed: u64, number: u64) -> Weights {
    let mut rng = stream(seed, number);
    let mut moved = BTreeMap::clone(weights);
    for values in moved.values_mut() {
        values.mapv_inplace(|v| precision.moved(v, unit(&mut rng) < 0.5));
    }
    moved
}
