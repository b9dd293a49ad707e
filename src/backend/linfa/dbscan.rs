//! DBSCAN by linfa-clustering, with the k-d tree of linfa-nn.
//!
//! linfa-nn's ball tree and linear search leave out rows at exactly `eps`, which its k-d tree and the definition count, so the tree is
//! not offered as a setting (on rows of whole numbers two thirds of the labels were wrong; docs/linfa.md).

use crate::backend::parameters::{count, counted, number};
use crate::backend::rows::bounded;
use linfa::prelude::{ParamGuard, Transformer};
use linfa_clustering::{Dbscan as Library, DbscanValidParams};
use linfa_nn::CommonNearestNeighbour;
use linfa_nn::distance::L2Dist;
use ndarray::{Array1, ArrayView2};

use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::implementation::Cannot;
use crate::task::clustering::metrics::NOISE;
use crate::task::parameter::{Parameters, Value};

/// The registry's entry.
pub struct Dbscan;

impl Algorithm for Dbscan {
    fn task(&self) -> &'static str {
        "clustering"
    }
    fn name(&self) -> &'static str {
        "dbscan"
    }
    fn doc(&self) -> &'static str {
        "linfa_clustering::Dbscan with a k-d tree"
    }
    fn cannot(&self) -> Vec<Cannot> {
        vec![Cannot {
            parameter: "min_samples".to_owned(),
            values: vec![Value::Int(1)],
            reason: "linfa asks for at least 2 neighbours".to_owned(),
        }]
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        let (eps, min_samples) =
            (number(ask.hyperparameters, "eps")?, count(ask.hyperparameters, "min_samples")?);
        let parameters = Library::params_with(min_samples, L2Dist, CommonNearestNeighbour::KdTree)
            .tolerance(eps)
            .check()
            .map_err(|e| e.to_string())?;
        Ok(Box::new(Configured(parameters)))
    }
}

type Valid = DbscanValidParams<f64, L2Dist, CommonNearestNeighbour>;

struct Configured(Valid);

impl Estimator for Configured {
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>, String> {
        bounded(training)?;
        let labels = self.0.transform(&training.features);
        Ok(Box::new(Model { labels, parameters: self.0.clone(), features: training.features.ncols() }))
    }
}

struct Model {
    labels: Array1<Option<usize>>,
    parameters: Valid,
    features: usize,
}

impl Fitted for Model {
    fn apply(&self, _: ArrayView2<'_, f64>) -> Result<Answer, String> {
        Err("DBSCAN labels its training rows alone".to_owned())
    }

    fn outputs(&self, _: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        let number = |l: usize| i64::try_from(l).expect("there are fewer rows than 2⁶³");
        let labels: Vec<i64> = self.labels.iter().map(|l| l.map_or(NOISE, number)).collect();
        Ok(vec![("labels", labels.into())])
    }

    fn read_back(&self) -> ReadBack {
        ReadBack {
            hyperparameters: [
                ("eps".to_owned(), Value::Float(self.parameters.tolerance())),
                ("min_samples".to_owned(), counted(self.parameters.minimum_points())),
            ]
            .into(),
            settings: Parameters::new(),
            work: Parameters::new(),
            layout: "row-major",
            features: self.features,
        }
    }
}
