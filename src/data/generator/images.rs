//! Images of classes that a convolution can tell apart: a smooth pattern for each class, shifted, and noise.
//!
//! The pattern of a class is, in each channel, the sum of four waves cos(2π(u·x + v·y)/size + φ) / √2 with whole u and v from
//! 0 to 3, not both 0: nearly of mean 0 and standard deviation 1. An image is its class's pattern, moved around the edges (the waves are
//! periodic) by up to a quarter of the size to the right and downwards, plus noise · ε with ε standard normal.
//!
//! Draws: structure, for each class, channel and wave u, v and φ; order, a shuffle of the classes of the rows; features, for each
//! row the two shifts; noise, ε row by row.

use std::f64::consts::TAU;

use rand_chacha::ChaCha8Rng;

use super::{Arguments, Generator, Streams, class_names, groups, label, noise, rows, seed};
use crate::data::dataset::{Layout, Target, TargetKind};
use crate::data::random::{below, normal, shuffle, unit};
use crate::task::parameter::ParameterDef;

/// The waves of a pattern.
const WAVES: usize = 4;

pub struct Images;

impl Generator for Images {
    fn name(&self) -> &'static str {
        "images"
    }
    fn doc(&self) -> &'static str {
        "square images that show the smooth pattern of their class, shifted at random, under normal noise"
    }
    fn target(&self) -> TargetKind {
        TargetKind::Classes
    }
    fn parameters(&self) -> Vec<ParameterDef> {
        vec![
            rows(2),
            ParameterDef::int_from("size", 4, 28, "height and width in pixels").up_to(1024.0),
            ParameterDef::int_from("channels", 1, 1, "number of channels").up_to(64.0),
            ParameterDef::int_from("classes", 2, 10, "number of classes").up_to(1000.0),
            noise(0.5, "standard deviation of the noise; that of a pattern is 1"),
            seed(),
        ]
    }
    fn layout(&self, arguments: &Arguments) -> Layout {
        let size = arguments.count("size");
        Layout::of(&[arguments.count("channels"), size, size])
    }
    fn check(&self, arguments: &Arguments) -> Result<(), (&'static str, String)> {
        let (rows, classes) = (arguments.count("rows"), arguments.count("classes"));
        if rows >= classes {
            return Ok(());
        }
        Err(("rows", format!("is {rows}, but must be at least the number of classes, {classes}")))
    }
    fn draw(&self, arguments: &Arguments, streams: &Streams) -> (Vec<f64>, Target) {
        let (size, channels) = (arguments.count("size"), arguments.count("channels"));
        let classes = arguments.count("classes");
        let mut structure = streams.structure();
        let patterns: Vec<Vec<f64>> = (0..classes)
            .map(|_| (0..channels).flat_map(|_| pattern(size, &mut structure)).collect())
            .collect();
        let mut labels: Vec<usize> = groups(arguments.count("rows"), classes).collect();
        shuffle(&mut streams.order(), &mut labels);

        let (mut shifts, mut errors) = (streams.features(), streams.noise());
        let deviation = arguments.number("noise");
        let mut features = Vec::with_capacity(labels.len() * channels * size * size);
        for class in &labels {
            let [right, down] = [(); 2].map(|()| below(&mut shifts, size / 4 + 1));
            for channel in patterns[*class].chunks_exact(size * size) {
                for y in 0..size {
                    let line = &channel[(y + size - down) % size * size..][..size];
                    let pixels = (0..size).map(|x| line[(x + size - right) % size]);
                    features.extend(pixels.map(|pixel| pixel + deviation * normal(&mut errors)));
                }
            }
        }
        let labels = labels.into_iter().map(label).collect();
        (features, Target::Classes { labels, names: class_names(classes) })
    }
}

/// One channel of a class, row-major.
#[expect(clippy::cast_precision_loss, reason = "pixels and waves are few")]
fn pattern(size: usize, structure: &mut ChaCha8Rng) -> Vec<f64> {
    let waves = [(); WAVES].map(|()| {
        // One of the fifteen pairs but (0, 0).
        let pair = 1 + below(structure, 15);
        ((pair % 4) as f64, (pair / 4) as f64, unit(structure))
    });
    let value = |place: usize| {
        let (x, y) = ((place % size) as f64 / size as f64, (place / size) as f64 / size as f64);
        waves.iter().map(|(u, v, phase)| (TAU * (u * x + v * y + phase)).cos()).sum::<f64>() / 2.0_f64.sqrt()
    };
    (0..size * size).map(value).collect()
}
