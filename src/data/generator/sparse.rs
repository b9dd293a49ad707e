//! A sparse linear model, as scikit-learn's `make_regression` with few informative features.
//!
//! As [`super::linear`], but only `informative` columns, chosen at random, have a coefficient other than zero.
//!
//! Draws: structure, a permutation of the columns, whose first `informative` then draw their coefficients in that order;
//! features and noise as [`super::linear`].

use super::linear::{bias, coefficient, linear_model};
use super::{Arguments, Generator, Streams, features, noise, rows, seed};
use crate::data::dataset::{Target, TargetKind};
use crate::data::random::permutation;
use crate::task::parameter::ParameterDef;

pub struct Sparse;

impl Generator for Sparse {
    fn name(&self) -> &'static str {
        "sparse"
    }
    fn doc(&self) -> &'static str {
        "linear model in which only a few randomly placed features have a coefficient other than zero"
    }
    fn target(&self) -> TargetKind {
        TargetKind::Continuous
    }
    fn parameters(&self) -> Vec<ParameterDef> {
        vec![
            rows(1),
            features(1, 100),
            ParameterDef::int_from(
                "informative",
                1,
                10,
                "number of features with a coefficient other than zero",
            ),
            bias(),
            noise(10.0, "standard deviation of the target's noise"),
            seed(),
        ]
    }
    fn check(&self, arguments: &Arguments) -> Result<(), (&'static str, String)> {
        let (informative, features) = (arguments.count("informative"), arguments.count("features"));
        if informative <= features {
            return Ok(());
        }
        Err(("informative", format!("is {informative}, but there are only {features} features")))
    }
    fn draw(&self, arguments: &Arguments, streams: &Streams) -> (Vec<f64>, Target) {
        let features = arguments.count("features");
        let mut structure = streams.structure();
        let mut coefficients = vec![0.0; features];
        for column in permutation(&mut structure, features).into_iter().take(arguments.count("informative")) {
            coefficients[column] = coefficient(&mut structure);
        }
        linear_model(&coefficients, arguments, streams)
    }
}
