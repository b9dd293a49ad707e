//! The rows of a tree in the order of a feature, node by node: sorted in each node for the features that it draws ([`Drawn`]), or, where
//! nodes search many features, sorted once and parted from node to node ([`Kept`]).

use std::ops::Range;

use super::impurity::Sample;
use super::ranks::Ranks;

/// A row's rank in the upper half, and its place among the samples in the lower.
pub type Pair = u64;

/// The rank of a pair.
#[inline]
pub fn rank(pair: Pair) -> u32 {
    (pair >> 32) as u32
}

/// The place of a pair.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is meant")]
pub fn place(pair: Pair) -> usize {
    pair as u32 as usize
}

/// Where the rows of a tree are. A node is a range of them.
pub trait Orders<'r, T: Copy> {
    /// The samples of a tree, all of them in the root.
    fn new(ranks: &'r Ranks, samples: Vec<Sample<T>>) -> Self;
    /// The samples of a node, whose parent was split by `feature`.
    fn samples(&self, node: Range<usize>, feature: usize) -> impl Iterator<Item = Sample<T>>;
    /// All samples, and the pairs of a node in the order of a feature; none where its ranks are all equal.
    fn sorted(&mut self, node: Range<usize>, feature: usize) -> Option<(&[Sample<T>], &[Pair])>;
    /// Parts a node: those first whose rank is at most `low`. Says how many they are. Its children will be asked for `live` features alone.
    fn part(&mut self, node: Range<usize>, feature: usize, low: u32, live: &[u32]) -> usize;
}

/// Sorts what is drawn.
#[derive(Debug)]
pub struct Drawn<'r, T> {
    ranks: &'r Ranks,
    samples: Vec<Sample<T>>,
    sorter: Sorter,
}

impl<'r, T: Copy> Orders<'r, T> for Drawn<'r, T> {
    fn new(ranks: &'r Ranks, samples: Vec<Sample<T>>) -> Self {
        Self { ranks, samples, sorter: Sorter::default() }
    }

    fn samples(&self, node: Range<usize>, _: usize) -> impl Iterator<Item = Sample<T>> {
        self.samples[node].iter().copied()
    }

    fn sorted(&mut self, node: Range<usize>, feature: usize) -> Option<(&[Sample<T>], &[Pair])> {
        let several = self.sorter.sort(&self.samples, node, self.ranks.of(feature));
        several.then_some((&self.samples, &self.sorter.pairs))
    }

    fn part(&mut self, node: Range<usize>, feature: usize, low: u32, _: &[u32]) -> usize {
        let (samples, ranks) = (&mut self.samples[node], self.ranks.of(feature));
        let mut count = 0;
        for i in 0..samples.len() {
            if ranks[samples[i].row as usize] <= low {
                samples.swap(i, count);
                count += 1;
            }
        }
        count
    }
}

/// Keeps all orders.
#[derive(Debug)]
pub struct Kept<T> {
    samples: Vec<Sample<T>>,
    /// Feature by feature.
    pairs: Vec<Vec<Pair>>,
    /// Of each sample, 1 if it goes below.
    below: Vec<u8>,
    spare: Vec<Pair>,
}

impl<'r, T: Copy> Orders<'r, T> for Kept<T> {
    fn new(ranks: &'r Ranks, samples: Vec<Sample<T>>) -> Self {
        let mut sorter = Sorter::default();
        let pairs = (0..ranks.features()).map(|feature| {
            sorter.sort(&samples, 0..samples.len(), ranks.of(feature));
            std::mem::take(&mut sorter.pairs)
        });
        Self { pairs: pairs.collect(), below: vec![0; samples.len()], spare: vec![0; samples.len()], samples }
    }

    fn samples(&self, node: Range<usize>, feature: usize) -> impl Iterator<Item = Sample<T>> {
        self.pairs[feature][node].iter().map(|pair| self.samples[place(*pair)])
    }

    fn sorted(&mut self, node: Range<usize>, feature: usize) -> Option<(&[Sample<T>], &[Pair])> {
        let pairs = &self.pairs[feature][node];
        let several = rank(pairs[0]) < rank(pairs[pairs.len() - 1]);
        several.then_some((&self.samples, pairs))
    }

    fn part(&mut self, node: Range<usize>, feature: usize, low: u32, live: &[u32]) -> usize {
        let own = &self.pairs[feature][node.clone()];
        let count = own.partition_point(|pair| rank(*pair) <= low);
        for (i, pair) in own.iter().enumerate() {
            self.below[place(*pair)] = u8::from(i < count);
        }
        for other in live.iter().map(|other| *other as usize).filter(|other| *other != feature) {
            let pairs = &mut self.pairs[other][node.clone()];
            // Every pair is written to both sides, so that no branch is to be foretold.
            let (mut below, mut above) = (0, 0);
            for i in 0..pairs.len() {
                let pair = pairs[i];
                let goes = usize::from(self.below[place(pair)]);
                pairs[below] = pair;
                self.spare[above] = pair;
                below += goes;
                above += 1 - goes;
            }
            pairs[below..].copy_from_slice(&self.spare[..above]);
        }
        count
    }
}

/// Sorts rows by their ranks.
#[derive(Debug, Default)]
struct Sorter {
    pairs: Vec<Pair>,
    spare: Vec<Pair>,
    counts: Vec<u32>,
}

/// Fewer rows are compared, more are counted by digits of their ranks.
const COMPARED: usize = 32;

/// The bits of a digit, where one for all of a rank would have more values than twice the rows.
const DIGIT: u32 = 8;

impl Sorter {
    /// Makes the pairs of a node in order; says whether there are several ranks.
    fn sort<T>(&mut self, samples: &[Sample<T>], node: Range<usize>, ranks: &[u32]) -> bool {
        let (mut low, mut high) = (u32::MAX, 0);
        self.pairs.clear();
        self.pairs.extend(samples[node.clone()].iter().zip(node.start as u64..).map(|(sample, place)| {
            let rank = ranks[sample.row as usize];
            (low, high) = (low.min(rank), high.max(rank));
            u64::from(rank) << 32 | place
        }));
        if self.pairs.len() < COMPARED {
            self.pairs.sort_unstable();
        } else if low < high {
            let bits = u32::BITS - (high - low).leading_zeros();
            let dense = (high - low) as usize <= 2 * self.pairs.len();
            let digit = if dense { bits } else { bits.div_ceil(bits.div_ceil(DIGIT)) };
            for shift in (0..bits).step_by(digit as usize) {
                self.pass(low, shift, digit);
            }
        }
        low < high
    }

    /// Sorts by one digit and keeps the order of those that agree in it.
    fn pass(&mut self, low: u32, shift: u32, digit: u32) {
        let mask = (1_usize << digit) - 1;
        let of = |pair: Pair| ((rank(pair) - low) >> shift) as usize & mask;
        self.counts.clear();
        self.counts.resize(mask + 1, 0);
        for pair in &self.pairs {
            self.counts[of(*pair)] += 1;
        }
        let mut first = 0;
        for count in &mut self.counts {
            first += std::mem::replace(count, first);
        }
        self.spare.resize(self.pairs.len(), 0);
        for pair in &self.pairs {
            let next = &mut self.counts[of(*pair)];
            self.spare[*next as usize] = *pair;
            *next += 1;
        }
        std::mem::swap(&mut self.pairs, &mut self.spare);
    }
}
