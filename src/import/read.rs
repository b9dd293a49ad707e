//! One file of foreign results, from bytes to trials, each with its place for messages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::Problem;
use super::record::{FORMAT, Records, TrialRecord, VERSION};
use super::table;
use crate::files::sha256;
use crate::guard::file::{self, LARGEST_DATA};
use crate::monitor::machine::Machine;

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceFile {
    /// The path as it was given.
    pub path: PathBuf,
    /// The SHA-256 of its bytes.
    pub sha256: String,
    /// The name of the results.
    pub name: Option<String>,
    /// The tool that measured.
    pub tool: Option<String>,
    /// The machine.
    pub machine: Option<Machine>,
    /// The trials.
    pub trials: Vec<Placed>,
}

/// A trial and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// The file, and the place in it.
    pub place: String,
    /// The trial.
    pub trial: TrialRecord,
}

/// Reads one file. What is wrong with it is added to the problems; nothing is given if it is no such file at all.
pub fn read(path: &Path, problems: &mut Vec<Problem>) -> Option<SourceFile> {
    let file_name = path.display().to_string();
    let bytes = match file::read(path, LARGEST_DATA) {
        Ok(bytes) => bytes,
        Err(error) => {
            problems.push(Problem::new(file_name, format!("cannot be read: {error}")));
            return None;
        }
    };
    let hash = sha256(&bytes);
    if bytes.starts_with(b"PAR1") {
        let table = match table::read(bytes) {
            Ok(table) => table,
            Err(found) => {
                let at = |place: &str| {
                    if place.is_empty() { file_name.clone() } else { format!("{file_name}: {place}") }
                };
                problems.extend(found.into_iter().map(|p| Problem { place: at(&p.place), ..p }));
                return None;
            }
        };
        let named = |(row, value): (usize, Value)| (format!("row {}", row + 1), value);
        return Some(finish(
            &file_name,
            path,
            hash,
            table.head,
            table.trials.into_iter().map(named),
            problems,
        ));
    }
    let parsed: Value = match serde_json::from_slice(&bytes) {
        Ok(parsed) => parsed,
        Err(error) => {
            let hint = "a file holds one JSON object, or Parquet; docs/import.md documents both";
            problems.push(Problem::new(file_name, format!("is not JSON: {error}")).hint(hint));
            return None;
        }
    };
    let mut head: Records<Value> = typed(&file_name, "", parsed, problems)?;
    if head.format != FORMAT {
        let message = format!("`format` is \"{}\", but must be \"{FORMAT}\"", head.format);
        problems.push(Problem::new(file_name, message));
        return None;
    }
    if head.version != VERSION {
        let message = format!("`version` is {}, but this benchrun reads {VERSION}", head.version);
        problems.push(Problem::new(file_name, message));
        return None;
    }
    let trials = std::mem::take(&mut head.trials).into_iter().enumerate();
    Some(finish(&file_name, path, hash, head, trials.map(|(i, v)| (format!("trials[{i}]"), v)), problems))
}

fn finish(
    file: &str,
    path: &Path,
    sha256: String,
    head: Records<Value>,
    trials: impl Iterator<Item = (String, Value)>,
    problems: &mut Vec<Problem>,
) -> SourceFile {
    let before = problems.len();
    let trials: Vec<Placed> = trials
        .filter_map(|(place, value)| {
            let trial = typed(file, &place, value, problems)?;
            Some(Placed { place: format!("{file}: {place}"), trial })
        })
        .collect();
    if trials.is_empty() && problems.len() == before {
        problems.push(Problem::new(file, "holds no trials"));
    }
    let (name, tool, machine) = (head.name, head.tool, head.machine);
    SourceFile { path: path.to_owned(), sha256, name, tool, machine, trials }
}

fn typed<T: DeserializeOwned>(
    file: &str,
    place: &str,
    value: Value,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    match serde_path_to_error::deserialize(value) {
        Ok(typed) => Some(typed),
        Err(error) => {
            problems.push(Problem::shape(file, place, &error));
            None
        }
    }
}

/// The head of the form where a file gives none of it.
pub fn head(values: BTreeMap<&str, Value>) -> Result<Records<Value>, serde_json::Error> {
    let mut object = serde_json::Map::new();
    object.insert("format".to_owned(), FORMAT.into());
    object.insert("version".to_owned(), VERSION.into());
    object.insert("trials".to_owned(), Value::Array(Vec::new()));
    object.extend(values.into_iter().map(|(key, value)| (key.to_owned(), value)));
    serde_json::from_value(Value::Object(object))
}
