//! The one judge: speed-up, its interval, the verdict, and how many blocks it takes.
//!
//! The estimand is the geometric mean over blocks of the within-block ratio `baseline time / candidate time`: above
//! 1, the candidate is faster. On the log scale that is a mean, and its interval is the paired-t interval,
//!
//! ```text
//! exp( x̄ ± t_{1 − α/2, df} · s / √n ),   x = ln(baseline / candidate)
//! ```
//!
//! (Student 1908; on logs, Fleming & Wallace 1986, Communications of the ACM 29, 218–221). The plain interval has
//! level 1 − α, the simultaneous one 1 − α/m for a family of m comparisons (Bonferroni). Without a pilot, `s` and
//! `df = n − 1` are the sample's own. With one they are the pilot's: Stein (1945), "A two-sample test for a linear
//! hypothesis whose power is independent of the variance", Annals of Mathematical Statistics 16, 243–258. There n
//! was chosen from the pilot's `s` ([`blocks_needed`]), and only the pilot's `s` and `df` keep the level exact.

use super::Interval;
use super::describe::{mean_of, standard_deviation_of};
use super::distribution::t_critical;
use super::error::{StatsError, check_above_zero, check_positive, check_sample, finite};
use super::power::detectable_noncentrality;

/// The power with which [`Verdict::NoDifferenceShown`] promises that its smallest effect would have been shown.
pub const PROMISED_POWER: f64 = 0.8;

/// The chance allowed for any wrong interval among all verdicts of a run.
pub const ALPHA: f64 = 0.05;

/// How sure to be, and of how many comparisons at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Family {
    /// The chance allowed for any wrong interval in the family, such as 0.05; below 0.5.
    pub alpha: f64,
    /// How many comparisons share it: m, at least 1.
    pub comparisons: usize,
}

impl Family {
    fn check(self) -> Result<f64, StatsError> {
        if !(self.alpha > 0.0 && self.alpha < 0.5) {
            return Err(StatsError::Parameter {
                name: "alpha",
                allowed: "between 0 and 0.5",
                value: self.alpha,
            });
        }
        check_above_zero("the number of comparisons", self.comparisons as f64)?;
        Ok(self.alpha / self.comparisons as f64)
    }
}

/// A standard deviation of log-ratios and how well it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// s, on the natural-log scale: 0.01 is about 1 %.
    pub standard_deviation: f64,
    /// Blocks it was estimated from, less one.
    pub degrees_of_freedom: usize,
}

impl Spread {
    /// The spread of a sample of log-ratios, such as the pilot blocks'.
    ///
    /// # Errors
    /// If there are fewer than 2, or one is not finite.
    pub fn of(log_ratios: &[f64]) -> Result<Self, StatsError> {
        check_sample(log_ratios, 2)?;
        let standard_deviation = finite("the standard deviation", standard_deviation_of(log_ratios))?;
        Ok(Self { standard_deviation, degrees_of_freedom: log_ratios.len() - 1 })
    }

    fn check(self) -> Result<(), StatsError> {
        check_above_zero("the pilot's degrees of freedom", self.degrees_of_freedom as f64)?;
        if self.standard_deviation >= 0.0 && self.standard_deviation.is_finite() {
            return Ok(());
        }
        let name = "the pilot's standard deviation";
        Err(StatsError::Parameter { name, allowed: "0 or above", value: self.standard_deviation })
    }
}

/// A speed-up as it was measured. Ratios beyond the largest float are that float.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speedup {
    /// The geometric mean of `baseline / candidate`: above 1, the candidate is faster.
    pub ratio: f64,
    /// Number of blocks, n.
    pub blocks: usize,
    /// The spread that the intervals rest on: the pilot's, if there was one.
    pub spread: Spread,
    /// The interval of this comparison alone, at level 1 − α.
    pub plain: Interval,
    /// The interval that holds together with the family's others, at level 1 − α/m. Verdicts use this one.
    pub simultaneous: Interval,
    /// The smallest speed-up (above 1; its reciprocal is the slow-down) that a two-sided t test at level α/m, with
    /// these n, s and df, shows with [`PROMISED_POWER`].
    pub smallest_effect: f64,
    /// Every block gave the same ratio up to rounding, so the intervals are points. Times as coarse as their clock
    /// can do that; it is no proof of certainty, and a report must say so.
    pub without_spread: bool,
}

/// `ln(baseline / candidate)` of each block, from the medians of its two trials, in one unit of time.
///
/// # Errors
/// If the slices differ in length or hold a time that is not positive and finite.
pub fn log_ratios(baseline: &[f64], candidate: &[f64]) -> Result<Vec<f64>, StatsError> {
    if baseline.len() != candidate.len() {
        return Err(StatsError::UnequalLengths { first: baseline.len(), second: candidate.len() });
    }
    check_positive(baseline, 1)?;
    check_positive(candidate, 1)?;
    // A difference of logarithms cannot overflow, but of close times it loses digits that the quotient keeps.
    let log_ratio = |(b, c): (&f64, &f64)| match (b / c).ln() {
        quotient if quotient.is_finite() => quotient,
        _ => b.ln() - c.ln(),
    };
    Ok(baseline.iter().zip(candidate).map(log_ratio).collect())
}

/// The speed-up of one comparison, from its blocks' log-ratios ([`log_ratios`]).
///
/// `pilot` is the spread from which the number of blocks was fixed; none if it was fixed without looking.
///
/// # Errors
/// If there are fewer than 2 blocks, one is not finite, a parameter is out of range.
pub fn speedup(log_ratios: &[f64], family: Family, pilot: Option<Spread>) -> Result<Speedup, StatsError> {
    let own = Spread::of(log_ratios)?;
    let spread = pilot.unwrap_or(own);
    spread.check()?;
    let alpha_each = family.check()?;
    let mean = mean_of(log_ratios);
    let df = spread.degrees_of_freedom as f64;
    let standard_error = spread.standard_deviation / (log_ratios.len() as f64).sqrt();
    let ratio_of = |log_ratio: f64| log_ratio.exp().min(f64::MAX);
    let interval = |alpha| {
        let half_width = t_critical(alpha, df) * standard_error;
        Interval { low: mean - half_width, high: mean + half_width }.map(ratio_of)
    };
    let noncentrality = detectable_noncentrality(df, alpha_each, PROMISED_POWER)?;
    Ok(Speedup {
        ratio: ratio_of(mean),
        blocks: log_ratios.len(),
        spread,
        plain: interval(family.alpha),
        simultaneous: interval(alpha_each),
        smallest_effect: ratio_of(noncentrality * standard_error),
        without_spread: spread.standard_deviation <= 8.0 * f64::EPSILON * mean.abs().max(1.0),
    })
}

/// What a comparison showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// The interval lies within the margin: any difference is too small to matter.
    EqualWithin {
        /// The margin, such as 0.05 for 5 %.
        margin: f64,
    },
    /// The interval lies above 1: the candidate takes less time than the baseline.
    Faster,
    /// The interval lies below 1: the candidate takes more time than the baseline.
    Slower,
    /// The interval holds 1 and reaches beyond the margin.
    NoDifferenceShown {
        /// The smallest speed-up that these blocks could have shown, [`Speedup::smallest_effect`].
        smallest_effect: f64,
    },
}

/// The verdict from the simultaneous interval: the first that holds, in the order of [`Verdict`].
///
/// Within the margin means within `[1 / (1 + margin), 1 + margin]`, ends included: symmetric on the log scale, so
/// that swapping baseline and candidate swaps faster and slower and changes nothing else.
///
/// # Errors
/// If the margin is not a finite number, 0 or above.
pub fn verdict(speedup: &Speedup, margin: f64) -> Result<Verdict, StatsError> {
    if !(margin >= 0.0 && margin.is_finite()) {
        return Err(StatsError::Parameter { name: "the margin", allowed: "0 or above", value: margin });
    }
    let Interval { low, high } = speedup.simultaneous;
    Ok(if 1.0 / (1.0 + margin) <= low && high <= 1.0 + margin {
        Verdict::EqualWithin { margin }
    } else if low > 1.0 {
        Verdict::Faster
    } else if high < 1.0 {
        Verdict::Slower
    } else {
        Verdict::NoDifferenceShown { smallest_effect: speedup.smallest_effect }
    })
}

/// How many blocks a precision takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlocksNeeded {
    /// How many to run in all, the pilot's included: `wanted`, but no more than the maximum.
    pub blocks: usize,
    /// How many the precision takes.
    pub wanted: usize,
}

/// Stein's second stage: the number of blocks, in all, after which the simultaneous interval reaches from the ratio
/// down to `ratio / (1 + precision)` and up to `ratio · (1 + precision)`:
/// `n = max(df + 1, ⌈(t_{1 − α/2m, df} · s / ln(1 + precision))²⌉)`, at most `maximum`.
///
/// # Errors
/// If a parameter is out of range, or `maximum` is below the pilot's own number of blocks.
pub fn blocks_needed(
    pilot: Spread,
    precision: f64,
    family: Family,
    maximum: usize,
) -> Result<BlocksNeeded, StatsError> {
    pilot.check()?;
    check_above_zero("the precision", precision)?;
    let alpha_each = family.check()?;
    let pilot_blocks = pilot.degrees_of_freedom + 1;
    if maximum < pilot_blocks {
        let name = "the maximum of blocks";
        return Err(StatsError::Parameter { name, allowed: "the pilot's or more", value: maximum as f64 });
    }
    let t = t_critical(alpha_each, pilot.degrees_of_freedom as f64);
    let root = t * pilot.standard_deviation / precision.ln_1p();
    // A cast from float to integer saturates, so a hopeless precision wants usize::MAX blocks.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates; never negative")]
    let wanted = ((root * root).ceil() as usize).max(pilot_blocks);
    Ok(BlocksNeeded { blocks: wanted.min(maximum), wanted })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{Case, agrees};
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::StandardNormal;

    const FAMILY: Family = Family { alpha: 0.05, comparisons: 1 };

    #[test]
    fn equals_scipy() {
        for case in Case::all(include_str!("../../tests/reference/paired_ratio.json")) {
            let family = Family { alpha: case.number("alpha"), comparisons: case.count("comparisons") };
            let pilot = case.optional_sample("pilot").map(|pilot| Spread::of(&pilot).unwrap());
            let logs = log_ratios(&case.sample("baseline"), &case.sample("candidate")).unwrap();
            let got = speedup(&logs, family, pilot).unwrap();
            agrees(&case, "ratio", got.ratio, 1e-8);
            agrees(&case, "plain_low", got.plain.low, 1e-8);
            agrees(&case, "plain_high", got.plain.high, 1e-8);
            agrees(&case, "simultaneous_low", got.simultaneous.low, 1e-8);
            agrees(&case, "simultaneous_high", got.simultaneous.high, 1e-8);
            agrees(&case, "smallest_effect", got.smallest_effect, 1e-8);
            let needed = blocks_needed(got.spread, case.number("precision"), family, 1000).unwrap();
            assert_eq!(needed.wanted, case.count("wanted"), "{}", case.name);
            assert_eq!(needed.blocks, needed.wanted.min(1000), "{}", case.name);
        }
    }

    fn measured(low: f64, high: f64) -> Speedup {
        let logs = [low.ln(), high.ln()];
        let interval = Interval { low, high };
        Speedup { plain: interval, simultaneous: interval, ..speedup(&logs, FAMILY, None).unwrap() }
    }

    #[test]
    fn the_first_verdict_that_holds() {
        let of = |low, high| verdict(&measured(low, high), 0.05).unwrap();
        assert_eq!(of(0.99, 1.02), Verdict::EqualWithin { margin: 0.05 });
        // Shown to differ, but by less than matters: equal comes first.
        assert_eq!(of(1.01, 1.04), Verdict::EqualWithin { margin: 0.05 });
        assert_eq!(of(1.01, 1.06), Verdict::Faster);
        assert_eq!(of(0.5, 0.9), Verdict::Slower);
        assert_eq!(of(1.0, 1.0), Verdict::EqualWithin { margin: 0.05 });
        assert!(matches!(of(0.9, 1.2), Verdict::NoDifferenceShown { .. }));
        assert!(matches!(of(1.0, 1.2), Verdict::NoDifferenceShown { .. }));
        assert!(verdict(&measured(0.9, 1.1), -0.1).is_err());
        assert!(verdict(&measured(0.9, 1.1), f64::NAN).is_err());
    }

    #[test]
    fn equal_ratios_are_flagged() {
        let logs = log_ratios(&[2.0, 0.6, 0.3], &[1.0, 0.3, 0.15]).unwrap();
        let got = speedup(&logs, FAMILY, None).unwrap();
        assert!(got.without_spread);
        assert_eq!(verdict(&got, 0.05), Ok(Verdict::Faster));
        assert!(!speedup(&[0.1, 0.100_001], FAMILY, None).unwrap().without_spread);
    }

    #[test]
    fn refuses_what_it_cannot_judge() {
        use StatsError::{NonFinite, NotPositive, Parameter, TooFew, UnequalLengths};
        assert_eq!(log_ratios(&[1.0], &[]), Err(UnequalLengths { first: 1, second: 0 }));
        assert_eq!(log_ratios(&[], &[]), Err(TooFew { needed: 1, got: 0 }));
        assert_eq!(log_ratios(&[1.0, 0.0], &[1.0, 1.0]), Err(NotPositive { index: 1, value: 0.0 }));
        assert_eq!(log_ratios(&[1.0], &[-2.0]), Err(NotPositive { index: 0, value: -2.0 }));
        let infinite = f64::INFINITY;
        assert_eq!(log_ratios(&[infinite], &[1.0]), Err(NonFinite { index: 0, value: infinite }));
        assert_eq!(speedup(&[0.1], FAMILY, None), Err(TooFew { needed: 2, got: 1 }));
        for (alpha, comparisons) in [(0.0, 1), (0.5, 1), (f64::NAN, 1), (0.05, 0)] {
            let got = speedup(&[0.1, 0.2], Family { alpha, comparisons }, None);
            assert!(matches!(got, Err(Parameter { .. })), "{got:?}");
        }
        for (standard_deviation, degrees_of_freedom) in [(f64::NAN, 3), (-1.0, 3), (infinite, 3), (0.1, 0)] {
            let pilot = Spread { standard_deviation, degrees_of_freedom };
            assert!(matches!(speedup(&[0.1, 0.2], FAMILY, Some(pilot)), Err(Parameter { .. })));
            assert!(matches!(blocks_needed(pilot, 0.03, FAMILY, 30), Err(Parameter { .. })));
        }
        let pilot = Spread { standard_deviation: 0.1, degrees_of_freedom: 9 };
        assert!(blocks_needed(pilot, 0.0, FAMILY, 30).is_err());
        assert!(blocks_needed(pilot, 0.03, FAMILY, 9).is_err());
    }

    #[test]
    fn an_ample_pilot_needs_no_more_blocks() {
        let pilot = Spread { standard_deviation: 0.0, degrees_of_freedom: 9 };
        assert_eq!(blocks_needed(pilot, 0.03, FAMILY, 30), Ok(BlocksNeeded { blocks: 10, wanted: 10 }));
        let pilot = Spread { standard_deviation: 1e200, degrees_of_freedom: 9 };
        let hopeless = BlocksNeeded { blocks: 30, wanted: usize::MAX };
        assert_eq!(blocks_needed(pilot, 1e-9, FAMILY, 30), Ok(hopeless));
    }

    #[test]
    fn two_stages_keep_level_and_precision() {
        // 4000 simulated comparisons with a true speed-up of 1.2: the interval should hold it in 95 % of them, give or
        // take three standard errors, however many blocks the pilot asks for, and be no wider than was asked for.
        let mut generator = ChaCha8Rng::seed_from_u64(11);
        let (truth, precision) = (1.2_f64, 0.02);
        let mut covered = 0;
        for _ in 0..4000 {
            let mut block = || truth.ln() + 0.03 * generator.sample::<f64, _>(StandardNormal);
            let mut logs: Vec<f64> = (0..5).map(|_| block()).collect();
            let pilot = Spread::of(&logs).unwrap();
            let needed = blocks_needed(pilot, precision, FAMILY, 10_000).unwrap().blocks;
            logs.extend((5..needed).map(|_| block()));
            let got = speedup(&logs, FAMILY, Some(pilot)).unwrap();
            assert!(got.simultaneous.high / got.ratio <= 1.0 + precision + 1e-9);
            covered += u32::from(got.simultaneous.contains(truth));
        }
        let share = f64::from(covered) / 4000.0;
        assert!((share - 0.95).abs() < 3.0 * (0.95_f64 * 0.05 / 4000.0).sqrt(), "{share}");
    }

    proptest! {
        #[test]
        fn swapping_the_sides_mirrors_the_verdict(
            logs in prop::collection::vec(-0.3..0.3_f64, 2..20), shift in -0.5..0.5_f64, comparisons in 1_usize..50,
        ) {
            let family = Family { alpha: 0.05, comparisons };
            let there: Vec<f64> = logs.iter().map(|x| x + shift).collect();
            let back: Vec<f64> = there.iter().map(|x| -x).collect();
            let (there, back) = (speedup(&there, family, None).unwrap(), speedup(&back, family, None).unwrap());
            prop_assert!((there.ratio * back.ratio - 1.0).abs() < 1e-12);
            prop_assert!((there.simultaneous.low * back.simultaneous.high - 1.0).abs() < 1e-9);
            prop_assert!(there.simultaneous.low <= there.plain.low && there.plain.high <= there.simultaneous.high);
            let mirrored = match verdict(&there, 0.05).unwrap() {
                Verdict::Faster => Verdict::Slower,
                Verdict::Slower => Verdict::Faster,
                other => other,
            };
            prop_assert_eq!(verdict(&back, 0.05).unwrap(), mirrored);
        }

        #[test]
        fn the_needed_blocks_reach_the_precision(s in 1e-4..0.5, df in 1_usize..30, precision in 0.005..0.5) {
            let pilot = Spread { standard_deviation: s, degrees_of_freedom: df };
            let needed = blocks_needed(pilot, precision, FAMILY, usize::MAX).unwrap().wanted;
            prop_assume!(needed < 100_000);
            let half_width = |n: usize| {
                let logs: Vec<f64> = (0..n).map(|i| (i % 2) as f64).collect();
                let got = speedup(&logs, FAMILY, Some(pilot)).unwrap();
                got.simultaneous.high / got.ratio - 1.0
            };
            prop_assert!(half_width(needed) <= precision * (1.0 + 1e-9));
            prop_assert!(needed == df + 1 || half_width(needed - 1) >= precision * (1.0 - 1e-9));
        }
    }
}
