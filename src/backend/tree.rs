//! What the trees of all frameworks share: the raw form of a tree.

use super::Tensor;

/// A tree as the task's raw outputs have it: node by node, children after their parent.
#[derive(Debug, Default)]
pub struct RawTree {
    features: Vec<i64>,
    thresholds: Vec<f64>,
    below: Vec<i64>,
    above: Vec<i64>,
    values: Vec<f64>,
}

impl RawTree {
    /// Adds a leaf and says its number.
    pub fn leaf(&mut self, value: f64) -> usize {
        self.push(-1, 0.0, value)
    }

    /// Adds a split and says its number. Its children are told by [`RawTree::join`].
    pub fn split(&mut self, feature: usize, threshold: f64) -> usize {
        self.push(signed(feature), threshold, 0.0)
    }

    /// Tells the children of a split: where rows at or below the threshold go, and the others.
    pub fn join(&mut self, split: usize, below: usize, above: usize) {
        self.below[split] = signed(below);
        self.above[split] = signed(above);
    }

    fn push(&mut self, feature: i64, threshold: f64, value: f64) -> usize {
        self.features.push(feature);
        self.thresholds.push(threshold);
        self.below.push(-1);
        self.above.push(-1);
        self.values.push(value);
        self.features.len() - 1
    }

    /// The number of leaves, and the largest number of splits on the way to one.
    pub fn size(&self) -> (i64, i64) {
        let mut depths = vec![0_i64; self.features.len()];
        for node in 0..depths.len() {
            for child in [self.below[node], self.above[node]] {
                if let Ok(child) = usize::try_from(child) {
                    depths[child] = depths[node] + 1;
                }
            }
        }
        let leaves = self.features.iter().filter(|feature| **feature < 0).count();
        (i64::try_from(leaves).unwrap_or(i64::MAX), depths.into_iter().max().unwrap_or(0))
    }

    /// The raw outputs of a single tree beside its predictions.
    pub fn outputs(self) -> Vec<(&'static str, Tensor)> {
        vec![
            ("tree_features", self.features.into()),
            ("tree_thresholds", Tensor::numbers(vec![self.thresholds.len()], &self.thresholds)),
            ("tree_below", self.below.into()),
            ("tree_above", self.above.into()),
            ("tree_values", Tensor::numbers(vec![self.values.len()], &self.values)),
        ]
    }
}

fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
