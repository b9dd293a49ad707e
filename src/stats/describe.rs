//! Descriptive statistics of one sample.

use super::error::{StatsError, check_sample};

/// The middle value, or the mean of the two middle ones.
///
/// # Errors
/// If the sample is empty or holds a value that is not finite.
pub fn median(values: &[f64]) -> Result<f64, StatsError> {
    check_sample(values, 1)?;
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    // Halved before they are added, so that the largest floats do not overflow.
    Ok(if sorted.len() % 2 == 1 { sorted[middle] } else { 0.5 * sorted[middle - 1] + 0.5 * sorted[middle] })
}

/// `Σ x / n`; the sample is not empty.
pub(super) fn mean_of(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// `√(Σ (x − x̄)² / (n − 1))`; the sample has two values or more.
pub(super) fn standard_deviation_of(values: &[f64]) -> f64 {
    let mean = mean_of(values);
    let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

/// The values in increasing order; all are finite.
pub(super) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_odd_and_even() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Ok(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Ok(2.5));
        assert_eq!(median(&[f64::MAX, f64::MAX]), Ok(f64::MAX));
        assert_eq!(median(&[]), Err(StatsError::TooFew { needed: 1, got: 0 }));
        assert!(matches!(median(&[0.0, f64::NAN]), Err(StatsError::NonFinite { index: 1, .. })));
    }
}
