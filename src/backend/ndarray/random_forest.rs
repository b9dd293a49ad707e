//! A random forest for classes or numbers (Breiman 2001, Random Forests, Machine Learning 45, 5–32) of trees by [`super::cart`].
//!
//! Every tree sees as many rows as there are, drawn with replacement and held as weights, and draws features anew at every split. As in
//! scikit-learn, and unlike Breiman's votes, the shares of the classes in the leaves are averaged. No Rust library has this forest for
//! classes (`docs/linfa.md`, `docs/smartcore.md`). Trees are shared out over rayon's pool where more than one thread is allowed;
//! predictions use one.

use crate::backend::parameters::{count, counted, flag};
use ndarray::ArrayView2;

use super::cart::Tree;
use super::growth::{Growth, Meaning, Rows, Wanted};
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::parameter::{Parameters, Value};
use crate::task::tree::forest::features_drawn;

/// A random forest of one task.
pub struct RandomForest {
    task: &'static str,
}

/// For classes.
pub const CLASSIFIER: RandomForest = RandomForest { task: "classification" };

/// For numbers.
pub const REGRESSOR: RandomForest = RandomForest { task: "regression" };

impl Algorithm for RandomForest {
    fn task(&self) -> &'static str {
        self.task
    }
    fn name(&self) -> &'static str {
        "random_forest"
    }
    fn doc(&self) -> &'static str {
        "Breiman's forest (2001) of CART on ranks of the features; trees over the threads allowed"
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        let asked = ask.hyperparameters;
        Ok(Box::new(Configured {
            task: self.task,
            growth: Growth::new(ask)?,
            trees: count(asked, "n_estimators")?,
            bootstrap: flag(asked, "bootstrap")?,
            asked: asked.clone(),
        }))
    }
}

struct Configured {
    task: &'static str,
    growth: Growth,
    trees: usize,
    bootstrap: bool,
    /// The hyperparameters, of which the features drawn at a split depend on how many there are.
    asked: Parameters,
}

impl Estimator for Configured {
    fn fit<'t>(&self, training: &'t Training<'t>) -> Result<Box<dyn Fitted + 't>, String> {
        let rows = Rows::checked(training, self.task)?;
        let train = rows.features();
        let wanted = Wanted {
            trees: self.trees,
            features_drawn: features_drawn(&self.asked, train.ncols()),
            bootstrap: self.bootstrap,
        };
        let trees = self.growth.grow(&rows, wanted)?;
        let max_features = self.asked["max_features"].clone();
        Ok(Box::new(Model {
            trees,
            meaning: rows.meaning(),
            growth: self.growth,
            wanted,
            max_features,
            train,
        }))
    }
}

struct Model<'t> {
    trees: Vec<Tree>,
    meaning: Meaning,
    /// What grew the trees: this code has no library behind it whose objects could be asked.
    growth: Growth,
    wanted: Wanted,
    /// What was asked of the features drawn; how many that are is in `wanted`.
    max_features: Value,
    train: ArrayView2<'t, f64>,
}

impl Fitted for Model<'_> {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        Ok(self.meaning.answer(&self.trees, rows))
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        let sizes = self.trees.iter().map(|tree| tree.raw(|values| self.meaning.says(values)).size());
        let (leaves, depths): (Vec<i64>, Vec<i64>) = sizes.unzip();
        Ok(vec![
            ("predictions", self.apply(test)?.into()),
            ("train_predictions", self.apply(self.train)?.into()),
            ("leaves", leaves.into()),
            ("depths", depths.into()),
        ])
    }

    fn read_back(&self) -> ReadBack {
        let mut hyperparameters = self.growth.told();
        hyperparameters.extend([
            ("n_estimators".to_owned(), counted(self.trees.len())),
            ("max_features".to_owned(), self.max_features.clone()),
            ("bootstrap".to_owned(), Value::Bool(self.wanted.bootstrap)),
        ]);
        let work = [
            ("trees".to_owned(), counted(self.trees.len())),
            ("features_drawn".to_owned(), counted(self.wanted.features_drawn)),
        ];
        ReadBack {
            hyperparameters,
            settings: Parameters::new(),
            work: work.into(),
            layout: "column-major",
            features: self.train.ncols(),
        }
    }
}
