//! One case, measured and judged by the code of `src/stats/paired_ratio.rs` alone, exactly as the analysis calls it.

use crate::noise::{Machine, Session};
use benchrun::stats::paired_ratio::{self, Family, Speedup, Spread, Verdict};
use rand_chacha::ChaCha8Rng;

/// The margin of equality of every simulated verdict.
pub const MARGIN: f64 = 0.05;
/// A comparison that is judged alone.
pub const ALONE: Family = Family { alpha: 0.05, comparisons: 1 };

/// How the number of blocks is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Design {
    /// This many, fixed without looking.
    Fixed(usize),
    /// Stein's two stages: fixed after `pilot` blocks from their deviation, up to `maximum`.
    TwoStage {
        /// Blocks of the first stage.
        pilot: usize,
        /// Blocks of both stages at most.
        maximum: usize,
        /// The half-width asked for, such as 0.03 for 3 %.
        precision: f64,
    },
    /// Rejected: after every block from `minimum` on, look whether the interval is narrow enough, and stop if so.
    UntilNarrow {
        /// Blocks before the first look.
        minimum: usize,
        /// Blocks after which it ends in any case.
        maximum: usize,
        /// The half-width asked for.
        precision: f64,
    },
}

/// One comparison with the baseline, measured.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Of each block, in order.
    pub log_ratios: Vec<f64>,
    /// The estimate and its intervals.
    pub speedup: Speedup,
    /// Whether the maximum of blocks cut short what the precision would have taken.
    pub cut_short: bool,
    /// The ratio that an endless measurement would give.
    pub truth: f64,
}

impl Measured {
    /// The verdict at [`MARGIN`].
    pub fn verdict(&self) -> Verdict {
        paired_ratio::verdict(&self.speedup, MARGIN).expect("the margin is valid")
    }

    /// Whether the plain interval misses the truth.
    pub fn misses(&self) -> bool {
        !self.speedup.plain.contains(self.truth)
    }

    /// Whether the simultaneous interval misses the truth.
    pub fn misses_simultaneously(&self) -> bool {
        !self.speedup.simultaneous.contains(self.truth)
    }

    /// The same blocks, had every trial of the contender taken this many times longer. That moves the log-ratios and
    /// nothing else: the deviation, and so the number of blocks, does not change.
    pub fn slowed(&self, factor: f64) -> Self {
        let slow = |ratio: f64| ratio / factor;
        let speedup = Speedup {
            ratio: slow(self.speedup.ratio),
            plain: self.speedup.plain.map(slow),
            simultaneous: self.speedup.simultaneous.map(slow),
            ..self.speedup
        };
        let log_ratios = self.log_ratios.iter().map(|log_ratio| log_ratio - factor.ln()).collect();
        Self { log_ratios, speedup, cut_short: self.cut_short, truth: slow(self.truth) }
    }

    /// How far the simultaneous interval reaches up from the ratio, such as 0.03 for 3 %.
    pub fn half_width(&self) -> f64 {
        self.speedup.simultaneous.high / self.speedup.ratio - 1.0
    }
}

/// Runs one case and judges each contender against the baseline. They share the blocks, as in a run, so that the
/// comparison that needs the most of them decides how many there are.
pub fn case(machine: &Machine, design: Design, family: Family, generator: &mut ChaCha8Rng) -> Vec<Measured> {
    let mut session = Session::new(machine, generator);
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); machine.arms.len()];
    let mut run = |blocks: usize, times: &mut Vec<Vec<f64>>| {
        while times[0].len() < blocks {
            let medians = session.medians(generator);
            times.iter_mut().zip(medians).for_each(|(arm, median)| arm.push(median));
        }
    };
    let log_ratios = |times: &[Vec<f64>]| -> Vec<Vec<f64>> {
        times[1..]
            .iter()
            .map(|arm| paired_ratio::log_ratios(&times[0], arm).expect("times are sound"))
            .collect()
    };
    let judge =
        |logs: &[f64], pilot| paired_ratio::speedup(logs, family, pilot).expect("log-ratios are sound");
    let (mut pilots, mut cut_short) = (vec![None; machine.arms.len() - 1], false);
    match design {
        Design::Fixed(blocks) => run(blocks, &mut times),
        Design::TwoStage { pilot, maximum, precision } => {
            run(pilot, &mut times);
            let mut blocks = pilot;
            for (logs, spread) in log_ratios(&times).iter().zip(&mut pilots) {
                let pilot = Spread::of(logs).expect("log-ratios are sound");
                let needed =
                    paired_ratio::blocks_needed(pilot, precision, family, maximum).expect("in range");
                blocks = blocks.max(needed.blocks);
                cut_short |= needed.wanted > needed.blocks;
                *spread = Some(pilot);
            }
            run(blocks, &mut times);
        }
        Design::UntilNarrow { minimum, maximum, precision } => {
            let narrow = |times: &[Vec<f64>]| {
                log_ratios(times).iter().all(|logs| {
                    let speedup = judge(logs, None);
                    speedup.simultaneous.high <= speedup.ratio * (1.0 + precision)
                })
            };
            run(minimum, &mut times);
            while times[0].len() < maximum && !narrow(&times) {
                run(times[0].len() + 1, &mut times);
            }
            cut_short = times[0].len() == maximum;
        }
    }
    let judged = log_ratios(&times).into_iter().zip(pilots).enumerate();
    judged
        .map(|(index, (log_ratios, pilot))| Measured {
            speedup: judge(&log_ratios, pilot),
            truth: machine.truth(index + 1),
            log_ratios,
            cut_short,
        })
        .collect()
}
