//! Which cluster of one answer is which of another: clusters have no names of their own.

use std::collections::BTreeMap;

use super::metrics::NOISE;

/// A one-to-one matching of the labels of two answers on the same rows. Noise is matched with noise alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Matching(BTreeMap<i64, i64>);

impl Matching {
    /// Matches clusters by the rows they share, those that share most first. Where the two partitions are equal up to a few rows this
    /// is the matching that leaves the fewest rows different.
    pub fn of(a: &[i64], b: &[i64]) -> Self {
        let mut shared: BTreeMap<(i64, i64), usize> = BTreeMap::new();
        for (x, y) in a.iter().zip(b).filter(|(x, y)| **x != NOISE && **y != NOISE) {
            *shared.entry((*x, *y)).or_default() += 1;
        }
        let mut pairs: Vec<_> = shared.into_iter().collect();
        pairs.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let mut matched = BTreeMap::from([(NOISE, NOISE)]);
        let mut taken = vec![NOISE];
        for ((x, y), _) in pairs {
            if !matched.contains_key(&x) && !taken.contains(&y) {
                matched.insert(x, y);
                taken.push(y);
            }
        }
        Self(matched)
    }

    /// The label of the second answer for a cluster of the first.
    pub fn of_first(&self, label: i64) -> Option<i64> {
        self.0.get(&label).copied()
    }

    /// Places where the two answers differ, the names of clusters apart.
    pub fn differing(&self, a: &[i64], b: &[i64]) -> Vec<usize> {
        let differs = |i: &usize| self.of_first(a[*i]) != Some(b[*i]);
        (0..a.len().min(b.len())).filter(differs).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differing(a: &[i64], b: &[i64]) -> Vec<usize> {
        Matching::of(a, b).differing(a, b)
    }

    #[test]
    fn other_names_are_no_difference() {
        assert_eq!(differing(&[0, 0, 1, 2, -1], &[2, 2, 0, 1, -1]), Vec::<usize>::new());
    }

    #[test]
    fn noise_and_a_cluster_are_different_things() {
        assert_eq!(differing(&[0, 0, -1, -1], &[1, 1, 0, 0]), [2, 3]);
        assert_eq!(differing(&[0, 0, 0], &[-1, -1, -1]), [0, 1, 2]);
    }

    #[test]
    fn a_cluster_that_is_split_or_moved_differs_where_it_does() {
        assert_eq!(differing(&[0, 0, 0, 0, 1], &[5, 5, 5, 6, 7]), [3]);
        assert_eq!(differing(&[0, 0, 1, 1, 1], &[0, 0, 0, 1, 1]), [2]);
        assert_eq!(differing(&[0, 1, 2, 3], &[0, 0, 0, 0]).len(), 3);
    }
}
