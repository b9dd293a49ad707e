//! How long single calls take: the percentiles that services promise.

use super::StatsError;
use super::describe::{quantile_of_sorted, sorted};
use super::error::check_sample;

/// Percentiles of the times of single calls, in their unit, by [`describe::quantile`](super::describe::quantile).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// Of 20 calls and more.
    pub p95: Option<f64>,
    /// Of 100 calls and more.
    pub p99: Option<f64>,
}

/// With fewer calls there is no percentile but the median.
pub const FEWEST_CALLS: usize = 20;

/// The latency of some calls. A percentile that not even one call in so many is expected to exceed is absent: it would be the largest value
/// under another name.
///
/// # Errors
/// If the sample is empty or holds a value that is not finite.
pub fn latency(calls: &[f64]) -> Result<Latency, StatsError> {
    check_sample(calls, 1)?;
    let sorted = sorted(calls);
    let of = |q, least| (sorted.len() >= least).then(|| quantile_of_sorted(&sorted, q));
    Ok(Latency { p50: quantile_of_sorted(&sorted, 0.5), p95: of(0.95, FEWEST_CALLS), p99: of(0.99, 100) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1, 2 … n, the largest first.
    fn counted(n: u32) -> Vec<f64> {
        (1..=n).rev().map(f64::from).collect()
    }

    #[test]
    fn percentiles_are_numpys() {
        // numpy.percentile(range(1, 101), [50, 95, 99])
        let found = latency(&counted(100)).unwrap();
        assert_eq!((found.p50, found.p95), (50.5, Some(95.05)));
        assert!((found.p99.unwrap() - 99.01).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn percentiles_that_too_few_calls_can_show_are_absent() {
        let shown = |n| latency(&counted(n)).map(|l| (l.p95.is_some(), l.p99.is_some())).unwrap();
        assert_eq!(
            [1, 19, 20, 99, 100].map(shown),
            [(false, false), (false, false), (true, false), (true, false), (true, true)]
        );
        assert!(latency(&[]).is_err());
        assert!(latency(&[1.0, f64::NAN]).is_err());
    }
}
