//! P-values corrected for being many: the smallest level at which each hypothesis of the family is rejected.
//!
//! All take p-values in any order and return the corrected ones in that order.

use super::error::StatsError;

/// `min(1, m p)`: the family-wise error under any dependence (Bonferroni 1936; Dunn 1961, Journal of the American
/// Statistical Association 56, 52–64).
///
/// # Errors
/// If there is no p-value, or one is not in [0, 1].
pub fn bonferroni(p_values: &[f64]) -> Result<Vec<f64>, StatsError> {
    check(p_values)?;
    Ok(p_values.iter().map(|p| (p * p_values.len() as f64).min(1.0)).collect())
}

/// Holm's step-down: the same error as [`bonferroni`] and never less power (Holm 1979, Scandinavian Journal of
/// Statistics 6, 65–70).
///
/// # Errors
/// As [`bonferroni`].
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>, StatsError> {
    let order = increasing(p_values)?;
    let m = p_values.len();
    let mut corrected = vec![0.0; m];
    let mut so_far = 0.0_f64;
    for (rank, i) in order.into_iter().enumerate() {
        so_far = so_far.max(p_values[i] * (m - rank) as f64).min(1.0);
        corrected[i] = so_far;
    }
    Ok(corrected)
}

/// Benjamini & Hochberg's step-up: the false discovery rate of independent or positively dependent tests (1995,
/// Journal of the Royal Statistical Society B 57, 289–300).
///
/// # Errors
/// As [`bonferroni`].
pub fn benjamini_hochberg(p_values: &[f64]) -> Result<Vec<f64>, StatsError> {
    step_up(p_values, 1.0)
}

/// Benjamini & Yekutieli's: the false discovery rate under any dependence (2001, Annals of Statistics 29, 1165–1188).
///
/// # Errors
/// As [`bonferroni`].
pub fn benjamini_yekutieli(p_values: &[f64]) -> Result<Vec<f64>, StatsError> {
    step_up(p_values, (1..=p_values.len()).map(|i| 1.0 / i as f64).sum())
}

fn step_up(p_values: &[f64], factor: f64) -> Result<Vec<f64>, StatsError> {
    let order = increasing(p_values)?;
    let m = p_values.len() as f64;
    let mut corrected = vec![0.0; p_values.len()];
    let mut so_far = 1.0_f64;
    for (rank, i) in order.into_iter().enumerate().rev() {
        so_far = so_far.min(p_values[i] * (factor * m / (rank + 1) as f64));
        corrected[i] = so_far;
    }
    Ok(corrected)
}

fn increasing(p_values: &[f64]) -> Result<Vec<usize>, StatsError> {
    check(p_values)?;
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|i, j| p_values[*i].total_cmp(&p_values[*j]));
    Ok(order)
}

fn check(p_values: &[f64]) -> Result<(), StatsError> {
    if p_values.is_empty() {
        return Err(StatsError::TooFew { needed: 1, got: 0 });
    }
    match p_values.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        Some(p) => Err(StatsError::Parameter { name: "a p-value", allowed: "in [0, 1]", value: *p }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{Case, agrees_all};
    use proptest::prelude::*;

    #[test]
    fn equals_statsmodels() {
        for case in Case::all(include_str!("../../tests/reference/correction.json")) {
            let p = case.sample("p");
            agrees_all(&case, "bonferroni", &bonferroni(&p).unwrap(), 1e-12);
            agrees_all(&case, "holm", &holm(&p).unwrap(), 1e-12);
            agrees_all(&case, "benjamini_hochberg", &benjamini_hochberg(&p).unwrap(), 1e-12);
            agrees_all(&case, "benjamini_yekutieli", &benjamini_yekutieli(&p).unwrap(), 1e-12);
        }
    }

    #[test]
    fn refuses_what_is_no_probability() {
        for correct in [bonferroni, holm, benjamini_hochberg, benjamini_yekutieli] {
            assert_eq!(correct(&[]), Err(StatsError::TooFew { needed: 1, got: 0 }));
            for bad in [f64::NAN, -0.1, 1.1] {
                assert!(matches!(correct(&[0.5, bad]), Err(StatsError::Parameter { .. })));
            }
        }
    }

    proptest! {
        #[test]
        fn corrections_are_ordered(p in prop::collection::vec(0.0..=1.0, 1..40)) {
            let (b, h) = (bonferroni(&p).unwrap(), holm(&p).unwrap());
            let (bh, by) = (benjamini_hochberg(&p).unwrap(), benjamini_yekutieli(&p).unwrap());
            for i in 0..p.len() {
                prop_assert!(p[i] <= bh[i] && bh[i] <= h[i] * (1.0 + 1e-12) && h[i] <= b[i] && bh[i] <= by[i]);
            }
        }
    }
}
