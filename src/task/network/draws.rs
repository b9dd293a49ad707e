//! What a block of a network draws, once, for all sides: initial weights, the order of the rows, how their images are moved, learning rates,
//! validation rows.

use sha2::{Digest, Sha256};

use super::architecture::Network;
use super::given::WeightsFile;
use super::layer::{Start, TensorDef};
use super::precision::Precision;
use super::training::Training;
use crate::data::bundle::Tensor;
use crate::data::random::{normal, permutation, stream, unit};
use crate::files::hexadecimal;
use crate::task::Draws;
use crate::task::parameter::Value;

/// The streams of a trial's seed; those of the weights follow.
const ORDER: u64 = 0;
const VALIDATION: u64 = 1;
const MOVES: u64 = 2;
const WEIGHTS: u64 = 16;

/// The prefix of weights.
pub const WEIGHT: &str = "weights/";

/// The tensor of how images are moved.
pub const AUGMENT: &str = "augment";

/// Draws everything for `rows` training rows; initial weights only where none are given. Weights are in single precision, the hash of them
/// is that of weights in the type of the computation.
///
/// # Errors
/// A phrase: the weights that are given do not fit.
pub fn draw(
    network: &Network,
    training: &Training,
    given: Option<&WeightsFile>,
    precision: Precision,
    rows: usize,
    seed: u64,
) -> Result<Draws, String> {
    let mut tensors = Vec::new();
    let mut digest = Sha256::new();
    let given = given.map(|file| file.values(network)).transpose()?;
    for (number, tensor) in (0_u64..).zip(network.tensors()) {
        let initial = match given.as_ref().map(|values| &values[tensors.len()]) {
            Some(values) => Tensor::float32(tensor.shape.clone(), values.iter().map(|v| f64::from(*v))),
            None => Tensor::float32(tensor.shape.clone(), start(&tensor, seed, WEIGHTS + number)),
        };
        digest.update(tensor.name.as_bytes());
        digest.update([0]);
        for value in initial.data.as_chunks().0 {
            digest.update(precision.round(f32::from_le_bytes(*value)).to_le_bytes());
        }
        tensors.push((format!("{WEIGHT}{}", tensor.name), initial));
    }
    let (left, validation) = validation(training.validation_rows(rows), rows, seed);
    let steps_of_epoch = training.steps_of_epoch(left.len());
    let steps = training.most_steps(left.len());
    let epochs = steps.div_ceil(steps_of_epoch.max(1));
    let mut rng = stream(seed, ORDER);
    let order: Vec<i64> = (0..epochs)
        .flat_map(|_| {
            permutation(&mut rng, left.len()).into_iter().map(|place| left[place]).collect::<Vec<_>>()
        })
        .collect();
    let rates: Vec<f64> = (0..steps).map(|step| training.rate(step / steps_of_epoch)).collect();
    tensors.push(("order".to_owned(), Tensor::int64(vec![epochs, left.len()], &order)));
    if training.flip || training.shift > 0 {
        let moves = moves(training, epochs * left.len(), seed);
        tensors.push((AUGMENT.to_owned(), Tensor::int64(vec![epochs, left.len(), 3], &moves)));
    }
    tensors.push(("rates".to_owned(), Tensor::float64(vec![rates.len()], &rates)));
    if !validation.is_empty() {
        tensors.push(("validation".to_owned(), Tensor::int64(vec![validation.len()], &validation)));
    }
    let weights = hexadecimal(&digest.finalize());
    Ok(Draws { tensors, work: [("weights".to_owned(), Value::Text(weights))].into() })
}

/// How so many images are moved: whether each is mirrored, and by how many pixels down and right.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "pixels")]
fn moves(training: &Training, images: usize, seed: u64) -> Vec<i64> {
    let mut rng = stream(seed, MOVES);
    let shift = training.shift as f64;
    let mut moves = Vec::with_capacity(3 * images);
    for _ in 0..images {
        let [mirror, down, right] = [unit(&mut rng), unit(&mut rng), unit(&mut rng)];
        let pixels = |share: f64| (share * (2.0 * shift + 1.0)).floor() as i64 - shift as i64;
        moves.extend([i64::from(training.flip && mirror < 0.5), pixels(down), pixels(right)]);
    }
    moves
}

/// The rows to train on, ascending, and those set apart.
fn validation(count: usize, rows: usize, seed: u64) -> (Vec<i64>, Vec<i64>) {
    let number = |row: usize| i64::try_from(row).expect("a row of a matrix in memory");
    let shuffled: Vec<i64> = match count {
        0 => (0..rows).map(number).collect(),
        _ => permutation(&mut stream(seed, VALIDATION), rows).into_iter().map(number).collect(),
    };
    let (apart, left) = shuffled.split_at(count);
    let (mut left, mut apart) = (left.to_vec(), apart.to_vec());
    left.sort_unstable();
    apart.sort_unstable();
    (left, apart)
}

/// The initial values of one tensor, from a stream of its own.
fn start(tensor: &TensorDef, seed: u64, number: u64) -> impl Iterator<Item = f64> {
    let mut rng = stream(seed, number);
    let start = tensor.start;
    let columns = tensor.shape.last().copied().unwrap_or(1);
    (0..tensor.shape.iter().product()).map(move |place| match start {
        Start::Constant(value) => value,
        Start::Uniform(bound) => bound * (2.0 * unit(&mut rng) - 1.0),
        Start::Normal(deviation) => deviation * normal(&mut rng),
        Start::Sinusoids => sinusoid(place / columns, place % columns, columns),
    })
}

/// The entry of a step and a column of [`Start::Sinusoids`].
#[expect(clippy::cast_precision_loss, reason = "steps and dimensions")]
pub fn sinusoid(step: usize, column: usize, columns: usize) -> f64 {
    let angle = step as f64 / 10_000_f64.powf((column / 2 * 2) as f64 / columns as f64);
    if column.is_multiple_of(2) { angle.sin() } else { angle.cos() }
}
