//! Friedman's first problem, as scikit-learn's `make_friedman1`.
//!
//! J. H. Friedman (1991), Multivariate adaptive regression splines, Annals of Statistics 19; L. Breiman (1996), Bagging
//! predictors, Machine Learning 24. With x uniform in the unit cube and ε standard normal,
//!
//! y = 10 sin(π x₀ x₁) + 20 (x₂ − ½)² + 10 x₃ + 5 x₄ + noise · ε;
//!
//! further features have no influence.
//!
//! Draws: features, x row by row; noise, ε by row.

use std::f64::consts::PI;

use super::{Arguments, Generator, Streams, features, noise, rows, seed};
use crate::data::dataset::{Target, TargetKind};
use crate::data::random::{normal, unit};
use crate::task::parameter::ParameterDef;

pub struct Nonlinear;

impl Generator for Nonlinear {
    fn name(&self) -> &'static str {
        "nonlinear"
    }
    fn doc(&self) -> &'static str {
        "Friedman's first problem (1991): five uniform features with an interaction, a square and two lines, the others idle"
    }
    fn target(&self) -> TargetKind {
        TargetKind::Continuous
    }
    fn parameters(&self) -> Vec<ParameterDef> {
        vec![rows(1), features(5, 10), noise(1.0, "standard deviation of the target's noise"), seed()]
    }
    fn draw(&self, arguments: &Arguments, streams: &Streams) -> (Vec<f64>, Target) {
        let (columns, noise) = (arguments.count("features"), arguments.number("noise"));
        let (mut draws, mut errors) = (streams.features(), streams.noise());
        let features: Vec<f64> = (0..arguments.count("rows") * columns).map(|_| unit(&mut draws)).collect();
        let target =
            features.chunks_exact(columns).map(|row| friedman(row) + noise * normal(&mut errors)).collect();
        (features, Target::Continuous(target))
    }
}

pub(super) fn friedman(x: &[f64]) -> f64 {
    10.0 * (PI * x[0] * x[1]).sin() + 20.0 * (x[2] - 0.5) * (x[2] - 0.5) + 10.0 * x[3] + 5.0 * x[4]
}
