//! Features as the ranks of their values, found once for all nodes and trees.
//!
//! CART asks of a feature only in which order it puts the rows, and where equal values are. Ranks keep exactly that (nothing is binned),
//! sort as whole numbers, and by counting where a node's ranks lie close together.

use ndarray::ArrayView2;

/// The ranks of every feature's values.
#[derive(Debug)]
pub struct Ranks {
    rows: usize,
    /// Feature by feature, a rank for each row.
    of_rows: Vec<u32>,
    /// The distinct values of each feature, ascending.
    values: Vec<Vec<f64>>,
}

impl Ranks {
    /// Ranks finite features [n, d].
    ///
    /// # Errors
    /// There are more rows than 32 bits count.
    pub fn new(x: ArrayView2<'_, f64>) -> Result<Self, String> {
        let (rows, features) = x.dim();
        let count = u32::try_from(rows).map_err(|_| format!("{rows} rows are more than 32 bits count"))?;
        let mut of_rows = vec![0; rows * features];
        let mut values = Vec::with_capacity(features);
        let mut sorted: Vec<(f64, u32)> = Vec::with_capacity(rows);
        for (column, ranks) in x.columns().into_iter().zip(of_rows.chunks_exact_mut(rows.max(1))) {
            sorted.clear();
            sorted.extend(column.iter().copied().zip(0..count));
            sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
            let (mut distinct, mut rank) = (Vec::new(), 0);
            for (value, row) in &sorted {
                // Both zeros are one value.
                if distinct.last().is_some_and(|last| value > last) {
                    rank += 1;
                    distinct.push(*value);
                } else if distinct.is_empty() {
                    distinct.push(*value);
                }
                ranks[*row as usize] = rank;
            }
            values.push(distinct);
        }
        Ok(Self { rows, of_rows, values })
    }

    /// The number of features.
    pub fn features(&self) -> usize {
        self.values.len()
    }

    /// A rank for each row.
    pub fn of(&self, feature: usize) -> &[u32] {
        &self.of_rows[feature * self.rows..][..self.rows]
    }

    /// Halfway between the values of two ranks; the lower value where halfway is rounded to the upper one.
    pub fn threshold(&self, feature: usize, low: u32, high: u32) -> f64 {
        let (low, high) = (self.values[feature][low as usize], self.values[feature][high as usize]);
        let middle = low.midpoint(high);
        if middle < high { middle } else { low }
    }
}
