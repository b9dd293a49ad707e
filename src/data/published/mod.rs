//! Data sets in the formats in which such sets are published: a folder of the user's, or an archive at a URL with its SHA-256.
//!
//! What no registry holds (CIFAR, ImageNet's subsets, GLUE) is read as its authors hand it out. To add a format, write one file and add one line to
//! [`FORMATS`].

mod characters;
mod cifar;
mod files;
mod idx;
mod image_folder;
mod resize;
mod sentences;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dataset::{Dataset, Layout, Target};
use super::decode::File;
use super::error::DataError;
use super::language::RawTexts;
use super::source::Form;
use crate::task::parameter::{ParameterDef, Parameters, Value};
use files::Files;

/// A format: which files it reads, and what they mean.
pub trait Format: Sync {
    /// The name in specs.
    fn name(&self) -> &'static str;
    /// What is read, and how its rows come to be.
    fn doc(&self) -> &'static str;
    /// Its parameters in the order of labels.
    fn parameters(&self) -> Vec<ParameterDef> {
        Vec::new()
    }
    /// What kind of data it holds.
    fn form(&self) -> Form;
    /// Those of the files there are that are read, in the order in which [`Format::decode`] gets them.
    ///
    /// # Errors
    /// Some are missing: a phrase such as `no data_batch_1.bin`.
    fn wanted(&self, names: &[String]) -> Result<Vec<String>, String>;
    /// What the columns of a row are, the features row by row, and the target. Names are those of the parameters, checked.
    ///
    /// # Errors
    /// A file is not in the format.
    fn decode(&self, files: &[File], arguments: &Arguments) -> Result<(Layout, Vec<f64>, Target), DataError>;
    /// The texts as they are, where the rows are made of texts.
    ///
    /// # Errors
    /// As [`Format::decode`].
    fn texts(&self, _: &[File]) -> Result<Option<RawTexts>, DataError> {
        Ok(None)
    }
}

/// Every format.
pub static FORMATS: &[&dyn Format] = &[
    &cifar::Cifar10,
    &cifar::Cifar100,
    &idx::Idx,
    &image_folder::ImageFolder,
    &characters::Characters,
    &sentences::Sentences,
];

/// Where a published data set is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Place {
    /// A folder, or a file where the format reads a single one.
    Path(PathBuf),
    /// An archive (`.tar.gz`, `.zip`) or a single file that is downloaded.
    Archive {
        /// Its address, with `http` or `https`.
        url: String,
        /// Its SHA-256: nothing is read from a file with another one.
        sha256: String,
    },
}

impl Place {
    /// The last part of path or address without the ending, for labels.
    pub fn stem(&self) -> String {
        let name = self.file_name();
        let endings = [".tar.gz", ".tgz", ".zip", ".txt", ".tsv", ".csv"];
        endings.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name).to_owned()
    }

    /// The last part of path or address.
    pub fn file_name(&self) -> String {
        match self {
            Self::Path(path) => {
                // `..` and `.` have no name of their own.
                let path = path.canonicalize().unwrap_or_else(|_| path.clone());
                path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
            }
            Self::Archive { url, .. } => {
                let path = url.split(['?', '#']).next().unwrap_or_default();
                path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
            }
        }
    }
}

/// Checked parameters of a format, defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Arguments(Parameters);

impl Arguments {
    /// The parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.0
    }

    fn count(&self, name: &str) -> usize {
        let value = self.0.get(name).and_then(Value::as_int).and_then(|value| usize::try_from(value).ok());
        value.unwrap_or_else(|| panic!("`{name}` is declared as a whole number of at least 0"))
    }
}

/// Finds a format by its name.
///
/// # Errors
/// There is none; the error lists those that exist.
pub fn find(name: &str) -> Result<&'static dyn Format, DataError> {
    let known = || FORMATS.iter().map(|format| format.name());
    let found = FORMATS.iter().copied().find(|format| format.name() == name);
    found.ok_or_else(|| DataError::unknown("format", name, known()))
}

/// Checks parameters and fills in the defaults.
///
/// # Errors
/// There is no such format or parameter, or a value is not allowed.
pub fn check(name: &str, parameters: &Parameters) -> Result<Arguments, DataError> {
    let defs = find(name)?.parameters();
    if let Some(unknown) = parameters.keys().find(|key| defs.iter().all(|def| def.name != **key)) {
        return Err(DataError::unknown("parameter", unknown, defs.iter().map(|def| def.name.as_str())));
    }
    let value = |def: &ParameterDef| {
        let value = def.check(parameters.get(&def.name).unwrap_or(&def.default));
        let (format, parameter) = (name.to_owned(), def.name.clone());
        Ok((
            def.name.clone(),
            value.map_err(|problem| DataError::FormatParameter { format, parameter, problem })?,
        ))
    };
    defs.iter().map(value).collect::<Result<_, DataError>>().map(Arguments)
}

/// Checks that a folder of the user's has what the format reads; an archive is looked into once it is there.
///
/// # Errors
/// The folder cannot be listed, or a file is missing.
pub fn check_place(format: &str, place: &Place) -> Result<(), DataError> {
    match place {
        Place::Path(path) => Files::of_path(path).and_then(|files| wanted(find(format)?, &files)).map(|_| ()),
        Place::Archive { .. } => Ok(()),
    }
}

/// Loads a data set called `label`.
///
/// # Errors
/// The download fails, a file is missing or not in the format, or the content cannot be benchmarked.
pub fn load(
    format: &str,
    parameters: &Parameters,
    place: &Place,
    label: &str,
    cache: &Path,
    report: &mut dyn FnMut(&str),
) -> Result<Dataset, DataError> {
    let arguments = check(format, parameters)?;
    let format = find(format)?;
    let (files, hashes) = read(format, place, cache, report)?;
    let (layout, features, target) = format.decode(&files, &arguments)?;
    Dataset::examples(label, layout, features, target, hashes)
}

/// Reads the texts of a data set as they are, with the hashes that [`load`] would state.
///
/// # Errors
/// As [`load`], or it is not made of texts.
pub fn texts(
    format: &str,
    place: &Place,
    cache: &Path,
    report: &mut dyn FnMut(&str),
) -> Result<(RawTexts, BTreeMap<String, String>), DataError> {
    let format = find(format)?;
    let (files, hashes) = read(format, place, cache, report)?;
    let texts = format.texts(&files)?.ok_or_else(|| DataError::NoTexts { dataset: place.stem() })?;
    Ok((texts, hashes))
}

/// The files that a format reads, and the hashes by which they are known.
fn read(
    format: &'static dyn Format,
    place: &Place,
    cache: &Path,
    report: &mut dyn FnMut(&str),
) -> Result<(Vec<File>, BTreeMap<String, String>), DataError> {
    let opened = Files::open(place, cache, report)?;
    let files = wanted(format, &opened)?
        .into_iter()
        .map(|name| {
            let bytes = opened.read(&name)?;
            Ok(File { name, sha256: crate::files::sha256(&bytes), bytes })
        })
        .collect::<Result<Vec<_>, DataError>>()?;
    let hashes = match place {
        Place::Path(_) => {
            let named = files.iter().map(|file| (file.name.as_str(), file.sha256.as_str()));
            BTreeMap::from([(place.file_name(), hash_of(named))])
        }
        Place::Archive { sha256, .. } => BTreeMap::from([(place.file_name(), sha256.clone())]),
    };
    Ok((files, hashes))
}

/// The hashes that [`load`] will state: a folder's is over names and hashes of all files that are read.
///
/// # Errors
/// A file is missing or cannot be read.
pub fn source_sha256(format: &str, place: &Place) -> Result<BTreeMap<String, String>, DataError> {
    let hash = match place {
        Place::Path(path) => {
            let files = Files::of_path(path)?;
            let hashed = wanted(find(format)?, &files)?
                .into_iter()
                .map(|name| Ok((files.sha256(&name)?, name)))
                .collect::<Result<Vec<_>, DataError>>()?;
            hash_of(hashed.iter().map(|(hash, name)| (name.as_str(), hash.as_str())))
        }
        Place::Archive { sha256, .. } => sha256.clone(),
    };
    Ok(BTreeMap::from([(place.file_name(), hash)]))
}

fn hash_of<'f>(files: impl Iterator<Item = (&'f str, &'f str)>) -> String {
    let files: Vec<_> = files.collect();
    crate::files::sha256(serde_json::json!(files).to_string().as_bytes())
}

fn wanted(format: &dyn Format, files: &Files) -> Result<Vec<String>, DataError> {
    format.wanted(files.names()).map_err(|missing| {
        let (place, format) = (files.place().to_owned(), format.name());
        DataError::PublishedFiles { place, format, missing }
    })
}

/// The files of these names, wherever below the folder they are: archives have folders of their own.
fn named(names: &[String], wanted: &[&str]) -> Result<Vec<String>, String> {
    let find = |wanted: &&str| {
        let is_it = |name: &&String| name.rsplit('/').next() == Some(*wanted);
        let shortest = names.iter().filter(is_it).min_by_key(|name| name.len());
        shortest.cloned().ok_or_else(|| format!("no {wanted}"))
    };
    wanted.iter().map(find).collect()
}

#[cfg(test)]
mod tests;
