//! Ranks of values, ties sharing their mean rank.

/// Each value's rank from 1, and the tie term `Σ (t³ − t)` over groups of t equal values.
pub(super) fn ranks(values: &[f64]) -> (Vec<f64>, f64) {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|i, j| values[*i].total_cmp(&values[*j]));
    let mut ranks = vec![0.0; values.len()];
    let mut tie_term = 0.0;
    let mut before = 0;
    // Zero and negative zero are equal, and total_cmp puts them side by side.
    for tied in order.chunk_by(|i, j| values[*i] == values[*j]) {
        let t = tied.len() as f64;
        for i in tied {
            ranks[*i] = before as f64 + 0.5 * (t + 1.0);
        }
        tie_term += t * t * t - t;
        before += tied.len();
    }
    (ranks, tie_term)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_their_mean_rank() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0, 3.0]), (vec![4.0, 1.0, 4.0, 2.0, 4.0], 24.0));
        assert_eq!(ranks(&[0.0, -0.0]), (vec![1.5, 1.5], 6.0));
        assert_eq!(ranks(&[]), (vec![], 0.0));
    }
}
