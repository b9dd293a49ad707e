//! A decision tree for classes or numbers, grown by [`super::cart`].
//!
//! linfa's and smartcore's trees for classes miss splits where values are tied (`docs/linfa.md`, `docs/smartcore.md`).

use crate::backend::parameters::counted;
use ndarray::ArrayView2;

use super::cart::Tree;
use super::growth::{Growth, Meaning, Rows, Wanted};
use crate::backend::tree::RawTree;
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::parameter::Parameters;

/// A decision tree of one task.
pub struct DecisionTree {
    task: &'static str,
}

/// For classes.
pub const CLASSIFIER: DecisionTree = DecisionTree { task: "classification" };

/// For numbers.
pub const REGRESSOR: DecisionTree = DecisionTree { task: "regression" };

impl Algorithm for DecisionTree {
    fn task(&self) -> &'static str {
        self.task
    }
    fn name(&self) -> &'static str {
        "decision_tree"
    }
    fn doc(&self) -> &'static str {
        "CART (Breiman et al. 1984) on ranks of the features; one thread"
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        Ok(Box::new(Configured { task: self.task, growth: Growth::new(ask)? }))
    }
}

struct Configured {
    task: &'static str,
    growth: Growth,
}

impl Estimator for Configured {
    fn fit<'t>(&self, training: &'t Training<'t>) -> Result<Box<dyn Fitted + 't>, String> {
        let rows = Rows::checked(training, self.task)?;
        let features = rows.features().ncols();
        let wanted = Wanted { trees: 1, features_drawn: features, bootstrap: false };
        let trees = self.growth.grow(&rows, wanted)?;
        Ok(Box::new(Model { trees, meaning: rows.meaning(), growth: self.growth, features }))
    }
}

struct Model {
    /// The one tree.
    trees: Vec<Tree>,
    meaning: Meaning,
    /// What grew it: this code has no library behind it whose objects could be asked.
    growth: Growth,
    features: usize,
}

impl Fitted for Model {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        Ok(self.meaning.answer(&self.trees, rows))
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        let raw = self.trees.iter().map(|tree| tree.raw(|values| self.meaning.says(values)));
        let mut outputs: Vec<_> = raw.flat_map(RawTree::outputs).collect();
        outputs.push(("predictions", self.apply(test)?.into()));
        Ok(outputs)
    }

    fn read_back(&self) -> ReadBack {
        let mut hyperparameters = self.growth.told();
        hyperparameters.insert("min_samples_split".to_owned(), counted(self.growth.min_samples_split));
        let leaves: usize = self.trees.iter().map(Tree::leaves).sum();
        ReadBack {
            hyperparameters,
            settings: Parameters::new(),
            work: [("leaves".to_owned(), counted(leaves))].into(),
            layout: "column-major",
            features: self.features,
        }
    }
}
