//! Windows of noisy sums of sines, of which the next value is to be predicted.
//!
//! All rows share the frequencies and amplitudes of their waves: waves of `waves` periods, each between 8 values and a whole window long,
//! and amplitudes uniform in [0.5, 1.5). Each row begins at phases of its own, so that no row is a part of another. To every value of the
//! window, and to the one that follows it, noise · ε is added, with ε standard normal.
//!
//! Draws: structure, for each wave its frequency and amplitude; features, for each row its phases; noise, ε row by row, that of
//! the target last.

use std::f64::consts::TAU;

use super::{Arguments, Generator, Streams, noise, rows, seed};
use crate::data::dataset::{Layout, Target, TargetKind};
use crate::data::random::{normal, unit};
use crate::task::parameter::ParameterDef;

/// Values of the shortest period.
const SHORTEST: f64 = 8.0;

pub struct Sine;

impl Generator for Sine {
    fn name(&self) -> &'static str {
        "sine"
    }
    fn doc(&self) -> &'static str {
        "windows of noisy sums of sines, of which the next value is to be predicted"
    }
    fn target(&self) -> TargetKind {
        TargetKind::Continuous
    }
    fn parameters(&self) -> Vec<ParameterDef> {
        vec![
            rows(1),
            ParameterDef::int_from("length", 8, 32, "values of a window").up_to(1e5),
            ParameterDef::int_from("waves", 1, 3, "number of sines").up_to(100.0),
            noise(0.1, "standard deviation of each value's noise"),
            seed(),
        ]
    }
    fn layout(&self, arguments: &Arguments) -> Layout {
        Layout::of(&[arguments.count("length"), 1])
    }
    #[expect(clippy::cast_precision_loss, reason = "windows are short")]
    fn draw(&self, arguments: &Arguments, streams: &Streams) -> (Vec<f64>, Target) {
        let (rows, length) = (arguments.count("rows"), arguments.count("length"));
        let mut structure = streams.structure();
        let (slowest, fastest) = (1.0 / length as f64, 1.0 / SHORTEST);
        let waves: Vec<(f64, f64)> = (0..arguments.count("waves"))
            .map(|_| (slowest + (fastest - slowest) * unit(&mut structure), 0.5 + unit(&mut structure)))
            .collect();
        let (mut phases, mut errors) = (streams.features(), streams.noise());
        let deviation = arguments.number("noise");
        let (mut features, mut targets) = (Vec::with_capacity(rows * length), Vec::with_capacity(rows));
        for _ in 0..rows {
            let begins: Vec<f64> = waves.iter().map(|_| unit(&mut phases)).collect();
            let mut value = |time: usize| {
                let sines = waves.iter().zip(&begins);
                let sum: f64 = sines.map(|((f, a), begin)| a * (TAU * (f * time as f64 + begin)).sin()).sum();
                sum + deviation * normal(&mut errors)
            };
            features.extend((0..length).map(&mut value));
            targets.push(value(length));
        }
        (features, Target::Continuous(targets))
    }
}
