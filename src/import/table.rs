//! The Parquet form: one row for each sample, the columns of the trial repeated. It is turned into the JSON form, so that both are checked
//! and read by the same code.

use std::collections::{BTreeMap, HashMap};

use polars::prelude::{AnyValue, DataFrame};
use serde_json::{Map, Value, json};

use super::problem::Problem;
use super::read::head;
use super::record::Records;
use crate::guard;
use crate::guard::file::LARGEST_DATA;
use crate::spec::problem::nearest;

/// Columns that are the same in the whole file.
const OF_FILE: &[&str] = &["name", "tool", "machine"];
/// Columns that tell one trial from another.
const KEY: &[&str] =
    &["task", "dataset", "algorithm", "hyperparameters", "implementation", "block", "session"];
/// Columns that are the same in every row of a trial.
const OF_TRIAL: &[&str] = &[
    "settings",
    "status",
    "reason",
    "seed",
    "start_ns",
    "load_ns",
    "peak_rss_bytes",
    "rss_ready_bytes",
    "cpu_set",
    "metrics",
    "versions",
    "receipt",
    "outputs",
];
/// Columns of one sample.
const OF_SAMPLE: &[&str] = &["phase", "wall_ns", "calls", "cpu_ns"];
/// Columns without which there is no trial.
const NEEDED: &[&str] = &["dataset", "algorithm", "implementation", "block", "phase", "wall_ns"];
/// Columns whose text is JSON.
const NESTED: &[&str] =
    &["machine", "hyperparameters", "settings", "cpu_set", "metrics", "versions", "receipt"];

/// A table in the JSON form.
#[derive(Debug)]
pub struct Table {
    /// Everything but the trials.
    pub head: Records<Value>,
    /// The trials, each with its first row, from 0.
    pub trials: Vec<(usize, Value)>,
}

/// Reads a table.
///
/// # Errors
/// It is no Parquet, its columns are not those of the form, or the rows of one trial contradict each other. Places are rows from 1.
pub fn read(bytes: &[u8]) -> Result<Table, Vec<Problem>> {
    let whole = |message: String| vec![Problem::new("", message)];
    let frame = guard::parquet::read(bytes, LARGEST_DATA)
        .map_err(|e| whole(format!("is not Parquet that can be read: {e}")))?;
    columns(&frame)?;
    let mut problems = Vec::new();
    let mut rows = Vec::with_capacity(frame.height());
    for row in 0..frame.height() {
        rows.push(cells(&frame, row, &mut problems));
    }
    let head = of_file(&rows, &mut problems);
    let trials = trials(rows, &mut problems);
    match head {
        Some(head) if problems.is_empty() => Ok(Table { head, trials }),
        _ => Err(problems),
    }
}

/// Checks the names of the columns.
fn columns(frame: &DataFrame) -> Result<(), Vec<Problem>> {
    let known = || [OF_FILE, KEY, OF_TRIAL, OF_SAMPLE].into_iter().flatten().copied();
    let names: Vec<&str> =
        frame.get_column_names().into_iter().map(polars::prelude::PlSmallStr::as_str).collect();
    let mut problems = Vec::new();
    for name in names.iter().filter(|name| !known().any(|k| k == **name)) {
        let problem = Problem::new("", format!("unknown column `{name}`"));
        problems.push(match nearest(name, known()) {
            Some(close) => problem.hint(format!("did you mean `{close}`?")),
            None => problem.hint(format!("known: {}", known().collect::<Vec<_>>().join(", "))),
        });
    }
    for needed in NEEDED.iter().filter(|needed| !names.contains(needed)) {
        problems.push(Problem::new("", format!("the column `{needed}` is missing")));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// The cells of a row that are not null.
fn cells(frame: &DataFrame, row: usize, problems: &mut Vec<Problem>) -> BTreeMap<String, Value> {
    let mut cells = BTreeMap::new();
    for column in frame.columns() {
        let name = column.name().as_str();
        let mut wrong = |message: String| {
            problems.push(Problem::new(format!("row {}", row + 1), format!("`{name}` {message}")));
        };
        let value = match column.get(row).map(|value| plain(&value)) {
            Ok(Ok(None)) => continue,
            Ok(Ok(Some(value))) => value,
            Ok(Err(found)) => {
                wrong(format!("is of type {found}, but must be a text or a number"));
                continue;
            }
            Err(error) => {
                wrong(error.to_string());
                continue;
            }
        };
        let value = match &value {
            Value::String(text) if NESTED.contains(&name) => match serde_json::from_str(text) {
                Ok(nested) => nested,
                Err(error) => {
                    wrong(format!("is not JSON: {error}"));
                    continue;
                }
            },
            _ => value,
        };
        cells.insert(name.to_owned(), value);
    }
    cells
}

/// A cell as JSON; nothing if it is null. Libraries write whole numbers with gaps as floats, and the gaps as NaN.
fn plain(value: &AnyValue<'_>) -> Result<Option<Value>, String> {
    let whole = |x: f64| x.fract() == 0.0 && x.abs() < 9e15;
    Ok(match value {
        AnyValue::Null => None,
        AnyValue::String(text) => Some(json!(text)),
        AnyValue::StringOwned(text) => Some(json!(text.as_str())),
        AnyValue::Boolean(truth) => Some(json!(truth)),
        _ if value.is_integer() => match value.extract::<u64>() {
            Some(number) => Some(json!(number)),
            None => value.extract::<i64>().map(|number| json!(number)),
        },
        _ if value.is_float() => match value.extract::<f64>() {
            Some(x) if x.is_nan() => None,
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2^53")]
            Some(x) if whole(x) => Some(json!(x as i64)),
            Some(x) => Some(json!(x)),
            None => None,
        },
        _ => return Err(value.dtype().to_string()),
    })
}

fn of_file(rows: &[BTreeMap<String, Value>], problems: &mut Vec<Problem>) -> Option<Records<Value>> {
    let mut values = BTreeMap::new();
    for name in OF_FILE {
        let mut cells = rows.iter().enumerate().filter_map(|(row, cells)| Some((row, cells.get(*name)?)));
        let Some((_, first)) = cells.next() else { continue };
        if let Some((row, other)) = cells.find(|(_, value)| *value != first) {
            let message =
                format!("`{name}` is {other}, but {first} in an earlier row; it is of the whole file");
            problems.push(Problem::new(format!("row {}", row + 1), message));
        }
        values.insert(*name, first.clone());
    }
    match head(values) {
        Ok(head) => Some(head),
        Err(error) => {
            problems.push(Problem::new("", error.to_string()));
            None
        }
    }
}

fn trials(rows: Vec<BTreeMap<String, Value>>, problems: &mut Vec<Problem>) -> Vec<(usize, Value)> {
    let mut trials: Vec<(usize, Map<String, Value>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (row, mut cells) in rows.into_iter().enumerate() {
        let sample: Vec<Option<Value>> = OF_SAMPLE.iter().map(|name| cells.remove(*name)).collect();
        let of_trial: Map<String, Value> =
            cells.into_iter().filter(|(name, _)| !OF_FILE.contains(&name.as_str())).collect();
        let key = json!(KEY.iter().map(|name| of_trial.get(*name)).collect::<Vec<_>>()).to_string();
        let place = *places.entry(key).or_insert_with(|| {
            let mut trial = of_trial.clone();
            trial.insert("phases".to_owned(), json!([]));
            trials.push((row, trial));
            trials.len() - 1
        });
        let (first, trial) = &mut trials[place];
        for name in OF_TRIAL.iter().filter(|name| trial.get(**name) != of_trial.get(**name)) {
            let message = format!("`{name}` is not what row {} of the same trial says", *first + 1);
            problems.push(Problem::new(format!("row {}", row + 1), message));
        }
        if let Some(Value::Array(phases)) = trial.get_mut("phases") {
            add_sample(phases, sample, row, problems);
        }
    }
    trials.into_iter().map(|(row, trial)| (row, Value::Object(trial))).collect()
}

/// Adds one sample to the phases of its trial. A row without a phase is one of a trial without samples.
fn add_sample(phases: &mut Vec<Value>, sample: Vec<Option<Value>>, row: usize, problems: &mut Vec<Problem>) {
    let Ok([phase, wall, calls, cpu]) = <[_; 4]>::try_from(sample) else { return };
    let (Some(phase), Some(wall)) = (&phase, &wall) else {
        if phase.is_some() || wall.is_some() || calls.is_some() || cpu.is_some() {
            problems
                .push(Problem::new(format!("row {}", row + 1), "a sample needs both `phase` and `wall_ns`"));
        }
        return;
    };
    let known = phases.iter_mut().find(|known| known["name"] == *phase);
    let known = match known {
        Some(known) => known,
        None => {
            phases.push(json!({ "name": phase, "wall_ns": [] }));
            let Some(last) = phases.last_mut() else { return };
            last
        }
    };
    for (key, value) in [("wall_ns", Some(wall)), ("calls", calls.as_ref()), ("cpu_ns", cpu.as_ref())] {
        let (Some(value), Value::Object(known)) = (value, &mut *known) else { continue };
        if let Value::Array(list) = known.entry(key).or_insert_with(|| json!([])) {
            list.push(value.clone());
        }
    }
}
