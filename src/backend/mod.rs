//! Native implementations: one folder for each framework, one file for each algorithm, one registry.

mod centre;
mod faer;
mod linfa;

use std::collections::BTreeMap;

use ndarray::{Array1, ArrayView1, ArrayView2};

use crate::implementation::{Implementation, Launch, Offer};
use crate::task::parameter::{ParameterDef, Parameters};
use crate::worker::protocol::Blas;

/// A native framework.
#[derive(Debug)]
pub struct Framework {
    /// The implementation's id.
    pub id: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Versions of what it computes with.
    pub versions: &'static [(&'static str, &'static str)],
    /// Its linear algebra, as it would describe itself.
    pub blas: fn() -> Blas,
    /// Sets the number of threads that it may use, and tells how many it will.
    pub set_threads: fn(usize) -> usize,
}

/// Every framework.
const FRAMEWORKS: &[&Framework] = &[&linfa::FRAMEWORK, &faer::FRAMEWORK];

/// Every native regression algorithm.
const REGRESSION: &[&dyn RegressionAlgorithm] =
    &[&linfa::ols::Ols, &linfa::elastic_net::RIDGE, &linfa::elastic_net::LASSO, &linfa::elastic_net::ELASTIC_NET, &faer::ols::Ols, &faer::ridge::Ridge];

/// A regression algorithm of one framework.
pub trait RegressionAlgorithm: Sync {
    /// The framework.
    fn framework(&self) -> &'static Framework;
    /// The task's name of the algorithm.
    fn name(&self) -> &'static str;
    /// How it is computed.
    fn doc(&self) -> &'static str;
    /// Settings of this implementation.
    fn settings(&self) -> Vec<ParameterDef>;
    /// A regressor with these hyperparameters and settings, all of them given and checked.
    ///
    /// # Errors
    /// A phrase that says what cannot be honoured.
    fn configure(&self, hyperparameters: &Parameters, settings: &Parameters) -> Result<Box<dyn Regressor>, String>;
}

/// A configured regressor.
pub trait Regressor {
    /// Fits on row-major `x` [n, d] and `y` [n]. Everything that the framework needs done to the canonical arrays happens here.
    ///
    /// # Errors
    /// The framework's message.
    fn fit(&self, x: ArrayView2<'_, f64>, y: ArrayView1<'_, f64>) -> Result<Box<dyn FittedRegressor>, String>;
}

/// A fitted regressor.
pub trait FittedRegressor {
    /// Predictions for row-major `x` [m, d], owned by the caller.
    fn predict(&self, x: ArrayView2<'_, f64>) -> Array1<f64>;
    /// The fitted parameters and what was really used.
    fn read_back(&self) -> ReadBack;
}

/// What a fitted model says of itself.
#[derive(Debug, Clone)]
pub struct ReadBack {
    /// Hyperparameters under the task's names, from the objects that computed.
    pub hyperparameters: Parameters,
    /// Settings, likewise.
    pub settings: Parameters,
    /// Work done and how it ended.
    pub work: Parameters,
    /// The layout in which the framework computed.
    pub layout: &'static str,
    /// One coefficient for each feature.
    pub coefficients: Array1<f64>,
    /// The intercept.
    pub intercept: f64,
}

/// The native implementations, as the planner sees them.
pub fn implementations() -> Vec<Implementation> {
    FRAMEWORKS
        .iter()
        .map(|framework| Implementation {
            id: framework.id.to_owned(),
            doc: framework.doc.to_owned(),
            offers: REGRESSION
                .iter()
                .filter(|a| a.framework().id == framework.id)
                .map(|a| Offer {
                    task: "regression".to_owned(),
                    algorithm: a.name().to_owned(),
                    doc: a.doc().to_owned(),
                    settings: a.settings(),
                    cannot: Vec::new(),
                })
                .collect(),
            launch: Launch::Native,
        })
        .collect()
}

/// The native regression algorithm of that name, if there is one.
pub fn regression(implementation: &str, algorithm: &str) -> Option<&'static dyn RegressionAlgorithm> {
    REGRESSION.iter().copied().find(|a| a.framework().id == implementation && a.name() == algorithm)
}

/// The native framework of that id.
pub fn framework(implementation: &str) -> Option<&'static Framework> {
    FRAMEWORKS.iter().copied().find(|f| f.id == implementation)
}

/// The versions that a worker of this implementation reports.
pub fn versions(implementation: &str) -> BTreeMap<String, String> {
    let own = framework(implementation).into_iter().flat_map(|f| f.versions).map(|(name, version)| ((*name).to_owned(), (*version).to_owned()));
    own.chain([("rust".to_owned(), env!("BENCHRUN_RUSTC").to_owned())]).collect()
}
