//! smartcore's trees have no getters: nodes and parameters are read back from what a fitted object serialises to.

use crate::backend::parameters::{counted, counted_or_none};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::backend::tree::RawTree;
use crate::task::parameter::Parameters;

/// One node; children come after their parent.
#[derive(Debug, Deserialize)]
pub struct Node {
    /// The number that a leaf says, or the place of its class.
    pub output: f64,
    split_feature: usize,
    split_value: Option<f64>,
    true_child: Option<usize>,
    false_child: Option<usize>,
}

/// The limits that all trees keep.
#[derive(Debug, Deserialize)]
pub struct Limits {
    max_depth: Option<u16>,
    min_samples_leaf: usize,
    min_samples_split: usize,
}

/// A fitted object, as it serialises itself.
///
/// # Errors
/// It has another form than this version of smartcore's.
pub fn read<T: DeserializeOwned>(fitted: &impl Serialize) -> Result<T, String> {
    serde_json::to_value(fitted).and_then(serde_json::from_value).map_err(|e| e.to_string())
}

/// smartcore's limit on the depth, which counts the root: a tree of depth 1 is a leaf.
///
/// # Errors
/// It is more than smartcore counts to.
pub fn levels(splits: Option<usize>) -> Result<Option<u16>, String> {
    let levels = |n: usize| u16::try_from(n + 1).map_err(|_| format!("`max_depth` is {n}, more than 65534"));
    splits.map(levels).transpose()
}

impl Limits {
    /// The limits under the task's names, the depth in splits.
    pub fn told(&self) -> Parameters {
        [
            ("max_depth".to_owned(), counted_or_none(self.splits())),
            ("min_samples_split".to_owned(), counted(self.min_samples_split)),
            ("min_samples_leaf".to_owned(), counted(self.min_samples_leaf)),
        ]
        .into()
    }

    fn splits(&self) -> Option<usize> {
        self.max_depth.map(|levels| usize::from(levels) - 1)
    }
}

/// The task's form of a tree; `value` is what a leaf of this output says.
///
/// # Errors
/// A node has one child, or a split no threshold.
pub fn raw(nodes: &[Node], value: impl Fn(f64) -> f64) -> Result<RawTree, String> {
    let mut raw = RawTree::default();
    for node in nodes {
        match (node.true_child, node.false_child, node.split_value) {
            (Some(below), Some(above), Some(threshold)) => {
                let split = raw.split(node.split_feature, threshold);
                raw.join(split, below, above);
            }
            (None, None, _) => {
                raw.leaf(value(node.output));
            }
            _ => return Err("a node of smartcore's tree is neither leaf nor split".to_owned()),
        }
    }
    Ok(raw)
}
