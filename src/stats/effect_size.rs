//! Effect sizes with intervals.

use statrs::function::gamma::ln_gamma;

use super::distribution::{normal_quantile, t_critical};
use super::error::{StatsError, check_open_unit, check_sample, finite};
use super::solve::root;
use super::t_test::{self, TTest};
use super::{Interval, noncentral_t};

/// An effect size without unit, and its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EffectSize {
    /// The size found.
    pub estimate: f64,
    /// Its interval at level 1 − alpha.
    pub interval: Interval,
}

impl EffectSize {
    fn map(self, increasing: impl Fn(f64) -> f64) -> Self {
        Self { estimate: increasing(self.estimate), interval: self.interval.map(increasing) }
    }
}

/// Cohen's d of two samples: the difference of means over the pooled standard deviation. Its interval inverts the
/// noncentral t distribution, exact for normal samples of equal variance: Steiger & Fouladi (1997), in "What If There
/// Were No Significance Tests?", 221–257; Cumming & Finch (2001), Educational and Psychological Measurement 61,
/// 532–574.
///
/// # Errors
/// As [`t_test::student`], and if `alpha` is not between 0 and 1.
pub fn cohens_d(a: &[f64], b: &[f64], alpha: f64) -> Result<EffectSize, StatsError> {
    let test = t_test::student(a, b)?;
    let scale = (1.0 / a.len() as f64 + 1.0 / b.len() as f64).sqrt();
    Ok(noncentrality(&test, alpha)?.map(|noncentrality| noncentrality * scale))
}

/// Cohen's d of pairs (`d_z`): the mean difference over the standard deviation of the differences; interval as
/// [`cohens_d`].
///
/// # Errors
/// As [`t_test::paired`], and if `alpha` is not between 0 and 1.
pub fn cohens_d_paired(a: &[f64], b: &[f64], alpha: f64) -> Result<EffectSize, StatsError> {
    let scale = 1.0 / (a.len() as f64).sqrt();
    Ok(noncentrality(&t_test::paired(a, b)?, alpha)?.map(|noncentrality| noncentrality * scale))
}

/// Hedges' g of two samples: Cohen's d without its small-sample bias, and its interval likewise scaled by
/// `J = Γ(df/2) / (√(df/2) Γ((df − 1)/2))`. Hedges (1981), Journal of Educational Statistics 6, 107–128;
/// the exact factor, where many take `1 − 3 / (4 df − 1)`.
///
/// # Errors
/// As [`cohens_d`].
pub fn hedges_g(a: &[f64], b: &[f64], alpha: f64) -> Result<EffectSize, StatsError> {
    let d = cohens_d(a, b, alpha)?;
    let half_df = 0.5 * (a.len() + b.len() - 2) as f64;
    let j = (ln_gamma(half_df) - ln_gamma(half_df - 0.5)).exp() / half_df.sqrt();
    Ok(d.map(|d| j * d))
}

/// The noncentralities at which a t as large, or as small, as the one found has probability α/2.
fn noncentrality(test: &TTest, alpha: f64) -> Result<EffectSize, StatsError> {
    check_open_unit("alpha", alpha)?;
    let (t, df) = (test.result.statistic, test.degrees_of_freedom);
    // Twice the standard error of t as an estimate of the noncentrality, for large samples.
    let reach = finite("the effect size", 2.0 * (1.0 + 0.5 * t * t / df).sqrt())?;
    let bound = |p: f64| {
        // The distribution function falls in the noncentrality.
        let excess = |noncentrality: f64| p - noncentral_t::cdf(t, df, noncentrality);
        let mut reach = reach;
        while excess(t - reach) > 0.0 || excess(t + reach) < 0.0 {
            reach *= 2.0;
        }
        root(excess, t - reach, t + reach)
    };
    let interval = Interval { low: bound(1.0 - 0.5 * alpha), high: bound(0.5 * alpha) };
    Ok(EffectSize { estimate: t, interval })
}

/// Cliff's delta: `P(a > b) − P(a < b)` over all pairs of values, in [−1, 1].
///
/// Cliff (1993), Psychological Bulletin 114, 494–509, with his unbiased variance, kept above
/// `(1 − δ²) / (n₁ n₂ − 1)`. The interval is Feng & Cliff's (2004, Journal of Modern Applied Statistical Methods 3,
/// 322–332): asymmetric, with t of n₁ + n₂ − 2 degrees of freedom. Where δ is ±1, its other end is their
/// `±(n − z²) / (n + z²)`, with n the size of the smaller sample.
///
/// # Errors
/// If a sample has fewer than 2 values or one that is not finite, or `alpha` is not between 0 and 1.
pub fn cliffs_delta(a: &[f64], b: &[f64], alpha: f64) -> Result<EffectSize, StatsError> {
    check_sample(a, 2)?;
    check_sample(b, 2)?;
    check_open_unit("alpha", alpha)?;
    let (na, nb) = (a.len() as f64, b.len() as f64);
    let sign = |x: f64, y: f64| f64::from(i8::from(x > y) - i8::from(x < y));
    let rows: Vec<f64> = a.iter().map(|x| b.iter().map(|y| sign(*x, *y)).sum::<f64>() / nb).collect();
    let columns: Vec<f64> = b.iter().map(|y| a.iter().map(|x| sign(*x, *y)).sum::<f64>() / na).collect();
    let delta = rows.iter().sum::<f64>() / na;
    if delta.abs() == 1.0 {
        let (n, z) = (na.min(nb), normal_quantile(0.5 * alpha));
        let inner = (n - z * z) / (n + z * z);
        let interval = if delta > 0.0 {
            Interval { low: inner, high: 1.0 }
        } else {
            Interval { low: -1.0, high: -inner }
        };
        return Ok(EffectSize { estimate: delta, interval });
    }
    let squares = |means: &[f64]| means.iter().map(|mean| (mean - delta).powi(2)).sum::<f64>();
    let cells: f64 = a.iter().flat_map(|x| b.iter().map(move |y| (sign(*x, *y) - delta).powi(2))).sum();
    let unbiased = (nb * nb * squares(&rows) + na * na * squares(&columns) - cells)
        / (na * nb * (na - 1.0) * (nb - 1.0));
    let variance = unbiased.max((1.0 - delta * delta) / (na * nb - 1.0));
    let t2_s2 = t_critical(alpha, na + nb - 2.0).powi(2) * variance;
    let bound = |side: f64| {
        let half_width = (t2_s2 * ((1.0 - delta * delta).powi(2) + t2_s2)).sqrt();
        (delta - delta.powi(3) + side * half_width) / (1.0 - delta * delta + t2_s2)
    };
    Ok(EffectSize { estimate: delta, interval: Interval { low: bound(-1.0), high: bound(1.0) } })
}

/// Vargha & Delaney's A: `P(a > b) + P(a = b) / 2`, in [0, 1], which is `(δ + 1) / 2` of Cliff's delta (2000, Journal
/// of Educational and Behavioral Statistics 25, 101–132); interval as there.
///
/// # Errors
/// As [`cliffs_delta`].
pub fn vargha_delaney_a(a: &[f64], b: &[f64], alpha: f64) -> Result<EffectSize, StatsError> {
    Ok(cliffs_delta(a, b, alpha)?.map(|delta| 0.5 * (delta + 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{Case, agrees, agrees_or_fails};

    #[test]
    fn equals_the_references() {
        type Effect = fn(&[f64], &[f64], f64) -> Result<EffectSize, StatsError>;
        let effects: [(&str, Effect); 5] = [
            ("cohens_d", cohens_d),
            ("cohens_d_paired", cohens_d_paired),
            ("hedges_g", hedges_g),
            ("cliffs_delta", cliffs_delta),
            ("vargha_delaney_a", vargha_delaney_a),
        ];
        for case in Case::all(include_str!("../../tests/reference/effect_size.json")) {
            for (key, effect) in effects {
                let got = effect(&case.sample("a"), &case.sample("b"), 0.05);
                agrees_or_fails(&case, key, got.clone().map(|got| got.estimate), 1e-8);
                let Ok(got) = got else { continue };
                agrees(&case, &format!("{key}_low"), got.interval.low, 1e-8);
                agrees(&case, &format!("{key}_high"), got.interval.high, 1e-8);
            }
        }
    }

    #[test]
    fn cliffs_delta_equals_effsize() {
        // R's effsize 0.8 prints these, and computes delta and interval independently of the reference script.
        let control = [10.0, 20.0, 30.0, 40.0, 40.0, 50.0];
        let treatment = [10.0, 10.0, 20.0, 20.0, 20.0, 30.0, 30.0, 30.0, 40.0, 50.0];
        let got = cliffs_delta(&treatment, &control, 0.05).unwrap();
        let near = |got: f64, want: f64| assert!((got - want).abs() < 5e-8, "{got}, not {want}");
        near(got.estimate, -0.25);
        near(got.interval.low, -0.726_584_6);
        near(got.interval.high, 0.389_006_2);
        let treatment = [10.0, 20.0, 20.0, 20.0, 30.0, 30.0, 30.0, 40.0, 50.0, 100.0];
        let got = cliffs_delta(&treatment, &control, 0.05).unwrap();
        near(got.estimate, -0.066_666_67);
        near(got.interval.low, -0.608_225_4);
        near(got.interval.high, 0.517_243_1);
    }

    #[test]
    fn refuses_what_it_cannot_measure() {
        assert!(matches!(cohens_d(&[1.0, 1.0], &[2.0, 2.0], 0.05), Err(StatsError::NoSpread { .. })));
        assert_eq!(cliffs_delta(&[1.0], &[1.0, 2.0], 0.05), Err(StatsError::TooFew { needed: 2, got: 1 }));
        assert!(matches!(
            cliffs_delta(&[1.0, f64::NAN], &[1.0, 2.0], 0.05),
            Err(StatsError::NonFinite { .. })
        ));
        assert!(matches!(cohens_d(&[-1e-5, 1e-5], &[1e160, 1e160], 0.05), Err(StatsError::Overflow { .. })));
        for effect in [cohens_d, cohens_d_paired, hedges_g, cliffs_delta, vargha_delaney_a] {
            assert!(matches!(effect(&[1.0, 2.0], &[1.5, 4.0], 1.0), Err(StatsError::Parameter { .. })));
        }
    }
}
