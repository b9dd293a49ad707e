//! k-nearest neighbours on linfa-nn's indices. linfa has the search and no classifier, so the vote is ours: a count, or a sum of
//! inverse distances, and the smallest of the labels with the most.
//!
//! The index borrows the canonical training rows, as linfa's users have it; nothing is copied but what the index itself makes.

use crate::backend::parameters::{count, counted, text};
use crate::backend::rows::finite;
use linfa_nn::distance::{Distance, L2Dist};
use linfa_nn::{CommonNearestNeighbour, NearestNeighbour, NearestNeighbourIndex};
use ndarray::{Array1, Array2, ArrayView2};

use crate::backend::classes::{labels, occurring};
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::parameter::{ParameterDef, Parameters, Value};

/// The registry's entry.
pub struct Knn;

const INDICES: [(&str, CommonNearestNeighbour); 3] = [
    ("kd_tree", CommonNearestNeighbour::KdTree),
    ("ball_tree", CommonNearestNeighbour::BallTree),
    ("linear", CommonNearestNeighbour::LinearSearch),
];

impl Algorithm for Knn {
    fn task(&self) -> &'static str {
        "classification"
    }
    fn name(&self) -> &'static str {
        "knn"
    }
    fn doc(&self) -> &'static str {
        "linfa_nn's index, with a vote of benchrun's own"
    }
    fn settings(&self) -> Vec<ParameterDef> {
        let names = INDICES.map(|(name, _)| name);
        let algorithm = ParameterDef::choice("algorithm", &names, "kd_tree", "the index");
        vec![
            algorithm.not_binding(),
            ParameterDef::int_from("leaf_size", 1, 16, "the most rows in a leaf of a tree").not_binding(),
        ]
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        let name = text(ask.settings, "algorithm")?;
        let (algorithm, index) =
            INDICES.into_iter().find(|(known, _)| *known == name).ok_or("`algorithm` is unknown")?;
        Ok(Box::new(Configured {
            algorithm,
            index,
            leaf_size: count(ask.settings, "leaf_size")?,
            neighbours: count(ask.hyperparameters, "n_neighbors")?,
            by_distance: ask.hyperparameters["weights"].as_text() == Some("distance"),
        }))
    }
}

#[derive(Debug, Clone)]
struct Configured {
    algorithm: &'static str,
    index: CommonNearestNeighbour,
    leaf_size: usize,
    neighbours: usize,
    by_distance: bool,
}

impl Estimator for Configured {
    fn fit<'t>(&self, training: &'t Training<'t>) -> Result<Box<dyn Fitted + 't>, String> {
        let (x, y) = (finite(training)?, training.classes()?);
        if self.neighbours > x.nrows() {
            return Err(format!("{} neighbours are asked of {} training rows", self.neighbours, x.nrows()));
        }
        let index = self
            .index
            .from_batch_with_leaf_size(&training.features, self.leaf_size, L2Dist)
            .map_err(|e| e.to_string())?;
        let classes = occurring(y);
        let of_rows = y.iter().map(|label| classes.partition_point(|c| c < label)).collect();
        Ok(Box::new(Model { index, classes, of_rows, features: x.ncols(), configured: self.clone() }))
    }
}

struct Model<'t> {
    index: Box<dyn NearestNeighbourIndex<f64> + 't>,
    /// The labels that occur, ascending, and which of them each training row is.
    classes: Vec<i64>,
    of_rows: Vec<usize>,
    features: usize,
    configured: Configured,
}

impl Model<'_> {
    /// Votes [m, k] by ascending label.
    fn votes(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>, String> {
        let mut votes = Array2::zeros((rows.nrows(), self.classes.len()));
        // The k-d tree wants each row in one piece.
        let rows = rows.as_standard_layout();
        let mut distances = Vec::with_capacity(self.configured.neighbours);
        for (row, mut votes) in rows.outer_iter().zip(votes.outer_iter_mut()) {
            let nearest = self.index.k_nearest(row, self.configured.neighbours).map_err(|e| e.to_string())?;
            if !self.configured.by_distance {
                for (_, place) in nearest {
                    votes[self.of_rows[place]] += 1.0;
                }
                continue;
            }
            distances.clear();
            distances.extend(nearest.iter().map(|(point, _)| L2Dist.distance(row, point.reborrow())));
            // Rows at distance 0 outvote all others.
            let coincident = distances.contains(&0.0);
            for ((_, place), distance) in nearest.iter().zip(&distances) {
                let weight = if coincident { f64::from(*distance == 0.0) } else { distance.recip() };
                votes[self.of_rows[*place]] += weight;
            }
        }
        Ok(votes)
    }
}

impl Fitted for Model<'_> {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        let votes = self.votes(rows)?;
        let winners = votes.outer_iter().map(|row| {
            let best = row.iter().enumerate();
            best.fold((0, f64::NEG_INFINITY), |best, (i, v)| if *v > best.1 { (i, *v) } else { best }).0
        });
        let answer: Array1<i64> = labels(&self.classes, winners);
        Ok(Answer::Labels(answer))
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        let mut shares = self.votes(test)?;
        shares.outer_iter_mut().for_each(|mut row| row /= row.sum());
        Ok(vec![("predictions", self.apply(test)?.into()), ("probabilities", shares.into())])
    }

    fn read_back(&self) -> ReadBack {
        let Configured { algorithm, leaf_size, neighbours, by_distance, .. } = self.configured;
        let weights = if by_distance { "distance" } else { "uniform" };
        ReadBack {
            hyperparameters: [
                ("n_neighbors".to_owned(), counted(neighbours)),
                ("weights".to_owned(), Value::Text(weights.to_owned())),
            ]
            .into(),
            settings: [
                ("algorithm".to_owned(), Value::Text(algorithm.to_owned())),
                ("leaf_size".to_owned(), counted(leaf_size)),
            ]
            .into(),
            work: Parameters::new(),
            layout: "row-major",
            features: self.features,
        }
    }
}
