//! Tests of two samples by ranks and signs, two-sided.

use super::TestResult;
use super::distribution::{beta_cdf, normal_cdf};
use super::error::{StatsError, check_sample, differences};
use super::ranks::ranks;

/// Wilcoxon's statistic has its exact distribution up to this many differences.
const EXACT_DIFFERENCES: usize = 50;
/// Mann–Whitney's has it, without ties, if the smaller sample has no more values than this.
const EXACT_SMALLER: usize = 8;

/// A test by ranks, and whether its p-value is exact or by the normal approximation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankTest {
    /// The statistic and its two-sided p-value.
    pub result: TestResult,
    /// Whether the p-value is from the statistic's exact distribution.
    pub exact: bool,
}

/// The Mann–Whitney U test that neither sample tends to larger values. The statistic is U of `a`: the number of pairs
/// in which `a` is larger, ties counting half.
///
/// Mann & Whitney (1947), Annals of Mathematical Statistics 18, 50–60. As in `SciPy`, exact if there are no ties and
/// the smaller sample has at most 8 values; else the normal approximation, corrected for ties and continuity.
///
/// # Errors
/// If a sample is empty, holds a value that is not finite, or all values of both are equal.
pub fn mann_whitney(a: &[f64], b: &[f64]) -> Result<RankTest, StatsError> {
    check_sample(a, 1)?;
    check_sample(b, 1)?;
    let (ranks, tie_term) = ranks(&[a, b].concat());
    let (na, nb) = (a.len() as f64, b.len() as f64);
    let n = na + nb;
    let u = ranks[..a.len()].iter().sum::<f64>() - 0.5 * na * (na + 1.0);
    let larger = u.max(na * nb - u);
    let variance = na * nb / 12.0 * (n + 1.0 - tie_term / (n * (n - 1.0)));
    if variance <= 0.0 {
        return Err(StatsError::NoSpread { statistic: "U" });
    }
    let exact = tie_term == 0.0 && a.len().min(b.len()) <= EXACT_SMALLER;
    let tail = if exact {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, without ties")]
        let smaller = (na * nb - larger) as usize;
        mann_whitney_cdf(smaller, a.len().min(b.len()), a.len().max(b.len()))
    } else {
        normal_cdf(-(larger - 0.5 * na * nb - 0.5) / variance.sqrt())
    };
    Ok(RankTest { result: TestResult { statistic: u, p_value: (2.0 * tail).min(1.0) }, exact })
}

/// `P(U ≤ u)` without ties. The number of arrangements with each U are the coefficients of the Gaussian binomial
/// `Π_{i=1..m} (1 − q^{n+i}) / (1 − q^i)` (their recursion, as a generating function).
fn mann_whitney_cdf(u: usize, m: usize, n: usize) -> f64 {
    let mut counts = vec![0.0; u + 1];
    counts[0] = 1.0;
    let mut total = 1.0;
    for i in 1..=m {
        for j in (n + i..=u).rev() {
            counts[j] -= counts[j - n - i];
        }
        for j in i..=u {
            counts[j] += counts[j - i];
        }
        total *= (n + i) as f64 / i as f64;
    }
    counts.iter().sum::<f64>() / total
}

/// The Wilcoxon signed-rank test that the differences `a − b` are symmetric about 0. The statistic is the smaller of
/// the sums of positive and negative ranks.
///
/// Wilcoxon (1945), Biometrics Bulletin 1, 80–83. Zero differences are dropped, as he did and as is `SciPy`'s
/// default. The p-value is exact up to 50 differences, given their ties; beyond, the normal approximation corrected
/// for ties, without continuity correction. `SciPy` is exact with ties or zeros only up to 13.
///
/// # Errors
/// If the samples differ in length, are empty, hold a value that is not finite, or all differences are 0.
pub fn wilcoxon(a: &[f64], b: &[f64]) -> Result<RankTest, StatsError> {
    let mut differences = differences(a, b, 1)?;
    differences.retain(|d| *d != 0.0);
    if differences.is_empty() {
        return Err(StatsError::NoSpread { statistic: "the signed-rank statistic" });
    }
    let sizes: Vec<f64> = differences.iter().map(|d| d.abs()).collect();
    let (ranks, tie_term) = ranks(&sizes);
    let positive: f64 = ranks.iter().zip(&differences).filter(|(_, d)| **d > 0.0).map(|(rank, _)| rank).sum();
    let n = ranks.len() as f64;
    let statistic = positive.min(0.5 * n * (n + 1.0) - positive);
    let exact = ranks.len() <= EXACT_DIFFERENCES;
    let tail = if exact {
        signed_rank_cdf(statistic, &ranks)
    } else {
        let variance = (n * (n + 1.0) * (2.0 * n + 1.0) - 0.5 * tie_term) / 24.0;
        normal_cdf((statistic - 0.25 * n * (n + 1.0)) / variance.sqrt())
    };
    Ok(RankTest { result: TestResult { statistic, p_value: (2.0 * tail).min(1.0) }, exact })
}

/// `P(W ≤ w)` when each rank is in the sum W with probability one half. Mean ranks of ties are halves, so sums of
/// doubled ranks are whole and their distribution is a convolution.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "doubled ranks are whole and positive"
)]
fn signed_rank_cdf(w: f64, ranks: &[f64]) -> f64 {
    let largest = (2.0 * w) as usize;
    let mut probabilities = vec![0.0; largest + 1];
    probabilities[0] = 1.0;
    for rank in ranks {
        let doubled = (2.0 * rank) as usize;
        for sum in (0..=largest).rev() {
            let with = if sum >= doubled { probabilities[sum - doubled] } else { 0.0 };
            probabilities[sum] = 0.5 * (probabilities[sum] + with);
        }
    }
    probabilities.iter().sum()
}

/// The sign test that `a − b` is as often positive as negative. The statistic is the number of positive differences;
/// zeros are dropped (Dixon & Mood 1946, Journal of the American Statistical Association 41, 557–566). Exact.
///
/// # Errors
/// If the samples differ in length, are empty, hold a value that is not finite, or all differences are 0.
pub fn sign(a: &[f64], b: &[f64]) -> Result<TestResult, StatsError> {
    let differences = differences(a, b, 1)?;
    let count = |keep: fn(&f64) -> bool| differences.iter().filter(|d| keep(d)).count() as f64;
    let (positive, negative) = (count(|d| *d > 0.0), count(|d| *d < 0.0));
    if positive + negative == 0.0 {
        return Err(StatsError::NoSpread { statistic: "the sign statistic" });
    }
    // P(X ≤ k) of the binomial with n and one half is I_{1/2}(n − k, k + 1).
    let (fewer, more) = (positive.min(negative), positive.max(negative));
    let tail = beta_cdf(more, fewer + 1.0, 0.5, 0.5);
    Ok(TestResult { statistic: positive, p_value: (2.0 * tail).min(1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{Case, agrees, agrees_or_fails};

    #[test]
    fn equals_scipy() {
        for case in Case::all(include_str!("../../tests/reference/two_samples.json")) {
            let (a, b) = (case.sample("a"), case.sample("b"));
            let check = |key: &str, got: Result<TestResult, StatsError>| {
                agrees_or_fails(&case, key, got.clone().map(|got| got.statistic), 1e-10);
                if let Ok(got) = got {
                    agrees(&case, &format!("{key}_p"), got.p_value, 1e-8);
                }
            };
            check("mann_whitney", mann_whitney(&a, &b).map(|got| got.result));
            check("wilcoxon", wilcoxon(&a, &b).map(|got| got.result));
            check("sign", sign(&a, &b));
        }
    }

    #[test]
    fn exact_where_promised() {
        let a: Vec<f64> = (0..60).map(|i| f64::from(i * i)).collect();
        let b: Vec<f64> = (0..60).map(|i| f64::from(i * i) + f64::from(i % 7) - 2.5).collect();
        assert!(mann_whitney(&a[..8], &b).unwrap().exact && !mann_whitney(&a[..9], &b).unwrap().exact);
        assert!(!mann_whitney(&a[..5], &a).unwrap().exact);
        assert!(wilcoxon(&a[..50], &b[..50]).unwrap().exact && !wilcoxon(&a[..51], &b[..51]).unwrap().exact);
    }

    #[test]
    fn refuses_what_it_cannot_test() {
        assert_eq!(mann_whitney(&[], &[1.0]), Err(StatsError::TooFew { needed: 1, got: 0 }));
        assert!(matches!(mann_whitney(&[f64::NAN], &[1.0]), Err(StatsError::NonFinite { .. })));
        assert!(matches!(mann_whitney(&[2.0, 2.0], &[2.0]), Err(StatsError::NoSpread { .. })));
        assert!(matches!(wilcoxon(&[2.0, 1.0], &[2.0, 1.0]), Err(StatsError::NoSpread { .. })));
        assert_eq!(wilcoxon(&[2.0], &[]), Err(StatsError::UnequalLengths { first: 1, second: 0 }));
        assert!(matches!(sign(&[2.0], &[2.0]), Err(StatsError::NoSpread { .. })));
        assert!(matches!(sign(&[f64::INFINITY], &[2.0]), Err(StatsError::NonFinite { .. })));
    }
}
