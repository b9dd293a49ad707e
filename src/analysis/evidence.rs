//! From a run's tables to the facts that are judged, by lazy queries: only the columns that matter are read, and the samples of a trial
//! are reduced to their median before anything else sees them.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use polars::prelude::{
    BooleanChunked, Column, DataFrame, DataType, Float64Chunked, LazyFrame, PolarsError, PolarsResult,
    StringChunked, UInt32Chunked, UInt64Chunked, col, len, lit,
};

use super::facts::{PhaseFacts, ReceiptFacts, TrialFacts, phase_rank};
use super::parallel::in_parallel;
use crate::executor::event::Status;
use crate::guard;
use crate::monitor::noise::Noise;
use crate::stats::describe;
use crate::stats::latency::{FEWEST_CALLS, latency};
use crate::store::StoreError;
use crate::store::manifest::Manifest;
use crate::store::parquet::Tables;
use crate::store::run_folder;
use crate::task::Check;

/// Everything that a comparison of one run rests on.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// What was run.
    pub manifest: Manifest,
    /// Whether every block is there.
    pub finished: bool,
    /// The trials that count, by case.
    pub trials: BTreeMap<String, Vec<TrialFacts>>,
    /// The points of the tasks' contracts.
    pub contract: Contract,
    /// What else went on during each block that counts; nothing where that was not kept.
    pub noise: Vec<BlockNoise>,
}

/// What else went on during one block.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockNoise {
    /// The case.
    pub case: String,
    /// The block.
    pub block: u32,
    /// What went on, without the reasons of what is absent.
    pub noise: Noise,
}

/// The points of a task's contract, by case, block, attempt, contender and baseline.
#[derive(Debug, Clone, Default)]
pub struct Contract(HashMap<(String, u32, u32, String, String), Vec<Check>>);

impl Contract {
    /// Adds a point for one pair in one attempt at one block of one case.
    pub fn add(
        &mut self,
        (case, block, attempt): (&str, u32, u32),
        (contender, baseline): (&str, &str),
        check: Check,
    ) {
        let key = (case.to_owned(), block, attempt, contender.to_owned(), baseline.to_owned());
        self.0.entry(key).or_default().push(check);
    }

    /// The points for one pair, whichever of the two was called contender when they were judged. Nothing if they never were.
    pub fn checks(&self, contender: &TrialFacts, baseline: &TrialFacts) -> Option<Vec<Check>> {
        let key = |a: &TrialFacts, b: &TrialFacts| {
            (a.case.clone(), a.block, a.attempt, a.implementation.clone(), b.implementation.clone())
        };
        let swapped =
            || self.0.get(&key(baseline, contender)).map(|c| c.iter().cloned().map(Check::swapped).collect());
        self.0.get(&key(contender, baseline)).cloned().or_else(swapped)
    }
}

impl Evidence {
    /// Reads a run's folder.
    ///
    /// # Errors
    /// Its files cannot be read.
    pub fn read(folder: &Path) -> Result<Self, StoreError> {
        let manifest = run_folder::read_manifest(folder)?;
        let tables = Tables::open(folder, &manifest)?;
        guard::parquet::guarded(|| Self::collect(manifest, tables))
            .map_err(StoreError::table("read the tables of", folder))
    }

    fn collect(manifest: Manifest, tables: Tables) -> PolarsResult<Self> {
        let mut phases = phases(tables.samples)?;
        let mut trials: BTreeMap<String, Vec<TrialFacts>> = BTreeMap::new();
        for facts in trial_facts(tables.trials, &mut phases)? {
            trials.entry(facts.case.clone()).or_default().push(facts);
        }
        for of_case in trials.values_mut() {
            of_case.sort_by_key(|t| t.block);
        }
        let noise = tables.blocks.map(noise).transpose()?.unwrap_or_default();
        Ok(Self { manifest, finished: tables.finished, trials, contract: contract(tables.parity)?, noise })
    }
}

/// Rows of samples that a processor holds at a time: a row group of the file, which need not be put together from parts.
const ROWS_AT_ONCE: u32 = 1 << 18;

/// The samples of each phase, by the trial's id.
type OfTrials = HashMap<String, Vec<(String, Samples)>>;

/// The samples of one phase of one trial.
#[derive(Default)]
struct Samples {
    calls_ns: Vec<f64>,
    /// Whether calls were timed together.
    together: bool,
    wall_ns: f64,
    cpu_ns: f64,
    with_cpu: usize,
}

/// The phases of every trial that counts, by the trial's id. A query that groups all rows at once would hold them several times over, and
/// would look up the keys of every row.
fn phases(samples: LazyFrame) -> PolarsResult<HashMap<String, Vec<PhaseFacts>>> {
    let rows = count(&samples.clone().select([len()]).collect()?, "len")?.get(0).unwrap_or(0);
    let samples = samples.select(["trial", "counted", "phase", "calls", "wall_ns", "cpu_ns"].map(col));
    let offsets = (0..rows).step_by(ROWS_AT_ONCE as usize);
    let parts = in_parallel(offsets, |offset| {
        gather(&samples.clone().slice(i64::from(offset), ROWS_AT_ONCE).collect()?)
    });
    let mut found = OfTrials::new();
    for part in parts {
        for (trial, of) in part? {
            let phases = found.entry(trial).or_default();
            for (name, samples) in of {
                Samples::of_phase(phases, &name).append(samples);
            }
        }
    }
    let facts = |(trial, of): (String, Vec<(String, Samples)>)| {
        (trial, of.into_iter().filter_map(|(name, samples)| samples.facts(name)).collect())
    };
    Ok(in_parallel(found, facts).into_iter().collect())
}

/// The samples of a part of the rows. Those of one phase stand together as they were written, so that a phase is looked up once for most of
/// them; where they do not, it takes longer and nothing else changes.
fn gather(frame: &DataFrame) -> PolarsResult<OfTrials> {
    let (trials, names) = (text(frame, "trial")?, text(frame, "phase")?);
    let counted = frame.column("counted")?.bool()?;
    let whole = |name: &str| Ok::<_, PolarsError>(frame.column(name)?.u64()?.rechunk().into_owned());
    let (calls, walls, cpus) = (whole("calls")?, whole("wall_ns")?, whole("cpu_ns")?);
    let (calls, walls) = (calls.cont_slice()?, walls.cont_slice()?);
    // Rows of one page that hold the same text hold the same view of it: that is quicker to see than that the texts are equal.
    let views = [&trials, &names].map(|texts| texts.downcast_as_array().views());
    let alike = |a: usize, b: usize| {
        views.iter().all(|views| views[a].as_u128() == views[b].as_u128()) && counted.get(a) == counted.get(b)
    };
    let mut found = OfTrials::new();
    let mut end = 0;
    while end < frame.height() {
        let begin = end;
        end += 1;
        while end < frame.height() && alike(begin, end) {
            end += 1;
        }
        let key = (trials.get(begin), names.get(begin), counted.get(begin));
        let (Some(trial), Some(name), Some(true)) = key else { continue };
        if !found.contains_key(trial) {
            found.insert(trial.to_owned(), Vec::new());
        }
        let Some(phases) = found.get_mut(trial) else { continue };
        let cpu = cpus.slice(i64::try_from(begin).unwrap_or(i64::MAX), end - begin);
        Samples::of_phase(phases, name).add(&calls[begin..end], &walls[begin..end], &cpu);
    }
    Ok(found)
}

#[expect(clippy::cast_precision_loss, reason = "times of less than 100 days")]
impl Samples {
    /// Those of one phase among a trial's.
    fn of_phase<'p>(phases: &'p mut Vec<(String, Self)>, name: &str) -> &'p mut Self {
        let place = phases.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            phases.push((name.to_owned(), Self::default()));
            phases.len() - 1
        });
        &mut phases[place].1
    }

    fn add(&mut self, calls: &[u64], wall_ns: &[u64], cpu_ns: &UInt64Chunked) {
        self.calls_ns.extend(wall_ns.iter().zip(calls).map(|(wall, calls)| *wall as f64 / *calls as f64));
        self.together |= calls.iter().any(|calls| *calls > 1);
        self.wall_ns += wall_ns.iter().map(|wall| *wall as f64).sum::<f64>();
        self.cpu_ns += cpu_ns.iter().flatten().map(|cpu| cpu as f64).sum::<f64>();
        self.with_cpu += cpu_ns.len() - cpu_ns.null_count();
    }

    fn append(&mut self, others: Self) {
        self.calls_ns.extend(others.calls_ns);
        self.together |= others.together;
        self.wall_ns += others.wall_ns;
        self.cpu_ns += others.cpu_ns;
        self.with_cpu += others.with_cpu;
    }

    fn facts(self, name: String) -> Option<PhaseFacts> {
        let mean_wall = self.wall_ns / self.calls_ns.len() as f64;
        let cpus = (self.with_cpu > 0).then(|| self.cpu_ns / self.with_cpu as f64 / mean_wall);
        let median_ns = describe::median(&self.calls_ns).ok()?;
        // Of few samples there is nothing but their median.
        let alone = !self.together && self.calls_ns.len() >= FEWEST_CALLS;
        let latency = alone.then(|| latency(&self.calls_ns).ok()).flatten();
        Some(PhaseFacts { name, median_ns, wall_ns: Some(self.wall_ns), cpus, latency })
    }
}

fn trial_facts(
    trials: LazyFrame,
    phases: &mut HashMap<String, Vec<PhaseFacts>>,
) -> PolarsResult<Vec<TrialFacts>> {
    let frame = trials.filter(col("counted")).collect()?;
    let text = |name| text(&frame, name);
    let (ids, cases, implementations) = (text("trial")?, text("case")?, text("implementation")?);
    let (statuses, reasons) = (text("status")?, text("reason")?);
    let (receipts, cpu_sets) = (text("receipt")?, text("cpu_set")?);
    let (blocks, attempts) = (count(&frame, "block")?, count(&frame, "attempt")?);
    let floats =
        ["start_ns", "load_ns", "peak_rss_bytes", "rss_ready_bytes"].map(|name| number(&frame, name));
    let [starts, loads, peaks, ready] = floats;
    let (starts, loads, peaks, ready) = (starts?, loads?, peaks?, ready?);
    let metrics = metrics(&frame)?;
    // Trials of one case and implementation mostly send the same receipt.
    let mut read: HashMap<&str, ReceiptFacts> = HashMap::new();
    let mut receipt = |json| match read.entry(json) {
        Entry::Occupied(known) => PolarsResult::Ok(known.get().clone()),
        Entry::Vacant(new) => Ok(new.insert(parse_receipt(json)?).clone()),
    };
    let mut facts = Vec::with_capacity(frame.height());
    for i in 0..frame.height() {
        let (Some(id), Some(case), Some(implementation)) = (ids.get(i), cases.get(i), implementations.get(i))
        else {
            continue;
        };
        let whole = |name: &str, time: Option<f64>| {
            let (wall_ns, cpus, latency) = (None, None, None);
            time.map(|median_ns| PhaseFacts { name: name.to_owned(), median_ns, wall_ns, cpus, latency })
        };
        let mut phases = phases.remove(id).unwrap_or_default();
        phases.extend([whole("start", starts.get(i)), whole("load", loads.get(i))].into_iter().flatten());
        phases.sort_by(|a, b| phase_rank(&a.name).cmp(&phase_rank(&b.name)));
        facts.push(TrialFacts {
            case: case.to_owned(),
            implementation: implementation.to_owned(),
            block: blocks.get(i).unwrap_or(0),
            attempt: attempts.get(i).unwrap_or(0),
            status: statuses.get(i).and_then(Status::of_word).unwrap_or(Status::Failed),
            reason: reasons.get(i).map(str::to_owned),
            receipt: receipts.get(i).map(&mut receipt).transpose()?,
            cpu_set: cpu_sets.get(i).and_then(|set| serde_json::from_str(set).ok()),
            peak_rss_bytes: peaks.get(i),
            rss_ready_bytes: ready.get(i),
            metrics: metrics.iter().filter_map(|(name, of)| Some((name.clone(), of.get(i)?))).collect(),
            phases,
        });
    }
    Ok(facts)
}

fn parse_receipt(json: &str) -> PolarsResult<ReceiptFacts> {
    serde_json::from_str(json)
        .map_err(|e| PolarsError::ComputeError(format!("a receipt is malformed: {e}").into()))
}

/// The columns `metric_<name>`.
fn metrics(frame: &DataFrame) -> PolarsResult<Vec<(String, Float64Chunked)>> {
    let names = frame.get_column_names();
    let metrics = names.into_iter().filter_map(|column| Some((column.strip_prefix("metric_")?, column)));
    metrics.map(|(name, column)| Ok((name.to_owned(), number(frame, column)?))).collect()
}

fn contract(parity: LazyFrame) -> PolarsResult<Contract> {
    let frame = parity.filter(col("kind").eq(lit("contract"))).collect()?;
    let text = |name| text(&frame, name);
    let (cases, contenders, baselines) = (text("case")?, text("contender")?, text("baseline")?);
    let (names_of, findings) = (text("check")?, text("finding")?);
    let (own, others) = (text("contender_value")?, text("baseline_value")?);
    let (blocks, attempts) = (count(&frame, "block")?, count(&frame, "attempt")?);
    let (figures, allowed) = (number(&frame, "figure")?, number(&frame, "allowed")?);
    let agrees: BooleanChunked = frame.column("agrees")?.bool()?.clone();
    let owned = |of: &StringChunked, i| of.get(i).unwrap_or_default().to_owned();
    let mut contract = Contract::default();
    for i in 0..frame.height() {
        let block =
            (cases.get(i).unwrap_or_default(), blocks.get(i).unwrap_or(0), attempts.get(i).unwrap_or(0));
        let names = (contenders.get(i).unwrap_or_default(), baselines.get(i).unwrap_or_default());
        let check = Check {
            name: owned(&names_of, i),
            agrees: agrees.get(i).unwrap_or(false),
            contender: own.get(i).map(str::to_owned),
            baseline: others.get(i).map(str::to_owned),
            figure: figures.get(i),
            allowed: allowed.get(i),
            finding: owned(&findings, i),
        };
        contract.add(block, names, check);
    }
    Ok(contract)
}

fn noise(blocks: LazyFrame) -> PolarsResult<Vec<BlockNoise>> {
    let frame = blocks.filter(col("counted")).collect()?;
    let (cases, blocks) = (text(&frame, "case")?, count(&frame, "block")?);
    let whole = |name: &str| PolarsResult::Ok(cast(&frame, name, &DataType::UInt64)?.u64()?.clone());
    let (walls, cpus, throttles) = (whole("wall_ns")?, whole("trial_cpus")?, whole("throttles")?);
    let (before, after) = (whole("frequency_before_khz")?, whole("frequency_after_khz")?);
    let (steals, loads) = (number(&frame, "steal_share")?, number(&frame, "load")?);
    let (here, elsewhere) = (number(&frame, "others_trial_cpus")?, number(&frame, "others_elsewhere_cpus")?);
    let rounding = number(&frame, "rounding_cpus")?;
    let of = |i| BlockNoise {
        case: cases.get(i).unwrap_or_default().to_owned(),
        block: blocks.get(i).unwrap_or(0),
        noise: Noise {
            wall_ns: walls.get(i).unwrap_or(0),
            trial_cpus: cpus.get(i).unwrap_or(0),
            steal_share: steals.get(i),
            others_trial_cpus: here.get(i),
            others_elsewhere_cpus: elsewhere.get(i),
            rounding_cpus: rounding.get(i),
            load: loads.get(i),
            frequency_before_khz: before.get(i),
            frequency_after_khz: after.get(i),
            throttles: throttles.get(i),
            absent: BTreeMap::new(),
        },
    };
    Ok((0..frame.height()).map(of).collect())
}

fn cast(frame: &DataFrame, name: &str, to: &DataType) -> PolarsResult<Column> {
    frame.column(name)?.cast(to)
}

fn text(frame: &DataFrame, name: &str) -> PolarsResult<StringChunked> {
    Ok(cast(frame, name, &DataType::String)?.str()?.rechunk().into_owned())
}

fn number(frame: &DataFrame, name: &str) -> PolarsResult<Float64Chunked> {
    Ok(cast(frame, name, &DataType::Float64)?.f64()?.rechunk().into_owned())
}

fn count(frame: &DataFrame, name: &str) -> PolarsResult<UInt32Chunked> {
    Ok(cast(frame, name, &DataType::UInt32)?.u32()?.rechunk().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::{IntoLazy, df};

    #[test]
    fn damaged_tables_of_a_run_are_errors() {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let stored = tests.join("data/runs/schema_2/old/20261121T205733Z-7586ab");
        let folder = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(&stored).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
        assert!(!Evidence::read(folder.path()).unwrap().trials.is_empty());
        let (name, path) = ("samples.parquet", folder.path().join("samples.parquet"));
        let honest = std::fs::read(stored.join(name)).unwrap();
        let hostile = [
            ("a_footer_of_more_columns_than_bytes.parquet", "it claims 2147483647 elements"),
            ("columns_nested_too_deeply.parquet", "its columns are nested too deeply"),
            ("a_page_of_negative_values.parquet", "a page of -"),
        ];
        for (input, reason) in hostile {
            std::fs::copy(tests.join("fuzz/corpus/parquet").join(input), &path).unwrap();
            let error = Evidence::read(folder.path()).unwrap_err();
            let words = format!("{error}: {}", std::error::Error::source(&error).unwrap());
            assert!(words.contains(name) && words.contains(reason), "{input}: {words}");
        }
        let mut refused = 0;
        for place in (0..honest.len()).step_by(61) {
            let mut damaged = honest.clone();
            damaged[place] ^= 0x55;
            std::fs::write(&path, damaged).unwrap();
            refused += u32::from(Evidence::read(folder.path()).is_err());
        }
        assert!(refused > 0, "no damage was found");
    }

    #[test]
    fn percentiles_need_calls_that_were_timed_alone() {
        let of = |calls: Vec<u64>| {
            let (rows, wall_ns): (usize, Vec<u64>) = (calls.len(), (1..=calls.len() as u64).collect());
            let frame = df!(
                "trial" => vec!["a"; rows],
                "counted" => vec![true; rows],
                "phase" => vec!["predict@1"; rows],
                "calls" => calls,
                "wall_ns" => wall_ns.clone(),
                "cpu_ns" => wall_ns,
            );
            phases(frame.unwrap().lazy()).unwrap()["a"][0].latency
        };
        let (many, some) = (of(vec![1; 101]).unwrap(), of(vec![1; 99]).unwrap());
        assert_eq!((many.p50, many.p95, many.p99), (51.0, Some(96.0), Some(100.0)));
        assert_eq!((some.p50, some.p99), (50.0, None));
        assert!(of(vec![1; 19]).is_none());
        let mut together = vec![1; 200];
        together[150] = 2;
        assert!(of(together).is_none());
    }

    #[test]
    fn samples_in_any_order_give_the_same_phases() {
        let trials = ["a", "a", "b", "a", "a", "b", "a", "c"];
        let names = ["fit", "fit", "fit", "predict", "fit", "fit", "predict", "fit"];
        let frame = df!(
            "trial" => trials,
            "counted" => trials.map(|trial| trial != "c"),
            "phase" => names,
            "calls" => [1_u64, 2, 1, 4, 1, 1, 4, 1],
            "wall_ns" => [10_u64, 60, 7, 40, 20, 9, 80, 5],
            "cpu_ns" => [Some(10_u64), None, None, Some(40), Some(20), None, Some(80), Some(5)],
        );
        let phases = phases(frame.unwrap().lazy()).unwrap();
        let fact = |name: &str, median_ns, wall_ns, cpus| PhaseFacts {
            name: name.to_owned(),
            median_ns,
            wall_ns: Some(wall_ns),
            cpus,
            latency: None,
        };
        assert_eq!(phases.len(), 2);
        assert_eq!(
            phases["a"],
            [fact("fit", 20.0, 90.0, Some(0.5)), fact("predict", 15.0, 120.0, Some(1.0))]
        );
        assert_eq!(phases["b"], [fact("fit", 8.0, 16.0, None)]);
    }
}
