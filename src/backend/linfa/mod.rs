//! `rust/linfa`: the scikit-learn of Rust, in pure Rust (no BLAS).

pub mod elastic_net;
pub mod ols;

use super::Framework;
use crate::worker::protocol::Blas;

/// The framework.
pub const FRAMEWORK: Framework = Framework {
    id: "rust/linfa",
    doc: "linfa: classical machine learning in pure Rust",
    versions: &[
        ("linfa", env!("BENCHRUN_VERSION_LINFA")),
        ("linfa-linear", env!("BENCHRUN_VERSION_LINFA_LINEAR")),
        ("linfa-elasticnet", env!("BENCHRUN_VERSION_LINFA_ELASTICNET")),
        ("ndarray", env!("BENCHRUN_VERSION_NDARRAY")),
    ],
    blas,
    // These algorithms have no parallel code.
    set_threads: |_| 1,
    algorithms: &[&ols::Ols, &elastic_net::RIDGE, &elastic_net::LASSO, &elastic_net::ELASTIC_NET],
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
