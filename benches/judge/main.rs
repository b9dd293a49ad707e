//! Does the judge keep its promise? Simulated comparisons whose truth is known are judged by the analysis code alone:
//! samples → median of a trial → log-ratio of a block → interval → verdict. The tables are Markdown.
//!
//! ```sh
//! cargo bench --bench judge                            # 10 000 replications of every condition
//! cargo bench --bench judge -- --replications 2000     # a slice
//! ```
//!
//! `noise` states the models, `conditions` lists them, `measure` is the path through the judge, `promise` counts how
//! often it is right, `family` does so for whole runs, and `rejected` for methods that the judge does not use. Every
//! condition has its own stream of one recorded seed, so a table is the same wherever it is made.
#![expect(clippy::print_stdout, reason = "a bench prints its tables")]
#![expect(clippy::cast_precision_loss, reason = "no simulated run has 2⁵³ blocks")]

mod conditions;
mod family;
mod measure;
mod noise;
mod promise;
mod rejected;
mod table;

use std::process::ExitCode;
use std::time::Instant;

use conditions::Group;
use promise::Outcome;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use table::{Rate, Table};

const SEED: u64 = 20_260_727;
const REPLICATIONS: u32 = 10_000;

fn main() -> ExitCode {
    match replications(std::env::args().skip(1)) {
        Ok(replications) => {
            print_all(replications);
            ExitCode::SUCCESS
        }
        Err(message) => {
            println!("error: {message}\nhint: the one option is `--replications N`");
            ExitCode::FAILURE
        }
    }
}

/// What the command line asks for; cargo itself adds `--bench`.
fn replications(mut arguments: impl Iterator<Item = String>) -> Result<u32, String> {
    let mut replications = REPLICATIONS;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => {}
            "--replications" => {
                let value = arguments.next().ok_or("`--replications` needs a number")?;
                replications =
                    value.parse().map_err(|_| format!("`{value}` is no number of replications"))?;
            }
            other => return Err(format!("`{other}` is no option")),
        }
    }
    if replications > 0 { Ok(replications) } else { Err("there should be a replication or more".into()) }
}

fn print_all(replications: u32) {
    let start = Instant::now();
    println!(
        "Seed {SEED}, {replications} replications of every condition; rates in %, [95 % Monte-Carlo interval]."
    );
    let mut stream = streams();
    for group in conditions::all() {
        print_group(&group, replications, &mut stream);
    }
    println!("\n### A family of comparisons\n\n{}", family::table(replications, &mut stream).markdown());
    println!("\n### Rejected methods\n\n{}", rejected::table(replications, &mut stream).markdown());
    let contradictions = rejected::contradictions(replications, &mut stream());
    println!(
        "Test chosen by a normality test, beside a percentile bootstrap interval: verdict and interval disagree in {} \
         at a true slow-down of 5 %, n = 10.",
        contradictions.with_interval()
    );
    println!("\nTook {:.0} s.", start.elapsed().as_secs_f64());
}

/// Generators of the recorded seed, each with a stream of its own.
fn streams() -> impl FnMut() -> ChaCha8Rng {
    let mut stream = 0;
    move || {
        let mut generator = ChaCha8Rng::seed_from_u64(SEED);
        generator.set_stream(stream);
        stream += 1;
        generator
    }
}

fn print_group(group: &Group, replications: u32, mut stream: impl FnMut() -> ChaCha8Rng) {
    let mut level = Table::new(&[
        "A/A",
        "plain interval misses the truth",
        "covers it at 5 % slower",
        "faster",
        "slower",
        "equal",
        "none shown",
        "± %",
        "blocks",
    ]);
    let mut power = Table::new(&["shown slower / verdict slower / equal", "1 %", "2 %", "5 %", "10 %"]);
    let mut warnings = Table::new(&[
        "warnings, A/A",
        "order p < 1 %",
        "order p < 5 %",
        "W p < 1 %",
        "misses unwarned at 1 %",
    ]);
    let mut stages = Table::new(&[
        "two stages, A/A",
        "maximum binds",
        "else as precise as asked",
        "misses, with the deviation of all blocks",
        "misses, with the larger of the two",
        "that is wider by",
    ]);
    for condition in &group.conditions {
        let equal = Outcome::of_equals(condition, replications, &mut stream());
        let slowed = Outcome::of_slowdowns(condition, replications, &mut stream());
        let name = &condition.name;
        let covers = Rate { hits: slowed[2].misses.of - slowed[2].misses.hits, ..slowed[2].misses };
        let verdicts = [equal.faster, equal.slower, equal.equal, equal.none].map(Rate::percent);
        let sizes = [equal.mean_half_width(), equal.mean_blocks()].map(|mean| format!("{mean:.1}"));
        let level_row =
            [&[equal.misses.with_interval(), covers.percent()], &verdicts[..], &sizes[..]].concat();
        level.row(name, &level_row);
        let shown = slowed.map(|outcome| {
            let rates = [outcome.shown_slower, outcome.slower, outcome.equal];
            rates.map(|rate| format!("{:.0}", 100.0 * rate.share())).join(" / ")
        });
        power.row(name, &shown);
        let warned = &equal.warnings;
        let rates = [warned.correlated_1, warned.correlated_5, warned.not_normal].map(Rate::percent);
        warnings.row(name, &[&rates[..], &[warned.misses_unwarned.with_interval()]].concat());
        if let Some(two) = &equal.two_stages {
            let misses = [two.misses_of_all, two.misses_of_larger].map(Rate::with_interval);
            let rates = [equal.cut_short, two.precise].map(Rate::percent);
            stages.row(name, &[&rates[..], &misses[..], &[two.wider()]].concat());
        }
    }
    println!("\n### {}\n\n{}\n{}\n{}", group.title, level.markdown(), power.markdown(), warnings.markdown());
    if !stages.is_empty() {
        println!("{}", stages.markdown());
    }
}
