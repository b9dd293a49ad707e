//! `rust/faer`: methods written directly on faer, Rust's fastest dense linear algebra.
//!
//! linfa has no direct ridge and no k-means of Lloyd's, and the libraries' logistic regressions and neighbours are wrong or slow on wide rows; a
//! Rust user who wants them right and fast writes these few lines, so they have a name of their own.

pub mod gaussian_nb;
pub mod k_means;
pub mod knn;
mod linear_model;
pub mod logistic;
mod newton;
pub mod ols;
pub mod pca;
pub mod ridge;

use faer::Par;

use super::Framework;
use crate::worker::protocol::Blas;

/// The framework.
pub const FRAMEWORK: Framework = Framework {
    id: "rust/faer",
    doc: "methods written on faer, dense linear algebra in pure Rust",
    versions: &[("faer", env!("BENCHRUN_VERSION_FAER"))],
    blas,
    set_threads,
    algorithms: &[
        &ols::Ols,
        &ridge::Ridge,
        &k_means::KMeans,
        &pca::Pca,
        &logistic::Logistic,
        &knn::Knn,
        &gaussian_nb::Gaussian,
    ],
    networks: None,
    languages: None,
};

fn blas() -> Blas {
    Blas {
        name: "faer".to_owned(),
        version: Some(env!("BENCHRUN_VERSION_FAER").to_owned()),
        architecture: None,
        threads: faer::get_global_parallelism().degree(),
    }
}

fn set_threads(threads: usize) -> usize {
    let parallelism = if threads > 1 { Par::rayon(threads) } else { Par::Seq };
    faer::set_global_parallelism(parallelism);
    faer::get_global_parallelism().degree()
}
