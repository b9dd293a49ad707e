//! How often the judge is right under one condition, and what warnings would have said.

use crate::conditions::Condition;
use crate::measure::{ALONE, Design, Measured, case};
use crate::noise::Machine;
use crate::table::Rate;
use benchrun::stats::autocorrelation::von_neumann;
use benchrun::stats::normality::shapiro_wilk;
use benchrun::stats::paired_ratio::{self, Spread, Verdict};
use rand_chacha::ChaCha8Rng;

/// What happened over all replications of a condition.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The plain interval misses the true ratio.
    pub misses: Rate,
    /// The plain interval lies below 1: the contender is shown to be slower.
    pub shown_slower: Rate,
    /// The verdict is `faster`.
    pub faster: Rate,
    /// The verdict is `slower`.
    pub slower: Rate,
    /// The verdict is `equal within ±5 %`.
    pub equal: Rate,
    /// The verdict is `no difference shown`.
    pub none: Rate,
    /// The maximum of blocks did bind.
    pub cut_short: Rate,
    /// What the warnings would have said.
    pub warnings: Warnings,
    /// What only two stages have.
    pub two_stages: Option<TwoStages>,
    blocks: f64,
    half_width: f64,
}

/// How often each candidate rule fires, and how often the interval misses where none does.
#[derive(Debug, Default)]
pub struct Warnings {
    /// Von Neumann's ratio, p < 1 %.
    pub correlated_1: Rate,
    /// Von Neumann's ratio, p < 5 %.
    pub correlated_5: Rate,
    /// Shapiro and Wilk's W, p < 1 %.
    pub not_normal: Rate,
    /// Misses where neither fires at 1 %.
    pub misses_unwarned: Rate,
}

/// Whether two stages are as precise as asked, and what other deviations than the pilot's would give.
#[derive(Debug, Default)]
pub struct TwoStages {
    /// The interval is no wider than the precision, where the maximum of blocks did not bind.
    pub precise: Rate,
    /// Misses with the deviation of all blocks and n − 1 degrees of freedom.
    pub misses_of_all: Rate,
    /// Misses with the larger of that and the pilot's, and the pilot's degrees of freedom.
    pub misses_of_larger: Rate,
    widening: f64,
}

/// The slow-downs whose detection is counted.
pub const SLOWDOWNS: [f64; 4] = [1.01, 1.02, 1.05, 1.10];
/// The one of them that is measured; the others are the same noise, moved.
const MEASURED: f64 = 1.05;

impl Outcome {
    /// Simulates the condition with two equal sides.
    pub fn of_equals(condition: &Condition, replications: u32, generator: &mut ChaCha8Rng) -> Self {
        let mut outcome = Outcome::default();
        for _ in 0..replications {
            let measured = &case(&condition.machine, condition.design, ALONE, generator)[0];
            outcome.count(measured);
            outcome.warnings.count(measured);
            if let Design::TwoStage { precision, .. } = condition.design {
                outcome.two_stages.get_or_insert_default().count(measured, precision);
            }
        }
        outcome
    }

    /// Simulates the condition with each of [`SLOWDOWNS`] injected into the contender.
    pub fn of_slowdowns(
        condition: &Condition,
        replications: u32,
        generator: &mut ChaCha8Rng,
    ) -> [Self; SLOWDOWNS.len()] {
        let machine = Machine { slowdown: MEASURED, ..condition.machine.clone() };
        let mut outcomes = SLOWDOWNS.map(|_| Outcome::default());
        for _ in 0..replications {
            let measured = &case(&machine, condition.design, ALONE, generator)[0];
            for (outcome, slowdown) in outcomes.iter_mut().zip(SLOWDOWNS) {
                outcome.count(&measured.slowed(slowdown / MEASURED));
            }
        }
        outcomes
    }

    fn count(&mut self, measured: &Measured) {
        let verdict = measured.verdict();
        self.misses.count(measured.misses());
        self.shown_slower.count(measured.speedup.plain.high < 1.0);
        self.faster.count(verdict == Verdict::Faster);
        self.slower.count(verdict == Verdict::Slower);
        self.equal.count(matches!(verdict, Verdict::EqualWithin { .. }));
        self.none.count(matches!(verdict, Verdict::NoDifferenceShown { .. }));
        self.cut_short.count(measured.cut_short);
        self.blocks += measured.speedup.blocks as f64;
        self.half_width += measured.half_width();
    }

    /// Blocks on average.
    pub fn mean_blocks(&self) -> f64 {
        self.blocks / f64::from(self.misses.of)
    }

    /// The half-width of the interval on average, in per cent.
    pub fn mean_half_width(&self) -> f64 {
        100.0 * self.half_width / f64::from(self.misses.of)
    }
}

impl TwoStages {
    fn count(&mut self, measured: &Measured, precision: f64) {
        if !measured.cut_short {
            self.precise.count(measured.half_width() <= precision + 1e-12);
        }
        let judged = |spread| {
            let speedup = paired_ratio::speedup(&measured.log_ratios, ALONE, spread);
            Measured { speedup: speedup.expect("log-ratios are sound"), ..measured.clone() }
        };
        let (of_all, of_pilot) = (judged(None), measured.speedup.spread);
        let standard_deviation = of_pilot.standard_deviation.max(of_all.speedup.spread.standard_deviation);
        let of_larger = judged(Some(Spread { standard_deviation, ..of_pilot }));
        self.misses_of_all.count(of_all.misses());
        self.misses_of_larger.count(of_larger.misses());
        self.widening += standard_deviation / of_pilot.standard_deviation;
    }

    /// How much wider the larger deviation makes the interval on average, on the log scale.
    pub fn wider(&self) -> String {
        format!("{:.0} %", 100.0 * (self.widening / f64::from(self.misses_of_all.of) - 1.0))
    }
}

impl Warnings {
    fn count(&mut self, measured: &Measured) {
        // A test that needs more blocks than there are cannot warn.
        let correlated = von_neumann(&measured.log_ratios).map_or(1.0, |test| test.p_value);
        let normal = shapiro_wilk(&measured.log_ratios).map_or(1.0, |test| test.p_value);
        self.correlated_1.count(correlated < 0.01);
        self.correlated_5.count(correlated < 0.05);
        self.not_normal.count(normal < 0.01);
        if correlated >= 0.01 && normal >= 0.01 {
            self.misses_unwarned.count(measured.misses());
        }
    }
}
