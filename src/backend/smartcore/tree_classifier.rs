//! Decision trees for classes by smartcore.
//!
//! It looks for a split only between two neighbours of different labels. Where a feature has ties or leaves have a least size, the best
//! split may lie elsewhere; the parity gate sees where that happens (`docs/smartcore.md`).

use crate::backend::parameters::{count, count_or_none};
use crate::backend::rows::finite;
use ndarray::ArrayView2;
use serde::Deserialize;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::tree::decision_tree_classifier::{
    DecisionTreeClassifier, DecisionTreeClassifierParameters, SplitCriterion,
};

use super::matrix;
use super::nodes::{Limits, Node, levels, raw, read};
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::parameter::{Parameters, Value};

/// The registry's entry.
pub struct TreeClassifier;

impl Algorithm for TreeClassifier {
    fn task(&self) -> &'static str {
        "classification"
    }
    fn name(&self) -> &'static str {
        "decision_tree"
    }
    fn doc(&self) -> &'static str {
        "smartcore::tree::DecisionTreeClassifier"
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        let asked = ask.hyperparameters;
        let criterion = match asked["criterion"].as_text() {
            Some("gini") => SplitCriterion::Gini,
            Some("entropy") => SplitCriterion::Entropy,
            _ => return Err("`criterion` is unknown".to_owned()),
        };
        let parameters = DecisionTreeClassifierParameters {
            criterion,
            max_depth: levels(count_or_none(asked, "max_depth")?)?,
            min_samples_leaf: count(asked, "min_samples_leaf")?,
            min_samples_split: count(asked, "min_samples_split")?,
            // It draws only where fewer features than all are searched.
            seed: Some(ask.seed),
        };
        Ok(Box::new(Configured { parameters }))
    }
}

struct Configured {
    parameters: DecisionTreeClassifierParameters,
}

type Smartcore = DecisionTreeClassifier<f64, i64, DenseMatrix<f64>, Vec<i64>>;

impl Estimator for Configured {
    fn fit<'t>(&self, training: &'t Training<'t>) -> Result<Box<dyn Fitted + 't>, String> {
        let (x, y) = (finite(training)?, training.classes()?);
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
    nodes: Vec<Node>,
    parameters: Limits,
    classes: Vec<i64>,
}

/// The same, for the one parameter that only it has.
#[derive(Deserialize)]
struct Criterion {
    parameters: OfCriterion,
}

#[derive(Deserialize)]
struct OfCriterion {
    criterion: String,
}

impl Fitted for Model {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        let labels = self.fitted.predict(&matrix(rows)?).map_err(|e| e.to_string())?;
        Ok(Answer::Labels(labels.into()))
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        let own: Serialised = read(&self.fitted)?;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "labels, and their places"
        )]
        let label = |place: f64| own.classes[place as usize] as f64;
        let mut outputs = raw(&own.nodes, label)?.outputs();
        outputs.push(("predictions", self.apply(test)?.into()));
        Ok(outputs)
    }

    fn read_back(&self) -> ReadBack {
        let mut hyperparameters = Parameters::new();
        if let (Ok(own), Ok(of)) = (read::<Serialised>(&self.fitted), read::<Criterion>(&self.fitted)) {
            hyperparameters = own.parameters.told();
            let criterion = Value::Text(of.parameters.criterion.to_lowercase());
            hyperparameters.insert("criterion".to_owned(), criterion);
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
