//! What DBSCAN's definition says of single rows (Ester, Kriegel, Sander and Xu 1996, section 3).
//!
//! A row with at least `min_samples` rows within `eps`, itself among them, is a core row. Core rows within `eps` of each other share a
//! cluster. Another row within `eps` of a core row is a border row: it belongs to the cluster of one of them, and the definition does
//! not say which. The rest is noise.

use std::cell::RefCell;
use std::collections::HashMap;

use ndarray::ArrayView2;

use super::metrics::{NOISE, squared_distance};

/// Distances this near `eps`, relative to it, may fall on either side: implementations compute a distance as the root of a sum of
/// squares or from scalar products, which differ by some hundred roundings at most.
const ROUNDING: f64 = 1e-12;

/// Rows with the two parameters of DBSCAN. What one row needs is computed when it is asked for, in time n d.
#[derive(Debug)]
pub struct Neighbours<'a> {
    features: ArrayView2<'a, f64>,
    eps: f64,
    min_samples: usize,
    known: RefCell<HashMap<usize, Row>>,
}

/// The surroundings of one row.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    /// Rows within `eps`, itself among them; `bool` says that rounding decides.
    near: Vec<(usize, bool)>,
}

/// What is known of a yes-or-no question that rounding may decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// A distance is too near `eps`.
    Rounding,
}

impl<'a> Neighbours<'a> {
    /// Features [n, d] in row-major layout, `eps` in their unit.
    pub fn new(features: ArrayView2<'a, f64>, eps: f64, min_samples: usize) -> Self {
        Self { features, eps, min_samples, known: RefCell::default() }
    }

    fn row(&self, i: usize) -> Row {
        if let Some(row) = self.known.borrow().get(&i) {
            return row.clone();
        }
        let d = self.features.ncols();
        let values = self.features.to_slice().expect("features are row-major");
        let at = |i: usize| &values[i * d..(i + 1) * d];
        let (below, above) = (self.eps * (1.0 - ROUNDING), self.eps * (1.0 + ROUNDING));
        let near = (0..self.features.nrows())
            .filter_map(|j| {
                let distance = squared_distance(at(i), at(j)).sqrt();
                (distance <= above).then_some((j, distance > below && i != j))
            })
            .collect();
        let row = Row { near };
        self.known.borrow_mut().insert(i, row.clone());
        row
    }

    /// Whether a row is a core row.
    pub fn is_core(&self, i: usize) -> Known {
        let row = self.row(i);
        let sure = row.near.iter().filter(|(_, rounding)| !rounding).count();
        if sure >= self.min_samples {
            Known::Yes
        } else if row.near.len() >= self.min_samples {
            Known::Rounding
        } else {
            Known::No
        }
    }

    /// Why a row cannot have the label it has, given the labels of the others; `None` if it can.
    pub fn fault(&self, i: usize, labels: &[i64]) -> Option<Fault> {
        let label = labels[i];
        let row = self.row(i);
        match self.is_core(i) {
            Known::Rounding => None,
            Known::Yes if label == NOISE => Some(Fault::CoreAsNoise),
            Known::Yes => {
                let elsewhere = |(j, rounding): &(usize, bool)| {
                    !rounding && labels[*j] != label && self.is_core(*j) == Known::Yes
                };
                row.near.iter().any(elsewhere).then_some(Fault::CoreRowsApart)
            }
            Known::No if label == NOISE => {
                let reached = |(j, rounding): &(usize, bool)| !rounding && self.is_core(*j) == Known::Yes;
                row.near.iter().any(reached).then_some(Fault::BorderAsNoise)
            }
            Known::No => {
                let reached = |(j, _): &(usize, bool)| labels[*j] == label && self.is_core(*j) != Known::No;
                (!row.near.iter().any(reached)).then_some(Fault::OutOfReach)
            }
        }
    }

    /// Two core rows with one label that no chain of core rows joins, each within `eps` of the next. It looks at every row, in time n² d.
    pub fn unjoined(&self, labels: &[i64]) -> Option<(usize, usize)> {
        let mut seen = vec![false; labels.len()];
        let mut first: HashMap<i64, usize> = HashMap::new();
        for start in 0..labels.len() {
            if seen[start] || self.is_core(start) != Known::Yes {
                continue;
            }
            if let Some(other) = first.insert(labels[start], start) {
                return Some((other, start));
            }
            seen[start] = true;
            let mut waiting = vec![start];
            while let Some(i) = waiting.pop() {
                for (j, _) in self.row(i).near {
                    // What rounding decides may join.
                    if !seen[j] && self.is_core(j) != Known::No {
                        seen[j] = true;
                        waiting.push(j);
                    }
                }
            }
        }
        None
    }
}

/// Why a label contradicts the definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A core row is called noise.
    CoreAsNoise,
    /// A core row is in another cluster than a core row within `eps`.
    CoreRowsApart,
    /// A row within `eps` of a core row is called noise.
    BorderAsNoise,
    /// A row is in a cluster none of whose core rows is within `eps`.
    OutOfReach,
}

impl Fault {
    /// The fault as a phrase.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::CoreAsNoise => "is a core row, but called noise",
            Self::CoreRowsApart => "is a core row in another cluster than a core row within eps",
            Self::BorderAsNoise => "is within eps of a core row, but called noise",
            Self::OutOfReach => "is in a cluster none of whose core rows is within eps",
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    /// Two groups on a line with one row between them that both reach, and one far away.
    fn line() -> Array2<f64> {
        Array2::from_shape_vec((8, 1), vec![0.0, 0.1, 0.2, 1.0, 1.8, 1.9, 2.0, 9.0]).unwrap()
    }

    #[test]
    fn the_definition_decides_every_row() {
        let x = line();
        let neighbours = Neighbours::new(x.view(), 0.85, 4);
        assert_eq!(neighbours.is_core(2), Known::Yes);
        assert_eq!(neighbours.is_core(0), Known::No);
        let labels = [0, 0, 0, 0, 1, 1, 1, -1];
        assert!((0..8).all(|i| neighbours.fault(i, &labels).is_none()));
        // Row 3 is within reach of both groups' core rows, but has only three rows around it.
        let other = [0, 0, 0, 1, 1, 1, 1, -1];
        assert!((0..8).all(|i| neighbours.fault(i, &other).is_none()));
        let fault = |i: usize, label: i64| {
            let mut changed = labels;
            changed[i] = label;
            neighbours.fault(i, &changed)
        };
        assert_eq!(fault(2, -1), Some(Fault::CoreAsNoise));
        assert_eq!(fault(0, -1), Some(Fault::BorderAsNoise));
        assert_eq!(fault(0, 1), Some(Fault::OutOfReach));
        assert_eq!(fault(7, 0), Some(Fault::OutOfReach));
    }

    #[test]
    fn core_rows_within_reach_share_a_cluster() {
        let x = Array2::from_shape_vec((4, 1), vec![0.0, 0.5, 1.0, 1.5]).unwrap();
        let neighbours = Neighbours::new(x.view(), 0.6, 2);
        assert_eq!(neighbours.fault(1, &[0, 0, 1, 1]), Some(Fault::CoreRowsApart));
        assert_eq!(neighbours.fault(1, &[0, 0, 0, 0]), None);
        assert_eq!(neighbours.unjoined(&[0, 0, 0, 0]), None);
        let x = Array2::from_shape_vec((4, 1), vec![0.0, 0.5, 2.0, 2.5]).unwrap();
        let neighbours = Neighbours::new(x.view(), 0.6, 2);
        assert_eq!(neighbours.unjoined(&[0, 0, 0, 0]), Some((0, 2)));
        assert_eq!(neighbours.unjoined(&[0, 0, 1, 1]), None);
    }

    #[test]
    fn nothing_is_held_against_a_row_whose_distance_rounds_to_eps() {
        let x = Array2::from_shape_vec((2, 1), vec![0.0, 0.1 + 0.2]).unwrap();
        let neighbours = Neighbours::new(x.view(), 0.3, 2);
        assert_eq!(neighbours.is_core(0), Known::Rounding);
        assert_eq!(neighbours.fault(0, &[-1, -1]), None);
        assert_eq!(neighbours.fault(0, &[0, 0]), None);
    }
}
