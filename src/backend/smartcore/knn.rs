//! k-nearest neighbours by smartcore. It keeps each training row as a vector of its own, which `fit` copies.

use crate::backend::parameters::count;
use crate::backend::rows::bounded;
use ndarray::{Array2, ArrayView2};
use smartcore::algorithm::neighbour::KNNAlgorithmName;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::metrics::distance::euclidian::Euclidian;
use smartcore::neighbors::KNNWeightFunction;
use smartcore::neighbors::knn_classifier::{KNNClassifier, KNNClassifierParameters};

use super::matrix;
use crate::backend::classes::occurring;
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::parameter::{ParameterDef, Parameters, Value};

/// The registry's entry.
pub struct Knn;

impl Algorithm for Knn {
    fn task(&self) -> &'static str {
        "classification"
    }
    fn name(&self) -> &'static str {
        "knn"
    }
    fn doc(&self) -> &'static str {
        "smartcore::neighbors::KNNClassifier"
    }
    fn settings(&self) -> Vec<ParameterDef> {
        let algorithm =
            ParameterDef::choice("algorithm", &["cover_tree", "linear"], "cover_tree", "the search");
        vec![algorithm.not_binding()]
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        let algorithm = match ask.settings["algorithm"].as_text() {
            Some("linear") => KNNAlgorithmName::LinearSearch,
            Some("cover_tree") => KNNAlgorithmName::CoverTree,
            _ => return Err("`algorithm` is unknown".to_owned()),
        };
        let weight = match ask.hyperparameters["weights"].as_text() {
            Some("uniform") => KNNWeightFunction::Uniform,
            Some("distance") => KNNWeightFunction::Distance,
            _ => return Err("`weights` is unknown".to_owned()),
        };
        let parameters = KNNClassifierParameters::default()
            .with_k(count(ask.hyperparameters, "n_neighbors")?)
            .with_algorithm(algorithm)
            .with_weight(weight);
        Ok(Box::new(Configured { parameters }))
    }
}

struct Configured {
    parameters: KNNClassifierParameters<f64, Euclidian<f64>>,
}

type Smartcore = KNNClassifier<f64, i64, DenseMatrix<f64>, Vec<i64>, Euclidian<f64>>;

impl Estimator for Configured {
    fn fit<'t>(&self, training: &'t Training<'t>) -> Result<Box<dyn Fitted + 't>, String> {
        // A cover tree of infinite distances recurses until the stack is full.
        let (x, y) = (bounded(training)?, training.classes()?);
        if self.parameters.k > x.nrows() {
            return Err(format!("{} neighbours are asked of {} training rows", self.parameters.k, x.nrows()));
        }
        let fitted = Smartcore::fit(&matrix(x)?, &y.to_vec(), self.parameters.clone());
        Ok(Box::new(Model {
            fitted: fitted.map_err(|e| e.to_string())?,
            parameters: self.parameters.clone(),
            classes: occurring(y).len(),
            features: x.ncols(),
        }))
    }
}

struct Model {
    fitted: Smartcore,
    /// The parameters that computed; the fitted model shows none.
    parameters: KNNClassifierParameters<f64, Euclidian<f64>>,
    classes: usize,
    features: usize,
}

impl Fitted for Model {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        let labels = self.fitted.predict(&matrix(rows)?).map_err(|e| e.to_string())?;
        Ok(Answer::Labels(labels.into()))
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        let shares = self.fitted.predict_proba(&matrix(test)?).map_err(|e| e.to_string())?;
        let shape = (test.nrows(), self.classes);
        let shares = Array2::from_shape_vec(shape, shares.into_iter().flatten().collect());
        Ok(vec![
            ("predictions", self.apply(test)?.into()),
            ("probabilities", shares.map_err(|e| e.to_string())?.into()),
        ])
    }

    fn read_back(&self) -> ReadBack {
        let algorithm = match self.parameters.algorithm {
            KNNAlgorithmName::LinearSearch => "linear",
            KNNAlgorithmName::CoverTree => "cover_tree",
        };
        let weights = match self.parameters.weight {
            KNNWeightFunction::Uniform => "uniform",
            KNNWeightFunction::Distance => "distance",
        };
        let neighbours = i64::try_from(self.parameters.k).unwrap_or(i64::MAX);
        ReadBack {
            hyperparameters: [
                ("n_neighbors".to_owned(), Value::Int(neighbours)),
                ("weights".to_owned(), Value::Text(weights.to_owned())),
            ]
            .into(),
            settings: [("algorithm".to_owned(), Value::Text(algorithm.to_owned()))].into(),
            work: Parameters::new(),
            layout: "row-major",
            features: self.features,
        }
    }
}
