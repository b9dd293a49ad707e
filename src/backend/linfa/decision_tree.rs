//! Decision trees for classes by linfa-trees.
//!
//! linfa makes a leaf of a node whose best split takes less impurity than `min_impurity_decrease`, 1e-5 by default. The task's rule
//! has no such bound, so it is set to the least that linfa allows. Three things remain that the parity gate sees where they matter
//! (`docs/linfa.md`): a split beside a tie is looked for among the rows of all nodes and may be missed, values closer than 1e-5 count as
//! one, and impurities are summed in float32.

use crate::backend::parameters::{count, count_or_none, counted, counted_or_none};
use crate::backend::rows::finite;
use linfa::traits::{Fit, Predict};
use linfa::{DatasetBase, ParamGuard};
use linfa_trees::{
    DecisionTree as Tree, DecisionTreeParams, DecisionTreeValidParams, SplitQuality, TreeNode,
};
use ndarray::{Array1, ArrayView2};

use crate::backend::tree::RawTree;
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::parameter::{Parameters, Value};

/// The registry's entry.
pub struct DecisionTree;

impl Algorithm for DecisionTree {
    fn task(&self) -> &'static str {
        "classification"
    }
    fn name(&self) -> &'static str {
        "decision_tree"
    }
    fn doc(&self) -> &'static str {
        "linfa_trees::DecisionTree"
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        let asked = ask.hyperparameters;
        let quality = match asked["criterion"].as_text() {
            Some("gini") => SplitQuality::Gini,
            Some("entropy") => SplitQuality::Entropy,
            _ => return Err("`criterion` is unknown".to_owned()),
        };
        let parameters = DecisionTreeParams::new()
            .split_quality(quality)
            .max_depth(count_or_none(asked, "max_depth")?)
            .min_weight_split(weight(count(asked, "min_samples_split")?)?)
            .min_weight_leaf(weight(count(asked, "min_samples_leaf")?)?)
            .min_impurity_decrease(f64::EPSILON);
        Ok(Box::new(Configured { parameters: parameters.check().map_err(|e| e.to_string())? }))
    }
}

/// A number of rows as linfa weighs them, in float32.
fn weight(rows: usize) -> Result<f32, String> {
    match u16::try_from(rows) {
        Ok(rows) => Ok(f32::from(rows)),
        Err(_) => Err(format!("linfa weighs rows in float32: {rows} are more than {}", u16::MAX)),
    }
}

struct Configured {
    parameters: DecisionTreeValidParams<f64, usize>,
}

impl Estimator for Configured {
    fn fit<'t>(&self, training: &'t Training<'t>) -> Result<Box<dyn Fitted + 't>, String> {
        let (x, y) = (finite(training)?, training.classes()?);
        let labels: Result<Array1<usize>, _> = y.iter().map(|label| usize::try_from(*label)).collect();
        let labels = labels.map_err(|_| "a label is negative")?;
        let fitted = self.parameters.fit(&DatasetBase::new(x, labels)).map_err(|e| e.to_string())?;
        Ok(Box::new(Model { fitted, parameters: self.parameters, features: x.ncols() }))
    }
}

struct Model {
    fitted: Tree<f64, usize>,
    /// The parameters that computed; the fitted tree keeps none.
    parameters: DecisionTreeValidParams<f64, usize>,
    features: usize,
}

/// Adds a node and all below it; says its number.
fn add(raw: &mut RawTree, node: &TreeNode<f64, usize>) -> Result<usize, String> {
    if let Some(label) = node.prediction() {
        #[expect(clippy::cast_precision_loss, reason = "a label")]
        return Ok(raw.leaf(label as f64));
    }
    let [Some(below), Some(above)] = node.children()[..] else {
        return Err("a node of linfa's tree has a single child".to_owned());
    };
    let (feature, threshold, _) = node.split();
    let split = raw.split(feature, threshold);
    let (below, above) = (add(raw, below)?, add(raw, above)?);
    raw.join(split, below, above);
    Ok(split)
}

impl Fitted for Model {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        let labels: Array1<usize> = self.fitted.predict(&rows);
        let labels: Result<Array1<i64>, _> = labels.iter().map(|label| i64::try_from(*label)).collect();
        Ok(Answer::Labels(labels.map_err(|e| e.to_string())?))
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        let mut raw = RawTree::default();
        add(&mut raw, self.fitted.root_node())?;
        let mut outputs = raw.outputs();
        outputs.push(("predictions", self.apply(test)?.into()));
        Ok(outputs)
    }

    fn read_back(&self) -> ReadBack {
        let parameters = &self.parameters;
        let criterion = match parameters.split_quality() {
            SplitQuality::Gini => "gini",
            SplitQuality::Entropy => "entropy",
        };
        #[expect(clippy::cast_possible_truncation, reason = "made of a u16")]
        let rows = |weight: f32| Value::Int(weight as i64);
        ReadBack {
            hyperparameters: [
                ("criterion".to_owned(), Value::Text(criterion.to_owned())),
                ("max_depth".to_owned(), counted_or_none(parameters.max_depth())),
                ("min_samples_split".to_owned(), rows(parameters.min_weight_split())),
                ("min_samples_leaf".to_owned(), rows(parameters.min_weight_leaf())),
            ]
            .into(),
            settings: Parameters::new(),
            work: [("leaves".to_owned(), counted(self.fitted.num_leaves()))].into(),
            layout: "row-major",
            features: self.features,
        }
    }
}
