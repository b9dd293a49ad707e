//! A dense linear model, as scikit-learn's `make_regression` with every feature informative.
//!
//! y = x·β + bias + noise · ε with x and ε standard normal and β uniform in [0, 100).
//!
//! Draws: structure, β by column; features, x row by row; noise, ε by row.

use rand_chacha::ChaCha8Rng;

use super::{Arguments, Generator, Streams, features, noise, rows, seed};
use crate::data::dataset::{Target, TargetKind};
use crate::data::random::{normal, unit};
use crate::task::parameter::{ParameterDef, Type, Value};

pub struct Linear;

impl Generator for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }
    fn doc(&self) -> &'static str {
        "linear model with standard normal features and coefficients that are all uniform in [0, 100)"
    }
    fn target(&self) -> TargetKind {
        TargetKind::Continuous
    }
    fn parameters(&self) -> Vec<ParameterDef> {
        vec![
            rows(1),
            features(1, 20),
            bias(),
            noise(10.0, "standard deviation of the target's noise"),
            seed(),
        ]
    }
    fn draw(&self, arguments: &Arguments, streams: &Streams) -> (Vec<f64>, Target) {
        let mut structure = streams.structure();
        let coefficients: Vec<_> =
            (0..arguments.count("features")).map(|_| coefficient(&mut structure)).collect();
        linear_model(&coefficients, arguments, streams)
    }
}

pub(super) fn bias() -> ParameterDef {
    ParameterDef {
        name: "bias".to_owned(),
        ty: Type::Float,
        minimum: None,
        exclusive_minimum: None,
        maximum: None,
        choices: Vec::new(),
        default: Value::Float(0.0),
        binding: true,
        doc: "constant that is added to the target".to_owned(),
    }
}

/// A coefficient, uniform in [0, 100).
pub(super) fn coefficient(structure: &mut ChaCha8Rng) -> f64 {
    100.0 * unit(structure)
}

/// Features and target of a linear model with the given coefficients.
pub(super) fn linear_model(
    coefficients: &[f64],
    arguments: &Arguments,
    streams: &Streams,
) -> (Vec<f64>, Target) {
    let (rows, bias, noise) = (arguments.count("rows"), arguments.number("bias"), arguments.number("noise"));
    let (mut draws, mut errors) = (streams.features(), streams.noise());
    let features: Vec<f64> = (0..rows * coefficients.len()).map(|_| normal(&mut draws)).collect();
    let target = features
        .chunks_exact(coefficients.len())
        .map(|row| {
            let mean: f64 = row.iter().zip(coefficients).map(|(x, coefficient)| x * coefficient).sum();
            mean + bias + noise * normal(&mut errors)
        })
        .collect();
    (features, Target::Continuous(target))
}
