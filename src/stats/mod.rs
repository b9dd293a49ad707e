//! Statistics: numbers in, numbers out. Nothing here knows of trials, files or reports; `analysis` does.
//!
//! Every function checks its input and returns a [`StatsError`] where a formula has no value; none returns NaN.
//! Each is checked against `SciPy`, statsmodels, pingouin, scikit-learn or rliable: `tests/reference/*.py` made the
//! numbers, which are kept beside the scripts.
#![expect(clippy::cast_precision_loss, reason = "no sample in memory has 2⁵³ values")]
#![expect(clippy::float_cmp, reason = "ties and zeros are meant exactly")]

pub mod across_tasks;
pub mod autocorrelation;
pub mod bootstrap;
pub mod combined;
pub mod correction;
pub mod describe;
pub mod effect_size;
pub mod equivalence;
pub mod latency;
pub mod normality;
pub mod outlier;
pub mod paired_ratio;
pub mod permutation;
pub mod power;
pub mod proportion;
pub mod rank_test;
pub mod several;
pub mod t_test;
pub mod variance;

mod distribution;
mod error;
mod noncentral_t;
mod ranks;
#[cfg(test)]
mod reference;
mod solve;

pub use error::StatsError;

/// Both ends of an interval, in the unit of what it estimates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// What a test of a hypothesis found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestResult {
    /// The test's statistic.
    pub statistic: f64,
    /// The probability, if the hypothesis holds, of a statistic at least as extreme.
    pub p_value: f64,
}

impl Interval {
    /// The interval with both ends transformed by an increasing function.
    #[must_use]
    pub fn map(self, increasing: impl Fn(f64) -> f64) -> Self {
        Self { low: increasing(self.low), high: increasing(self.high) }
    }

    /// Whether the value lies in it, ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

#[cfg(test)]
mod tests {
    use super::bootstrap::{Bootstrap, Resampling, standard_error_of_mean, studentised};
    use super::*;
    use proptest::prelude::*;

    /// Samples as they should not be: of any size, tied, constant, huge, tiny, infinite, NaN.
    fn sample() -> impl Strategy<Value = Vec<f64>> {
        let whole = || (-3_i32..4).prop_map(f64::from);
        let extreme =
            prop_oneof![Just(f64::MAX), Just(f64::MIN), Just(f64::MIN_POSITIVE), Just(5e-324), Just(1e-200)];
        prop_oneof![
            prop::collection::vec(-1e3..1e3, 0..12),
            prop::collection::vec(whole(), 0..12),
            prop::collection::vec(1e-9..1e-3, 0..12),
            (whole(), 0_usize..12).prop_map(|(value, n)| vec![value; n]),
            prop::collection::vec(prop_oneof![whole(), extreme], 0..12),
            prop::collection::vec(any::<f64>(), 0..12),
        ]
    }

    trait Sound {
        fn is_sound(&self) -> bool;
    }

    impl Sound for f64 {
        fn is_sound(&self) -> bool {
            self.is_finite()
        }
    }

    impl Sound for Interval {
        fn is_sound(&self) -> bool {
            self.low.is_finite() && self.high.is_finite() && self.low <= self.high
        }
    }

    impl Sound for TestResult {
        fn is_sound(&self) -> bool {
            self.statistic.is_finite() && (0.0..=1.0).contains(&self.p_value)
        }
    }

    impl Sound for effect_size::EffectSize {
        fn is_sound(&self) -> bool {
            self.estimate.is_finite() && self.interval.is_sound()
        }
    }

    fn check<T: Sound + std::fmt::Debug>(name: &str, result: &Result<T, StatsError>) {
        assert!(result.as_ref().map_or(true, Sound::is_sound), "{name}: {result:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn one_sample_gives_numbers_or_errors(x in sample(), seed: u64) {
            let resampling = Resampling { resamples: 20, seed };
            check("mean", &describe::mean(&x));
            check("standard deviation", &describe::standard_deviation(&x));
            check("median", &describe::median(&x));
            check("trimmed mean", &describe::trimmed_mean(&x, 0.2));
            check("geometric mean", &describe::geometric_mean(&x));
            check("quantile", &describe::quantile(&x, 0.3));
            check("interquartile range", &describe::interquartile_range(&x));
            check("median absolute deviation", &describe::median_absolute_deviation(&x));
            check("Tukey's fences", &outlier::tukey_fences(&x, 1.5).map(|fenced| fenced.fences));
            prop_assert!(outlier::modified_z_scores(&x).is_ok_and(|z| z.iter().all(|z| z.is_finite()))
                || outlier::modified_z_scores(&x).is_err());
            check("Shapiro-Wilk", &normality::shapiro_wilk(&x));
            check("Anderson-Darling", &normality::anderson_darling(&x));
            check("Lilliefors", &normality::lilliefors(&x));
            check("K2", &normality::dagostino_k2(&x));
            check("von Neumann", &autocorrelation::von_neumann(&x));
            check("von Neumann, pooled", &autocorrelation::von_neumann_pooled(&[&x, &x]));
            check("autocorrelation", &autocorrelation::lag_one(&x));
            check("one-sample t", &t_test::one_sample(&x, 1.0).map(|test| test.result));
            check("studentised", &studentised(&x, describe::mean, standard_error_of_mean, 0.1, resampling));
            if let Ok(bootstrap) = Bootstrap::one_sample(&x, describe::median, resampling) {
                check("percentile", &bootstrap.percentile(0.1));
                check("basic", &bootstrap.basic(0.1));
                check("BCa", &bootstrap.bca(0.1));
                check("standard error", &bootstrap.standard_error());
            }
            let family = paired_ratio::Family { alpha: 0.05, comparisons: 7 };
            if let Ok(speedup) = paired_ratio::speedup(&x, family, None) {
                check("ratio", &Ok(speedup.ratio));
                check("smallest effect", &Ok(speedup.smallest_effect));
                check("plain", &Ok(speedup.plain));
                check("simultaneous", &Ok(speedup.simultaneous));
            }
        }

        #[test]
        fn two_samples_give_numbers_or_errors(a in sample(), b in sample(), seed: u64) {
            let resampling = Resampling { resamples: 20, seed };
            let bounds = Interval { low: -1.0, high: 2.0 };
            let n = a.len().min(b.len());
            for (a, b) in [(&a[..], &b[..]), (&a[..n], &b[..n])] {
                for test in [t_test::paired(a, b), t_test::student(a, b), t_test::welch(a, b)] {
                    check("t interval", &test.clone().and_then(|test| test.interval(0.05)));
                    check("t", &test.map(|test| test.result));
                }
                check("Mann-Whitney", &rank_test::mann_whitney(a, b).map(|test| test.result));
                check("Wilcoxon", &rank_test::wilcoxon(a, b).map(|test| test.result));
                check("sign", &rank_test::sign(a, b));
                check("paired permutation", &permutation::paired(a, b, resampling).map(|test| test.result));
                check("permutation", &permutation::two_sample(a, b, resampling).map(|test| test.result));
                check("Cohen's d", &effect_size::cohens_d(a, b, 0.05));
                check("paired d", &effect_size::cohens_d_paired(a, b, 0.05));
                check("Hedges' g", &effect_size::hedges_g(a, b, 0.05));
                check("Cliff's delta", &effect_size::cliffs_delta(a, b, 0.05));
                check("A", &effect_size::vargha_delaney_a(a, b, 0.05));
                check("Levene", &variance::levene(&[a, b]));
                check("Brown-Forsythe", &variance::brown_forsythe(&[a, b]));
                check("Kruskal-Wallis", &several::kruskal_wallis(&[a, b]));
                check("Friedman", &several::friedman(&[a, b]));
                check("improvement", &across_tasks::probability_of_improvement(&[a], &[b]));
                check("gap", &across_tasks::optimality_gap(&[a, b], 1.0));
                check("ratio of medians", &describe::ratio_of_medians(a, b));
                check("paired equivalence", &equivalence::paired(a, b, bounds, 0.05).map(|got| got.interval));
                check("equivalence", &equivalence::welch(a, b, bounds, 0.05).map(|got| got.interval));
            }
        }
    }
}
