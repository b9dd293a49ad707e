//! One tree by the rule of CART (Breiman, Friedman, Olshen and Stone 1984): every node is split by the feature and threshold that take the
//! most impurity from it, until its targets are equal, it is too small or too deep, or no threshold is left. Not pruned.
//!
//! For a forest (Breiman 2001) some features are drawn anew at every split. As in scikit-learn, whose node search this follows
//! (`node_split_best` in `sklearn/tree/_splitter.pyx`), those that are constant in the node count as drawn, but the search goes on until one
//! that is not was found. Unlike there, features are compared in double precision, and sorted as ranks ([`super::ranks`]).

use std::ops::Range;

use ndarray::ArrayView2;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::impurity::{Impurity, Sample};
use super::orders::{Drawn, Kept, Orders, Pair, place, rank};
use super::ranks::Ranks;
use crate::backend::tree::RawTree;

/// What a tree follows beside the rule.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The most splits on the way to a leaf.
    pub max_depth: Option<usize>,
    /// The fewest distinct rows of a node that is split.
    pub min_samples_split: usize,
    /// The fewest distinct rows of a leaf.
    pub min_samples_leaf: usize,
    /// The features drawn at a split.
    pub features_drawn: usize,
}

/// A node. A leaf has no child, for which 0 stands, and its number in the place of a feature; the child above comes after the one below.
#[derive(Debug, Clone, Copy)]
struct Node {
    threshold: f64,
    feature: u32,
    below: u32,
}

/// A grown tree.
#[derive(Debug)]
pub struct Tree {
    nodes: Vec<Node>,
    /// What each leaf says, `width` numbers.
    values: Vec<f64>,
    width: usize,
}

impl Tree {
    /// What a leaf says.
    fn says(&self, leaf: Node) -> &[f64] {
        &self.values[leaf.feature as usize * self.width..][..self.width]
    }

    /// The leaf of a row.
    #[inline]
    fn leaf(&self, row: &[f64]) -> Node {
        let mut node = self.nodes[0];
        while node.below != 0 {
            let above = usize::from(row[node.feature as usize] > node.threshold);
            node = self.nodes[node.below as usize + above];
        }
        node
    }

    /// The number of leaves.
    pub fn leaves(&self) -> usize {
        self.values.len() / self.width
    }

    /// The task's form of it; `says` makes a number of what a leaf says.
    pub fn raw(&self, says: impl Fn(&[f64]) -> f64) -> RawTree {
        let mut raw = RawTree::default();
        for node in &self.nodes {
            if node.below == 0 {
                raw.leaf(says(self.says(*node)));
            } else {
                let split = raw.split(node.feature as usize, node.threshold);
                raw.join(split, node.below as usize, node.below as usize + 1);
            }
        }
        raw
    }
}

/// The sums of what each of the trees says of rows [m, d], `width` numbers a row.
pub fn sums(trees: &[Tree], rows: ArrayView2<'_, f64>) -> Vec<f64> {
    let width = trees.first().map_or(1, |tree| tree.width);
    let rows = rows.as_standard_layout();
    let (m, d) = rows.dim();
    let values = rows.as_slice().unwrap_or_default();
    let mut sums = vec![0.0; m * width];
    // Tree by tree, so that its nodes stay in the cache.
    for tree in trees {
        for (row, sums) in values.chunks_exact(d.max(1)).zip(sums.chunks_exact_mut(width)) {
            sums.iter_mut().zip(tree.says(tree.leaf(row))).for_each(|(sum, value)| *sum += value);
        }
    }
    sums
}

/// A node that is not yet grown.
struct Open {
    node: usize,
    rows: Range<usize>,
    /// The feature that split its parent.
    feature: usize,
    depth: usize,
    /// So many features, the first in [`Grower::features`], are not known to be constant in the node. What is done to its descendants
    /// reorders no more than these, so that the node's sibling finds the same ones.
    live: usize,
}

/// The best split found of a node.
#[derive(Debug, Clone, Copy)]
struct Split {
    score: f64,
    feature: usize,
    /// The ranks on both sides of the threshold.
    low: u32,
    high: u32,
}

/// Grows one tree.
#[derive(Debug)]
pub struct Grower<'r, I, O> {
    ranks: &'r Ranks,
    rules: Rules,
    impurity: I,
    orders: O,
    random: ChaCha8Rng,
    features: Vec<u32>,
}

/// Grows a tree on at least one row; draws with `random`.
pub fn grow<I: Impurity>(
    ranks: &Ranks,
    rules: Rules,
    impurity: I,
    samples: Vec<Sample<I::Target>>,
    random: ChaCha8Rng,
) -> Tree {
    let (rows, features) = (samples.len(), (0..).take(ranks.features()).collect());
    // Kept orders cost a pass over all features in every node. With 2 drawn of the 8 of California housing they take two thirds of the
    // time of sorting, with 8 of the 64 of Digits half as much again.
    if 4 * rules.features_drawn >= ranks.features() {
        let orders = Kept::new(ranks, samples);
        return Grower { ranks, rules, impurity, orders, random, features }.grow(rows);
    }
    let orders = Drawn::new(ranks, samples);
    Grower { ranks, rules, impurity, orders, random, features }.grow(rows)
}

impl<'r, I: Impurity, O: Orders<'r, I::Target>> Grower<'r, I, O> {
    fn grow(mut self, rows: usize) -> Tree {
        let leaf = Node { threshold: 0.0, feature: 0, below: 0 };
        let (mut nodes, mut values, mut leaves) = (vec![leaf], Vec::new(), 0);
        let fewest = self.rules.min_samples_split.max(self.rules.min_samples_leaf.saturating_mul(2));
        let mut open = vec![Open { node: 0, rows: 0..rows, feature: 0, depth: 0, live: self.features.len() }];
        while let Some(Open { node, rows, feature, depth, mut live }) = open.pop() {
            let equal = self.impurity.enter(self.orders.samples(rows.clone(), feature));
            let ends = equal || rows.len() < fewest || self.rules.max_depth.is_some_and(|most| depth >= most);
            let split = if ends { None } else { self.best(rows.clone(), &mut live) };
            let Some(Split { feature, low, high, .. }) = split else {
                nodes[node].feature = leaves;
                leaves += 1;
                self.impurity.say(&mut values);
                continue;
            };
            let count = self.orders.part(rows.clone(), feature, low, &self.features[..live]);
            let (below, middle, depth) = (nodes.len(), rows.start + count, depth + 1);
            nodes[node] = Node {
                threshold: self.ranks.threshold(feature, low, high),
                feature: u32::try_from(feature).expect("features are counted in 32 bits"),
                below: u32::try_from(below).expect("nodes are counted in 32 bits"),
            };
            nodes.extend([leaf, leaf]);
            open.push(Open { node: below + 1, rows: middle..rows.end, feature, depth, live });
            open.push(Open { node: below, rows: rows.start..middle, feature, depth, live });
        }
        let width = values.len() / (leaves as usize);
        Tree { nodes, values, width }
    }

    /// The best split by the features drawn; takes from `live` those that are found constant.
    fn best(&mut self, rows: Range<usize>, live: &mut usize) -> Option<Split> {
        let mut best = None;
        // The features are: those still to draw, those searched, and those known to be constant, of which some are drawn, too.
        let (mut left, mut constant) = (*live, self.features.len() - *live);
        let (mut drawn, mut searched) = (0, 0);
        while left > 0 && (drawn < self.rules.features_drawn || searched == 0) {
            drawn += 1;
            let place = self.random.random_range(0..left + constant);
            if place >= left {
                constant -= 1;
                continue;
            }
            left -= 1;
            self.features.swap(place, left);
            let feature = self.features[left] as usize;
            if let Some((samples, pairs)) = self.orders.sorted(rows.clone(), feature) {
                searched += 1;
                search(&mut self.impurity, samples, pairs, (feature, self.rules.min_samples_leaf), &mut best);
            } else {
                *live -= 1;
                self.features.swap(left, *live);
            }
        }
        best
    }
}

/// Looks for a better split between any two neighbours in order whose ranks differ, of a feature and with the fewest rows on each side.
fn search<I: Impurity>(
    impurity: &mut I,
    samples: &[Sample<I::Target>],
    pairs: &[Pair],
    (feature, fewest): (usize, usize),
    best: &mut Option<Split>,
) {
    impurity.clear();
    let mut most = best.map_or(f64::NEG_INFINITY, |split| split.score);
    for (count, pair) in (1..).zip(pairs.windows(2)) {
        impurity.shift(samples[place(pair[0])]);
        let (low, high) = (rank(pair[0]), rank(pair[1]));
        if low == high || count < fewest || pairs.len() - count < fewest {
            continue;
        }
        let score = impurity.score();
        if score > most {
            most = score;
            *best = Some(Split { score, feature, low, high });
        }
    }
}
