//! Several treatments at once, by ranks, and which pairs of them differ.

use super::TestResult;
use super::correction::holm;
use super::distribution::{chi_square_sf, normal_cdf, studentized_range_sf};
use super::error::{StatsError, check_sample};
use super::ranks::ranks;

/// The Friedman test that no treatment tends to larger values. Rows are blocks, columns treatments.
///
/// Friedman (1937), Journal of the American Statistical Association 32, 675–701; chi-square with k − 1 degrees of
/// freedom, corrected for ties.
///
/// # Errors
/// If there are fewer than 2 blocks or 3 treatments, blocks differ in length, a value is not finite, or every block
/// is tied throughout.
pub fn friedman(blocks: &[impl AsRef<[f64]>]) -> Result<TestResult, StatsError> {
    let (mean_ranks, tie_term) = mean_ranks(blocks)?;
    let (n, k) = (blocks.len() as f64, mean_ranks.len() as f64);
    let correction = 1.0 - tie_term / (n * k * (k * k - 1.0));
    if correction <= 0.0 {
        return Err(StatsError::NoSpread { statistic: "Friedman's statistic" });
    }
    let spread: f64 = mean_ranks.iter().map(|rank| (rank - 0.5 * (k + 1.0)).powi(2)).sum();
    let statistic = 12.0 * n / (k * (k + 1.0)) * spread / correction;
    Ok(TestResult { statistic, p_value: chi_square_sf(statistic, k - 1.0) })
}

/// Two treatments compared after Friedman's test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The first treatment's column, from 0.
    pub first: usize,
    /// The second's, larger.
    pub second: usize,
    /// The first's mean rank less the second's.
    pub rank_difference: f64,
    /// The p-value, corrected for all pairs.
    pub p_value: f64,
}

/// Nemenyi's comparison of all pairs: the studentised range on mean ranks. Demšar (2006), "Statistical comparisons of
/// classifiers over multiple data sets", Journal of Machine Learning Research 7, 1–30, section 3.2.2.
///
/// # Errors
/// As [`friedman`], except that ties throughout are allowed: then no pair differs.
pub fn nemenyi(blocks: &[impl AsRef<[f64]>]) -> Result<Vec<Pair>, StatsError> {
    let (pairs, standard_error, k) = rank_differences(blocks)?;
    let p_value = |pair: &Pair| {
        let q = pair.rank_difference.abs() / standard_error * std::f64::consts::SQRT_2;
        studentized_range_sf(q, k)
    };
    Ok(pairs.into_iter().map(|pair| Pair { p_value: p_value(&pair), ..pair }).collect())
}

/// The comparison of all pairs by normal tests on mean ranks with Holm's correction (Demšar 2006, section 3.2.2;
/// García & Herrera 2008, Journal of Machine Learning Research 9, 2677–2694).
///
/// # Errors
/// As [`nemenyi`].
pub fn friedman_holm(blocks: &[impl AsRef<[f64]>]) -> Result<Vec<Pair>, StatsError> {
    let (pairs, standard_error, _) = rank_differences(blocks)?;
    let raw: Vec<f64> =
        pairs.iter().map(|pair| 2.0 * normal_cdf(-pair.rank_difference.abs() / standard_error)).collect();
    let corrected = holm(&raw)?;
    Ok(pairs.into_iter().zip(corrected).map(|(pair, p_value)| Pair { p_value, ..pair }).collect())
}

/// All pairs of treatments, p-values still open, the standard error of a difference of mean ranks, and k.
fn rank_differences(blocks: &[impl AsRef<[f64]>]) -> Result<(Vec<Pair>, f64, usize), StatsError> {
    let (mean_ranks, _) = mean_ranks(blocks)?;
    let k = mean_ranks.len();
    let standard_error = ((k * (k + 1)) as f64 / (6.0 * blocks.len() as f64)).sqrt();
    let pair = |(first, second)| {
        let rank_difference = mean_ranks[first] - mean_ranks[second];
        Pair { first, second, rank_difference, p_value: 1.0 }
    };
    let pairs = (0..k).flat_map(|first| (first + 1..k).map(move |second| (first, second)));
    Ok((pairs.map(pair).collect(), standard_error, k))
}

/// The treatments' mean ranks over blocks, and the blocks' tie terms added up.
fn mean_ranks(blocks: &[impl AsRef<[f64]>]) -> Result<(Vec<f64>, f64), StatsError> {
    if blocks.len() < 2 {
        return Err(StatsError::TooFew { needed: 2, got: blocks.len() });
    }
    let k = blocks[0].as_ref().len();
    let mut sums = vec![0.0; k];
    let mut tie_terms = 0.0;
    for block in blocks {
        let block = block.as_ref();
        if block.len() != k {
            return Err(StatsError::UnequalLengths { first: k, second: block.len() });
        }
        check_sample(block, 3)?;
        let (ranks, tie_term) = ranks(block);
        sums.iter_mut().zip(ranks).for_each(|(sum, rank)| *sum += rank);
        tie_terms += tie_term;
    }
    Ok((sums.into_iter().map(|sum| sum / blocks.len() as f64).collect(), tie_terms))
}

/// The Kruskal–Wallis test that no group tends to larger values.
///
/// Kruskal & Wallis (1952), Journal of the American Statistical Association 47, 583–621; chi-square with k − 1 degrees
/// of freedom, corrected for ties.
///
/// # Errors
/// If there are fewer than 2 groups, one is empty or holds a value that is not finite, or all values are equal.
pub fn kruskal_wallis(groups: &[impl AsRef<[f64]>]) -> Result<TestResult, StatsError> {
    if groups.len() < 2 {
        return Err(StatsError::TooFew { needed: 2, got: groups.len() });
    }
    for group in groups {
        check_sample(group.as_ref(), 1)?;
    }
    let all: Vec<f64> = groups.iter().flat_map(|group| group.as_ref().iter().copied()).collect();
    let n = all.len() as f64;
    let (ranks, tie_term) = ranks(&all);
    let correction = 1.0 - tie_term / (n * n * n - n);
    if correction <= 0.0 {
        return Err(StatsError::NoSpread { statistic: "H" });
    }
    let mut rest = ranks.as_slice();
    let spread: f64 = groups
        .iter()
        .map(|group| {
            let (own, others) = rest.split_at(group.as_ref().len());
            rest = others;
            let size = own.len() as f64;
            size * (own.iter().sum::<f64>() / size - 0.5 * (n + 1.0)).powi(2)
        })
        .sum();
    let statistic = 12.0 / (n * (n + 1.0)) * spread / correction;
    Ok(TestResult { statistic, p_value: chi_square_sf(statistic, groups.len() as f64 - 1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{Case, agrees, agrees_all, agrees_or_fails};

    #[test]
    fn equals_scipy_and_scikit_posthocs() {
        for case in Case::all(include_str!("../../tests/reference/several.json")) {
            let groups = case.samples("groups");
            let check = |key: &str, got: Result<TestResult, StatsError>| {
                agrees_or_fails(&case, key, got.clone().map(|got| got.statistic), 1e-8);
                if let Ok(got) = got {
                    agrees(&case, &format!("{key}_p"), got.p_value, 1e-8);
                }
            };
            check("kruskal_wallis", kruskal_wallis(&groups));
            // Friedman's blocks are rows across the groups, where those are of one length.
            let rows = groups[0].len();
            if groups.iter().any(|group| group.len() != rows) {
                continue;
            }
            let blocks: Vec<Vec<f64>> =
                (0..rows).map(|i| groups.iter().map(|group| group[i]).collect()).collect();
            check("friedman", friedman(&blocks));
            if !case.is_undefined("nemenyi") {
                let p = |pairs: Vec<Pair>| pairs.iter().map(|pair| pair.p_value).collect::<Vec<_>>();
                agrees_all(&case, "nemenyi", &p(nemenyi(&blocks).unwrap()), 1e-8);
                agrees_all(&case, "friedman_holm", &p(friedman_holm(&blocks).unwrap()), 1e-8);
            }
        }
    }

    #[test]
    fn refuses_what_it_cannot_test() {
        assert_eq!(friedman(&[[1.0, 2.0, 3.0]]), Err(StatsError::TooFew { needed: 2, got: 1 }));
        assert_eq!(friedman(&[[1.0, 2.0], [2.0, 1.0]]), Err(StatsError::TooFew { needed: 3, got: 2 }));
        let ragged = friedman(&[vec![1.0, 2.0, 3.0], vec![1.0, 2.0]]);
        assert_eq!(ragged, Err(StatsError::UnequalLengths { first: 3, second: 2 }));
        assert!(matches!(friedman(&[[2.0; 3], [1.0; 3]]), Err(StatsError::NoSpread { .. })));
        assert!(matches!(nemenyi(&[[1.0, 2.0, f64::NAN]; 2]), Err(StatsError::NonFinite { index: 2, .. })));
        assert!(nemenyi(&[[2.0; 3], [1.0; 3]]).unwrap().iter().all(|pair| pair.p_value > 1.0 - 1e-12));
        assert!(matches!(kruskal_wallis(&[[2.0; 3], [2.0; 3]]), Err(StatsError::NoSpread { .. })));
        assert_eq!(kruskal_wallis(&[vec![], vec![1.0]]), Err(StatsError::TooFew { needed: 1, got: 0 }));
    }
}
