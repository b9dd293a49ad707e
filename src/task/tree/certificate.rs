//! Is a tree what the rule of CART gives? Found from the tree and its training rows alone.
//!
//! The rule (Breiman, Friedman, Olshen and Stone 1984, Classification and Regression Trees, chapters 2, 4 and 8): a node is split by the
//! feature and threshold that take the most impurity from it, until it is pure, too small, too deep, or no threshold is left. Ties are
//! free, and so is the place of a threshold between two neighbouring values. For every node the certificate computes what the best
//! split would have taken, and what the tree's own did.
//!
//! Deviations from the book that both sides share: no pruning by cost complexity, and a split that takes nothing is made all the same.
//! A leaf that could have been split passes if all leaves below it would say the same (linfa merges such leaves, and predictions do not
//! change).

use std::ops::Range;

use ndarray::ArrayView2;

use super::columns::{Columns, Precision};
use super::{Node, Tree};
use crate::task::parameter::Parameters;

/// The default for the largest share of a node's impurity that its split leaves on the table. Impurities in float32, as linfa computes
/// them, are rounded to 1e-7; nothing that a score shows is moved by a millionth of one node's impurity.
pub const SPLIT: f64 = 1e-6;

/// Below this share of the root's impurity a node is pure: what rounding leaves of numbers that are all equal.
const PURE: f64 = 1e-14;

/// A leaf's number must be the mean of its rows to this share of the target's deviation, which leaves room for sums in another order.
const VALUE: f64 = 1e-9;

/// The targets of the training rows.
#[derive(Debug, Clone)]
pub enum Targets {
    /// Labels below the number of classes, which comes second.
    Labels(Vec<usize>, usize),
    /// Numbers.
    Numbers(Vec<f64>),
}

/// What a tree was to follow.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Whether impurity is the entropy; the Gini index otherwise. For numbers it is their squared deviation.
    pub entropy: bool,
    /// The most splits on the way to a leaf.
    pub max_depth: usize,
    /// The fewest rows of a node that is split.
    pub min_split: usize,
    /// The fewest rows of a leaf.
    pub min_leaf: usize,
}

impl Rules {
    /// The rules of these hyperparameters.
    pub fn of(parameters: &Parameters) -> Self {
        let whole = |name, absent| super::whole(parameters, name).unwrap_or(absent);
        Self {
            entropy: parameters.get("criterion").and_then(|c| c.as_text()) == Some("entropy"),
            max_depth: whole("max_depth", usize::MAX),
            min_split: whole("min_samples_split", 2),
            min_leaf: whole("min_samples_leaf", 1),
        }
    }
}

/// How far a tree is from the rule.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The largest share of a node's impurity that its split left on the table; 1 where a node breaks another rule.
    pub loss: f64,
    /// The node of that loss, as a phrase; empty where there is none.
    pub finding: String,
    /// The share of the root's impurity that the tree took from its training rows.
    pub explained: f64,
}

/// Holds a tree against the rule. Features may be compared in float64 or in float32: the precision in which the tree comes out better
/// is taken as its own.
pub fn certify(tree: &Tree, x: ArrayView2<'_, f64>, targets: &Targets, rules: Rules) -> Certificate {
    let exact = in_precision(tree, x, targets, rules, Precision::Double);
    if exact.loss <= SPLIT {
        return exact;
    }
    let single = in_precision(tree, x, targets, rules, Precision::Single);
    if single.loss < exact.loss { single } else { exact }
}

fn in_precision(
    tree: &Tree,
    x: ArrayView2<'_, f64>,
    targets: &Targets,
    rules: Rules,
    precision: Precision,
) -> Certificate {
    let columns = Columns::new(x, precision);
    let mut rule =
        Rule { columns, measure: Measure::new(targets, rules.entropy), rules, precision, root: 0.0 };
    rule.root = rule.measure.impurity(&rule.total(0..x.nrows()));
    let mut found = Certificate { loss: 0.0, finding: String::new(), explained: 1.0 };
    let mut left = 0.0;
    let mut open = vec![(0_usize, 0..x.nrows(), 0_usize)];
    while let Some((node, rows, depth)) = open.pop() {
        let (loss, finding) = match tree.0[node] {
            Node::Leaf { value } => {
                left += rule.measure.impurity(&rule.total(rows.clone()));
                rule.leaf(value, rows, depth)
            }
            Node::Split { feature, threshold, below, above } => {
                let judged = rule.split(feature, threshold, rows.clone(), depth);
                let middle = rows.start + rule.columns.part(feature, threshold, rows.clone());
                open.push((below, rows.start..middle, depth + 1));
                open.push((above, middle..rows.end, depth + 1));
                judged
            }
        };
        if loss > found.loss {
            (found.loss, found.finding) = (loss, finding);
        }
    }
    if rule.root > 0.0 {
        found.explained = 1.0 - left / rule.root;
    }
    found
}

/// The best split of a node.
struct Best {
    gain: f64,
    feature: usize,
    threshold: f64,
}

struct Rule<'a> {
    columns: Columns,
    measure: Measure<'a>,
    rules: Rules,
    precision: Precision,
    /// The root's impurity, times its rows.
    root: f64,
}

impl Rule<'_> {
    fn total(&self, rows: Range<usize>) -> Sums {
        let mut sums = self.measure.none();
        if self.columns.count() > 0 {
            for row in self.columns.sorted(0, rows).0 {
                self.measure.add(&mut sums, *row as usize, 1.0);
            }
        }
        sums
    }

    /// What a split did, as a share of the node's impurity, and what it ought to have done.
    fn split(&self, feature: usize, threshold: f64, rows: Range<usize>, depth: usize) -> (f64, String) {
        let count = rows.len();
        let total = self.total(rows.clone());
        let (order, values) = self.columns.sorted(feature, rows.clone());
        let below = order.iter().take_while(|row| values[**row as usize] <= threshold);
        let mut sums = self.measure.none();
        for row in below {
            self.measure.add(&mut sums, *row as usize, 1.0);
        }
        let size = |sums: &Sums| sums.rows;
        let (low, high) = (size(&sums), size(&total) - size(&sums));
        let place = format!("a node of {count} rows");
        #[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
        let fewest = self.rules.min_leaf as f64;
        if low < fewest || high < fewest {
            return (1.0, format!("{place} is split into {low} and {high} rows, fewer than {fewest}"));
        }
        if depth >= self.rules.max_depth {
            return (1.0, format!("{place} is split at depth {depth}"));
        }
        if count < self.rules.min_split {
            return (1.0, format!("{place} is split, fewer than {}", self.rules.min_split));
        }
        let impurity = self.measure.impurity(&total);
        if impurity <= PURE * self.root {
            return (0.0, String::new());
        }
        let gain = self.measure.gain(&total, &sums);
        let Some(best) = self.best(&total, rows) else { return (0.0, String::new()) };
        let loss = ((best.gain - gain) / impurity).max(0.0);
        let finding = format!(
            "{place} is split by feature {feature} at {threshold}, which takes {:.1} % of its impurity, where feature {} at {} takes {:.1} %",
            100.0 * gain / impurity,
            best.feature,
            best.threshold,
            100.0 * best.gain / impurity,
        );
        (loss, finding)
    }

    /// Whether a leaf had to be one, and says what its rows do.
    fn leaf(&mut self, value: f64, rows: Range<usize>, depth: usize) -> (f64, String) {
        let total = self.total(rows.clone());
        let place = format!("a leaf of {} rows", rows.len());
        if let Some(right) = self.measure.contradicts(&total, value) {
            return (1.0, format!("{place} says {value}, but its rows say {right}"));
        }
        if self.must_be_leaf(&total, depth) || self.best(&total, rows.clone()).is_none() {
            return (0.0, String::new());
        }
        if matches!(self.measure.targets, Targets::Labels(..)) && self.all_say(value, rows, depth) {
            return (0.0, String::new());
        }
        (1.0, format!("{place} could be split"))
    }

    fn must_be_leaf(&self, total: &Sums, depth: usize) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
        let small = total.rows < self.rules.min_split as f64;
        small || depth >= self.rules.max_depth || self.measure.impurity(total) <= PURE * self.root
    }

    /// Whether every leaf that the rule would grow from these rows could say `value`.
    fn all_say(&mut self, value: f64, rows: Range<usize>, depth: usize) -> bool {
        let mut open = vec![(rows, depth)];
        while let Some((rows, depth)) = open.pop() {
            let total = self.total(rows.clone());
            let best = if self.must_be_leaf(&total, depth) { None } else { self.best(&total, rows.clone()) };
            match best {
                None if self.measure.contradicts(&total, value).is_some() => return false,
                None => {}
                Some(best) => {
                    let middle = rows.start + self.columns.part(best.feature, best.threshold, rows.clone());
                    open.push((rows.start..middle, depth + 1));
                    open.push((middle..rows.end, depth + 1));
                }
            }
        }
        true
    }

    fn best(&self, total: &Sums, rows: Range<usize>) -> Option<Best> {
        #[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
        let fewest = self.rules.min_leaf as f64;
        let mut best: Option<Best> = None;
        let mut below = self.measure.none();
        for feature in 0..self.columns.count() {
            let (order, values) = self.columns.sorted(feature, rows.clone());
            below.clear();
            for pair in order.windows(2) {
                self.measure.add(&mut below, pair[0] as usize, 1.0);
                let (low, high) = (values[pair[0] as usize], values[pair[1] as usize]);
                if !self.precision.apart(low, high) || below.rows < fewest || total.rows - below.rows < fewest
                {
                    continue;
                }
                let gain = self.measure.gain(total, &below);
                if best.as_ref().is_none_or(|b| gain > b.gain) {
                    // Neighbours so close that their middle rounds to the upper one are parted by the lower.
                    let middle = low.midpoint(high);
                    let threshold = if middle < high { middle } else { low };
                    best = Some(Best { gain, feature, threshold });
                }
            }
        }
        best
    }
}

/// What a set of rows adds up to: rows by class, or the sum of centred numbers and of their squares.
#[derive(Debug, Clone)]
struct Sums {
    rows: f64,
    counts: Vec<f64>,
    sum: f64,
    squares: f64,
}

impl Sums {
    fn clear(&mut self) {
        self.counts.fill(0.0);
        (self.rows, self.sum, self.squares) = (0.0, 0.0, 0.0);
    }
}

/// Impurity, times the number of rows.
struct Measure<'a> {
    targets: &'a Targets,
    entropy: bool,
    /// The mean of numbers, which is taken off them so that squares keep their digits.
    mean: f64,
    deviation: f64,
}

impl<'a> Measure<'a> {
    fn new(targets: &'a Targets, entropy: bool) -> Self {
        let (mean, deviation) = match targets {
            Targets::Labels(..) => (0.0, 0.0),
            Targets::Numbers(y) => {
                let y = ndarray::ArrayView1::from(y);
                (y.mean().unwrap_or(0.0), y.std(0.0))
            }
        };
        Self { targets, entropy, mean, deviation }
    }

    fn none(&self) -> Sums {
        let classes = if let Targets::Labels(_, classes) = self.targets { *classes } else { 0 };
        Sums { rows: 0.0, counts: vec![0.0; classes], sum: 0.0, squares: 0.0 }
    }

    fn add(&self, sums: &mut Sums, row: usize, weight: f64) {
        sums.rows += weight;
        match self.targets {
            Targets::Labels(labels, _) => sums.counts[labels[row]] += weight,
            Targets::Numbers(y) => {
                let centred = y[row] - self.mean;
                sums.sum += weight * centred;
                sums.squares += weight * centred * centred;
            }
        }
    }

    fn impurity(&self, sums: &Sums) -> f64 {
        if sums.rows == 0.0 {
            return 0.0;
        }
        match self.targets {
            Targets::Labels(..) => self.of_counts(sums.counts.iter().copied(), sums.rows),
            Targets::Numbers(_) => (sums.squares - sums.sum * sums.sum / sums.rows).max(0.0),
        }
    }

    fn of_counts(&self, counts: impl Iterator<Item = f64>, rows: f64) -> f64 {
        if self.entropy {
            counts.filter(|c| *c > 0.0).map(|c| -c * (c / rows).log2()).sum()
        } else {
            rows - counts.map(|c| c * c).sum::<f64>() / rows
        }
    }

    /// What a split takes: the impurity of all rows less that of both parts.
    fn gain(&self, total: &Sums, below: &Sums) -> f64 {
        let above = total.rows - below.rows;
        match self.targets {
            Targets::Labels(..) => {
                let others = total.counts.iter().zip(&below.counts).map(|(t, b)| t - b);
                self.impurity(total) - self.impurity(below) - self.of_counts(others, above)
            }
            // The difference of two sums of squares in the form that does not cancel.
            Targets::Numbers(_) => {
                let difference = below.sum / below.rows - (total.sum - below.sum) / above;
                difference * difference * below.rows * above / total.rows
            }
        }
    }

    /// What the rows say, if `value` is not it: none of their most frequent labels, or not their mean.
    fn contradicts(&self, sums: &Sums, value: f64) -> Option<f64> {
        match self.targets {
            Targets::Labels(..) => {
                let most = sums.counts.iter().copied().fold(0.0, f64::max);
                #[expect(clippy::cast_precision_loss, reason = "a number of classes")]
                let says = |label: usize| (label as f64 - value).abs() < 0.5;
                let right = sums.counts.iter().enumerate().any(|(label, n)| *n >= most && says(label));
                #[expect(clippy::cast_precision_loss, reason = "a number of classes")]
                let first = sums.counts.iter().position(|n| *n >= most).unwrap_or(0) as f64;
                (!right).then_some(first)
            }
            Targets::Numbers(_) => {
                let mean = self.mean + sums.sum / sums.rows;
                let right =
                    (value - mean).abs() <= VALUE * self.deviation.max(f64::EPSILON * self.mean.abs());
                (!right).then_some(mean)
            }
        }
    }
}

#[cfg(test)]
mod tests;
