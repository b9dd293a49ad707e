//! The rejected methods under the same noise, for contrast.

use crate::measure::{ALONE, Design, Measured, case};
use crate::noise::{Arm, Drift, Machine, Order, Session};
use crate::table::{Rate, Table};
use benchrun::stats::bootstrap::{Bootstrap, Resampling};
use benchrun::stats::normality::shapiro_wilk;
use benchrun::stats::{Interval, describe, rank_test, t_test};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

const RESAMPLES: usize = 500;

/// The table of methods; `stream` gives each its own random numbers.
pub fn table(replications: u32, mut stream: impl FnMut() -> ChaCha8Rng) -> Table {
    let mut table = Table::new(&["rejected method", "noise", "false positives, A/A"]);
    let mut row = |method: &str, noise: &str, mut hit: Box<dyn FnMut(&mut ChaCha8Rng) -> bool>| {
        let (mut generator, mut rate) = (stream(), Rate::default());
        (0..replications).for_each(|_| rate.count(hit(&mut generator)));
        table.row(method, &[noise.into(), rate.with_interval()]);
    };
    for between in [0.3, 0.5, 0.8] {
        let noise = format!("between {between}");
        let machine = same(Arm::normal(between));
        let long = Machine { samples: 100, ..machine.clone() };
        row("1 process, 100 samples a side, Welch", &noise, Box::new(move |g| samples_differ(&long, 1, g)));
        row(
            "10 processes, 200 samples a side, Welch",
            &noise,
            Box::new(move |g| samples_differ(&machine, 10, g)),
        );
    }
    for n in [5, 10, 30] {
        let machine = same(Arm::normal(0.8));
        row(
            "percentile bootstrap of the mean log-ratio",
            &format!("n = {n}"),
            Box::new(move |g| {
                let measured = one(&machine, Design::Fixed(n), g);
                !percentile(&measured.log_ratios, g).contains(0.0)
            }),
        );
    }
    for (minimum, maximum) in [(2, 30), (5, 30), (5, 1000)] {
        let machine = same(Arm::normal(0.8));
        let design = Design::UntilNarrow { minimum, maximum, precision: 0.03 };
        let noise = format!("looks from {minimum} to {maximum} blocks");
        row(
            "stop when the interval is within ±3 %",
            &noise,
            Box::new(move |g| one(&machine, design, g).misses()),
        );
    }
    for (order, noise) in
        [(Order::Fixed, "baseline always first"), (Order::Shuffled, "shuffled, for comparison")]
    {
        let machine = Machine { drift: Drift::Linear(0.03), order, ..same(Arm::normal(0.8)) };
        let noise = format!("{noise}, linear drift of 3 % a trial");
        row("the order of trials", &noise, Box::new(move |g| one(&machine, Design::Fixed(10), g).misses()));
    }
    table
}

/// How often a verdict by a test that a pre-test chose contradicts the bootstrap interval printed beside it.
pub fn contradictions(replications: u32, generator: &mut ChaCha8Rng) -> Rate {
    let machine = Machine { slowdown: 1.05, ..same(Arm::normal(0.8)) };
    let mut rate = Rate::default();
    for _ in 0..replications {
        let logs = one(&machine, Design::Fixed(10), generator).log_ratios;
        let zeros = vec![0.0; logs.len()];
        let normal = shapiro_wilk(&logs).expect("they vary").p_value >= 0.05;
        let p_value = if normal {
            t_test::one_sample(&logs, 0.0).expect("they vary").result.p_value
        } else {
            rank_test::wilcoxon(&logs, &zeros).expect("they vary").result.p_value
        };
        rate.count((p_value < 0.05) == percentile(&logs, generator).contains(0.0));
    }
    rate
}

fn same(arm: Arm) -> Machine {
    Machine::pair(arm, arm)
}

fn one(machine: &Machine, design: Design, generator: &mut ChaCha8Rng) -> Measured {
    case(machine, design, ALONE, generator).remove(0)
}

/// Whether a test that takes every sample for a repetition calls equal sides different.
fn samples_differ(machine: &Machine, processes: usize, generator: &mut ChaCha8Rng) -> bool {
    let mut session = Session::new(machine, generator);
    let mut logs = [Vec::new(), Vec::new()];
    for _ in 0..processes {
        for (arm, times) in session.block(generator).iter().enumerate() {
            logs[arm].extend(times.iter().map(|time| time.ln()));
        }
    }
    t_test::welch(&logs[0], &logs[1]).expect("samples vary").result.p_value < 0.05
}

fn percentile(logs: &[f64], generator: &mut ChaCha8Rng) -> Interval {
    let resampling = Resampling { resamples: RESAMPLES, seed: generator.random() };
    let bootstrap = Bootstrap::one_sample(logs, describe::mean, resampling).expect("log-ratios are sound");
    bootstrap.percentile(0.05).expect("the level is valid")
}
