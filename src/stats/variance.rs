//! Tests that groups have equal variance.
//!
//! Levene (1960), in "Contributions to Probability and Statistics", 278–292; Brown & Forsythe (1974), Journal of the
//! American Statistical Association 69, 364–367, who take the median, robust against skewness.

use super::TestResult;
use super::describe::{mean_of, median_of_sorted, sorted};
use super::distribution::f_sf;
use super::error::{StatsError, check_sample, finite};

/// Levene's W, deviations taken from the means, and its p-value by F with k − 1 and N − k degrees of freedom.
///
/// # Errors
/// If there are fewer than 2 groups, one has fewer than 2 values or one that is not finite, or the deviations do not
/// vary within any group (as with groups of two).
pub fn levene(groups: &[impl AsRef<[f64]>]) -> Result<TestResult, StatsError> {
    test(groups, mean_of)
}

/// The same with deviations from the medians.
///
/// # Errors
/// As [`levene`].
pub fn brown_forsythe(groups: &[impl AsRef<[f64]>]) -> Result<TestResult, StatsError> {
    test(groups, |values| median_of_sorted(&sorted(values)))
}

fn test(groups: &[impl AsRef<[f64]>], center: impl Fn(&[f64]) -> f64) -> Result<TestResult, StatsError> {
    if groups.len() < 2 {
        return Err(StatsError::TooFew { needed: 2, got: groups.len() });
    }
    let mut deviations = Vec::with_capacity(groups.len());
    let mut largest = 0.0_f64;
    for group in groups {
        let group = group.as_ref();
        check_sample(group, 2)?;
        let center = finite("a group's center", center(group))?;
        deviations.push(group.iter().map(|x| (x - center).abs()).collect::<Vec<_>>());
        largest = group.iter().fold(largest, |largest, x| largest.max(x.abs()));
    }
    let all = deviations.concat();
    let (k, n) = (groups.len() as f64, all.len() as f64);
    let overall = mean_of(&all);
    let between: f64 = deviations.iter().map(|z| z.len() as f64 * (mean_of(z) - overall).powi(2)).sum();
    let within: f64 = deviations.iter().flat_map(|z| z.iter().map(|x| (x - mean_of(z)).powi(2))).sum();
    if (within / n).sqrt() <= 4.0 * f64::EPSILON * largest {
        return Err(StatsError::NoSpread { statistic: "the spread of deviations" });
    }
    finite("the spread of deviations", within)?;
    let statistic = finite("W", (n - k) / (k - 1.0) * between / within)?;
    Ok(TestResult { statistic, p_value: f_sf(statistic, k - 1.0, n - k) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{Case, agrees, agrees_or_fails};

    #[test]
    fn equals_scipy() {
        for case in Case::all(include_str!("../../tests/reference/several.json")) {
            let groups = case.samples("groups");
            for (key, got) in [("levene", levene(&groups)), ("brown_forsythe", brown_forsythe(&groups))] {
                agrees_or_fails(&case, key, got.clone().map(|got| got.statistic), 1e-8);
                if let Ok(got) = got {
                    agrees(&case, &format!("{key}_p"), got.p_value, 1e-8);
                }
            }
        }
    }

    #[test]
    fn refuses_what_it_cannot_test() {
        assert_eq!(levene(&[[1.0, 2.0]]), Err(StatsError::TooFew { needed: 2, got: 1 }));
        assert_eq!(levene(&[vec![1.0, 2.0], vec![1.0]]), Err(StatsError::TooFew { needed: 2, got: 1 }));
        let infinite = brown_forsythe(&[[1.0, 2.0, 3.0], [f64::INFINITY, 1.0, 2.0]]);
        assert!(matches!(infinite, Err(StatsError::NonFinite { index: 0, .. })));
        assert!(matches!(levene(&[[1.0; 3], [2.0; 3]]), Err(StatsError::NoSpread { .. })));
    }
}
