//! K-means by linfa-clustering.
//!
//! Deviations, each measured (docs/linfa.md):
//! * linfa iterates the modified k-means of Pakhira (2009): the old centroid counts as one more row of its cluster, so that no cluster
//!   becomes empty. It ends at a fixed point of Lloyd's iteration too, but takes more and other steps, and where clusters are not clear it
//!   can end at another one. The parity gate judges where it ended.
//! * It stops when the centroids move by less than `tolerance`, in units of the features; the default here runs until they stand still.
//! * A centroid for each new start is drawn once by k-means++, where scikit-learn draws several and keeps the best.

use crate::backend::parameters::{count, counted, number};
use crate::backend::rows::bounded;
use linfa::DatasetBase;
use linfa::prelude::{Fit, ParamGuard, Predict};
use linfa_clustering::{KMeans, KMeansInit, KMeansParams, KMeansValidParams};
use linfa_nn::distance::L2Dist;
use ndarray::{Array1, ArrayView2};
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng;

use crate::backend::clusters::{enough, first_distinct_rows, labels};
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::parameter::{ParameterDef, Parameters, Value};

/// One of the two ways to start.
pub struct Clusters {
    name: &'static str,
    doc: &'static str,
    start: Start,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    FirstRows,
    PlusPlus,
}

/// From the first rows that differ.
pub const K_MEANS: Clusters = Clusters {
    name: "kmeans",
    doc: "linfa_clustering::KMeans from given centroids; it iterates the modified k-means of Pakhira (2009)",
    start: Start::FirstRows,
};

/// From starts drawn by k-means++.
pub const K_MEANS_PLUS_PLUS: Clusters = Clusters {
    name: "kmeans_plus_plus",
    doc: "linfa_clustering::KMeans with k-means++, one candidate for each new centroid",
    start: Start::PlusPlus,
};

impl Algorithm for Clusters {
    fn task(&self) -> &'static str {
        "clustering"
    }
    fn name(&self) -> &'static str {
        self.name
    }
    fn doc(&self) -> &'static str {
        self.doc
    }
    fn settings(&self) -> Vec<ParameterDef> {
        let tolerance = if self.start == Start::FirstRows { 1e-12 } else { 1e-4 };
        vec![
            ParameterDef::positive(
                "tolerance",
                tolerance,
                "it stops when the centroids move by less, in units of the features",
            )
            .not_binding(),
            ParameterDef::int_from("max_iterations", 1, 300, "largest number of iterations of a run")
                .not_binding(),
        ]
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        Ok(Box::new(Configured {
            start: self.start,
            clusters: count(ask.hyperparameters, "n_clusters")?,
            runs: if self.start == Start::PlusPlus { count(ask.hyperparameters, "n_init")? } else { 1 },
            tolerance: number(ask.settings, "tolerance")?,
            max_iterations: count(ask.settings, "max_iterations")?,
            seed: ask.seed,
        }))
    }
}

struct Configured {
    start: Start,
    clusters: usize,
    runs: usize,
    tolerance: f64,
    max_iterations: u64,
    seed: u64,
}

impl Estimator for Configured {
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>, String> {
        let features = bounded(training)?;
        enough(features, self.clusters, "clusters")?;
        let init = match self.start {
            Start::FirstRows => KMeansInit::Precomputed(first_distinct_rows(features, self.clusters)?),
            Start::PlusPlus => KMeansInit::KMeansPlusPlus,
        };
        let parameters = KMeansParams::new(self.clusters, Xoshiro256Plus::seed_from_u64(self.seed), L2Dist)
            .init_method(init)
            .n_runs(self.runs)
            .tolerance(self.tolerance)
            .max_n_iterations(self.max_iterations)
            .check()
            .map_err(|e| e.to_string())?;
        let model = parameters.fit(&DatasetBase::from(features)).map_err(|e| e.to_string())?;
        // linfa keeps no labels; scikit-learn's fit gives them, so they are part of the fit here too.
        let labels = model.predict(&features);
        Ok(Box::new(Model { fitted: model, labels, parameters, start: self.start }))
    }
}

struct Model {
    fitted: KMeans<f64, L2Dist>,
    labels: Array1<usize>,
    /// The parameters that computed; the receipt reads from them.
    parameters: KMeansValidParams<f64, Xoshiro256Plus, L2Dist>,
    start: Start,
}

impl Fitted for Model {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        let labels: Array1<usize> = self.fitted.predict(&rows);
        Ok(Answer::Labels(labels.mapv(|l| i64::try_from(l).expect("there are fewer clusters than 2⁶³"))))
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        Ok(vec![
            ("labels", labels(self.labels.iter().copied())),
            ("centroids", self.fitted.centroids().clone().into()),
            ("predictions", self.apply(test)?.into()),
        ])
    }

    fn read_back(&self) -> ReadBack {
        let mut hyperparameters: Parameters =
            [("n_clusters".to_owned(), counted(self.parameters.n_clusters()))].into();
        if self.start == Start::PlusPlus {
            hyperparameters.insert("n_init".to_owned(), counted(self.parameters.n_runs()));
        }
        ReadBack {
            hyperparameters,
            settings: [
                ("tolerance".to_owned(), Value::Float(self.parameters.tolerance())),
                ("max_iterations".to_owned(), counted(self.parameters.max_n_iterations())),
            ]
            .into(),
            // linfa does not tell how many iterations there were.
            work: Parameters::new(),
            layout: "row-major",
            features: self.fitted.centroids().ncols(),
        }
    }
}
