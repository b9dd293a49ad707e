//! Rows to Parquet, replaced as a whole, with the schema's version in the file's metadata.

use std::collections::BTreeSet;
use std::path::Path;

use polars::prelude::{Column, DataFrame, KeyValueMetadata, ParquetWriter, Series};

use super::StoreError;
use super::manifest::{Manifest, SCHEMA_VERSION};
use super::rows::{self, ParityRow, SampleRow, TrialRow};
use super::state::RunState;

/// Writes `trials.parquet`, `samples.parquet` and `parity.parquet` into a run's folder.
///
/// # Errors
/// A file cannot be written.
pub fn write_all(folder: &Path, manifest: &Manifest, state: &RunState) -> Result<(), StoreError> {
    write(&folder.join("trials.parquet"), trials(&rows::trials(manifest, state)))?;
    write(&folder.join("samples.parquet"), samples(&rows::samples(state)))?;
    write(&folder.join("parity.parquet"), parity(&rows::parity(manifest, state)))
}

fn write(path: &Path, columns: Vec<Column>) -> Result<(), StoreError> {
    let wrong = |source| StoreError::Parquet { path: path.to_owned(), source };
    let mut frame = DataFrame::new_infer_height(columns).map_err(wrong)?;
    let mut bytes = Vec::new();
    let version = SCHEMA_VERSION.to_string();
    let metadata = KeyValueMetadata::from_static(vec![("benchrun.schema_version".to_owned(), version)]);
    ParquetWriter::new(&mut bytes)
        .with_key_value_metadata(Some(metadata))
        .finish(&mut frame)
        .map_err(wrong)?;
    crate::files::write_atomic(path, &bytes).map_err(StoreError::io("write", path))
}

/// One column from a field of every row.
fn column<'r, R, T>(name: &str, rows: &'r [R], field: impl Fn(&'r R) -> T) -> Column
where
    Series: FromIterator<Option<T::Item>>,
    T: Cell,
{
    rows.iter().map(|row| field(row).cell()).collect::<Series>().with_name(name.into()).into()
}

/// A value that may be null.
trait Cell {
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
        column("block", rows, |r| r.block),
        column("attempt", rows, |r| r.attempt),
        column("session", rows, |r| r.session),
        column("position", rows, |r| r.position),
        column("counted", rows, |r| r.counted),
        column("status", rows, |r| &r.status),
        column("reason", rows, |r| &r.reason),
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
        column("threads_alive", rows, |r| r.threads_alive),
        column("threads_pool", rows, |r| r.threads_pool),
        column("worker_build", rows, |r| &r.worker_build),
        column("versions", rows, |r| &r.versions),
        column("receipt", rows, |r| &r.receipt),
        column("outputs_sha256", rows, |r| &r.outputs_sha256),
    ];
    let metrics: BTreeSet<&String> = rows.iter().flat_map(|r| r.metrics.keys()).collect();
    columns.extend(
        metrics
            .into_iter()
            .map(|name| column(&format!("metric_{name}"), rows, |r| r.metrics.get(name).copied())),
    );
    columns
}

fn samples(rows: &[SampleRow]) -> Vec<Column> {
    vec![
        column("trial", rows, |r| &r.trial),
        column("case", rows, |r| &r.case),
        column("implementation", rows, |r| &r.implementation),
        column("block", rows, |r| r.block),
        column("counted", rows, |r| r.counted),
        column("phase", rows, |r| &r.phase),
        column("sample", rows, |r| r.sample),
        column("calls", rows, |r| r.calls),
        column("wall_ns", rows, |r| r.wall_ns),
        column("cpu_ns", rows, |r| r.cpu_ns),
    ]
}

fn parity(rows: &[ParityRow]) -> Vec<Column> {
    vec![
        column("case", rows, |r| &r.case),
        column("block", rows, |r| r.block),
        column("attempt", rows, |r| r.attempt),
        column("contender", rows, |r| &r.contender),
        column("baseline", rows, |r| &r.baseline),
        column("check", rows, |r| &r.check),
        column("agrees", rows, |r| r.agrees),
        column("figure", rows, |r| r.figure),
        column("allowed", rows, |r| r.allowed),
        column("finding", rows, |r| &r.finding),
    ]
}
