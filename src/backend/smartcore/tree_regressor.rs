//! Decision trees for numbers by smartcore.

use crate::backend::parameters::{count, count_or_none};
use crate::backend::rows::finite;
use ndarray::ArrayView2;
use serde::Deserialize;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::tree::decision_tree_regressor::{DecisionTreeRegressor, DecisionTreeRegressorParameters};

use super::matrix;
use super::nodes::{Limits, Node, levels, raw, read};
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::parameter::{Parameters, Value};

/// The registry's entry.
pub struct TreeRegressor;

impl Algorithm for TreeRegressor {
    fn task(&self) -> &'static str {
        "regression"
    }
    fn name(&self) -> &'static str {
        "decision_tree"
    }
    fn doc(&self) -> &'static str {
        "smartcore::tree::DecisionTreeRegressor"
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        let asked = ask.hyperparameters;
        let parameters = DecisionTreeRegressorParameters {
            max_depth: levels(count_or_none(asked, "max_depth")?)?,
            min_samples_leaf: count(asked, "min_samples_leaf")?,
            min_samples_split: count(asked, "min_samples_split")?,
            // Features are searched in a drawn order, which decides between splits that are as good.
            seed: Some(ask.seed),
        };
        Ok(Box::new(Configured { parameters }))
    }
}

struct Configured {
    parameters: DecisionTreeRegressorParameters,
}

type Smartcore = DecisionTreeRegressor<f64, f64, DenseMatrix<f64>, Vec<f64>>;

impl Estimator for Configured {
    fn fit<'t>(&self, training: &'t Training<'t>) -> Result<Box<dyn Fitted + 't>, String> {
        let (x, y) = (finite(training)?, training.numbers()?);
        let fitted = Smartcore::fit(&matrix(x)?, &y.to_vec(), self.parameters.clone());
        Ok(Box::new(Model { fitted: fitted.map_err(|e| e.to_string())?, features: x.ncols() }))
    }
}

struct Model {
    fitted: Smartcore,
    features: usize,
}

/// What smartcore's tree serialises to.
#[derive(Deserialize)]
struct Serialised {
    tree_regressor: Tree,
}

#[derive(Deserialize)]
struct Tree {
    nodes: Vec<Node>,
    parameters: Limits,
}

impl Fitted for Model {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        let numbers = self.fitted.predict(&matrix(rows)?).map_err(|e| e.to_string())?;
        Ok(Answer::Numbers(numbers.into()))
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        let own: Serialised = read(&self.fitted)?;
        let mut outputs = raw(&own.tree_regressor.nodes, |value| value)?.outputs();
        outputs.push(("predictions", self.apply(test)?.into()));
        Ok(outputs)
    }

    fn read_back(&self) -> ReadBack {
        let mut hyperparameters = Parameters::new();
        if let Ok(own) = read::<Serialised>(&self.fitted) {
            hyperparameters = own.tree_regressor.parameters.told();
            // The only one that it has.
            hyperparameters.insert("criterion".to_owned(), Value::Text("squared_error".to_owned()));
        }
        ReadBack {
            hyperparameters,
            settings: Parameters::new(),
            work: Parameters::new(),
            layout: "row-major",
            features: self.features,
        }
    }
}
