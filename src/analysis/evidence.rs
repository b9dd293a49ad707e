//! From a run's tables to the facts that are judged, by lazy queries: only the columns that matter are read, and the samples of a trial
//! are reduced to their median before anything else sees them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use polars::prelude::{
    BooleanChunked, Column, DataFrame, DataType, Float64Chunked, LazyFrame, PolarsError, PolarsResult,
    StringChunked, UInt32Chunked, col, lit,
};

use super::facts::{PhaseFacts, ReceiptFacts, TrialFacts, phase_rank};
use crate::executor::event::Status;
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
        Self::collect(manifest, tables).map_err(StoreError::table("read the tables of", folder))
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
        Ok(Self { manifest, finished: tables.finished, trials, contract: contract(tables.parity)? })
    }
}

/// The phases of every trial that counts, by the trial's id.
fn phases(samples: LazyFrame) -> PolarsResult<HashMap<String, Vec<PhaseFacts>>> {
    let float = |name: &str| col(name).cast(DataType::Float64);
    let frame = samples
        .filter(col("counted"))
        .group_by([col("trial"), col("phase")])
        .agg([
            (float("wall_ns") / float("calls")).median().alias("median_ns"),
            float("wall_ns").sum().alias("wall_ns"),
            // A mean of nothing is null, where a sum would be 0.
            (float("cpu_ns").mean() / float("wall_ns").mean()).alias("cpus"),
        ])
        .collect()?;
    let (trials, names) = (text(&frame, "trial")?, text(&frame, "phase")?);
    let (medians, walls, cpus) =
        (number(&frame, "median_ns")?, number(&frame, "wall_ns")?, number(&frame, "cpus")?);
    let mut phases: HashMap<String, Vec<PhaseFacts>> = HashMap::new();
    for i in 0..frame.height() {
        let (Some(trial), Some(name), Some(median_ns)) = (trials.get(i), names.get(i), medians.get(i)) else {
            continue;
        };
        let phase = PhaseFacts { name: name.to_owned(), median_ns, wall_ns: walls.get(i), cpus: cpus.get(i) };
        match phases.get_mut(trial) {
            Some(known) => known.push(phase),
            None => {
                phases.insert(trial.to_owned(), vec![phase]);
            }
        }
    }
    Ok(phases)
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
    let mut facts = Vec::with_capacity(frame.height());
    for i in 0..frame.height() {
        let (Some(id), Some(case), Some(implementation)) = (ids.get(i), cases.get(i), implementations.get(i))
        else {
            continue;
        };
        let whole = |name: &str, time: Option<f64>| {
            time.map(|median_ns| PhaseFacts { name: name.to_owned(), median_ns, wall_ns: None, cpus: None })
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
            receipt: receipts.get(i).map(receipt).transpose()?,
            cpu_set: cpu_sets.get(i).and_then(|set| serde_json::from_str(set).ok()),
            peak_rss_bytes: peaks.get(i),
            rss_ready_bytes: ready.get(i),
            metrics: metrics.iter().filter_map(|(name, of)| Some((name.clone(), of.get(i)?))).collect(),
            phases,
        });
    }
    Ok(facts)
}

fn receipt(json: &str) -> PolarsResult<ReceiptFacts> {
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
