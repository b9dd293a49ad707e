//! `rust/linfa`: the scikit-learn of Rust, in pure Rust (no BLAS).

pub mod dbscan;
pub mod decision_tree;
pub mod elastic_net;
pub mod gaussian_mixture;
pub mod gaussian_nb;
pub mod k_means;
pub mod knn;
pub mod logistic;
pub mod ols;
pub mod pca;
pub mod svm;
pub mod svr;

use super::{Framework, rayon_pool};
use crate::worker::protocol::Blas;

/// The framework.
pub const FRAMEWORK: Framework = Framework {
    id: "rust/linfa",
    doc: "linfa: classical machine learning in pure Rust",
    versions: &[
        ("linfa", env!("BENCHRUN_VERSION_LINFA")),
        ("linfa-clustering", env!("BENCHRUN_VERSION_LINFA_CLUSTERING")),
        ("linfa-linear", env!("BENCHRUN_VERSION_LINFA_LINEAR")),
        ("linfa-elasticnet", env!("BENCHRUN_VERSION_LINFA_ELASTICNET")),
        ("linfa-logistic", env!("BENCHRUN_VERSION_LINFA_LOGISTIC")),
        ("linfa-bayes", env!("BENCHRUN_VERSION_LINFA_BAYES")),
        ("linfa-nn", env!("BENCHRUN_VERSION_LINFA_NN")),
        ("linfa-trees", env!("BENCHRUN_VERSION_LINFA_TREES")),
        ("linfa-reduction", env!("BENCHRUN_VERSION_LINFA_REDUCTION")),
        ("linfa-svm", env!("BENCHRUN_VERSION_LINFA_SVM")),
        ("ndarray", env!("BENCHRUN_VERSION_NDARRAY")),
    ],
    blas,
    set_threads: rayon_pool,
    algorithms: &[
        &ols::Ols,
        &elastic_net::RIDGE,
        &elastic_net::LASSO,
        &elastic_net::ELASTIC_NET,
        &k_means::K_MEANS,
        &k_means::K_MEANS_PLUS_PLUS,
        &dbscan::Dbscan,
        &gaussian_mixture::GaussianMixture,
        &logistic::Logistic,
        &gaussian_nb::Gaussian,
        &knn::Knn,
        &decision_tree::DecisionTree,
        &pca::Pca,
        &svm::SVC,
        &svm::NU_SVC,
        &svr::Svr,
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
