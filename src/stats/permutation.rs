//! Permutation tests, two-sided: p-values that assume exchangeability and no distribution.
//!
//! Exact where every rearrangement can be tried; else from seeded random ones, with
//! `p = (b + 1) / (m + 1)`: Phipson & Smyth (2010), "Permutation p-values should never be zero", Statistical
//! Applications in Genetics and Molecular Biology 9, article 39.

use rand::RngExt;

use super::TestResult;
use super::bootstrap::Resampling;
use super::describe::mean_of;
use super::error::{StatsError, check_sample, differences, finite};

/// Pairs up to which all 2ⁿ sign flips are tried.
const EXACT_PAIRS: usize = 20;
/// The number of ways to divide two samples up to which all are tried.
const EXACT_DIVISIONS: f64 = 200_000.0;

/// A permutation test, and whether every rearrangement was tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PermutationTest {
    /// The difference of means, in the sample's unit, and its two-sided p-value.
    pub result: TestResult,
    /// Whether the p-value is exact. If not, it comes from as many random rearrangements as were asked for.
    pub exact: bool,
}

/// The test that each difference `a − b` is as likely with the other sign: Fisher (1935), "The Design of
/// Experiments", section 21. Exact up to 20 pairs.
///
/// # Errors
/// If the samples differ in length, are empty, hold a value that is not finite, or all differences are 0; if no
/// resamples are asked for.
pub fn paired(a: &[f64], b: &[f64], resampling: Resampling) -> Result<PermutationTest, StatsError> {
    let differences = differences(a, b, 1)?;
    resampling.check()?;
    if differences.iter().all(|d| *d == 0.0) {
        return Err(StatsError::NoSpread { statistic: "the sign-flip statistic" });
    }
    let total: f64 = differences.iter().sum();
    let sizes: Vec<f64> = differences.iter().map(|d| d.abs()).collect();
    // Sums that are equal but for rounding count as equal. The sums over all signs are symmetric about 0, so their
    // size alone is compared, and the first sign can stay.
    let as_extreme = total.abs() - 1e-14 * finite("the sum of differences", sizes.iter().sum())?;
    let exact = sizes.len() <= EXACT_PAIRS;
    let p_value = if exact {
        count_sums(&sizes[1..], sizes[0], as_extreme) as f64 / f64::from(1_u32 << (sizes.len() - 1))
    } else {
        let mut generator = resampling.generator();
        let hits = (0..resampling.resamples).filter(|_| {
            let sum: f64 = sizes.iter().map(|d| if generator.random() { *d } else { -d }).sum();
            sum.abs() >= as_extreme
        });
        (hits.count() + 1) as f64 / (resampling.resamples + 1) as f64
    };
    let statistic = finite("the mean difference", total / sizes.len() as f64)?;
    Ok(PermutationTest { result: TestResult { statistic, p_value }, exact })
}

/// How many of the sums `start ± s₀ ± s₁ …` are at least `as_extreme` in size.
fn count_sums(sizes: &[f64], start: f64, as_extreme: f64) -> usize {
    match sizes {
        [] => usize::from(start.abs() >= as_extreme),
        [first, rest @ ..] => {
            count_sums(rest, start + first, as_extreme) + count_sums(rest, start - first, as_extreme)
        }
    }
}

/// The test that the values could have fallen to either sample: Pitman (1937), Supplement to the Journal of the Royal
/// Statistical Society 4, 119–130. The statistic is `mean(a) − mean(b)`; as in `SciPy`, the p-value is twice the
/// smaller tail. Exact while there are at most 200 000 ways to divide the values.
///
/// # Errors
/// If a sample is empty or holds a value that is not finite, or all values are equal; if no resamples are asked for.
pub fn two_sample(a: &[f64], b: &[f64], resampling: Resampling) -> Result<PermutationTest, StatsError> {
    check_sample(a, 1)?;
    check_sample(b, 1)?;
    resampling.check()?;
    let mut pooled = [a, b].concat();
    if pooled.iter().all(|x| *x == pooled[0]) {
        return Err(StatsError::NoSpread { statistic: "the difference of means" });
    }
    let statistic = finite("the difference of means", mean_of(a) - mean_of(b))?;
    // With all values fixed the difference of means grows with the sum of the first sample, which is compared.
    let observed: f64 = a.iter().sum();
    let rounding = 1e-14 * finite("the sum of values", pooled.iter().map(|x| x.abs()).sum())?;
    let mut tails = Tails { low: observed + rounding, high: observed - rounding, below: 0, above: 0 };
    let exact = divisions(pooled.len(), a.len()) <= EXACT_DIVISIONS;
    let p_value = if exact {
        tails.count_divisions(&pooled, a.len(), 0.0);
        let smaller = tails.below.min(tails.above) as f64;
        2.0 * smaller / divisions(pooled.len(), a.len())
    } else {
        let mut generator = resampling.generator();
        for _ in 0..resampling.resamples {
            for i in 0..a.len() {
                let j = generator.random_range(i..pooled.len());
                pooled.swap(i, j);
            }
            tails.count(pooled[..a.len()].iter().sum());
        }
        2.0 * (tails.below.min(tails.above) + 1) as f64 / (resampling.resamples + 1) as f64
    };
    Ok(PermutationTest { result: TestResult { statistic, p_value: p_value.min(1.0) }, exact })
}

/// The binomial coefficient `n over k`, exact while small.
fn divisions(n: usize, k: usize) -> f64 {
    (1..=k).fold(1.0, |product, i| product * (n - k + i) as f64 / i as f64)
}

struct Tails {
    low: f64,
    high: f64,
    below: usize,
    above: usize,
}

impl Tails {
    fn count(&mut self, sum: f64) {
        self.below += usize::from(sum <= self.low);
        self.above += usize::from(sum >= self.high);
    }

    /// Counts the sum of each choice of k of the values, on top of `sum`.
    fn count_divisions(&mut self, values: &[f64], k: usize, sum: f64) {
        if k == 0 {
            return self.count(sum);
        }
        for i in 0..=values.len() - k {
            self.count_divisions(&values[i + 1..], k - 1, sum + values[i]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{Case, agrees, agrees_or_fails};

    const RESAMPLING: Resampling = Resampling { resamples: 20_000, seed: 7 };

    #[test]
    fn exact_ones_equal_scipy() {
        for case in Case::all(include_str!("../../tests/reference/two_samples.json")) {
            let (a, b) = (case.sample("a"), case.sample("b"));
            let got = [
                ("permutation_paired", paired(&a, &b, RESAMPLING)),
                ("permutation_two_sample", two_sample(&a, &b, RESAMPLING)),
            ];
            for (key, got) in got {
                if got.as_ref().is_ok_and(|got| !got.exact) {
                    assert!(case.is_undefined(&format!("{key}_p")), "{key} of {}", case.name);
                    continue;
                }
                agrees_or_fails(&case, key, got.clone().map(|got| got.result.statistic), 1e-8);
                if let Ok(got) = got {
                    agrees(&case, &format!("{key}_p"), got.result.p_value, 1e-10);
                }
            }
        }
    }

    #[test]
    fn random_ones_come_near_the_t_tests() {
        // For many nearly normal values Student's tests and the permutation tests agree.
        let a: Vec<f64> = (0..60).map(|i| f64::from(i * 37 % 60)).collect();
        let b: Vec<f64> = (0..60).map(|i| f64::from(i * 23 % 60) + 5.0).collect();
        let got = paired(&a, &b, RESAMPLING).unwrap();
        let want = super::super::t_test::paired(&a, &b).unwrap();
        assert!(!got.exact && (got.result.p_value - want.result.p_value).abs() < 0.01, "{got:?} {want:?}");
        let got = two_sample(&a, &b, RESAMPLING).unwrap();
        let want = super::super::t_test::student(&a, &b).unwrap();
        assert!(!got.exact && (got.result.p_value - want.result.p_value).abs() < 0.02, "{got:?} {want:?}");
        assert_eq!(got, two_sample(&a, &b, RESAMPLING).unwrap());
        assert_ne!(got, two_sample(&a, &b, Resampling { seed: 8, ..RESAMPLING }).unwrap());
    }

    #[test]
    fn refuses_what_it_cannot_test() {
        assert!(matches!(paired(&[1.0], &[1.0], RESAMPLING), Err(StatsError::NoSpread { .. })));
        assert!(matches!(two_sample(&[1.0], &[1.0], RESAMPLING), Err(StatsError::NoSpread { .. })));
        assert_eq!(two_sample(&[], &[1.0], RESAMPLING), Err(StatsError::TooFew { needed: 1, got: 0 }));
        assert!(matches!(paired(&[f64::NAN], &[1.0], RESAMPLING), Err(StatsError::NonFinite { .. })));
        let none = Resampling { resamples: 0, seed: 0 };
        assert!(matches!(paired(&[2.0], &[1.0], none), Err(StatsError::Parameter { .. })));
    }
}
