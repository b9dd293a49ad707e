//! How fast is `benchrun compare` on a large run, and in how much memory? Beside it, in the same minutes, a script of pandas and SciPy that
//! computes the same medians, paired intervals and tests on the same files. Both must find the same numbers, or there is no table.
//!
//! ```sh
//! cargo bench --bench compare                                  # 10 000 000 samples
//! cargo bench --bench compare -- --rows 100000 --repeats 3     # a slice
//! ```
//!
//! `synthetic` makes the run's folder, `process` starts a side and watches its memory, `python` keeps the script's environment, `agree` holds
//! the two sides' numbers against each other.
#![expect(clippy::print_stdout, reason = "a bench prints its tables")]
#![expect(clippy::cast_precision_loss, reason = "times, bytes and rows are far below 2⁵³")]

mod agree;
mod process;
mod python;
mod synthetic;

use std::path::Path;
use std::process::{Command, ExitCode};

use benchrun::monitor::machine::Machine;
use benchrun::stats::describe::median;
use process::Ran;
use synthetic::Shape;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)).map_err(Into::into).and_then(|options| measure(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    rows: u64,
    repeats: usize,
}

impl Options {
    /// What the command line asks for; cargo itself adds `--bench`.
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { rows: 10_000_000, repeats: 5 };
        while let Some(argument) = arguments.next() {
            let mut number = || {
                let value = arguments.next().ok_or(format!("`{argument}` needs a number"))?;
                value.parse::<u64>().ok().filter(|n| *n > 0).ok_or(format!("`{value}` is no number above 0"))
            };
            match argument.as_str() {
                "--bench" => {}
                "--rows" => options.rows = number()?,
                "--repeats" => options.repeats = usize::try_from(number()?).unwrap_or(usize::MAX),
                other => {
                    return Err(format!("`{other}` is no option; there are `--rows N` and `--repeats N`"));
                }
            }
        }
        Ok(options)
    }
}

/// The sides in the order in which they take turns.
const SIDES: [&str; 3] =
    ["`benchrun compare --format json`", "pandas + SciPy, no bootstrap", "pandas + SciPy"];

fn measure(options: &Options) -> Outcome<()> {
    let place = tempfile::tempdir()?;
    let shape = Shape::of_rows(options.rows);
    let folder = synthetic::make(place.path(), shape)?;
    println!("{}\n\n{}\n", shape.describe(), machine());
    let python = python::environment().map_err(|reason| println!("No Python side: {reason}.\n")).ok();
    let out = place.path().join("reference.parquet");
    let mut commands = vec![benchrun(&folder)];
    if let Some(python) = &python {
        commands.push(python::reference(python, &folder, &out, &["--no-bootstrap"]));
        commands.push(python::reference(python, &folder, &out, &[]));
    }
    // The first turn fills the caches of both sides, and shows that they compute the same.
    let mut first = Vec::new();
    for command in &mut commands {
        first.push(process::run(command)?);
    }
    if let Some(stages) = first.get(2) {
        let table = agree::table(&first[0].output, &out)?;
        println!("{table}");
        println!(
            "Seconds of the script by stage, once: {}\n",
            String::from_utf8_lossy(&stages.output).trim()
        );
    }
    let mut turns: Vec<Vec<Ran>> = commands.iter().map(|_| Vec::new()).collect();
    for _ in 0..options.repeats {
        for (command, ran) in commands.iter_mut().zip(&mut turns) {
            ran.push(process::run(command)?);
        }
    }
    print_table(&turns)?;
    Ok(())
}

fn benchrun(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_benchrun"));
    command.arg("compare").arg(folder).args(["--format", "json"]);
    command
}

fn machine() -> String {
    let machine = Machine::read();
    let gib = machine.memory_bytes.unwrap_or(0) as f64 / f64::from(1 << 30);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    format!(
        "{}, {} CPUs, {gib:.0} GiB; load before the first turn: {load}.",
        machine.cpu_model.unwrap_or_default(),
        machine.cpus
    )
}

fn print_table(turns: &[Vec<Ran>]) -> Outcome<()> {
    println!("| | wall time, median [range] | peak memory | time over benchrun's | memory over benchrun's |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    let mut own = None;
    for (name, ran) in SIDES.iter().zip(turns) {
        let seconds: Vec<f64> = ran.iter().map(|r| r.wall.as_secs_f64()).collect();
        let bytes: Vec<f64> = ran.iter().map(|r| r.peak_bytes as f64).collect();
        let (time, memory) = (median(&seconds)?, median(&bytes)?);
        let (own_time, own_memory) = *own.get_or_insert((time, memory));
        let low = seconds.iter().copied().fold(f64::INFINITY, f64::min);
        let high = seconds.iter().copied().fold(0.0, f64::max);
        println!(
            "| {name} | {time:.2} s [{low:.2}, {high:.2}] | {:.0} MiB | {:.1} | {:.1} |",
            memory / f64::from(1 << 20),
            time / own_time,
            memory / own_memory
        );
    }
    Ok(())
}
