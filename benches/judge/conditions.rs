//! The conditions under which one comparison is judged: what is asked of the judge, by what may go wrong.

use crate::measure::Design;
use crate::noise::{Arm, DEVIATION, Drift, Machine, Order, Shape};

/// A machine, and how it is measured.
#[derive(Debug, Clone)]
pub struct Condition {
    /// What the tables call it.
    pub name: String,
    /// The truth.
    pub machine: Machine,
    /// The choice of the number of blocks.
    pub design: Design,
}

/// Conditions that belong together.
#[derive(Debug)]
pub struct Group {
    /// The heading.
    pub title: &'static str,
    /// Its conditions.
    pub conditions: Vec<Condition>,
}

/// Blocks, where a condition is not about them.
const BLOCKS: Design = Design::Fixed(10);
/// As the design page proposes: a pilot of 10 blocks, up to 30, for 3 %.
const STEIN: Design = Design::TwoStage { pilot: 10, maximum: 30, precision: 0.03 };
const STEIN_FROM_5: Design = Design::TwoStage { pilot: 5, maximum: 30, precision: 0.03 };
/// A precision that 30 blocks always reach, so that the maximum does not bind.
const STEIN_UNBOUND: Design = Design::TwoStage { pilot: 10, maximum: 1000, precision: 0.03 };
const STEIN_FROM_5_UNBOUND: Design = Design::TwoStage { pilot: 5, maximum: 1000, precision: 0.03 };

const NORMAL: Arm = Arm::normal(0.8);
const SKEWED: Arm = Arm::shaped(Shape::Skewed);
const SLOW_HALF: Shape = Shape::Outliers { share: 0.05, factor: 1.5 };
const SLOW_THRICE: Shape = Shape::Outliers { share: 0.05, factor: 3.0 };

/// Twice the same arm.
fn twice(arm: Arm) -> Machine {
    Machine::pair(arm, arm)
}

fn condition(name: impl Into<String>, machine: Machine, design: Design) -> Condition {
    Condition { name: name.into(), machine, design }
}

fn drifting(name: &str, drift: Drift, order: Order) -> Condition {
    condition(name, Machine { drift, order, ..twice(NORMAL) }, BLOCKS)
}

/// Every condition, in the order of the tables.
pub fn all() -> Vec<Group> {
    vec![
        Group {
            title: "Share of the variance that is between processes",
            conditions: [0.0, 0.3, 0.5, 0.8]
                .map(|share| condition(format!("between {share}"), twice(Arm::normal(share)), BLOCKS))
                .into(),
        },
        Group {
            title: "Number of blocks",
            conditions: [2, 3, 5, 10, 30]
                .map(|n| condition(format!("n = {n}"), twice(NORMAL), Design::Fixed(n)))
                .into(),
        },
        Group { title: "Drift of the machine", conditions: drifts() },
        Group { title: "Shapes of the noise", conditions: shapes() },
        Group {
            title: "Successive blocks correlated",
            conditions: [(0.3, 10), (0.6, 10), (0.3, 30), (0.6, 30)]
                .map(|(rho, n)| {
                    let name = format!("correlation {rho}, n = {n}");
                    condition(name, twice(Arm::correlated(rho)), Design::Fixed(n))
                })
                .into(),
        },
        Group { title: "Two stages: n from a pilot, precision 3 %", conditions: two_stages() },
    ]
}

fn drifts() -> Vec<Condition> {
    let kinds = [
        ("linear, 1 % a trial", Drift::Linear(0.01)),
        ("sine, ±10 %, 14 trials", Drift::Sine(0.1, 14.0)),
        ("random walk, 3 % a trial", Drift::Walk(0.03)),
        ("steps of 10 %, every 10th trial", Drift::Steps(0.1, 0.1)),
    ];
    let between = kinds.map(|(name, drift)| {
        drifting(&format!("{name}; between blocks"), drift, Order::ShuffledDriftBetween)
    });
    let within = kinds.map(|(name, drift)| drifting(&format!("{name}; within too"), drift, Order::Shuffled));
    between.into_iter().chain(within).collect()
}

fn shapes() -> Vec<Condition> {
    let quiet = Arm { deviation: 0.4 * DEVIATION, ..NORMAL };
    let noisy = Arm { deviation: 1.6 * DEVIATION, ..NORMAL };
    let bimodal = |share| Arm { deviation: 0.02, ..Arm::shaped(Shape::Bimodal { share, gap: 0.1 }) };
    let many = Design::Fixed(30);
    [
        ("deviations 2 % and 8 %", Machine::pair(quiet, noisy), BLOCKS),
        ("skewed, both", twice(SKEWED), BLOCKS),
        ("skewed against normal", Machine::pair(NORMAL, SKEWED), BLOCKS),
        ("skewed against normal, n = 30", Machine::pair(NORMAL, SKEWED), many),
        ("skewed against quiet normal, n = 3", Machine::pair(quiet, SKEWED), Design::Fixed(3)),
        ("skewed against quiet normal, n = 5", Machine::pair(quiet, SKEWED), Design::Fixed(5)),
        ("skewed against quiet normal", Machine::pair(quiet, SKEWED), BLOCKS),
        ("skewed against quiet normal, n = 30", Machine::pair(quiet, SKEWED), many),
        ("Student t, 3 df, both", twice(Arm::shaped(Shape::StudentT3)), BLOCKS),
        ("Student t, 2 df, both", twice(Arm::shaped(Shape::StudentT2)), BLOCKS),
        ("5 % of trials 1.5×, both", twice(Arm::shaped(SLOW_HALF)), BLOCKS),
        ("5 % of trials 3×, both", twice(Arm::shaped(SLOW_THRICE)), BLOCKS),
        ("5 % of trials 1.5×, one side", Machine::pair(NORMAL, Arm::shaped(SLOW_HALF)), BLOCKS),
        ("5 % of trials 3×, one side", Machine::pair(NORMAL, Arm::shaped(SLOW_THRICE)), BLOCKS),
        ("5 % of trials 3×, one side, n = 30", Machine::pair(NORMAL, Arm::shaped(SLOW_THRICE)), many),
        ("two modes 10 % apart, both", twice(bimodal(0.5)), BLOCKS),
        ("two modes, 20 % slow, one side", Machine::pair(quiet, bimodal(0.2)), BLOCKS),
    ]
    .map(|(name, machine, design)| condition(name, machine, design))
    .into()
}

fn two_stages() -> Vec<Condition> {
    let drift = Machine { drift: Drift::Walk(0.03), ..twice(NORMAL) };
    [
        ("pilot 10, at most 30", twice(NORMAL), STEIN),
        ("pilot 10, no maximum", twice(NORMAL), STEIN_UNBOUND),
        ("pilot 5, no maximum", twice(NORMAL), STEIN_FROM_5_UNBOUND),
        ("pilot 5, at most 30", twice(NORMAL), STEIN_FROM_5),
        ("pilot 10; random walk within too", drift, STEIN),
        ("pilot 10; Student t, 3 df", twice(Arm::shaped(Shape::StudentT3)), STEIN),
        ("pilot 10; skewed, both", twice(SKEWED), STEIN),
        ("pilot 10; skewed against normal", Machine::pair(NORMAL, SKEWED), STEIN),
        ("pilot 5; skewed against normal", Machine::pair(NORMAL, SKEWED), STEIN_FROM_5),
        ("pilot 10; 5 % of trials 1.5×, both", twice(Arm::shaped(SLOW_HALF)), STEIN),
        ("pilot 10; 5 % of trials 3×, both", twice(Arm::shaped(SLOW_THRICE)), STEIN),
        ("pilot 10; correlation 0.3", twice(Arm::correlated(0.3)), STEIN),
        ("pilot 10; correlation 0.6", twice(Arm::correlated(0.6)), STEIN),
    ]
    .map(|(name, machine, design)| condition(name, machine, design))
    .into()
}
