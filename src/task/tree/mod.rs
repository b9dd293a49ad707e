//! Decision trees as raw outputs, and the certificate that one was grown by the rule of CART.
//!
//! Two right trees of the same rows may differ: where several splits take the same impurity, which one is chosen is a matter of the
//! order of features and of the seed. So trees are not compared with each other: each is held against the rule that both were to
//! follow ([`certificate`]).

pub mod certificate;
mod columns;
pub mod family;
pub mod forest;

use ndarray::ArrayView1;

use super::TaskError;
use super::outputs::Outputs;
use super::parameter::{ParameterDef, Parameters};

/// A binary tree; node 0 is the root, and children come after their parent.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree(Vec<Node>);

/// One node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Node {
    /// Rows whose feature is at most the threshold go below, the others above.
    Split {
        /// The feature's column.
        feature: usize,
        /// The threshold.
        threshold: f64,
        /// The child for rows at or below the threshold.
        below: usize,
        /// The child for the others.
        above: usize,
    },
    /// Every row gets this label or number.
    Leaf {
        /// A label, or a number.
        value: f64,
    },
}

impl Tree {
    /// Reads the tensors `tree_features`, `tree_below` and `tree_above` (whole numbers, -1 in leaves), `tree_thresholds` and
    /// `tree_values`, all [nodes].
    ///
    /// # Errors
    /// A tensor is missing or of another shape or type, or they are no tree over `features` columns.
    pub fn read(outputs: &Outputs, features: usize) -> Result<Self, TaskError> {
        let nodes = outputs.shape("tree_features")?.first().copied().unwrap_or(0);
        let limit = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let chosen = outputs.labels("tree_features", nodes, -1..limit(features))?;
        let below = outputs.labels("tree_below", nodes, -1..limit(nodes))?;
        let above = outputs.labels("tree_above", nodes, -1..limit(nodes))?;
        let thresholds = outputs.vector("tree_thresholds", nodes)?;
        let values = outputs.vector("tree_values", nodes)?;
        let read = (0..nodes).map(|i| match usize::try_from(chosen[i]) {
            Err(_) => Ok(Node::Leaf { value: values[i] }),
            Ok(feature) => {
                let child = |name, of: &[i64]| {
                    usize::try_from(of[i]).ok().filter(|child| *child > i).ok_or_else(|| TaskError::Value {
                        name,
                        value: of[i].to_string(),
                        index: i,
                        expected: "a node that comes after its parent".to_owned(),
                    })
                };
                let (below, above) = (child("tree_below", &below)?, child("tree_above", &above)?);
                Ok(Node::Split { feature, threshold: thresholds[i], below, above })
            }
        });
        Self::new(read.collect::<Result<_, TaskError>>()?)
    }

    fn new(nodes: Vec<Node>) -> Result<Self, TaskError> {
        let mut parents = vec![0_u32; nodes.len()];
        for node in &nodes {
            if let Node::Split { below, above, .. } = node {
                parents[*below] += 1;
                parents[*above] += 1;
            }
        }
        let wrong = match parents.first() {
            None => Some(0),
            Some(_) => (1..nodes.len()).find(|i| parents[*i] != 1),
        };
        match wrong {
            None => Ok(Self(nodes)),
            Some(index) => Err(TaskError::Value {
                name: "tree_features",
                value: format!("node {index}"),
                index,
                expected: "one tree, in which every node but the first has one parent".to_owned(),
            }),
        }
    }

    /// The number of leaves.
    pub fn leaves(&self) -> usize {
        self.0.iter().filter(|node| matches!(node, Node::Leaf { .. })).count()
    }

    /// The largest number of splits on the way to a leaf.
    pub fn depth(&self) -> usize {
        let mut depths = vec![0; self.0.len()];
        for (i, node) in self.0.iter().enumerate() {
            if let Node::Split { below, above, .. } = node {
                depths[*below] = depths[i] + 1;
                depths[*above] = depths[i] + 1;
            }
        }
        depths.into_iter().max().unwrap_or(0)
    }

    /// Whether one of the leaves that a row may reach has a value that `accepts`. A row that lies on a threshold but for the rounding of
    /// float32 may go either way: scikit-learn compares features in float32, and linfa sends equality the other way.
    pub fn may_say(&self, row: ArrayView1<'_, f64>, accepts: &dyn Fn(f64) -> bool) -> bool {
        let mut open = vec![0];
        while let Some(node) = open.pop() {
            match self.0[node] {
                Node::Leaf { value } if accepts(value) => return true,
                Node::Leaf { .. } => {}
                Node::Split { feature, threshold, below, above } => {
                    let x = row[feature];
                    let near =
                        (x - threshold).abs() <= f64::from(f32::EPSILON) * x.abs().max(threshold.abs());
                    if near || x <= threshold {
                        open.push(below);
                    }
                    if near || x > threshold {
                        open.push(above);
                    }
                }
            }
        }
        false
    }
}

/// The parameters of a single tree, in the order of the documentation; `criteria` are those of the task.
pub fn parameters(criteria: &[&str]) -> Vec<ParameterDef> {
    vec![
        criterion(criteria),
        depth(),
        ParameterDef::int_from("min_samples_split", 2, 2, "the fewest rows of a node that is split"),
        ParameterDef::int_from("min_samples_leaf", 1, 1, "the fewest rows of a leaf"),
    ]
}

/// What splits reduce; by default the first.
fn criterion(criteria: &[&str]) -> ParameterDef {
    ParameterDef::choice("criterion", criteria, criteria[0], "the impurity that splits reduce")
}

/// The limit on the depth, absent by default.
fn depth() -> ParameterDef {
    let doc = "the most splits on the way to a leaf; `none` is no limit";
    // What every implementation can count to.
    ParameterDef::int_from("max_depth", 1, 1, doc).up_to(10_000.0).or(&["none"]).by_default("none")
}

/// A whole number of the parameters; none where it is a text such as `none`.
fn whole(parameters: &Parameters, name: &str) -> Option<usize> {
    parameters.get(name)?.as_int().and_then(|n| usize::try_from(n).ok())
}
