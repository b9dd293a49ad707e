//! `rust/smartcore`: classical machine learning in pure Rust, one thread, no BLAS. What it does not offer, and why, is in
//! `docs/smartcore.md`.

pub mod forest_regressor;
pub mod knn;
pub mod logistic;
mod nodes;
pub mod tree_classifier;
pub mod tree_regressor;

use ndarray::ArrayView2;
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::Framework;
use crate::worker::protocol::Blas;

/// The framework.
pub const FRAMEWORK: Framework = Framework {
    id: "rust/smartcore",
    doc: "smartcore: classical machine learning in pure Rust",
    versions: &[("smartcore", env!("BENCHRUN_VERSION_SMARTCORE"))],
    blas,
    // It has no parallel code.
    set_threads: |_| 1,
    algorithms: &[
        &logistic::Logistic,
        &knn::Knn,
        &tree_classifier::TreeClassifier,
        &tree_regressor::TreeRegressor,
        &forest_regressor::ForestRegressor,
    ],
    networks: None,
    languages: None,
};

/// smartcore multiplies in loops of its own.
fn blas() -> Blas {
    Blas {
        name: "smartcore".to_owned(),
        version: Some(env!("BENCHRUN_VERSION_SMARTCORE").to_owned()),
        architecture: None,
        threads: 1,
    }
}

/// Rows as smartcore's own matrix, which owns its values: a copy, row-major.
fn matrix(rows: ArrayView2<'_, f64>) -> Result<DenseMatrix<f64>, String> {
    let (n, d) = rows.dim();
    DenseMatrix::new(n, d, rows.iter().copied().collect(), false).map_err(|e| e.to_string())
}
