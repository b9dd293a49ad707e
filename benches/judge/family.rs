//! Whole runs: a family of 30 comparisons, whose simultaneous intervals should all hold in 95 % of runs.

use crate::measure::{Design, Measured, case};
use crate::noise::{Arm, DEVIATION, Drift, Machine};
use crate::table::{Rate, Table};
use benchrun::stats::autocorrelation::{von_neumann, von_neumann_pooled};
use benchrun::stats::paired_ratio::{Family, Verdict};
use rand_chacha::ChaCha8Rng;

const FAMILY: Family = Family { alpha: 0.05, comparisons: 30 };
const PRECISION: f64 = 0.1;

struct Run {
    name: &'static str,
    cases: usize,
    machine: Machine,
    design: Design,
}

fn runs() -> Vec<Run> {
    let normal = Arm::normal(0.8);
    let loud = Arm { deviation: 2.0 * DEVIATION, ..normal };
    let shared = |arm| Machine::group(vec![arm; 4]);
    let slight = Arm::correlated(0.3);
    let walking = Machine { drift: Drift::Walk(0.03), ..shared(normal) };
    let fixed = Design::Fixed(10);
    let two_stages = Design::TwoStage { pilot: 10, maximum: 30, precision: PRECISION };
    let run = |name, cases, machine, design| Run { name, cases, machine, design };
    vec![
        run("30 cases of 1 contender", 30, Machine::pair(normal, normal), fixed),
        run("10 cases of 3 contenders: correlation 0.5", 10, shared(normal), fixed),
        run("1 case of 30 contenders: correlation 0.8", 1, one_baseline(loud, normal), fixed),
        run("10 cases of 3, two stages for 10 %", 10, shared(normal), two_stages),
        run("10 cases of 3, random walk within blocks too", 10, walking, fixed),
        run("30 cases of 1, blocks correlated 0.3", 30, Machine::pair(slight, slight), fixed),
        run("10 cases of 3, blocks correlated 0.3", 10, shared(slight), fixed),
        run("10 cases of 3, blocks correlated 0.6", 10, shared(Arm::correlated(0.6)), fixed),
    ]
}

fn one_baseline(baseline: Arm, contender: Arm) -> Machine {
    Machine::group(std::iter::once(baseline).chain(vec![contender; FAMILY.comparisons]).collect())
}

/// The table of runs; `stream` gives each its own random numbers.
pub fn table(replications: u32, mut stream: impl FnMut() -> ChaCha8Rng) -> Table {
    let mut table = Table::new(&[
        "run of 30 comparisons, A/A",
        "any simultaneous interval misses",
        "any verdict faster or slower",
        "any plain interval misses",
        "warned: any block order, p < 1 %",
        "warned: all block orders pooled, p < 1 %",
    ]);
    for Run { name, cases, machine, design } in runs() {
        let mut generator = stream();
        let [mut simultaneous, mut wrong, mut plain, mut single, mut pooled] = [Rate::default(); 5];
        for _ in 0..replications {
            let comparisons: Vec<Vec<Measured>> =
                (0..cases).map(|_| case(&machine, design, FAMILY, &mut generator)).collect();
            let any = |test: fn(&Measured) -> bool| comparisons.iter().flatten().any(test);
            simultaneous.count(any(Measured::misses_simultaneously));
            wrong.count(any(|one| matches!(one.verdict(), Verdict::Faster | Verdict::Slower)));
            plain.count(any(Measured::misses));
            single.count(any(|one| von_neumann(&one.log_ratios).is_ok_and(|test| test.p_value < 0.01)));
            // The comparisons of a case share their baseline's noise, so one of each case is pooled.
            let firsts: Vec<&[f64]> = comparisons.iter().map(|case| case[0].log_ratios.as_slice()).collect();
            pooled.count(von_neumann_pooled(&firsts).is_ok_and(|test| test.p_value < 0.01));
        }
        let rates = [simultaneous, wrong, plain, single, pooled].map(Rate::with_interval);
        table.row(name, &rates);
    }
    table
}
