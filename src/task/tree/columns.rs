//! The rows of every node, sorted by every feature: sorted once, then parted from node to node.

use ndarray::ArrayView2;

/// The precision in which features are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// As they are.
    Double,
    /// As scikit-learn: rounded to float32, where values that lie no more than 1e-7 apart count as one (`FEATURE_THRESHOLD` in
    /// `sklearn/tree/_partitioner.pyx`).
    Single,
}

impl Precision {
    /// A value as it is compared.
    pub fn of(self, x: f64) -> f64 {
        match self {
            Self::Double => x,
            #[expect(clippy::cast_possible_truncation, reason = "that is what is rounded")]
            Self::Single => f64::from(x as f32),
        }
    }

    /// Whether a split may lie between two neighbours in order.
    pub fn apart(self, low: f64, high: f64) -> bool {
        match self {
            Self::Double => high > low,
            #[expect(clippy::cast_possible_truncation, reason = "both are float32 already, as is the sum")]
            Self::Single => high as f32 > low as f32 + 1e-7,
        }
    }
}

/// Values by column, and the rows in the order of each column's values.
#[derive(Debug)]
pub struct Columns {
    values: Vec<Vec<f64>>,
    order: Vec<Vec<u32>>,
    below: Vec<bool>,
    spare: Vec<u32>,
}

impl Columns {
    /// Sorts `x` [n, d] by every column.
    pub fn new(x: ArrayView2<'_, f64>, precision: Precision) -> Self {
        let rows = u32::try_from(x.nrows()).expect("rows are counted in 32 bits");
        let values: Vec<Vec<f64>> =
            x.columns().into_iter().map(|c| c.iter().map(|v| precision.of(*v)).collect()).collect();
        let sorted = |column: &Vec<f64>| {
            let mut order: Vec<u32> = (0..rows).collect();
            order.sort_by(|a, b| column[*a as usize].total_cmp(&column[*b as usize]));
            order
        };
        let order = values.iter().map(sorted).collect();
        Self { values, order, below: vec![false; x.nrows()], spare: Vec::new() }
    }

    /// The number of columns.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// Row numbers of a node in the order of a column, with the column's values by row number.
    pub fn sorted(&self, column: usize, rows: std::ops::Range<usize>) -> (&[u32], &[f64]) {
        (&self.order[column][rows], &self.values[column])
    }

    /// Parts a node's rows: those whose value is at most the threshold come first. Says how many.
    pub fn part(&mut self, column: usize, threshold: f64, rows: std::ops::Range<usize>) -> usize {
        let mut count = 0;
        for row in &self.order[column][rows.clone()] {
            let is_below = self.values[column][*row as usize] <= threshold;
            self.below[*row as usize] = is_below;
            count += usize::from(is_below);
        }
        for order in &mut self.order {
            self.spare.clear();
            let node = &mut order[rows.clone()];
            let mut next = 0;
            for i in 0..node.len() {
                let row = node[i];
                if self.below[row as usize] {
                    node[next] = row;
                    next += 1;
                } else {
                    self.spare.push(row);
                }
            }
            node[next..].copy_from_slice(&self.spare);
        }
        count
    }
}
