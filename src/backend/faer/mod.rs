//! `rust/faer`: least squares written directly on faer, Rust's fastest dense linear algebra.
//!
//! linfa has no direct ridge; a Rust user who wants one writes these few lines, so they have a name of their own.

mod linear_model;
pub mod ols;
pub mod ridge;

use faer::Par;

use super::Framework;
use crate::worker::protocol::Blas;

/// The framework.
pub const FRAMEWORK: Framework = Framework {
    id: "rust/faer",
    doc: "least squares written on faer, dense linear algebra in pure Rust",
    versions: &[("faer", env!("BENCHRUN_VERSION_FAER"))],
    blas,
    set_threads,
    algorithms: &[&ols::Ols, &ridge::Ridge],
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
