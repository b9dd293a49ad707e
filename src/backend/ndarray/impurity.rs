//! The impurities of CART (Breiman et al. 1984, sections 4.3 and 8.3), kept while rows move one by one from above a threshold to below it.
//!
//! A score orders the splits of one node as the impurity that they take would: terms that are the same for all of them are left out.

use std::sync::Arc;

/// A training row as a tree sees it.
#[derive(Debug, Clone, Copy)]
pub struct Sample<T> {
    /// Its number.
    pub row: u32,
    /// How often the tree's sample of the rows has it; at least once.
    pub weight: u32,
    /// The place of its class, or its number less the mean of all.
    pub target: T,
}

/// Sums over a node's rows, and over those of them that are below a threshold.
pub trait Impurity: Clone {
    /// What a row is to be told by.
    type Target: Copy;
    /// Takes the rows of a node, none of them below. Says whether their targets are all equal.
    fn enter(&mut self, samples: impl Iterator<Item = Sample<Self::Target>>) -> bool;
    /// Takes all rows back from below.
    fn clear(&mut self);
    /// Moves a row below.
    fn shift(&mut self, sample: Sample<Self::Target>);
    /// Greater the more impurity is taken by the split between the rows below and the others, both of which there are.
    fn score(&self) -> f64;
    /// What the node says as a leaf: the shares of the classes, or the mean.
    fn say(&self, values: &mut Vec<f64>);
}

/// The impurity of class counts: with a term for each count, it is a function of the terms' sum and of the count of all.
pub trait Index: Clone {
    /// The term of a count.
    fn term(&self, count: u32) -> f64;
    /// The score of two parts, of each of which the sum of terms and the count of all are given.
    fn score(&self, below: (f64, u32), above: (f64, u32)) -> f64;
}

/// The Gini index, 1 - Σ (c / n)².
#[derive(Debug, Clone, Copy)]
pub struct Gini;

impl Index for Gini {
    #[inline]
    fn term(&self, count: u32) -> f64 {
        f64::from(count) * f64::from(count)
    }
    #[inline]
    fn score(&self, below: (f64, u32), above: (f64, u32)) -> f64 {
        let (low, high) = (f64::from(below.1), f64::from(above.1));
        // Both quotients with one division.
        (below.0 * high + above.0 * low) / (low * high)
    }
}

/// The entropy, -Σ c / n · log₂ (c / n). Logarithms are tabulated, since counts are whole.
#[derive(Debug, Clone)]
pub struct Entropy(Arc<[f64]>);

impl Entropy {
    /// For counts up to that of all rows.
    pub fn new(rows: u32) -> Self {
        let term = |count: u32| if count == 0 { 0.0 } else { f64::from(count) * f64::from(count).log2() };
        Self((0..=rows).map(term).collect())
    }
}

impl Index for Entropy {
    #[inline]
    fn term(&self, count: u32) -> f64 {
        self.0[count as usize]
    }
    #[inline]
    fn score(&self, below: (f64, u32), above: (f64, u32)) -> f64 {
        below.0 - self.term(below.1) + above.0 - self.term(above.1)
    }
}

/// Counts of classes.
#[derive(Debug, Clone)]
pub struct Counts<I> {
    index: I,
    /// Rows of each class.
    total: Vec<u32>,
    below: Vec<u32>,
    weight: u32,
    weight_below: u32,
    /// Sums of terms: of the whole node, and of both parts.
    terms: f64,
    terms_below: f64,
    terms_above: f64,
}

impl<I: Index> Counts<I> {
    /// Of so many classes.
    pub fn new(index: I, classes: usize) -> Self {
        let none = vec![0; classes];
        let (terms, terms_below, terms_above) = (0.0, 0.0, 0.0);
        let (weight, weight_below) = (0, 0);
        Self {
            index,
            total: none.clone(),
            below: none,
            weight,
            weight_below,
            terms,
            terms_below,
            terms_above,
        }
    }
}

impl<I: Index> Impurity for Counts<I> {
    type Target = u32;

    fn enter(&mut self, samples: impl Iterator<Item = Sample<u32>>) -> bool {
        self.total.fill(0);
        for sample in samples {
            self.total[sample.target as usize] += sample.weight;
        }
        self.weight = self.total.iter().sum();
        self.terms = self.total.iter().map(|count| self.index.term(*count)).sum();
        self.clear();
        self.total.contains(&self.weight)
    }

    fn clear(&mut self) {
        self.below.fill(0);
        self.weight_below = 0;
        (self.terms_below, self.terms_above) = (0.0, self.terms);
    }

    #[inline]
    fn shift(&mut self, sample: Sample<u32>) {
        let class = sample.target as usize;
        let (low, high) = (self.below[class], self.total[class] - self.below[class]);
        let moved = sample.weight;
        self.terms_below += self.index.term(low + moved) - self.index.term(low);
        self.terms_above -= self.index.term(high) - self.index.term(high - moved);
        self.below[class] = low + moved;
        self.weight_below += moved;
    }

    #[inline]
    fn score(&self) -> f64 {
        let below = (self.terms_below, self.weight_below);
        self.index.score(below, (self.terms_above, self.weight - self.weight_below))
    }

    fn say(&self, values: &mut Vec<f64>) {
        values.extend(self.total.iter().map(|count| f64::from(*count) / f64::from(self.weight)));
    }
}

/// The squared deviation of numbers. Targets come less the mean of all, so that sums keep their digits.
#[derive(Debug, Clone, Copy)]
pub struct Deviation {
    /// What was taken off the targets.
    offset: f64,
    mean: f64,
    weight: f64,
    sum_below: f64,
    weight_below: f64,
}

impl Deviation {
    /// Of targets from which `offset` was taken.
    pub fn new(offset: f64) -> Self {
        Self { offset, mean: 0.0, weight: 0.0, sum_below: 0.0, weight_below: 0.0 }
    }
}

impl Impurity for Deviation {
    type Target = f64;

    fn enter(&mut self, samples: impl Iterator<Item = Sample<f64>>) -> bool {
        let (mut sum, mut weight) = (0.0, 0.0);
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for sample in samples {
            sum += f64::from(sample.weight) * sample.target;
            weight += f64::from(sample.weight);
            (least, most) = (least.min(sample.target), most.max(sample.target));
        }
        (self.mean, self.weight) = (sum / weight, weight);
        self.clear();
        least >= most
    }

    fn clear(&mut self) {
        (self.sum_below, self.weight_below) = (0.0, 0.0);
    }

    #[inline]
    fn shift(&mut self, sample: Sample<f64>) {
        let weight = f64::from(sample.weight);
        self.sum_below += weight * (sample.target - self.mean);
        self.weight_below += weight;
    }

    /// With sums less the node's mean, those of both parts are opposite, and both quotients are one.
    #[inline]
    fn score(&self) -> f64 {
        self.sum_below * self.sum_below / (self.weight_below * (self.weight - self.weight_below))
    }

    fn say(&self, values: &mut Vec<f64>) {
        values.push(self.offset + self.mean);
    }
}
