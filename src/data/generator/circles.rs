//! Two concentric circles, as scikit-learn's `make_circles`, with points at equal angles.
//!
//! Draws: order, a shuffle of the rows; noise, the two coordinates' deviations row by row.

use std::f64::consts::TAU;

use super::moons::scatter;
use super::{Arguments, Generator, Streams, noise, rows, seed};
use crate::data::dataset::{Layout, Target, TargetKind};
use crate::data::random::permutation;
use crate::task::parameter::ParameterDef;

pub struct Circles;

impl Generator for Circles {
    fn name(&self) -> &'static str {
        "circles"
    }
    fn doc(&self) -> &'static str {
        "two concentric circles in the plane, the outer one of radius 1"
    }
    fn target(&self) -> TargetKind {
        TargetKind::Classes
    }
    fn parameters(&self) -> Vec<ParameterDef> {
        vec![
            rows(2),
            ParameterDef::float_from("factor", 0.0, 0.8, "radius of the inner circle").up_to(1.0),
            noise(0.1, "standard deviation of the noise in each dimension"),
            seed(),
        ]
    }
    fn layout(&self, _arguments: &Arguments) -> Layout {
        Layout::of(&[2])
    }
    fn draw(&self, arguments: &Arguments, streams: &Streams) -> (Vec<f64>, Target) {
        let (rows, factor) = (arguments.count("rows"), arguments.number("factor"));
        let outer = rows / 2;
        let points = permutation(&mut streams.order(), rows).into_iter().map(|place| {
            let (place, count, radius, class) =
                if place < outer { (place, outer, 1.0, 0) } else { (place - outer, rows - outer, factor, 1) };
            let (sin, cos) = angle(place, count).sin_cos();
            ([radius * cos, radius * sin], class)
        });
        scatter(points, arguments.number("noise"), streams)
    }
}

/// The angle of a point of `count` that divide a circle.
#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^53")]
fn angle(place: usize, count: usize) -> f64 {
    TAU * place as f64 / count as f64
}
