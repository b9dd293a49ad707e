//! Random forests for numbers by smartcore.
//!
//! Every tree is grown on as many rows as there are, drawn with replacement, and draws features anew at every split. The forest for
//! classes is not offered: it draws as many rows of each class as the class has, which is no bootstrap sample of the rows
//! (`docs/smartcore.md`).

use crate::backend::parameters::{count, count_or_none, counted};
use crate::backend::rows::finite;
use ndarray::ArrayView2;
use serde::Deserialize;
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::matrix;
use super::nodes::{Limits, Node, levels, raw, read};
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::implementation::Cannot;
use crate::task::parameter::{Parameters, Value};
use crate::task::tree::forest::features_drawn;

/// The registry's entry.
pub struct ForestRegressor;

const NO_BOOTSTRAP: &str = "smartcore always draws a sample of the rows for each tree";

impl Algorithm for ForestRegressor {
    fn task(&self) -> &'static str {
        "regression"
    }
    fn name(&self) -> &'static str {
        "random_forest"
    }
    fn doc(&self) -> &'static str {
        "smartcore::ensemble::RandomForestRegressor"
    }
    fn cannot(&self) -> Vec<Cannot> {
        vec![Cannot {
            parameter: "bootstrap".to_owned(),
            values: vec![Value::Bool(false)],
            reason: NO_BOOTSTRAP.to_owned(),
        }]
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        let asked = ask.hyperparameters;
        if asked["bootstrap"].as_bool() != Some(true) {
            return Err(NO_BOOTSTRAP.to_owned());
        }
        if count::<usize>(asked, "min_samples_leaf")? != 1 {
            let reason = "smartcore counts a row of a leaf as often as it was drawn, not once";
            return Err(format!("min_samples_leaf = {}: {reason}", asked["min_samples_leaf"]));
        }
        let parameters = RandomForestRegressorParameters {
            max_depth: levels(count_or_none(asked, "max_depth")?)?,
            min_samples_leaf: 1,
            min_samples_split: 2,
            n_trees: count(asked, "n_estimators")?,
            m: None,
            keep_samples: false,
            seed: ask.seed,
        };
        Ok(Box::new(Configured { parameters, asked: asked.clone() }))
    }
}

struct Configured {
    parameters: RandomForestRegressorParameters,
    /// The hyperparameters, of which the features drawn at a split depend on how many there are.
    asked: Parameters,
}

type Smartcore = RandomForestRegressor<f64, f64, DenseMatrix<f64>, Vec<f64>>;

impl Estimator for Configured {
    fn fit<'t>(&self, training: &'t Training<'t>) -> Result<Box<dyn Fitted + 't>, String> {
        let (x, y) = (finite(training)?, training.numbers()?);
        let drawn = features_drawn(&self.asked, x.ncols());
        let parameters = self.parameters.clone().with_m(drawn);
        let fitted = Smartcore::fit(&matrix(x)?, &y.to_vec(), parameters).map_err(|e| e.to_string())?;
        let max_features = self.asked["max_features"].clone();
        Ok(Box::new(Model { fitted, train: x, max_features, drawn }))
    }
}

struct Model<'t> {
    fitted: Smartcore,
    train: ArrayView2<'t, f64>,
    /// What was asked of the features drawn, and how many that are; smartcore does not keep their number.
    max_features: Value,
    drawn: usize,
}

/// What smartcore's forest serialises to.
#[derive(Deserialize)]
struct Serialised {
    forest_regressor: Forest,
}

#[derive(Deserialize)]
struct Forest {
    trees: Vec<Tree>,
}

#[derive(Deserialize)]
struct Tree {
    nodes: Vec<Node>,
    parameters: Limits,
}

impl Fitted for Model<'_> {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        let numbers = self.fitted.predict(&matrix(rows)?).map_err(|e| e.to_string())?;
        Ok(Answer::Numbers(numbers.into()))
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        let own: Serialised = read(&self.fitted)?;
        let sizes = own.forest_regressor.trees.iter().map(|tree| Ok(raw(&tree.nodes, |value| value)?.size()));
        let (leaves, depths): (Vec<i64>, Vec<i64>) =
            sizes.collect::<Result<Vec<_>, String>>()?.into_iter().unzip();
        Ok(vec![
            ("predictions", self.apply(test)?.into()),
            ("train_predictions", self.apply(self.train)?.into()),
            ("leaves", leaves.into()),
            ("depths", depths.into()),
        ])
    }

    fn read_back(&self) -> ReadBack {
        let (mut hyperparameters, mut work) = (Parameters::new(), Parameters::new());
        if let Ok(own) = read::<Serialised>(&self.fitted) {
            let trees = own.forest_regressor.trees;
            if let Some(first) = trees.first() {
                hyperparameters = first.parameters.told();
                hyperparameters.remove("min_samples_split");
            }
            hyperparameters.insert("n_estimators".to_owned(), counted(trees.len()));
            hyperparameters.insert("max_features".to_owned(), self.max_features.clone());
            // The only ones that it has.
            hyperparameters.insert("criterion".to_owned(), Value::Text("squared_error".to_owned()));
            hyperparameters.insert("bootstrap".to_owned(), Value::Bool(true));
            work.insert("trees".to_owned(), counted(trees.len()));
            work.insert("features_drawn".to_owned(), counted(self.drawn));
        }
        ReadBack {
            hyperparameters,
            settings: Parameters::new(),
            work,
            layout: "row-major",
            features: self.train.ncols(),
        }
    }
}
