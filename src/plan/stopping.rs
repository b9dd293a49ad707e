//! How many blocks a case gets: fixed once, after its pilot, from the spread of the pilot's ratios and never from the ratios.
//!
//! Stein (1945), "A two-sample test for a linear hypothesis whose power is independent of the variance", Annals of Mathematical
//! Statistics 16, 243–258. Each comparison wants so many blocks that its simultaneous interval is as narrow as the spec's precision
//! asks for ([`blocks_needed`]); the case gets the largest of these numbers, since its implementations run in common blocks. A rule
//! that saw the ratios, or was asked again with more blocks, would break the level of the intervals.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::Blocks;
use crate::stats::paired_ratio::{ALPHA, BlocksNeeded, Family, Spread, blocks_needed};

/// The policy of a run whose spec asks for a precision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stopping {
    /// The least number of blocks of a case, which is its pilot.
    pub min: u32,
    /// The largest number of blocks of a case.
    pub max: u32,
    /// How far a simultaneous interval may reach from its ratio: 0.03 is 3 %.
    pub precision: f64,
    /// The comparisons of the run that will share [`ALPHA`](crate::stats::paired_ratio::ALPHA): m, as planned.
    pub comparisons: u32,
}

/// What the pilot of a case showed of one comparison with the baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct PilotRatios {
    /// The implementation that is compared.
    pub contender: String,
    /// The primary phase.
    pub phase: String,
    /// `ln(baseline time / contender time)` of each pilot block in which both sides worked.
    pub log_ratios: Vec<f64>,
}

/// The spread of one comparison in the pilot. The intervals of the final comparison rest on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PilotSpread {
    /// The implementation that is compared.
    pub contender: String,
    /// The primary phase.
    pub phase: String,
    /// The standard deviation of the pilot's log-ratios, on the natural-log scale: 0.01 is about 1 %. It may be 0 where clocks are
    /// coarse.
    pub standard_deviation: f64,
    /// The pilot's paired blocks, less one.
    pub degrees_of_freedom: u32,
    /// The blocks that the precision takes for this comparison, whatever the largest number is.
    pub wanted: u32,
}

/// The number of blocks of one case, and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The number of blocks in all, the pilot's included.
    pub blocks: u32,
    /// The number that the precision takes: more than `blocks` where the largest number cut it off.
    pub wanted: u32,
    /// The planned comparisons of the run, m: each had the level 1 − 0.05/m.
    pub comparisons: u32,
    /// The comparisons of this case that had a say.
    pub pilot: Vec<PilotSpread>,
}

impl Stopping {
    /// The policy of a run with that many planned comparisons. None where the spec fixes the number of blocks.
    pub fn new(blocks: Blocks, comparisons: u32) -> Option<Self> {
        let Blocks { min, max, precision } = blocks;
        Some(Self { min, max, precision: precision?, comparisons })
    }

    /// The number of blocks of one case, from its pilot. Comparisons of which no spread is known have no say; if none has one, the
    /// pilot is all there is.
    pub fn decide(&self, pilot: &[PilotRatios]) -> Decision {
        let pilot: Vec<PilotSpread> = pilot.iter().filter_map(|ratios| self.spread(ratios)).collect();
        let wanted = pilot.iter().map(|p| p.wanted).fold(self.min, u32::max);
        Decision { blocks: wanted.min(self.max), wanted, comparisons: self.comparisons, pilot }
    }

    /// The spread of one comparison and the blocks that it wants.
    fn spread(&self, ratios: &PilotRatios) -> Option<PilotSpread> {
        let spread = Spread::of(&ratios.log_ratios).ok()?;
        let family = Family { alpha: ALPHA, comparisons: self.comparisons.max(1) as usize };
        let BlocksNeeded { wanted, .. } =
            blocks_needed(spread, self.precision, family, self.max as usize).ok()?;
        Some(PilotSpread {
            contender: ratios.contender.clone(),
            phase: ratios.phase.clone(),
            standard_deviation: spread.standard_deviation,
            degrees_of_freedom: u32::try_from(spread.degrees_of_freedom).ok()?,
            // A hopeless precision wants more blocks than can be counted.
            wanted: u32::try_from(wanted).unwrap_or(u32::MAX),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STOPPING: Stopping = Stopping { min: 4, max: 30, precision: 0.03, comparisons: 6 };

    fn ratios(contender: &str, log_ratios: &[f64]) -> PilotRatios {
        PilotRatios {
            contender: contender.to_owned(),
            phase: "fit".to_owned(),
            log_ratios: log_ratios.to_vec(),
        }
    }

    #[test]
    fn a_spec_with_a_number_needs_no_policy() {
        assert_eq!(Stopping::new(Blocks::fixed(10), 6), None);
        let asked = Blocks { min: 4, max: 30, precision: Some(0.03) };
        assert_eq!(Stopping::new(asked, 6), Some(STOPPING));
    }

    #[test]
    fn nothing_to_pair_leaves_the_pilot() {
        let least = Decision { blocks: 4, wanted: 4, comparisons: 6, pilot: Vec::new() };
        assert_eq!(STOPPING.decide(&[]), least);
        assert_eq!(STOPPING.decide(&[ratios("a", &[]), ratios("b", &[0.3])]), least);
        assert_eq!(STOPPING.decide(&[ratios("a", &[0.1, f64::NAN, 0.2])]), least);
    }

    #[test]
    fn a_pilot_without_spread_is_enough() {
        let decision = STOPPING.decide(&[ratios("a", &[0.5; 4])]);
        assert_eq!((decision.blocks, decision.wanted), (4, 4));
        let found = (decision.pilot[0].standard_deviation, decision.pilot[0].degrees_of_freedom);
        assert_eq!(found, (0.0, 3));
    }

    #[test]
    fn the_widest_comparison_decides() {
        // By hand: s = 0.01 and 0.001 · √(4/3); t for 0.05/12 in one tail and three degrees of freedom is 6.2315 (SciPy 1.17,
        // `t.ppf(1 - 0.05 / 12, 3)`), and (6.2315 · 0.01 / ln 1.03)² = 4.44.
        let s = 0.01 * 0.75_f64.sqrt();
        let wide = ratios("wide", &[s, -s, s, -s]);
        let narrow = ratios("narrow", &[0.001, -0.001, 0.001, -0.001]);
        let decision = STOPPING.decide(&[narrow, wide]);
        assert_eq!((decision.blocks, decision.wanted), (5, 5));
        let wanted: Vec<(&str, u32)> =
            decision.pilot.iter().map(|p| (p.contender.as_str(), p.wanted)).collect();
        assert_eq!(wanted, [("narrow", 4), ("wide", 5)]);
        assert!((decision.pilot[1].standard_deviation - 0.01).abs() < 1e-15);
        assert_eq!(decision.pilot[1].degrees_of_freedom, 3);
    }

    #[test]
    fn the_largest_number_cuts_off_what_is_wanted() {
        let decision = STOPPING.decide(&[ratios("a", &[0.5, -0.5, 0.5, -0.5])]);
        assert_eq!(decision.blocks, 30);
        assert!(decision.wanted > 1000);
        let hopeless = STOPPING.decide(&[ratios("a", &[1e200, -1e200])]);
        assert_eq!((hopeless.blocks, hopeless.wanted), (30, u32::MAX));
    }

    proptest! {
        /// Multiples of 2⁻¹², and blocks whose number is a power of 2: their sums and means are exact, so the decision must be equal.
        #[test]
        fn the_ratio_itself_has_no_say(
            ticks in prop::collection::vec(-4096_i32..4096, 16), exponent in 1_u32..5, shift in -40_960_i32..40_960,
        ) {
            let logs = |shift: i32| -> Vec<f64> {
                let ticks = ticks.iter().take(2_usize.pow(exponent));
                ticks.map(|t| f64::from(t + shift) / 4096.0).collect()
            };
            let stopping = Stopping { min: 16, ..STOPPING };
            prop_assert_eq!(stopping.decide(&[ratios("a", &logs(0))]), stopping.decide(&[ratios("a", &logs(shift))]));
        }

        #[test]
        fn decisions_keep_to_their_bounds(
            pilots in prop::collection::vec(prop::collection::vec(-1.0..1.0_f64, 0..10), 0..4),
            min in 10_u32..20, more in 0_u32..20, precision in 0.001..1.0_f64, comparisons in 0_u32..60,
        ) {
            let stopping = Stopping { min, max: min + more, precision, comparisons };
            let pilots: Vec<PilotRatios> = pilots.iter().map(|logs| ratios("a", logs)).collect();
            let decision = stopping.decide(&pilots);
            prop_assert!((min..=min + more).contains(&decision.blocks));
            prop_assert_eq!(decision.blocks, decision.wanted.min(stopping.max));
            for (i, _) in pilots.iter().enumerate() {
                prop_assert!(stopping.decide(&pilots[i..=i]).blocks <= decision.blocks, "more comparisons, fewer blocks");
            }
        }
    }
}
