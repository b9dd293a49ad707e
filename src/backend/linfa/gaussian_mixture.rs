//! Gaussian mixtures by linfa-clustering, a port of scikit-learn's with full covariances.
//!
//! Deviations, each measured (docs/linfa.md):
//! * The start is the best of ten k-means runs, which cannot be changed: another `init_runs` is unsupported.
//! * Densities are summed as `ln Σ exp`, without taking the largest exponent out. Where a row is so far from every component that its
//!   densities are 0 in float64 (below e^-745, as in many dimensions), the fit fails, or a prediction is the first component.
//! * `n_runs` continues the last run instead of starting anew, so it is not offered.

use crate::backend::parameters::{count, counted, number};
use crate::backend::rows::bounded;
use linfa::DatasetBase;
use linfa::prelude::{Fit, ParamGuard, Predict};
use linfa_clustering::{GaussianMixtureModel, GmmCovarType, GmmParams, GmmValidParams, KMeans};
use ndarray::{Array1, ArrayView2};
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng;

use crate::backend::clusters::{enough, labels};
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::implementation::Cannot;
use crate::task::parameter::{ParameterDef, Value};

/// The registry's entry.
pub struct GaussianMixture;

impl Algorithm for GaussianMixture {
    fn task(&self) -> &'static str {
        "clustering"
    }
    fn name(&self) -> &'static str {
        "gaussian_mixture"
    }
    fn doc(&self) -> &'static str {
        "linfa_clustering::GaussianMixtureModel, started from the best of ten k-means runs"
    }
    fn settings(&self) -> Vec<ParameterDef> {
        vec![
            ParameterDef::positive(
                "tolerance",
                1e-3,
                "it stops when the mean log-likelihood changes by less, in nats a row",
            )
            .not_binding(),
            ParameterDef::int_from(
                "max_iterations",
                1,
                100,
                "largest number of iterations; a fit that reaches it fails",
            )
            .not_binding(),
        ]
    }
    fn cannot(&self) -> Vec<Cannot> {
        vec![Cannot {
            parameter: "covariance".to_owned(),
            values: vec![Value::Text("diag".to_owned())],
            reason: "linfa has full covariances alone".to_owned(),
        }]
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        let components = count(ask.hyperparameters, "n_components")?;
        let asked: usize = count(ask.hyperparameters, "init_runs")?;
        let runs = start_runs(components)?;
        if asked != runs {
            return Err(format!("linfa starts from the best of {runs} k-means runs, not of {asked}"));
        }
        let parameters = GmmParams::new_with_rng(components, Xoshiro256Plus::seed_from_u64(ask.seed))
            .covariance_type(GmmCovarType::Full)
            .reg_covariance(number(ask.hyperparameters, "reg_covar")?)
            .tolerance(number(ask.settings, "tolerance")?)
            .max_n_iterations(count(ask.settings, "max_iterations")?)
            .check()
            .map_err(|e| e.to_string())?;
        Ok(Box::new(Configured(parameters)))
    }
}

/// The runs of the k-means that linfa starts from: its default, asked of the library.
fn start_runs(components: usize) -> Result<usize, String> {
    let parameters = KMeans::<f64, _>::params(components).check().map_err(|e| e.to_string())?;
    Ok(parameters.n_runs())
}

type Valid = GmmValidParams<f64, Xoshiro256Plus>;

struct Configured(Valid);

impl Estimator for Configured {
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>, String> {
        bounded(training)?;
        enough(training.features, self.0.n_clusters(), "components")?;
        let dataset = DatasetBase::from(training.features);
        let model = self.0.fit(&dataset).map_err(|e| e.to_string())?;
        // scikit-learn's fit ends with the most probable component of every row; linfa keeps none.
        let labels = model.predict(&training.features);
        Ok(Box::new(Model { fitted: model, labels, parameters: self.0.clone() }))
    }
}

struct Model {
    fitted: GaussianMixtureModel<f64>,
    labels: Array1<usize>,
    parameters: Valid,
}

impl Fitted for Model {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        let labels: Array1<usize> = self.fitted.predict(&rows);
        Ok(Answer::Labels(labels.mapv(|l| i64::try_from(l).expect("there are fewer components than 2⁶³"))))
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        let covariances = self.fitted.covariances();
        Ok(vec![
            ("labels", labels(self.labels.iter().copied())),
            ("weights", self.fitted.weights().clone().into()),
            ("means", self.fitted.means().clone().into()),
            ("covariances", Tensor::numbers(covariances.shape().to_vec(), covariances)),
            ("predictions", self.apply(test)?.into()),
        ])
    }

    fn read_back(&self) -> ReadBack {
        let components = self.parameters.n_clusters();
        let covariance = match self.parameters.covariance_type() {
            GmmCovarType::Full => "full",
        };
        ReadBack {
            hyperparameters: [
                ("n_components".to_owned(), counted(components)),
                ("covariance".to_owned(), Value::Text(covariance.to_owned())),
                ("reg_covar".to_owned(), Value::Float(self.parameters.reg_covariance())),
                ("init_runs".to_owned(), counted(start_runs(components).unwrap_or_default())),
            ]
            .into(),
            settings: [
                ("tolerance".to_owned(), Value::Float(self.parameters.tolerance())),
                ("max_iterations".to_owned(), counted(self.parameters.max_n_iterations())),
            ]
            .into(),
            // linfa does not tell how many iterations there were; one that did not converge is an error.
            work: [("converged".to_owned(), Value::Bool(true))].into(),
            layout: "row-major",
            features: self.fitted.means().ncols(),
        }
    }
}
