//! Whether a partition is an answer of agglomerative clustering, whichever way ties are broken.
//!
//! The method starts with every row alone and merges, at each step, the two clusters with the smallest distance, until k are left. Where
//! several pairs have that distance (equal rows, rows on a grid) the method does not say which to take, and implementations differ. So
//! a partition is checked by following its own choices: at each step, among the pairs whose distance is the smallest, one is merged that
//! lies within a cluster of the partition. If that leads to the partition, some way of breaking ties gives it. If no such pair is left
//! and there was no other way to go, the partition contradicts the method. If there was, other ways are tried, up to [`ATTEMPTS`]; where many
//! ties interlock all of them can fail although one of very many would not, so nothing is concluded then.
//!
//! Distances of merged clusters follow Lance and Williams (1967), Ward's on squared distances.

use std::collections::BTreeSet;

use ndarray::{ArrayView2, Axis};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::metrics::squared_distance;

/// The distances are kept as a full matrix: 128 MiB at this many rows.
pub const ROWS: usize = 4000;

/// How many ways of breaking ties are tried among up to [`TRIED_ROWS`] rows; among more it is one.
const ATTEMPTS: u64 = 20;

/// The rows among which more than one way is tried: some seconds at worst.
const TRIED_ROWS: usize = 1000;

/// Two distances are tied if they differ by no more than this, relative to the larger. Updates round once or twice a merge, so after
/// thousands of merges some 1e-13 can have gathered; distances that differ in truth rarely do so by less than 1e-10.
const TIED: f64 = 1e-10;

/// How the distance of two clusters comes from those of their rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linkage {
    /// The increase of the sum of squares about the means.
    Ward,
    /// The largest distance.
    Complete,
    /// The mean distance.
    Average,
    /// The smallest distance.
    Single,
}

impl Linkage {
    /// Every linkage by its name in specs.
    pub const NAMES: [&'static str; 4] = ["ward", "complete", "average", "single"];

    /// The linkage of that name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "ward" => Some(Self::Ward),
            "complete" => Some(Self::Complete),
            "average" => Some(Self::Average),
            "single" => Some(Self::Single),
            _ => None,
        }
    }

    /// The distance of `a ∪ b` to `x`, from those of a and b to x, of a to b, and the sizes of all three.
    fn updated(self, ax: f64, bx: f64, ab: f64, (a, b, x): (f64, f64, f64)) -> f64 {
        match self {
            Self::Ward => ((a + x) * ax + (b + x) * bx - x * ab) / (a + b + x),
            Self::Complete => ax.max(bx),
            Self::Average => (a * ax + b * bx) / (a + b),
            Self::Single => ax.min(bx),
        }
    }
}

/// How following a partition ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Followed {
    /// The method gives this partition.
    Reached {
        /// Whether a tie was broken on the way, so that the partition may be one of several answers.
        tied: bool,
    },
    /// A pair across clusters is nearer than every pair within one, and no tie was broken before.
    Contradicted {
        /// Clusters that were left then.
        left: usize,
        /// By how much nearer, relative to the nearest pair within a cluster.
        nearer: f64,
    },
    /// The ways of breaking ties that were tried do not lead there.
    Undecided,
}

/// A pair of clusters and their distance. The smaller index stands for the merged cluster.
#[derive(Debug, Clone, Copy)]
struct Nearest {
    other: usize,
    distance: f64,
}

const NOTHING: Nearest = Nearest { other: usize::MAX, distance: f64::INFINITY };

/// Follows the partition `labels` [n] of `features` [n, d] in row-major layout until as many clusters are left as it has.
///
/// Each attempt takes time n² d for the distances and about n² for the merges, n³ at worst; see [`ROWS`] for the memory.
pub fn follow(features: ArrayView2<'_, f64>, labels: &[i64], linkage: Linkage) -> Followed {
    let attempts = if labels.len() <= TRIED_ROWS { ATTEMPTS } else { 1 };
    let mut order: Vec<usize> = (0..labels.len()).collect();
    for attempt in 0..attempts {
        // Ties are broken by the order of rows.
        let rows = features.select(Axis(0), &order);
        let names: Vec<i64> = order.iter().map(|i| labels[*i]).collect();
        let followed = Tree::new(rows.view(), &names, linkage).follow();
        if followed != Followed::Undecided {
            return followed;
        }
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(attempt));
    }
    Followed::Undecided
}

struct Tree<'a> {
    linkage: Linkage,
    labels: &'a [i64],
    n: usize,
    /// Distances, squared for Ward, of all pairs of active clusters.
    distances: Vec<f64>,
    sizes: Vec<f64>,
    active: Vec<usize>,
    rows: Vec<Row>,
}

/// The nearest neighbours of one cluster among those after it.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// Within the same cluster of the partition.
    within: Nearest,
    /// In another one.
    across: Nearest,
    any: Nearest,
}

impl<'a> Tree<'a> {
    fn new(features: ArrayView2<'_, f64>, labels: &'a [i64], linkage: Linkage) -> Self {
        let (n, d) = features.dim();
        let values = features.to_slice().expect("features are row-major");
        let at = |i: usize| &values[i * d..(i + 1) * d];
        let mut distances = vec![0.0; n * n];
        for i in 0..n {
            for j in i + 1..n {
                let squared = squared_distance(at(i), at(j));
                let distance = if linkage == Linkage::Ward { squared } else { squared.sqrt() };
                distances[i * n + j] = distance;
                distances[j * n + i] = distance;
            }
        }
        let rows = vec![Row { within: NOTHING, across: NOTHING, any: NOTHING }; n];
        let active = (0..n).collect();
        let mut tree = Self { linkage, labels, n, distances, sizes: vec![1.0; n], active, rows };
        for place in 0..n {
            tree.search(place);
        }
        tree
    }

    fn follow(mut self) -> Followed {
        let clusters = self.labels.iter().collect::<BTreeSet<_>>().len();
        let (mut tied, mut chosen) = (false, false);
        for left in (clusters + 1..=self.n).rev() {
            let within = self.nearest(|row| row.within);
            let any = self.nearest(|row| row.any);
            if within.1.distance > any.1.distance * (1.0 + TIED) {
                if chosen {
                    return Followed::Undecided;
                }
                let nearer = (within.1.distance - any.1.distance) / within.1.distance;
                // With no pair within a cluster there is nothing left to merge.
                return Followed::Contradicted { left, nearer: if nearer.is_nan() { 1.0 } else { nearer } };
            }
            let (a, b) = (within.0, within.1.other);
            let rival = self.rival(a, b, within.1.distance);
            tied |= rival;
            // Which of several equal rows are merged first makes no difference.
            chosen |= rival && within.1.distance > 0.0;
            self.merge(a, b);
        }
        Followed::Reached { tied }
    }

    /// Whether a third cluster is as near to one of two as they are to each other.
    fn rival(&self, a: usize, b: usize, distance: f64) -> bool {
        let reach = distance * (1.0 + TIED);
        let near = |i: usize, x: usize| self.distances[i * self.n + x] <= reach;
        self.active.iter().any(|x| *x != a && *x != b && (near(a, *x) || near(b, *x)))
    }

    /// Finds the neighbours of the active cluster at a place of the list.
    fn search(&mut self, place: usize) {
        let i = self.active[place];
        let row = &self.distances[i * self.n..(i + 1) * self.n];
        let (mut within, mut across) = (NOTHING, NOTHING);
        for j in &self.active[place + 1..] {
            let slot = if self.labels[*j] == self.labels[i] { &mut within } else { &mut across };
            if row[*j] < slot.distance {
                *slot = Nearest { other: *j, distance: row[*j] };
            }
        }
        let any = if within.distance <= across.distance { within } else { across };
        self.rows[i] = Row { within, across, any };
    }

    fn nearest(&self, of: impl Fn(&Row) -> Nearest) -> (usize, Nearest) {
        let mut best = (usize::MAX, NOTHING);
        for i in &self.active {
            let candidate = of(&self.rows[*i]);
            if candidate.distance < best.1.distance {
                best = (*i, candidate);
            }
        }
        best
    }

    /// Merges `b` into `a`, both of one cluster of the partition.
    fn merge(&mut self, a: usize, b: usize) {
        let n = self.n;
        let ab = self.distances[a * n + b];
        let place = self.active.iter().position(|i| *i == b).expect("b is active");
        self.active.remove(place);
        for x in self.active.iter().copied().filter(|x| *x != a) {
            let sizes = (self.sizes[a], self.sizes[b], self.sizes[x]);
            let distance =
                self.linkage.updated(self.distances[a * n + x], self.distances[b * n + x], ab, sizes);
            self.distances[a * n + x] = distance;
            self.distances[x * n + a] = distance;
        }
        self.sizes[a] += self.sizes[b];
        for place in 0..self.active.len() {
            let i = self.active[place];
            let row = self.rows[i];
            let stale = |nearest: Nearest| nearest.other == a || nearest.other == b;
            if i == a || stale(row.within) || stale(row.across) {
                self.search(place);
            } else if i < a {
                // The merged cluster may have come nearer (single linkage, and Ward's and the mean by rounding).
                let candidate = Nearest { other: a, distance: self.distances[i * n + a] };
                let row = &mut self.rows[i];
                let slot = if self.labels[i] == self.labels[a] { &mut row.within } else { &mut row.across };
                if candidate.distance < slot.distance {
                    *slot = candidate;
                    row.any =
                        if row.within.distance <= row.across.distance { row.within } else { row.across };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    const ALL: [Linkage; 4] = [Linkage::Ward, Linkage::Complete, Linkage::Average, Linkage::Single];

    #[test]
    fn the_only_answer_is_reached_and_another_is_not() {
        let x = Array2::from_shape_vec((6, 1), vec![0.0, 0.1, 0.3, 5.0, 5.2, 9.0]).unwrap();
        for linkage in ALL {
            assert_eq!(follow(x.view(), &[0, 0, 0, 1, 1, 2], linkage), Followed::Reached { tied: false });
            let other = follow(x.view(), &[0, 0, 1, 1, 1, 2], linkage);
            assert!(matches!(other, Followed::Contradicted { left: 4, .. }), "{linkage:?}: {other:?}");
            assert!(matches!(follow(x.view(), &[0, 0, 0, 1, 2, 2], linkage), Followed::Contradicted { .. }));
        }
    }

    #[test]
    fn either_way_of_breaking_a_tie_is_an_answer() {
        // The middle row is as far from the left one as from the right one.
        let x = Array2::from_shape_vec((3, 1), vec![-1.0, 0.0, 1.0]).unwrap();
        for linkage in ALL {
            for labels in [[0, 0, 1], [1, 0, 0]] {
                assert_eq!(follow(x.view(), &labels, linkage), Followed::Reached { tied: true });
            }
            assert!(matches!(follow(x.view(), &[0, 1, 0], linkage), Followed::Contradicted { .. }));
        }
    }

    #[test]
    fn equal_rows_and_extreme_partitions_are_followed() {
        let x = Array2::<f64>::ones((5, 2));
        let one = Array2::<f64>::ones((1, 2));
        for linkage in ALL {
            for labels in [[0, 0, 0, 0, 0], [0, 1, 2, 3, 4], [0, 1, 0, 1, 0]] {
                assert!(matches!(follow(x.view(), &labels, linkage), Followed::Reached { .. }));
            }
        }
        assert_eq!(follow(one.view(), &[0], Linkage::Ward), Followed::Reached { tied: false });
    }
}
