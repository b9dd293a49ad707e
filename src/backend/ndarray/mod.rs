//! `rust/ndarray`: algorithms written directly on ndarray, where no Rust library offers them or the one that does is slow for want of
//! known methods.

mod cart;
mod coordinate_descent;
pub mod decision_tree;
mod growth;
mod impurity;
mod kernel_machine;
mod kernel_rows;
pub mod linear_svc;
mod newton;
mod orders;
pub mod random_forest;
mod ranks;
mod smo;
pub mod svc;
pub mod svr;

use crate::backend::{Framework, rayon_pool};
use crate::worker::protocol::Blas;

/// The framework.
pub const FRAMEWORK: Framework = Framework {
    id: "rust/ndarray",
    doc: "algorithms that no Rust library offers, or none offers fast, written directly on ndarray",
    versions: &[("ndarray", env!("BENCHRUN_VERSION_NDARRAY"))],
    blas,
    // Forests share rayon's pool; the other algorithms have no parallel code.
    set_threads: rayon_pool,
    algorithms: &[
        &linear_svc::LinearSvc,
        &svc::SVC,
        &svc::NU_SVC,
        &svr::Svr,
        &decision_tree::CLASSIFIER,
        &decision_tree::REGRESSOR,
        &random_forest::CLASSIFIER,
        &random_forest::REGRESSOR,
    ],
    networks: None,
    languages: None,
};

/// ndarray's products go to the crate matrixmultiply, which picks its kernel when it runs and uses one thread.
fn blas() -> Blas {
    Blas {
        name: "matrixmultiply".to_owned(),
        version: Some(env!("BENCHRUN_VERSION_MATRIXMULTIPLY").to_owned()),
        architecture: None,
        threads: 1,
    }
}
