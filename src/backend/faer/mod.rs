//! `rust/faer`: methods written directly on faer, Rust's fastest dense linear algebra.
//!
//! linfa has no direct ridge and no k-means of Lloyd's; a Rust user who wants them writes these few lines, so they have a name of their own.

pub mod k_means;
mod linear_model;
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
    algorithms: &[&ols::Ols, &ridge::Ridge, &k_means::KMeans, &pca::Pca],
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
