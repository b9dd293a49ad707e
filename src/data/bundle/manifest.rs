//! The manifest of a bundle: what it holds, and how that was made.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::preparation::Preparation;
use super::tensor::TensorDtype;
use crate::data::dataset::TargetKind;
use crate::data::language::ModelRecord;

/// The version of the manifest's layout.
pub const SCHEMA_VERSION: u32 = 1;

/// Role: features to train on, rows × columns.
pub const TRAIN_FEATURES: &str = "train_features";
/// Role: targets to train on, one a row: int64 for classes, else of the preparation's type. Absent where the next token is the target.
pub const TRAIN_TARGET: &str = "train_target";
/// Role: features to test on, rows × columns.
pub const TEST_FEATURES: &str = "test_features";
/// Role: targets to test on, as [`TRAIN_TARGET`].
pub const TEST_TARGET: &str = "test_target";
/// Role: the documents that the rows were made of, UTF-8, one after the other.
pub const TEXTS: &str = "texts";
/// Role: where each document begins among the bytes of [`TEXTS`], and the end of the last, int64.
pub const TEXT_OFFSETS: &str = "text_offsets";
/// Role: the place in the dataset of every row to train on, int64 from 0.
pub const TRAIN_ROWS: &str = "train_rows";
/// Role: the place in the dataset of every row to test on, int64 from 0.
pub const TEST_ROWS: &str = "test_rows";

/// The content of `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this layout, [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The version of the code that prepared it.
    pub preparer_version: u32,
    /// The dataset.
    pub dataset: DatasetRecord,
    /// How it was made ready.
    pub preparation: Preparation,
    /// The kind of target.
    pub target: TargetKind,
    /// How the columns of a row are laid out, outermost first: `[1, 28, 28]` are channels, height and width. Absent where a row is a
    /// list of columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example_shape: Option<Vec<usize>>,
    /// Where the features are token ids, int64: they are below this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<usize>,
    /// Where the tokens are a language model's: the model, and how texts become its tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelRecord>,
    /// One name a feature column; empty where the columns are no table's.
    pub feature_names: Vec<String>,
    /// The name of each class in the order of the labels 0, 1 …; empty where there are none.
    pub class_names: Vec<String>,
    /// The arrays by what they are for.
    pub roles: BTreeMap<String, Role>,
}

/// Which dataset a bundle was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetRecord {
    /// The label of its source.
    pub label: String,
    /// The SHA-256 of its content.
    pub sha256: String,
    /// The SHA-256 of every file that it was decoded from.
    pub source_sha256: BTreeMap<String, String>,
}

/// One array.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// The safetensors file beside the manifest, named by its hash.
    pub file: String,
    /// The SHA-256 of the file.
    pub sha256: String,
    /// The name of the tensor inside.
    pub tensor: String,
    /// The type of its elements.
    pub dtype: TensorDtype,
    /// Its extent in each dimension, outermost first.
    pub shape: Vec<usize>,
}

impl Role {
    /// The name of the file with a hash.
    pub(super) fn file_name(sha256: &str) -> String {
        format!("{sha256}.safetensors")
    }
}
