//! Bundles: what both languages load. A manifest maps roles to content-named safetensors files.
//!
//! ```text
//! <cache>/bundles/<key>/manifest.json            its SHA-256 is the bundle's hash
//! <cache>/bundles/<key>/<sha256>.safetensors     one tensor each, named as its role
//! <cache>/bundles/index/<source, preparation>    the key, so that a bundle is found without loading its dataset
//! ```
//!
//! A bundle depends on its dataset and preparation alone: the same ones give the same bytes.

mod manifest;
mod preparation;
mod prepare;
mod scale;
mod split;
mod tensor;

use std::path::{Path, PathBuf};

use ndarray::Array2;

pub use manifest::{
    DatasetRecord, Manifest, Role, SCHEMA_VERSION, TEST_FEATURES, TEST_ROWS, TEST_TARGET, TEXT_OFFSETS,
    TEXTS, TRAIN_FEATURES, TRAIN_ROWS, TRAIN_TARGET,
};
pub use preparation::{Dtype, Fold, Preparation, Scale};
pub use prepare::{by_hash, find, prepare};
pub use split::split_sizes;
pub use tensor::{Tensor, TensorDtype};

use super::error::DataError;
use super::language::Config;
use super::language::model::CONFIG;
use crate::files::{sha256, sha256_file};
use crate::guard::file::{self, LARGEST_MANIFEST};
use tensor::Element;

/// A prepared bundle on disk, of which the manifest is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    path: PathBuf,
    hash: String,
    manifest: Manifest,
}

impl Bundle {
    /// Opens a bundle by the path of its `manifest.json`. Arrays are neither read nor checked: see [`Bundle::verify`].
    ///
    /// # Errors
    /// The manifest cannot be read, has another version, or names a file by anything but its hash.
    pub fn open(manifest_path: &Path) -> Result<Self, DataError> {
        let path = manifest_path.to_owned();
        let bytes = file::read(&path, LARGEST_MANIFEST).map_err(DataError::io("read", &path))?;
        let manifest: Manifest = serde_json::from_slice(&bytes)
            .map_err(|source| DataError::Manifest { path: path.clone(), source })?;
        if manifest.schema_version != SCHEMA_VERSION {
            let problem =
                format!("it has schema version {}, but {SCHEMA_VERSION} is read", manifest.schema_version);
            return Err(DataError::ManifestContent { path, problem });
        }
        if let Some((name, role)) = manifest.roles.iter().find(|(_, role)| {
            let is_hash = role.sha256.len() == 64 && role.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
            !is_hash || role.file != Role::file_name(&role.sha256)
        }) {
            let problem =
                format!("the file of role `{name}` is {}, which is not named by its hash", role.file);
            return Err(DataError::ManifestContent { path, problem });
        }
        Ok(Self { path, hash: sha256(&bytes), manifest })
    }

    /// The path of `manifest.json`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The SHA-256 of the manifest's bytes, which through the hashes in it covers every array.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Hashes every file.
    ///
    /// # Errors
    /// A file cannot be read or has another hash than the manifest says.
    pub fn verify(&self) -> Result<(), DataError> {
        for role in self.manifest.roles.values() {
            let path = self.file(role);
            let found = sha256_file(&path).map_err(DataError::io("read", &path))?;
            if found != role.sha256 {
                let expected = role.sha256.clone();
                return Err(DataError::HashMismatch { what: path.display().to_string(), expected, found });
            }
        }
        let Some(folder) = self.model_folder() else { return Ok(()) };
        for (name, expected) in self.manifest.model.iter().flat_map(|model| &model.files) {
            let path = folder.join(name);
            let found = sha256_file(&path).map_err(DataError::io("read", &path))?;
            if found != *expected {
                let (what, expected) = (path.display().to_string(), expected.clone());
                return Err(DataError::HashMismatch { what, expected, found });
            }
        }
        Ok(())
    }

    /// The folder of the language model, where the rows are its tokens.
    pub fn model_folder(&self) -> Option<PathBuf> {
        self.manifest.model.as_ref().map(|model| self.path.with_file_name(&model.folder))
    }

    /// What the language model is.
    ///
    /// # Errors
    /// There is none, or its `config.json` cannot be read.
    pub fn model_config(&self) -> Result<Config, DataError> {
        let folder = self.model_folder().ok_or_else(|| DataError::ManifestContent {
            path: self.path.clone(),
            problem: "it names no language model".to_owned(),
        })?;
        let path = folder.join(CONFIG);
        let bytes = file::read(&path, LARGEST_MANIFEST).map_err(DataError::io("read", &path))?;
        Config::read(&String::from_utf8_lossy(&bytes))
            .map_err(|problem| DataError::Malformed { file: path.display().to_string(), problem })
    }

    /// The documents that the rows were made of.
    ///
    /// # Errors
    /// There are none, or they are no texts in UTF-8.
    pub fn documents(&self) -> Result<Vec<String>, DataError> {
        let (bytes, offsets): (Vec<u8>, Vec<i64>) = (self.read(TEXTS, 1)?, self.read(TEXT_OFFSETS, 1)?);
        let text = |pair: &[i64]| {
            let (begin, end) = (usize::try_from(pair[0]).ok()?, usize::try_from(pair[1]).ok()?);
            String::from_utf8(bytes.get(begin..end)?.to_vec()).ok()
        };
        let texts: Option<Vec<String>> = offsets.windows(2).map(text).collect();
        texts.ok_or_else(|| DataError::Tensor {
            role: TEXTS.to_owned(),
            found: "other bytes".to_owned(),
            wanted: format!("documents in UTF-8 that begin at the {TEXT_OFFSETS}"),
        })
    }

    /// A matrix in standard layout. Single-precision numbers are widened, which is exact.
    ///
    /// # Errors
    /// There is no such role, it is no such matrix, or its file cannot be read.
    pub fn f64_matrix(&self, role: &str) -> Result<Array2<f64>, DataError> {
        self.matrix(role)
    }

    /// A vector. Single-precision numbers are widened, which is exact.
    ///
    /// # Errors
    /// As [`Bundle::f64_matrix`].
    pub fn f64_vector(&self, role: &str) -> Result<Vec<f64>, DataError> {
        self.read(role, 1)
    }

    /// A matrix of single-precision numbers in standard layout; double precision is refused.
    ///
    /// # Errors
    /// As [`Bundle::f64_matrix`].
    pub fn f32_matrix(&self, role: &str) -> Result<Array2<f32>, DataError> {
        self.matrix(role)
    }

    /// A vector of single-precision numbers; double precision is refused.
    ///
    /// # Errors
    /// As [`Bundle::f64_matrix`].
    pub fn f32_vector(&self, role: &str) -> Result<Vec<f32>, DataError> {
        self.read(role, 1)
    }

    /// A vector of integers: classes or rows.
    ///
    /// # Errors
    /// As [`Bundle::f64_matrix`].
    pub fn i64_vector(&self, role: &str) -> Result<Vec<i64>, DataError> {
        self.read(role, 1)
    }

    /// A matrix of integers in standard layout: tokens.
    ///
    /// # Errors
    /// As [`Bundle::f64_matrix`].
    pub fn i64_matrix(&self, role: &str) -> Result<Array2<i64>, DataError> {
        self.matrix(role)
    }

    /// How the columns of a row are laid out, outermost first.
    ///
    /// # Errors
    /// The bundle has no [`TEST_FEATURES`].
    pub fn example_shape(&self) -> Result<Vec<usize>, DataError> {
        match &self.manifest.example_shape {
            Some(shape) => Ok(shape.clone()),
            None => Ok(vec![self.columns(TEST_FEATURES)?]),
        }
    }

    /// All values of a matrix of single-precision numbers, row-major.
    ///
    /// # Errors
    /// As [`Bundle::f64_matrix`].
    pub fn f32_values(&self, role: &str) -> Result<Vec<f32>, DataError> {
        self.read(role, 2)
    }

    /// All values of a matrix of integers, row-major.
    ///
    /// # Errors
    /// As [`Bundle::f64_matrix`].
    pub fn i64_values(&self, role: &str) -> Result<Vec<i64>, DataError> {
        self.read(role, 2)
    }

    /// What the manifest says of a role.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn role(&self, name: &str) -> Result<&Role, DataError> {
        let roles = &self.manifest.roles;
        roles.get(name).ok_or_else(|| DataError::NoRole {
            role: name.to_owned(),
            known: roles.keys().cloned().collect(),
        })
    }

    /// The number of rows of a matrix or values of a vector.
    ///
    /// # Errors
    /// There is no such role.
    pub fn rows(&self, role: &str) -> Result<usize, DataError> {
        Ok(self.role(role)?.shape.first().copied().unwrap_or(0))
    }

    /// The number of columns of a matrix.
    ///
    /// # Errors
    /// There is no such role.
    pub fn columns(&self, role: &str) -> Result<usize, DataError> {
        Ok(self.role(role)?.shape.get(1).copied().unwrap_or(0))
    }

    fn matrix<T: Element>(&self, name: &str) -> Result<Array2<T>, DataError> {
        let values = self.read(name, 2)?;
        let shape = &self.role(name)?.shape;
        let (rows, columns) = (shape[0], shape[1]);
        // An empty tensor may claim any extent in its other dimension, also one that no array can have.
        Array2::from_shape_vec((rows, columns), values).map_err(|_| DataError::Tensor {
            role: name.to_owned(),
            found: format!("{shape:?}"),
            wanted: "a matrix that fits into memory".to_owned(),
        })
    }

    fn read<T: Element>(&self, name: &str, dimensions: usize) -> Result<Vec<T>, DataError> {
        let role = self.role(name)?;
        tensor::read(&self.file(role), name, role, dimensions)
    }

    fn file(&self, role: &Role) -> PathBuf {
        self.path.with_file_name(&role.file)
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the ends of a scaled range are exact")]
mod tests;
