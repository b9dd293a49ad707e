//! A slice of `benches/judge`: where log-ratios are near normal, the judge's interval misses the truth in 5 % of cases.

#[path = "../benches/judge/measure.rs"]
#[expect(dead_code, reason = "the bench counts more")]
mod measure;
#[path = "../benches/judge/noise.rs"]
#[expect(dead_code, reason = "the bench has more conditions")]
mod noise;

use benchrun::stats::paired_ratio::Family;
use measure::{ALONE, Design, case};
use noise::{Arm, Drift, Machine, Order};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const REPLICATIONS: u32 = 2000;
const FIXED: Design = Design::Fixed(10);
const TWO_STAGES: Design = Design::TwoStage { pilot: 5, maximum: 30, precision: 0.03 };

fn pair(between: f64) -> Machine {
    Machine::pair(Arm::normal(between), Arm::normal(between))
}

/// The share of hits is 5 %, give or take 3.5 standard errors: one in 260 seeds would fail a condition here.
fn is_five_percent(name: &str, mut hit: impl FnMut(&mut ChaCha8Rng) -> bool) {
    let mut generator = ChaCha8Rng::seed_from_u64(5);
    let hits: u32 = (0..REPLICATIONS).map(|_| u32::from(hit(&mut generator))).sum();
    let share = f64::from(hits) / f64::from(REPLICATIONS);
    let error = (0.05_f64 * 0.95 / f64::from(REPLICATIONS)).sqrt();
    assert!((share - 0.05).abs() <= 3.5 * error, "{name}: {share}");
}

#[test]
fn the_level_holds_where_log_ratios_are_near_normal() {
    let drifting = |drift, order| Machine { drift, order, ..pair(0.8) };
    let conditions = [
        ("all variance within processes", pair(0.0), FIXED),
        ("most between processes", pair(0.8), FIXED),
        ("two blocks", pair(0.5), Design::Fixed(2)),
        ("a walk between blocks", drifting(Drift::Walk(0.1), Order::ShuffledDriftBetween), FIXED),
        ("a walk within blocks too", drifting(Drift::Walk(0.03), Order::Shuffled), FIXED),
        ("a sine within blocks too", drifting(Drift::Sine(0.1, 14.0), Order::Shuffled), FIXED),
        ("two stages", pair(0.8), TWO_STAGES),
        ("two stages and steps", drifting(Drift::Steps(0.1, 0.05), Order::Shuffled), TWO_STAGES),
    ];
    for (name, machine, design) in conditions {
        is_five_percent(name, |generator| case(&machine, design, ALONE, generator)[0].misses());
    }
}

#[test]
fn two_stages_that_share_their_blocks_keep_the_family_level() {
    // Three contenders share a baseline and the blocks of the one that needs most. Bonferroni's bound is nearly sharp.
    let machine = Machine::group(vec![Arm::normal(0.8); 4]);
    let family = Family { alpha: 0.05, comparisons: 3 };
    let design = Design::TwoStage { pilot: 5, maximum: 100, precision: 0.05 };
    let mut generator = ChaCha8Rng::seed_from_u64(6);
    let mut misses = 0;
    for _ in 0..REPLICATIONS {
        let comparisons = case(&machine, design, family, &mut generator);
        assert!(comparisons.iter().all(|one| one.cut_short || one.half_width() <= 0.05 + 1e-12));
        misses += u32::from(comparisons.iter().any(measure::Measured::misses_simultaneously));
    }
    let error = (0.05_f64 * 0.95 / f64::from(REPLICATIONS)).sqrt();
    assert!(f64::from(misses) / f64::from(REPLICATIONS) <= 0.05 + 3.5 * error, "{misses}");
}

#[test]
fn a_slow_down_moves_the_interval_and_nothing_else() {
    let slow = Machine { slowdown: 1.1, ..pair(0.5) };
    for design in [FIXED, TWO_STAGES] {
        let at = |machine| case(machine, design, ALONE, &mut ChaCha8Rng::seed_from_u64(7)).remove(0);
        let (moved, measured) = (at(&pair(0.5)).slowed(1.1), at(&slow));
        assert_eq!(moved.log_ratios.len(), measured.log_ratios.len());
        assert!((moved.speedup.plain.low - measured.speedup.plain.low).abs() < 1e-12);
        assert!((moved.speedup.plain.high - measured.speedup.plain.high).abs() < 1e-12);
        assert!((moved.truth - measured.truth).abs() < 1e-12);
        assert_eq!(moved.verdict(), measured.verdict());
    }
}
