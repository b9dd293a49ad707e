//! `rust/kodama`: hierarchical clustering after Müllner's *fastcluster*.
//!
//! linfa-hierarchical wraps kodama too, but on distances −ln of a similarity kernel, which gives other clusters than Euclidean
//! distances for every linkage but the smallest and the largest, and for those where similarities fall below its threshold of 1e-6. So it
//! is not offered (docs/linfa.md).

pub mod agglomerative;

use super::Framework;
use crate::worker::protocol::Blas;

/// The framework.
pub const FRAMEWORK: Framework = Framework {
    id: "rust/kodama",
    doc: "hierarchical clustering after fastcluster, in pure Rust",
    versions: &[("kodama", env!("BENCHRUN_VERSION_KODAMA"))],
    blas,
    // It has no parallel code.
    set_threads: |_| 1,
    algorithms: &[&agglomerative::Agglomerative],
    networks: None,
    languages: None,
};

fn blas() -> Blas {
    Blas { name: "none".to_owned(), version: None, architecture: None, threads: 1 }
}
