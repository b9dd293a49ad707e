//! The command line: one file for each subcommand.

mod against;
mod calibrate;
mod clean;
mod compare;
mod data;
mod doctor;
mod env;
mod import;
mod list;
mod logging;
mod plan;
mod prepare;
mod run;
mod schema;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::analysis::selection::Filter;
use crate::backend::FRAMEWORKS;
use crate::guard::text::printable;
use crate::plan::calibration::Slowdowns;
use crate::report::FORMATS;

/// The referee of machine-learning benchmarks: Rust against Python on the same bytes.
///
/// A spec (TOML) says what to compare: data sets × algorithms × hyperparameters × implementations. Every trial runs in a fresh process, one
/// scorer scores the raw outputs of both languages, and a speed-up is printed only where both sides provably solved the same problem.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_long_help = "\
Start here:
  benchrun specs/classical.toml         run the shipped comparison (also from any other folder)
  benchrun plan specs/classical.toml    what would run, how long it would take, what would be downloaded
  benchrun list algorithms              what can be compared, with parameters and defaults
  benchrun compare classical            the newest run of a spec once more

A run that was interrupted is continued by the same command.

Exit codes:
  0    done; `not comparable` and `unsupported` are results
  1    done, but trials failed, crashed, timed out or ran out of memory
  2    the command line, a spec or a file to import is wrong; nothing was run or imported
  3    data, a Python environment or an adapter is missing or broken; nothing was run
  4    results could not be written or read
  5    with --strict: a pair was not comparable, an implementation unsupported, the regression gate undecided, or `doctor` warned
  6    with --fail-on-regression: something became worse by more than that
  130  interrupted; the same command continues"
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs specs: the same as `benchrun SPEC…`.
    Run(RunArgs),
    /// Shows what a spec would run: cases, trials, order, expected time, downloads.
    Plan(PlanArgs),
    /// Lists what this build and the adapters offer.
    List(ListArgs),
    /// Compares the trials of runs that are there.
    Compare(CompareArgs),
    /// Reads results of another tool (`docs/import.md`) into a run that `compare` judges by the same gate.
    Import(ImportArgs),
    /// Measures on this machine how often the judge sees a difference where there is none, and finds one that is there.
    Calibrate(CalibrateArgs),
    /// Says what on this machine will make figures noisy, how good its clocks are, and what to do.
    Doctor(DoctorArgs),
    /// Prints a JSON Schema, for example `spec`; an unknown name lists them all.
    Schema {
        /// The schema's name.
        name: String,
    },
    /// Fetches or verifies data sets.
    #[command(subcommand)]
    Data(DataCommand),
    /// Makes Python environments.
    #[command(subcommand)]
    Env(EnvCommand),
    /// Removes what the cache holds: bundles, data, environments, unpacked adapters, calibrations.
    Clean(CleanArgs),
    /// Says which build this is and where its adapters are, for `--against`.
    #[command(hide = true)]
    Describe,
    /// Runs one trial: the request on standard input, events on standard output.
    #[command(hide = true)]
    Worker,
}

/// Where things are.
#[derive(Debug, Clone, Args)]
struct Places {
    /// The folder of the results.
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
    /// A folder with Python adapters beside the shipped ones; may be given more than once.
    #[arg(long, value_name = "DIR")]
    adapters: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Specs: paths, or names of shipped specs.
    #[arg(value_name = "SPEC", required = true)]
    specs: Vec<String>,
    #[command(flatten)]
    places: Places,
    /// The largest number of trials a spec may ask for.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_TRIALS)]
    max_trials: u64,
    /// Starts a new run even where an unfinished one could be continued.
    #[arg(long)]
    fresh: bool,
    /// Keeps the raw outputs of every trial.
    #[arg(long)]
    keep_outputs: bool,
    /// Keeps every reading of what trials cost, in `resources.parquet`.
    #[arg(long)]
    timeline: bool,
    /// Leaves out cases from the end until the budget holds, instead of refusing the spec.
    #[arg(long)]
    trim: bool,
    /// Runs the implementations of an older build beside those of this one, block by block, and compares each with its older self.
    #[arg(long, value_name = "OLD_BINARY")]
    against: Option<PathBuf>,
    /// Shows no progress.
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    report: ReportArgs,
}

#[derive(Debug, Args)]
struct PlanArgs {
    /// A spec: a path, or the name of a shipped one.
    #[arg(value_name = "SPEC")]
    spec: String,
    #[command(flatten)]
    places: Places,
    /// The largest number of trials the spec may ask for.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_TRIALS)]
    max_trials: u64,
    /// Shows at most this many trials in their order.
    #[arg(long, value_name = "N", default_value_t = 20)]
    trials: u64,
    /// How the plan is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// What to list.
    #[arg(value_enum)]
    what: Listed,
    #[command(flatten)]
    places: Places,
    /// How the list is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Listed {
    Datasets,
    Algorithms,
    Implementations,
}

#[derive(Debug, Args)]
struct CompareArgs {
    /// Runs: a folder, an id, or the name of a spec for its newest run. Several runs that share cases give a trend.
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<String>,
    #[command(flatten)]
    places: Places,
    /// Looks only at what matches: a key of the case (experiment, task, dataset, algorithm, a hyperparameter), `implementation` or
    /// `language`. Verdicts stay those of the whole run.
    #[arg(long, value_name = "KEY=VALUE[,VALUE]")]
    filter: Vec<Filter>,
    /// Gives one figure for each group of cases, by keys of the case.
    #[arg(long, value_name = "KEY[,KEY]", value_delimiter = ',')]
    by: Vec<String>,
    /// Shows only these quantities: phases, metrics, `peak_memory`.
    #[arg(long, value_name = "NAME[,NAME]", value_delimiter = ',')]
    metric: Vec<String>,
    /// Compares all others with this implementation instead of the spec's baseline.
    #[arg(long, value_name = "IMPLEMENTATION")]
    baseline: Option<String>,
    #[command(flatten)]
    report: ReportArgs,
}

/// How a comparison is judged and printed.
#[derive(Debug, Args)]
struct ReportArgs {
    /// Exits with 5 where a pair is not comparable, an implementation unsupported, or the regression gate undecided.
    #[arg(long)]
    strict: bool,
    /// Exits with 6 where time, memory or quality became worse by more than this, for example `5%`: new against old in one run
    /// (`run --against`), or the newest run against five or more earlier ones of the same machine.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    fail_on_regression: Option<f64>,
    /// Shows what was computed beside the verdicts: other tests and intervals, effect sizes, normality, power.
    #[arg(long)]
    details: bool,
    /// How the comparison is printed.
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = format_names())]
    format: String,
}

fn format_names() -> PossibleValuesParser {
    PossibleValuesParser::new(FORMATS.iter().map(|f| PossibleValue::new(f.name).help(f.doc)))
}

/// A percentage such as `5%`, as a share.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    number
        .filter(|p| *p >= 0.0 && p.is_finite())
        .map(|p| p / 100.0)
        .ok_or_else(|| "write a percentage of 0 or above, for example `5%`".to_owned())
}

#[derive(Debug, Args)]
struct ImportArgs {
    /// Files of trial records, in the JSON or the Parquet form; all together make one run.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    places: Places,
    /// The name of the results, in place of the one in the files.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The implementation that the others are compared with; the default is the first Python implementation of each case.
    #[arg(long, value_name = "ID")]
    baseline: Option<String>,
}

#[derive(Debug, Args)]
struct CalibrateArgs {
    /// A spec, whose implementations are each compared with themselves: a path, or the name of a shipped one.
    #[arg(value_name = "SPEC", default_value = "calibration")]
    spec: String,
    #[command(flatten)]
    places: Places,
    /// How often each implementation is compared with itself on each case.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    comparisons: u32,
    /// The slow-downs to inject and find, in percent, with commas between them; empty for none.
    #[arg(long, value_name = "LIST", default_value = "1%,2%,5%,10%")]
    slowdowns: Slowdowns,
    /// Starts a new calibration even where an unfinished one could be continued.
    #[arg(long)]
    fresh: bool,
    /// Shows no progress.
    #[arg(short, long)]
    quiet: bool,
    /// How the calibration is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Args)]
struct DoctorArgs {
    /// The folder of the results.
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
    /// Threads that a trial would use.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    threads: u32,
    /// Exits with 5 where it warns of something.
    #[arg(long)]
    strict: bool,
    /// How the findings are printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum DataCommand {
    /// Downloads data sets of the catalogue into the cache and verifies them.
    Fetch {
        /// Names of the catalogue; all if none is given.
        names: Vec<String>,
    },
    /// Verifies the data sets that the cache holds.
    Verify {
        /// Names of the catalogue; all if none is given.
        names: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
enum EnvCommand {
    /// Makes the Python environment of an implementation, unless it is there.
    Sync {
        /// The implementation, for example `python/scikit-learn`.
        #[arg(value_name = "NAME")]
        implementation: String,
        #[command(flatten)]
        places: Places,
    },
}

#[derive(Debug, Args)]
struct CleanArgs {
    /// What to remove; everything if nothing is named.
    #[arg(value_enum)]
    what: Vec<Cleaned>,
    /// Says what would be removed, and removes nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Cleaned {
    Bundles,
    Data,
    Envs,
    Adapters,
    Calibration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Tables for people.
    Text,
    /// JSON for scripts; `benchrun schema` prints its schema.
    Json,
}

/// Matrices beyond this are more often a slip than a wish.
const DEFAULT_MAX_TRIALS: u64 = 100_000;

/// Parses the command line and does what it says.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command.unwrap_or(Command::Run(cli.run)) {
        Command::Run(args) => run::run(&args),
        Command::Plan(args) => plan::plan(&args),
        Command::List(args) => list::list(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Import(args) => import::import(&args),
        Command::Calibrate(args) => calibrate::calibrate(&args),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Schema { name } => schema::schema(&name),
        Command::Data(command) => data::data(&command),
        Command::Env(EnvCommand::Sync { implementation, places }) => env::sync(&implementation, &places),
        Command::Clean(args) => clean::clean(&args),
        Command::Describe => against::describe(),
        Command::Worker => crate::worker::native::run(FRAMEWORKS, crate::worker::native::BUILD)
            .map(|()| Exit::Done)
            .map_err(|e| Failure::store(&e)),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.print();
            failure.exit.into()
        }
    }
}

/// How a command ended; the exit codes are documented in `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    Done = 0,
    TrialsFailed = 1,
    Usage = 2,
    Missing = 3,
    Store = 4,
    Strict = 5,
    Regressed = 6,
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a command could not do its work, for a person.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Failure {
    fn new(exit: Exit, error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        // A source that its parent already shows is not shown twice.
        while let Some(cause) = source {
            let text = cause.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            source = cause.source();
        }
        Self { exit, message, hint: None }
    }

    fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), hint: None }
    }

    fn missing(error: &dyn std::error::Error) -> Self {
        Self::new(Exit::Missing, error)
    }

    fn store(error: &dyn std::error::Error) -> Self {
        Self::new(Exit::Store, error)
    }

    fn hint(self, hint: Option<impl Into<String>>) -> Self {
        Self { hint: hint.map(Into::into), ..self }
    }

    #[expect(clippy::print_stderr, reason = "the command line speaks to the user")]
    fn print(&self) {
        // A spec's errors are rendered as a whole, with their own headings.
        if self.message.starts_with("error") || self.message.starts_with('\u{1b}') {
            eprint!("{}", self.message);
        } else {
            eprintln!("error: {}", printable(&self.message));
        }
        if let Some(hint) = &self.hint {
            eprintln!("hint: {}", printable(hint));
        }
    }
}

impl From<crate::store::StoreError> for Failure {
    fn from(error: crate::store::StoreError) -> Self {
        let hint = error.hint();
        Self::store(&error).hint(hint)
    }
}

impl From<crate::data::DataError> for Failure {
    fn from(error: crate::data::DataError) -> Self {
        Self::missing(&error).hint(error.hint())
    }
}

impl From<crate::implementation::environment::EnvironmentError> for Failure {
    fn from(error: crate::implementation::environment::EnvironmentError) -> Self {
        let hint = error.hint();
        Self::missing(&error).hint(hint)
    }
}

impl From<crate::executor::ExecutorError> for Failure {
    fn from(error: crate::executor::ExecutorError) -> Self {
        let hint = error.hint();
        Self::store(&error).hint(hint)
    }
}

/// Prints a result. A reader that went away (`benchrun list | head`) is no error.
fn print(text: &str) {
    use std::io::Write;
    // Whatever a name or a message holds, a terminal must not obey it.
    let _ = writeln!(std::io::stdout().lock(), "{}", printable(text.trim_end_matches('\n')));
}

/// Says on standard error what goes on.
#[expect(clippy::print_stderr, reason = "the command line speaks to the user")]
fn say(line: &str) {
    eprintln!("{}", printable(line));
}

/// Prints a value as JSON.
fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Failure::store(&e))?;
    print(&text);
    Ok(())
}
