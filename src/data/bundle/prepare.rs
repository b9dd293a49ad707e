//! From a source to a bundle on disk, once.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Axis};
use serde_json::json;

use super::Bundle;
use super::manifest::{
    DatasetRecord, Manifest, Role, SCHEMA_VERSION, TEST_FEATURES, TEST_ROWS, TEST_TARGET, TEXT_OFFSETS,
    TEXTS, TRAIN_FEATURES, TRAIN_ROWS, TRAIN_TARGET,
};
use super::preparation::{Dtype, Preparation, Scale};
use super::scale::scale;
use super::split::{Split, split};
use super::tensor::Tensor;
use crate::data::dataset::{Dataset, Target};
use crate::data::error::DataError;
use crate::data::language::ModelRecord;
use crate::data::source::Source;
use crate::files::{Lock, sha256, write_atomic};

/// The version of everything between a source and its bytes: decoders, generators, split and scaling. Whoever changes
/// what any of them gives raises it, so that older bundles are not found again.
const PREPARER_VERSION: u32 = 1;

/// Finds or prepares the bundle of a source. `report` receives lines for people on what takes long.
///
/// A bundle that exists is hashed before it is handed out, and prepared anew if it is damaged. Processes wait for one
/// another, so that a bundle is prepared once.
///
/// # Errors
/// As [`Source::load`]; or the dataset cannot be split or scaled as asked, or the bundle cannot be written.
pub fn prepare(
    source: &Source,
    preparation: &Preparation,
    cache: &Path,
    report: &mut dyn FnMut(&str),
) -> Result<Bundle, DataError> {
    let index = index_path(source, &source.source_sha256()?, preparation, cache)?;
    let lock = index.with_extension("lock");
    let _lock = Lock::wait(&lock).map_err(DataError::io("lock", &lock))?;
    match open_indexed(&index, cache) {
        Ok(Some(bundle)) => return Ok(bundle),
        Ok(None) => {}
        Err(error) => report(&format!("preparing {} again: {error}", source.label())),
    }
    let dataset = source.load(cache, report)?;
    let bundle = write(&dataset, preparation, cache, report)?;
    let key = bundle.path().parent().and_then(Path::file_name).unwrap_or_default();
    // A file may have changed since it was hashed above, so the index goes by what was really read.
    let index = index_path(source, &dataset.source_sha256, preparation, cache)?;
    write_atomic(&index, key.as_encoded_bytes()).map_err(DataError::io("write", &index))?;
    Ok(bundle)
}

/// Finds an intact bundle of a source without preparing or loading anything.
///
/// # Errors
/// The source is not valid, or is a file that cannot be read.
pub fn find(source: &Source, preparation: &Preparation, cache: &Path) -> Result<Option<Bundle>, DataError> {
    let index = index_path(source, &source.source_sha256()?, preparation, cache)?;
    Ok(open_indexed(&index, cache).unwrap_or(None))
}

/// Finds the intact bundle of a hash, whatever it was made from.
///
/// # Errors
/// A file of it cannot be read or has another hash than its manifest says.
pub fn by_hash(hash: &str, cache: &Path) -> Result<Option<Bundle>, DataError> {
    for entry in fs::read_dir(cache.join("bundles")).into_iter().flatten().flatten() {
        // What cannot be opened is not asked for: its hash is not known.
        if let Ok(bundle) = Bundle::open(&entry.path().join("manifest.json"))
            && bundle.hash() == hash
        {
            bundle.verify()?;
            return Ok(Some(bundle));
        }
    }
    Ok(None)
}

/// Where the index names the bundle's key.
fn index_path(
    source: &Source,
    source_sha256: &BTreeMap<String, String>,
    preparation: &Preparation,
    cache: &Path,
) -> Result<PathBuf, DataError> {
    let name = hash_of(&json!({
        "preparer_version": PREPARER_VERSION,
        "source": source.identity()?,
        "source_sha256": source_sha256,
        "preparation": preparation,
    }));
    Ok(cache.join("bundles").join("index").join(name))
}

fn hash_of(value: &serde_json::Value) -> String {
    sha256(value.to_string().as_bytes())
}

fn manifest_path(cache: &Path, key: &str) -> PathBuf {
    cache.join("bundles").join(key).join("manifest.json")
}

/// The intact bundle that the index names, if it names one.
fn open_indexed(index: &Path, cache: &Path) -> Result<Option<Bundle>, DataError> {
    match fs::read_to_string(index) {
        Ok(key) => open_intact(&manifest_path(cache, &key)).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DataError::io("read", index)(error)),
    }
}

fn open_intact(manifest: &Path) -> Result<Bundle, DataError> {
    let bundle = Bundle::open(manifest)?;
    bundle.verify()?;
    Ok(bundle)
}

/// Prepares a dataset and writes its bundle under its key.
fn write(
    dataset: &Dataset,
    preparation: &Preparation,
    cache: &Path,
    report: &mut dyn FnMut(&str),
) -> Result<Bundle, DataError> {
    let record = DatasetRecord {
        label: dataset.name.clone(),
        sha256: dataset.sha256.clone(),
        source_sha256: dataset.source_sha256.clone(),
    };
    let key = hash_of(&json!({
        "schema_version": SCHEMA_VERSION,
        "preparer_version": PREPARER_VERSION,
        "dataset": record,
        "preparation": preparation,
    }));
    let manifest_path = manifest_path(cache, &key);
    if let Ok(bundle) = open_intact(&manifest_path) {
        return Ok(bundle);
    }
    let split = split(dataset, preparation)?;
    let (train, test) = (split.train.len(), split.test.len());
    report(&match &dataset.language {
        None => format!("preparing {}: {train} rows to train on, {test} to test on", dataset.name),
        Some(language) => {
            format!("preparing {}: {test} rows of {} documents", dataset.name, language.documents.len())
        }
    });

    let bundles = cache.join("bundles");
    let temporary = tempfile::tempdir_in(&bundles).map_err(DataError::io("create a folder in", &bundles))?;
    let mut roles = BTreeMap::new();
    for (name, tensor) in tensors(dataset, preparation, &split)? {
        let bytes = tensor.serialize(name);
        let sha256 = sha256(&bytes);
        let file = Role::file_name(&sha256);
        let path = temporary.path().join(&file);
        write_atomic(&path, &bytes).map_err(DataError::io("write", &path))?;
        let role = Role { file, sha256, tensor: name.to_owned(), dtype: tensor.dtype, shape: tensor.shape };
        roles.insert(name.to_owned(), role);
    }
    let manifest = Manifest {
        schema_version: SCHEMA_VERSION,
        preparer_version: PREPARER_VERSION,
        dataset: record,
        preparation: preparation.clone(),
        target: dataset.target.kind(),
        example_shape: Some(dataset.layout.example_shape.clone()).filter(|shape| shape.len() > 1),
        vocabulary: dataset.layout.vocabulary,
        model: dataset.language.as_ref().map(|language| from_bundles(&language.model, &bundles)),
        feature_names: dataset.feature_names.clone(),
        class_names: dataset.target.class_names().to_vec(),
        roles,
    };
    let path = temporary.path().join("manifest.json");
    let mut bytes = serde_json::to_vec_pretty(&manifest)
        .map_err(|source| DataError::Manifest { path: manifest_path.clone(), source })?;
    bytes.push(b'\n');
    write_atomic(&path, &bytes).map_err(DataError::io("write", &path))?;
    replace_folder(temporary, &bundles.join(&key))?;
    Bundle::open(&manifest_path)
}

/// Moves a whole folder to its place. What is already there is damaged, or it would have been used.
fn replace_folder(temporary: tempfile::TempDir, place: &Path) -> Result<(), DataError> {
    match fs::remove_dir_all(place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(DataError::io("remove", place)(error));
        }
        _ => {}
    }
    fs::rename(temporary.path(), place).map_err(DataError::io("create", place))?;
    // It has moved, so there is nothing left to remove.
    let _ = temporary.keep();
    Ok(())
}

/// The number of channels by which features are scaled.
///
/// # Errors
/// The features are tokens and would be scaled, or are to be scaled by channels and have none.
fn channels(dataset: &Dataset, scale: Scale) -> Result<usize, DataError> {
    match (dataset.layout.example_shape.as_slice(), scale) {
        (_, Scale::None) => Ok(1),
        _ if dataset.layout.vocabulary.is_some() => {
            Err(DataError::ScaleTokens { dataset: dataset.name.clone() })
        }
        ([channels, _, _], Scale::Channel) => Ok(*channels),
        (_, Scale::Channel) => Err(DataError::NoChannels { dataset: dataset.name.clone() }),
        (_, Scale::Standard | Scale::MinMax) => Ok(1),
    }
}

/// The arrays of a bundle by role.
fn tensors(
    dataset: &Dataset,
    preparation: &Preparation,
    split: &Split,
) -> Result<Vec<(&'static str, Tensor)>, DataError> {
    let channels = channels(dataset, preparation.scale)?;
    let mut train = dataset.features.select(Axis(0), &split.train);
    let mut test = dataset.features.select(Axis(0), &split.test);
    scale(preparation.scale, channels, &mut train, &mut test);
    let features = |matrix: &Array2<f64>| {
        let (rows, columns) = matrix.dim();
        let values = matrix.as_slice().expect("selected rows are in standard layout");
        let shape = vec![rows, columns];
        if dataset.layout.vocabulary.is_some() {
            return Ok(tokens(shape, values));
        }
        float_tensor(dataset, preparation.dtype, shape, values, |place| dataset.column_name(place % columns))
    };
    let integers = |values: Vec<i64>| Tensor::int64(vec![values.len()], &values);
    let target = |rows: &[usize]| match &dataset.target {
        Target::Continuous(values) => {
            let values: Vec<f64> = rows.iter().map(|row| values[*row]).collect();
            float_tensor(dataset, preparation.dtype, vec![rows.len()], &values, |_| "target".to_owned())
                .map(Some)
        }
        Target::Classes { labels, .. } => Ok(Some(integers(rows.iter().map(|row| labels[*row]).collect()))),
        Target::Next { .. } => Ok(None),
    };
    let places = |rows: &[usize]| {
        let place = |row: &usize| i64::try_from(*row).expect("a place in a list");
        integers(rows.iter().map(place).collect())
    };
    if let Some(language) = &dataset.language {
        // Nothing is trained.
        let mut offsets = vec![0];
        offsets.extend(language.documents.iter().scan(0, |end, document| {
            *end += i64::try_from(document.len()).expect("a text in memory");
            Some(*end)
        }));
        let roles = [
            (TEST_FEATURES, Some(features(&test)?)),
            (TEST_TARGET, target(&split.test)?),
            (TEST_ROWS, Some(places(&split.test))),
            (TEXTS, Some(Tensor::uint8(language.documents.concat().into_bytes()))),
            (TEXT_OFFSETS, Some(integers(offsets))),
        ];
        return Ok(present(roles));
    }
    let roles = [
        (TRAIN_FEATURES, Some(features(&train)?)),
        (TRAIN_TARGET, target(&split.train)?),
        (TEST_FEATURES, Some(features(&test)?)),
        (TEST_TARGET, target(&split.test)?),
        (TRAIN_ROWS, Some(places(&split.train))),
        (TEST_ROWS, Some(places(&split.test))),
    ];
    Ok(present(roles))
}

/// The arrays that there are.
fn present<const N: usize>(roles: [(&'static str, Option<Tensor>); N]) -> Vec<(&'static str, Tensor)> {
    roles.into_iter().filter_map(|(role, tensor)| Some((role, tensor?))).collect()
}

/// The record with the model's folder as it is found from a bundle's: two folders up, where the cache is.
fn from_bundles(model: &ModelRecord, bundles: &Path) -> ModelRecord {
    let cache = bundles.parent().unwrap_or(bundles);
    let within = model.folder.strip_prefix(cache).unwrap_or(&model.folder);
    ModelRecord { folder: Path::new("../..").join(within), ..model.clone() }
}

/// A tensor of token ids, whatever the type of numbers.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the dataset was checked to hold whole numbers of a vocabulary"
)]
fn tokens(shape: Vec<usize>, values: &[f64]) -> Tensor {
    Tensor::int64(shape, &values.iter().map(|token| *token as i64).collect::<Vec<_>>())
}

/// A tensor of the asked type, whose values must be finite in it.
#[expect(clippy::cast_possible_truncation, reason = "the range of float32 is what is checked")]
fn float_tensor(
    dataset: &Dataset,
    dtype: Dtype,
    shape: Vec<usize>,
    values: &[f64],
    column: impl Fn(usize) -> String,
) -> Result<Tensor, DataError> {
    let (finite, name): (fn(&f64) -> bool, _) = match dtype {
        Dtype::Float64 => (|value| value.is_finite(), "float64"),
        Dtype::Float32 => (|value| (*value as f32).is_finite(), "float32"),
    };
    if let Some(place) = values.iter().position(|value| !finite(value)) {
        let (dataset, column) = (dataset.name.clone(), column(place));
        return Err(DataError::Overflow { dataset, column, dtype: name });
    }
    Ok(match dtype {
        Dtype::Float64 => Tensor::float64(shape, values),
        Dtype::Float32 => Tensor::float32(shape, values.iter().copied()),
    })
}
