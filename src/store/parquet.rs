//! A run's tables: rows to Parquet, replaced as a whole, and back as lazy frames.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use polars::prelude::{
    Column, DataFrame, IntoLazy, KeyValueMetadata, LazyFrame, ParquetWriter, PlRefPath, PolarsResult,
    ScanArgsParquet, Series,
};

use super::manifest::{Manifest, SCHEMA_VERSION, is_read};
use super::rows::{self, BlockRow, ParityRow, SampleRow, TrialRow};
use super::state::RunState;
use super::{StoreError, epochs, journal, resources, timeline};
use crate::guard::file::LARGEST_TABLE;
use crate::guard::{self, file};

const TRIALS: &str = "trials.parquet";
const SAMPLES: &str = "samples.parquet";
const PARITY: &str = "parity.parquet";
const PHASES: &str = "phases.parquet";
const RESOURCES: &str = "resources.parquet";
const BLOCKS: &str = "blocks.parquet";
const EPOCHS: &str = "epochs.parquet";

/// The tables of one run.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "a lazy frame has none")]
pub struct Tables {
    /// `trials.parquet`.
    pub trials: LazyFrame,
    /// `samples.parquet`.
    pub samples: LazyFrame,
    /// `parity.parquet`.
    pub parity: LazyFrame,
    /// `blocks.parquet`; nothing of results that were imported, or kept before it was.
    pub blocks: Option<LazyFrame>,
    /// Whether every block is there.
    pub finished: bool,
}

impl Tables {
    /// The tables of a run's folder: its Parquet, or its journal where a killed runner left that ahead of the Parquet.
    ///
    /// # Errors
    /// Neither can be read.
    pub fn open(folder: &Path, manifest: &Manifest) -> Result<Self, StoreError> {
        let journal = journal_bytes(folder);
        let stored = stored_metadata(&folder.join(TRIALS));
        let value = |key: &str| stored.as_ref().and_then(|m| m.get(key).cloned());
        if stored.is_some() && value(JOURNAL_BYTES) == journal.map(|n| n.to_string()) {
            let scan = |name: &str| {
                let path = folder.join(name);
                // Opening a pipe in its place would wait for ever.
                let mut file = file::open(&path, u64::MAX).map_err(StoreError::io("read", &path))?;
                guard::parquet::check(&mut file, LARGEST_TABLE).map_err(StoreError::table("read", &path))?;
                let text = PlRefPath::new(path.to_string_lossy());
                LazyFrame::scan_parquet(text, ScanArgsParquet::default())
                    .map_err(StoreError::table("read", &path))
            };
            let finished = value(FINISHED).as_deref() == Some("true");
            return Ok(Self {
                trials: scan(TRIALS)?,
                samples: scan(SAMPLES)?,
                parity: scan(PARITY)?,
                blocks: if folder.join(BLOCKS).is_file() { Some(scan(BLOCKS)?) } else { None },
                finished,
            });
        }
        let state = RunState::replay(&journal::read(folder)?);
        let lazy = |name: &str, frame: PolarsResult<DataFrame>| {
            frame.map(IntoLazy::lazy).map_err(StoreError::table("read", &folder.join(name)))
        };
        Ok(Self {
            trials: lazy(TRIALS, DataFrame::new_infer_height(trials(&rows::trials(manifest, &state))))?,
            samples: lazy(SAMPLES, in_one(sample_frames(rows::samples(&state))))?,
            parity: lazy(PARITY, DataFrame::new_infer_height(parity(&rows::contract(&state))))?,
            blocks: Some(lazy(BLOCKS, DataFrame::new_infer_height(blocks(&rows::blocks(&state))))?),
            finished: state.finished,
        })
    }
}

const VERSION: &str = "benchrun.schema_version";
const JOURNAL_BYTES: &str = "benchrun.journal_bytes";
const FINISHED: &str = "benchrun.finished";

/// Writes what a run's journal told: blocks, trials, samples, contract rows, the phases' costs; the epochs of networks, and the timeline where
/// one was kept.
///
/// # Errors
/// A file cannot be written.
pub fn write_all(folder: &Path, manifest: &Manifest, state: &RunState) -> Result<(), StoreError> {
    let phases = resources::phase_columns(&resources::phases(state));
    write(&folder.join(PHASES), [DataFrame::new_infer_height(phases)], Vec::new())?;
    let timelines = resources::timeline_frames(folder, state)?;
    if !timelines.is_empty() {
        write(&folder.join(RESOURCES), timelines, Vec::new())?;
    }
    let epochs = epochs::rows(state);
    if !epochs.is_empty() {
        let columns = epochs::columns(&epochs);
        write(&folder.join(EPOCHS), [DataFrame::new_infer_height(columns)], Vec::new())?;
    }
    let noise = blocks(&rows::blocks(state));
    write(&folder.join(BLOCKS), [DataFrame::new_infer_height(noise)], Vec::new())?;
    let rows = (&rows::trials(manifest, state)[..], rows::samples(state), &rows::contract(state)[..]);
    write_rows(folder, rows, state.finished)?;
    // A run that can be continued needs them again.
    if state.finished { timeline::clear(&folder.join(timeline::FOLDER)) } else { Ok(()) }
}

/// Writes some rows as a run's tables. The trials come last: they say how far in the journal the tables reach. Samples may be made as
/// they are written: there can be millions.
///
/// # Errors
/// A file cannot be written.
pub fn write_rows<S>(
    folder: &Path,
    (of_trials, of_samples, of_parity): (&[TrialRow], S, &[ParityRow]),
    finished: bool,
) -> Result<(), StoreError>
where
    S: IntoIterator<Item: Borrow<SampleRow>>,
{
    let mut metadata = vec![(FINISHED.to_owned(), finished.to_string())];
    metadata.extend(journal_bytes(folder).map(|n| (JOURNAL_BYTES.to_owned(), n.to_string())));
    write(&folder.join(SAMPLES), sample_frames(of_samples), Vec::new())?;
    write_parity(folder, of_parity)?;
    write(&folder.join(TRIALS), [DataFrame::new_infer_height(trials(of_trials))], metadata)
}

/// Writes the parity table: what was judged on raw outputs, and what the gate found in the receipts.
///
/// # Errors
/// The file cannot be written.
pub fn write_parity(folder: &Path, rows: &[ParityRow]) -> Result<(), StoreError> {
    write(&folder.join(PARITY), [DataFrame::new_infer_height(parity(rows))], Vec::new())
}

fn journal_bytes(folder: &Path) -> Option<u64> {
    fs::metadata(folder.join(journal::FILE_NAME)).ok().map(|m| m.len())
}

/// The metadata of a file of a version that is read; nothing where there is none.
fn stored_metadata(path: &Path) -> Option<BTreeMap<String, String>> {
    let pairs = guard::parquet::check(&mut file::open(path, u64::MAX).ok()?, LARGEST_TABLE).ok()?;
    let metadata: BTreeMap<String, String> =
        pairs.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    metadata.get(VERSION)?.parse().is_ok_and(is_read).then_some(metadata)
}

/// Writes frames of one schema, at least one, each as a row group.
fn write(
    path: &Path,
    frames: impl IntoIterator<Item = PolarsResult<DataFrame>>,
    mut metadata: Vec<(String, String)>,
) -> Result<(), StoreError> {
    metadata.push((VERSION.to_owned(), SCHEMA_VERSION.to_string()));
    let mut bytes = Vec::new();
    let encode = || {
        let mut frames = frames.into_iter();
        let first = frames.next().unwrap_or_else(|| Ok(DataFrame::empty()))?;
        let mut writer = ParquetWriter::new(&mut bytes)
            .with_key_value_metadata(Some(KeyValueMetadata::from_static(metadata)))
            .batched(first.schema())?;
        writer.write_batch(&first)?;
        frames.try_for_each(|frame| writer.write_batch(&frame?))?;
        writer.finish()
    };
    encode().map_err(StoreError::table("write", path))?;
    crate::files::write_atomic(path, &bytes).map_err(StoreError::io("write", path))
}

/// Rows that become columns at a time: as columns they take a tenth of the memory.
const ROWS_AT_ONCE: usize = 1 << 18;

/// The samples in frames of [`ROWS_AT_ONCE`], at least one.
fn sample_frames<S>(rows: S) -> impl Iterator<Item = PolarsResult<DataFrame>>
where
    S: IntoIterator<Item: Borrow<SampleRow>>,
{
    let mut rows = rows.into_iter();
    let mut begun = false;
    std::iter::from_fn(move || {
        let some: Vec<S::Item> = rows.by_ref().take(ROWS_AT_ONCE).collect();
        let ended = begun && some.is_empty();
        begun = true;
        (!ended).then(|| DataFrame::new_infer_height(samples(&some)))
    })
}

fn in_one(frames: impl IntoIterator<Item = PolarsResult<DataFrame>>) -> PolarsResult<DataFrame> {
    let mut all = DataFrame::empty();
    for frame in frames {
        all.vstack_mut_owned(frame?)?;
    }
    Ok(all)
}

/// One column from a field of every row.
pub(super) fn column<'r, R, T>(name: &str, rows: &'r [R], field: impl Fn(&'r R) -> T) -> Column
where
    Series: FromIterator<Option<T::Item>>,
    T: Cell,
{
    rows.iter().map(|row| field(row).cell()).collect::<Series>().with_name(name.into()).into()
}

/// A value that may be null.
pub(super) trait Cell {
    type Item;
    fn cell(self) -> Option<Self::Item>;
}

macro_rules! plain_cells {
    ($($plain:ty),*) => {$(
        impl Cell for $plain {
            type Item = $plain;
            fn cell(self) -> Option<$plain> {
                Some(self)
            }
        }
    )*};
}

plain_cells!(bool, u32, u64, f64);

impl<'r> Cell for &'r String {
    type Item = &'r str;
    fn cell(self) -> Option<&'r str> {
        Some(self)
    }
}

impl<'r> Cell for &'r Option<String> {
    type Item = &'r str;
    fn cell(self) -> Option<&'r str> {
        self.as_deref()
    }
}

impl<T> Cell for Option<T> {
    type Item = T;
    fn cell(self) -> Option<T> {
        self
    }
}

fn trials(rows: &[TrialRow]) -> Vec<Column> {
    let mut columns = vec![
        column("trial", rows, |r| &r.trial),
        column("spec", rows, |r| &r.spec),
        column("run", rows, |r| &r.run),
        column("experiment", rows, |r| &r.experiment),
        column("task", rows, |r| &r.task),
        column("case", rows, |r| &r.case),
        column("dataset", rows, |r| &r.dataset),
        column("algorithm", rows, |r| &r.algorithm),
        column("hyperparameters", rows, |r| &r.hyperparameters),
        column("settings", rows, |r| &r.settings),
        column("implementation", rows, |r| &r.implementation),
        column("language", rows, |r| &r.language),
        column("bundle", rows, |r| &r.bundle),
        column("fold", rows, |r| r.fold),
        column("block", rows, |r| r.block),
        column("attempt", rows, |r| r.attempt),
        column("session", rows, |r| r.session),
        column("position", rows, |r| r.position),
        column("counted", rows, |r| r.counted),
        column("status", rows, |r| &r.status),
        column("reason", rows, |r| &r.reason),
        column("log_tail", rows, |r| &r.log_tail),
        column("traceback", rows, |r| &r.traceback),
        column("timeout_ns", rows, |r| r.timeout_ns),
        column("memory_limit_bytes", rows, |r| r.memory_limit_bytes),
        column("memory_limited_by", rows, |r| &r.memory_limited_by),
        column("seed", rows, |r| r.seed),
        column("started_unix_ms", rows, |r| r.started_unix_ms),
        column("start_ns", rows, |r| r.start_ns),
        column("load_ns", rows, |r| r.load_ns),
        column("wall_ns", rows, |r| r.wall_ns),
        column("watched_ns", rows, |r| r.watched_ns),
        column("runner_cpu_ns", rows, |r| r.runner_cpu_ns),
        column("rss_ready_bytes", rows, |r| r.rss_ready_bytes),
        column("rss_load_bytes", rows, |r| r.rss_load_bytes),
        column("peak_rss_bytes", rows, |r| r.peak_rss_bytes),
        column("cpu_set", rows, |r| &r.cpu_set),
        column("threads_alive", rows, |r| r.threads_alive),
        column("threads_pool", rows, |r| r.threads_pool),
        column("worker_build", rows, |r| &r.worker_build),
        column("versions", rows, |r| &r.versions),
        column("receipt", rows, |r| &r.receipt),
        column("outputs_sha256", rows, |r| &r.outputs_sha256),
        column("confusion_matrix", rows, |r| &r.confusion_matrix),
    ];
    columns.extend(resources::usage_columns(rows, |r| &r.usage));
    columns.push(column("resource_samples", rows, |r| r.resource_samples));
    columns.push(column("sampling_cpu_ns", rows, |r| r.sampling_cpu_ns));
    columns.push(column("resources_absent", rows, |r| &r.resources_absent));
    columns.extend(metrics(rows, |r| &r.metrics));
    columns
}

/// A column for each metric that one of the rows has.
pub(super) fn metrics<'r, R>(rows: &'r [R], of: impl Fn(&'r R) -> &'r BTreeMap<String, f64>) -> Vec<Column> {
    let names: BTreeSet<&String> = rows.iter().flat_map(|r| of(r).keys()).collect();
    names
        .into_iter()
        .map(|name| column(&format!("metric_{name}"), rows, |r| of(r).get(name).copied()))
        .collect()
}

fn samples<R: Borrow<SampleRow>>(rows: &[R]) -> Vec<Column> {
    vec![
        column("trial", rows, |r| &r.borrow().trial),
        column("case", rows, |r| &r.borrow().case),
        column("implementation", rows, |r| &r.borrow().implementation),
        column("block", rows, |r| r.borrow().block),
        column("counted", rows, |r| r.borrow().counted),
        column("phase", rows, |r| &r.borrow().phase),
        column("sample", rows, |r| r.borrow().sample),
        column("calls", rows, |r| r.borrow().calls),
        column("wall_ns", rows, |r| r.borrow().wall_ns),
        column("cpu_ns", rows, |r| r.borrow().cpu_ns),
    ]
}

fn parity(rows: &[ParityRow]) -> Vec<Column> {
    vec![
        column("case", rows, |r| &r.case),
        column("block", rows, |r| r.block),
        column("attempt", rows, |r| r.attempt),
        column("contender", rows, |r| &r.contender),
        column("baseline", rows, |r| &r.baseline),
        column("kind", rows, |r| &r.kind),
        column("check", rows, |r| &r.check),
        column("agrees", rows, |r| r.agrees),
        column("contender_value", rows, |r| &r.contender_value),
        column("baseline_value", rows, |r| &r.baseline_value),
        column("figure", rows, |r| r.figure),
        column("allowed", rows, |r| r.allowed),
        column("finding", rows, |r| &r.finding),
    ]
}

fn blocks(rows: &[BlockRow]) -> Vec<Column> {
    vec![
        column("case", rows, |r| &r.case),
        column("block", rows, |r| r.block),
        column("attempt", rows, |r| r.attempt),
        column("session", rows, |r| r.session),
        column("counted", rows, |r| r.counted),
        column("began_unix_ms", rows, |r| r.began_unix_ms),
        column("wall_ns", rows, |r| r.wall_ns),
        column("trial_cpus", rows, |r| r.trial_cpus),
        column("steal_share", rows, |r| r.steal_share),
        column("others_trial_cpus", rows, |r| r.others_trial_cpus),
        column("others_elsewhere_cpus", rows, |r| r.others_elsewhere_cpus),
        column("rounding_cpus", rows, |r| r.rounding_cpus),
        column("load", rows, |r| r.load),
        column("frequency_before_khz", rows, |r| r.frequency_before_khz),
        column("frequency_after_khz", rows, |r| r.frequency_after_khz),
        column("throttles", rows, |r| r.throttles),
        column("absent", rows, |r| &r.absent),
    ]
}
