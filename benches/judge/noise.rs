//! The models of noise: what a machine may do to the times of one case.
//!
//! The time of sample j of the trial of arm a in block i is
//!
//! ```text
//! ln time = ln effect_a + level(slot) + process_ai + sample_aij
//! ```
//!
//! where `process` is drawn once a trial ([`Shape`], possibly correlated from block to block), `sample` is normal and
//! drawn for each sample, and `level` is the machine's own drift, a function of the trial's place in time. Trials run
//! one after the other; the order of the arms of a block is that of [`benchrun::plan::order::block`].

use benchrun::plan::order;
use benchrun::stats::describe;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{StandardNormal, StudentT};
use std::f64::consts::{E, TAU};

/// Timed samples in a trial, unless a condition says otherwise.
pub const SAMPLES: usize = 20;
/// The standard deviation of one log-time, unless a condition says otherwise: about 5 %.
pub const DEVIATION: f64 = 0.05;

/// The distribution of what the processes of one arm differ by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// Normal.
    Normal,
    /// A log-normal excess, `exp(z)` less its mean, scaled to the same deviation: skewness 6, a floor and a long tail.
    Skewed,
    /// Student's t with 3 degrees of freedom, scaled to the same deviation.
    StudentT3,
    /// Student's t with 2 degrees of freedom, of the scale of [`Shape::StudentT3`]: its variance is infinite.
    StudentT2,
    /// Normal, but a share of the processes takes `factor` times as long.
    Outliers {
        /// The share of slow processes.
        share: f64,
        /// How many times slower they are.
        factor: f64,
    },
    /// Normal about one of two modes, drawn for each process.
    Bimodal {
        /// The share of processes in the slow mode.
        share: f64,
        /// The distance of the modes, on the log scale.
        gap: f64,
    },
}

impl Shape {
    fn draw(self, deviation: f64, generator: &mut ChaCha8Rng) -> f64 {
        let normal: f64 = generator.sample(StandardNormal);
        let student = |df: f64| StudentT::new(df).expect("df is positive");
        deviation
            * match self {
                Shape::Normal | Shape::Outliers { .. } | Shape::Bimodal { .. } => normal,
                Shape::Skewed => (normal.exp() - E.sqrt()) / (E * (E - 1.0)).sqrt(),
                Shape::StudentT3 => generator.sample(student(3.0)) / 3f64.sqrt(),
                Shape::StudentT2 => generator.sample(student(2.0)) / 3f64.sqrt(),
            }
            + match self {
                Shape::Outliers { share, factor } if generator.random_bool(share) => factor.ln(),
                Shape::Bimodal { share, gap } if generator.random_bool(share) => gap,
                _ => 0.0,
            }
    }

    /// The mean on the log scale, which the estimand is made of.
    fn mean(self) -> f64 {
        match self {
            Shape::Normal | Shape::Skewed | Shape::StudentT3 | Shape::StudentT2 => 0.0,
            Shape::Outliers { share, factor } => share * factor.ln(),
            Shape::Bimodal { share, gap } => share * gap,
        }
    }
}

/// The noise of one implementation.
#[derive(Debug, Clone, Copy)]
pub struct Arm {
    /// How its processes differ.
    pub shape: Shape,
    /// The standard deviation of one sample's log-time.
    pub deviation: f64,
    /// The share of its variance that is between processes.
    pub between: f64,
    /// The correlation of `process` in successive blocks (first-order autoregressive).
    pub correlation: f64,
}

impl Arm {
    /// An arm with this shape, most of whose variance is between processes, as a shape would else not be seen.
    pub const fn shaped(shape: Shape) -> Self {
        Self { shape, deviation: DEVIATION, between: 0.8, correlation: 0.0 }
    }

    /// A normal arm with this share of variance between processes.
    pub const fn normal(between: f64) -> Self {
        Self { shape: Shape::Normal, deviation: DEVIATION, between, correlation: 0.0 }
    }

    /// A normal arm whose successive processes are correlated.
    pub const fn correlated(correlation: f64) -> Self {
        Self { correlation, ..Self::normal(0.8) }
    }
}

/// How the machine's speed changes while trials run; a slot is the time of one trial.
#[derive(Debug, Clone, Copy)]
pub enum Drift {
    /// Not at all.
    None,
    /// By this much every slot.
    Linear(f64),
    /// As a sine with this amplitude and period in slots, from a random phase.
    Sine(f64, f64),
    /// By a normal step with this deviation every slot.
    Walk(f64),
    /// With this chance every slot, by a normal step with this deviation.
    Steps(f64, f64),
}

/// In which order the arms of a block run, and what of the drift they feel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Order {
    /// Shuffled for each block from a seed, as `plan::order` does; the drift goes on between the trials of a block.
    Shuffled,
    /// As above, but the drift pauses within a block: all its trials feel the same.
    ShuffledDriftBetween,
    /// The baseline always first. The rejected order.
    Fixed,
}

/// All that one case's times depend on. Arm 0 is the baseline.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The noise of each arm.
    pub arms: Vec<Arm>,
    /// The drift that all arms feel.
    pub drift: Drift,
    /// The order of a block's trials.
    pub order: Order,
    /// Timed samples in a trial.
    pub samples: usize,
    /// How many times longer every arm but the baseline really takes, all else equal.
    pub slowdown: f64,
}

impl Machine {
    /// A pair of arms on a machine without drift.
    pub fn pair(baseline: Arm, contender: Arm) -> Self {
        Self::group(vec![baseline, contender])
    }

    /// Arms on a machine without drift; the first is the baseline.
    pub fn group(arms: Vec<Arm>) -> Self {
        Self { arms, drift: Drift::None, order: Order::Shuffled, samples: SAMPLES, slowdown: 1.0 }
    }

    /// The true ratio of the comparison with this arm: the geometric mean of `baseline / contender`.
    pub fn truth(&self, arm: usize) -> f64 {
        (self.arms[0].shape.mean() - self.arms[arm].shape.mean()).exp() / self.slowdown
    }
}

/// A machine at work on one case: every call of [`Session::block`] is one more block.
#[derive(Debug)]
pub struct Session<'a> {
    machine: &'a Machine,
    order_seed: u64,
    blocks: u32,
    level: f64,
    phase: f64,
    slots: f64,
    processes: Vec<Option<f64>>,
}

impl<'a> Session<'a> {
    /// Before its first block.
    pub fn new(machine: &'a Machine, generator: &mut ChaCha8Rng) -> Self {
        Self {
            machine,
            order_seed: generator.random(),
            blocks: 0,
            level: 0.0,
            phase: generator.random_range(0.0..TAU),
            slots: 0.0,
            processes: vec![None; machine.arms.len()],
        }
    }

    /// The sampled times of the next block's trials, by arm.
    pub fn block(&mut self, generator: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
        self.blocks += 1;
        let arms = self.machine.arms.len();
        let order = match self.machine.order {
            Order::Fixed => (0..arms).collect(),
            Order::Shuffled | Order::ShuffledDriftBetween => {
                order::block(self.order_seed, "case", self.blocks, arms)
            }
        };
        let mut times = vec![Vec::new(); arms];
        for (place, arm) in order.into_iter().enumerate() {
            if place == 0 || self.machine.order != Order::ShuffledDriftBetween {
                self.drift(generator);
            }
            times[arm] = self.trial(arm, generator);
        }
        times
    }

    /// The medians of the next block's trials, by arm: all that the judge sees of it.
    pub fn medians(&mut self, generator: &mut ChaCha8Rng) -> Vec<f64> {
        let times = self.block(generator);
        times.iter().map(|samples| describe::median(samples).expect("times are finite")).collect()
    }

    fn drift(&mut self, generator: &mut ChaCha8Rng) {
        self.slots += 1.0;
        match self.machine.drift {
            Drift::None => {}
            Drift::Linear(rate) => self.level += rate,
            Drift::Sine(amplitude, period) => {
                self.level = amplitude * (self.phase + TAU * self.slots / period).sin();
            }
            Drift::Walk(step) => self.level += step * generator.sample::<f64, _>(StandardNormal),
            Drift::Steps(chance, step) => {
                if generator.random_bool(chance) {
                    self.level += step * generator.sample::<f64, _>(StandardNormal);
                }
            }
        }
    }

    fn trial(&mut self, arm: usize, generator: &mut ChaCha8Rng) -> Vec<f64> {
        let Arm { shape, deviation, between, correlation } = self.machine.arms[arm];
        let fresh = shape.draw(deviation * between.sqrt(), generator);
        let process = match self.processes[arm] {
            Some(previous) => correlation * previous + (1.0 - correlation * correlation).sqrt() * fresh,
            None => fresh,
        };
        self.processes[arm] = Some(process);
        let effect = if arm == 0 { 0.0 } else { self.machine.slowdown.ln() };
        let within = deviation * (1.0 - between).sqrt();
        let center = effect + self.level + process;
        (0..self.machine.samples)
            .map(|_| (center + within * generator.sample::<f64, _>(StandardNormal)).exp())
            .collect()
    }
}
