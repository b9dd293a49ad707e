//! Two interleaved half circles, as scikit-learn's `make_moons`, with points at equal angles.
//!
//! Draws: order, a shuffle of the rows; noise, the two coordinates' deviations row by row.

use std::f64::consts::PI;

use super::{Arguments, Generator, Streams, class_names, noise, rows, seed};
use crate::data::dataset::{Layout, Target, TargetKind};
use crate::data::random::{normal, permutation};
use crate::task::parameter::ParameterDef;

pub struct Moons;

impl Generator for Moons {
    fn name(&self) -> &'static str {
        "moons"
    }
    fn doc(&self) -> &'static str {
        "two interleaved half circles in the plane"
    }
    fn target(&self) -> TargetKind {
        TargetKind::Classes
    }
    fn parameters(&self) -> Vec<ParameterDef> {
        vec![rows(2), noise(0.1, "standard deviation of the noise in each dimension"), seed()]
    }
    fn layout(&self, _arguments: &Arguments) -> Layout {
        Layout::of(&[2])
    }
    fn draw(&self, arguments: &Arguments, streams: &Streams) -> (Vec<f64>, Target) {
        let rows = arguments.count("rows");
        let outer = rows / 2;
        let points = permutation(&mut streams.order(), rows).into_iter().map(|place| {
            if place < outer {
                let (sin, cos) = angle(place, outer).sin_cos();
                ([cos, sin], 0)
            } else {
                let (sin, cos) = angle(place - outer, rows - outer).sin_cos();
                ([1.0 - cos, 0.5 - sin], 1)
            }
        });
        scatter(points, arguments.number("noise"), streams)
    }
}

/// The angle of a point of `count` that divide a half circle, both ends included.
#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^53")]
fn angle(place: usize, count: usize) -> f64 {
    PI * place as f64 / (count - 1).max(1) as f64
}

/// Adds noise to points of two classes.
pub(super) fn scatter(
    points: impl Iterator<Item = ([f64; 2], i64)>,
    noise: f64,
    streams: &Streams,
) -> (Vec<f64>, Target) {
    let mut errors = streams.noise();
    let (mut features, mut labels) = (Vec::new(), Vec::new());
    for (point, label) in points {
        features.extend(point.map(|x| x + noise * normal(&mut errors)));
        labels.push(label);
    }
    (features, Target::Classes { labels, names: class_names(2) })
}
