//! Isotropic Gaussian clusters, as scikit-learn's `make_blobs`: the centres are uniform in [−10, 10) in each dimension.
//!
//! Draws: structure, the centres, one after the other; order, a shuffle of the rows' clusters; features, the deviations
//! from the centre row by row.

use super::{Arguments, Generator, Streams, class_names, features, groups, label, rows, seed};
use crate::data::dataset::{Target, TargetKind};
use crate::data::random::{normal, shuffle, unit};
use crate::task::parameter::ParameterDef;

pub struct Blobs;

impl Generator for Blobs {
    fn name(&self) -> &'static str {
        "blobs"
    }
    fn doc(&self) -> &'static str {
        "isotropic Gaussian clusters, one a class, around centres that are uniform in [-10, 10)"
    }
    fn target(&self) -> TargetKind {
        TargetKind::Classes
    }
    fn parameters(&self) -> Vec<ParameterDef> {
        vec![
            rows(2),
            features(1, 2),
            ParameterDef::int_from("centers", 2, 3, "number of clusters").up_to(1000.0),
            ParameterDef::float_from(
                "cluster_std",
                0.0,
                1.0,
                "standard deviation of a cluster in each dimension",
            ),
            seed(),
        ]
    }
    fn check(&self, arguments: &Arguments) -> Result<(), (&'static str, String)> {
        let (rows, centers) = (arguments.count("rows"), arguments.count("centers"));
        if rows >= centers {
            return Ok(());
        }
        Err(("rows", format!("is {rows}, but must be at least the number of clusters, {centers}")))
    }
    fn draw(&self, arguments: &Arguments, streams: &Streams) -> (Vec<f64>, Target) {
        let (columns, centers) = (arguments.count("features"), arguments.count("centers"));
        let cluster_std = arguments.number("cluster_std");
        let mut structure = streams.structure();
        let centres: Vec<f64> = (0..centers * columns).map(|_| 20.0 * unit(&mut structure) - 10.0).collect();
        let mut clusters: Vec<usize> = groups(arguments.count("rows"), centers).collect();
        shuffle(&mut streams.order(), &mut clusters);

        let mut draws = streams.features();
        let mut features = Vec::with_capacity(clusters.len() * columns);
        for cluster in &clusters {
            let centre = &centres[cluster * columns..][..columns];
            features.extend(centre.iter().map(|c| c + cluster_std * normal(&mut draws)));
        }
        let labels = clusters.into_iter().map(label).collect();
        (features, Target::Classes { labels, names: class_names(centers) })
    }
}
