//! `rust/ndarray`: algorithms that no Rust library offers, written directly on ndarray.

mod coordinate_descent;
pub mod linear_svc;
mod newton;

use crate::backend::Framework;
use crate::worker::protocol::Blas;

/// The framework.
pub const FRAMEWORK: Framework = Framework {
    id: "rust/ndarray",
    doc: "algorithms that no Rust library offers, written directly on ndarray",
    versions: &[("ndarray", env!("BENCHRUN_VERSION_NDARRAY"))],
    blas,
    // These algorithms have no parallel code.
    set_threads: |_| 1,
    algorithms: &[&linear_svc::LinearSvc],
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
