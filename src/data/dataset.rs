//! A dataset in memory: a matrix of features, how its rows are laid out, and a target, all checked.

use std::collections::BTreeMap;

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::DataError;
use super::language::Language;
use crate::files::sha256;

/// What kind of target a dataset has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// Numbers: regression.
    Continuous,
    /// Classes: classification.
    Classes,
    /// None beside the features: in rows of tokens each is to be predicted from those before it.
    Next,
}

impl TargetKind {
    /// Its word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Continuous => "continuous",
            Self::Classes => "classes",
            Self::Next => "next",
        }
    }
}

/// What is to be predicted, one value a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Finite numbers.
    Continuous(Vec<f64>),
    /// Classes: `labels` are places in `names`.
    Classes {
        /// One label a row, in `0..names.len()`.
        labels: Vec<i64>,
        /// The classes' names, at least two.
        names: Vec<String>,
    },
    /// Each token of a row from those before it.
    Next {
        /// The number of rows.
        rows: usize,
    },
}

impl Target {
    /// The kind of target.
    pub fn kind(&self) -> TargetKind {
        match self {
            Self::Continuous(_) => TargetKind::Continuous,
            Self::Classes { .. } => TargetKind::Classes,
            Self::Next { .. } => TargetKind::Next,
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Continuous(values) => values.len(),
            Self::Classes { labels, .. } => labels.len(),
            Self::Next { rows } => *rows,
        }
    }

    /// The classes' names; empty where there are none.
    pub fn class_names(&self) -> &[String] {
        match self {
            Self::Continuous(_) | Self::Next { .. } => &[],
            Self::Classes { names, .. } => names,
        }
    }
}

/// What the columns of a row are, and which rows were published as test rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The extents of a row, outermost first: `[1, 28, 28]` are channels, height and width; `[columns]` is a table's row.
    pub example_shape: Vec<usize>,
    /// Where the features are token ids: whole numbers below this one.
    pub vocabulary: Option<usize>,
    /// Where the data was published with test rows: the number of rows before them. They are the last ones.
    pub published_train: Option<usize>,
}

impl Layout {
    /// Rows of numbers with this shape, published without test rows.
    pub fn of(example_shape: &[usize]) -> Self {
        Self { example_shape: example_shape.to_vec(), vocabulary: None, published_train: None }
    }

    /// Rows of so many tokens, published without test rows.
    pub fn tokens(length: usize, vocabulary: usize) -> Self {
        Self { vocabulary: Some(vocabulary), ..Self::of(&[length]) }
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.example_shape.iter().product()
    }
}

/// Features and target of a dataset: at least one row and one column, every number finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The label of its source, for example `diabetes`.
    pub name: String,
    /// The features, rows × columns, in standard (row-major) layout.
    pub features: Array2<f64>,
    /// One name a column; empty where the columns are no table's.
    pub feature_names: Vec<String>,
    /// How the columns of a row are laid out.
    pub layout: Layout,
    /// What is to be predicted, one value a row.
    pub target: Target,
    /// Where the rows are a model's tokens: the model, and the texts that they were.
    pub language: Option<Language>,
    /// The SHA-256 of the content: names of features and classes, layout and values, but not the dataset's own name.
    pub sha256: String,
    /// Where it came from: the SHA-256 of every file that was decoded. Empty where the data was generated.
    pub source_sha256: BTreeMap<String, String>,
}

impl Dataset {
    /// A table of named columns: checks features (row-major, one value of every name a row) and target, and hashes them.
    ///
    /// # Errors
    /// There are no rows, no columns, a single class or a value that is not finite, or the parts do not fit together.
    pub fn table(
        name: impl Into<String>,
        feature_names: Vec<String>,
        features: Vec<f64>,
        target: Target,
        source_sha256: BTreeMap<String, String>,
    ) -> Result<Self, DataError> {
        let layout = Layout::of(&[feature_names.len()]);
        Self::new(name.into(), feature_names, layout, features, target, source_sha256)
    }

    /// Examples with a layout of their own, as [`Dataset::table`].
    ///
    /// # Errors
    /// As [`Dataset::table`], or a token is none of the vocabulary.
    pub fn examples(
        name: impl Into<String>,
        layout: Layout,
        features: Vec<f64>,
        target: Target,
        source_sha256: BTreeMap<String, String>,
    ) -> Result<Self, DataError> {
        Self::new(name.into(), Vec::new(), layout, features, target, source_sha256)
    }

    fn new(
        name: String,
        feature_names: Vec<String>,
        layout: Layout,
        features: Vec<f64>,
        target: Target,
        source_sha256: BTreeMap<String, String>,
    ) -> Result<Self, DataError> {
        let (rows, columns) = (target.rows(), layout.columns());
        let malformed = |problem: String| DataError::Malformed { file: name.clone(), problem };
        if columns == 0 {
            return Err(DataError::NoFeatures { dataset: name });
        }
        if rows == 0 {
            return Err(DataError::NoRows { dataset: name });
        }
        if features.len() != rows * columns {
            let values = features.len();
            return Err(malformed(format!(
                "it has {values} feature values, but {rows} targets and {columns} columns"
            )));
        }
        if let Some(place) = features.iter().position(|value| !value.is_finite()) {
            let (row, column) = (place / columns + 1, column_name(&feature_names, place % columns));
            return Err(DataError::NotFinite { dataset: name, column, row, value: features[place] });
        }
        if let Some(vocabulary) = layout.vocabulary
            && let Some(place) = features.iter().position(|token| !is_token(*token, vocabulary))
        {
            let (row, token) = (place / columns + 1, features[place]);
            return Err(malformed(format!(
                "row {row} holds the token {token}, but tokens are whole numbers from 0 to {}",
                vocabulary.saturating_sub(1)
            )));
        }
        match &target {
            Target::Next { .. } if layout.vocabulary.is_none() || columns < 2 => {
                return Err(malformed(
                    "only of rows with two tokens or more can the next be predicted".to_owned(),
                ));
            }
            Target::Next { .. } => {}
            Target::Continuous(values) => check_finite(&name, "target", values)?,
            Target::Classes { labels, names } => {
                let known = 0..i64::try_from(names.len()).unwrap_or(i64::MAX);
                if let Some(row) = labels.iter().position(|label| !known.contains(label)) {
                    let (label, count) = (labels[row], names.len());
                    return Err(malformed(format!(
                        "the label in row {} is {label}, but there are {count} classes",
                        row + 1
                    )));
                }
                if let [class] = names.as_slice() {
                    return Err(DataError::OneClass { dataset: name, class: class.clone() });
                }
            }
        }
        let sha256 = content_hash(&feature_names, &layout, &features, &target);
        let features =
            Array2::from_shape_vec((rows, columns), features).expect("the length was checked above");
        Ok(Self { name, features, feature_names, layout, target, language: None, sha256, source_sha256 })
    }

    /// The same rows as a model's tokens of some texts.
    #[must_use]
    pub fn with_language(mut self, language: Language) -> Self {
        let Language { documents, model } = &language;
        let told = serde_json::json!({
            "rows": self.sha256,
            "documents": documents,
            "files": model.files,
            "special_tokens": model.special_tokens,
            "truncate": model.truncate,
        });
        self.sha256 = sha256(told.to_string().as_bytes());
        self.language = Some(language);
        self
    }

    /// The name of a column for people.
    pub(super) fn column_name(&self, place: usize) -> String {
        column_name(&self.feature_names, place)
    }
}

fn column_name(names: &[String], place: usize) -> String {
    names.get(place).cloned().unwrap_or_else(|| place.to_string())
}

/// Whether a feature is a whole number below the vocabulary's size.
#[expect(clippy::cast_precision_loss, reason = "a vocabulary is far smaller than 2^53")]
fn is_token(value: f64, vocabulary: usize) -> bool {
    value >= 0.0 && value < vocabulary as f64 && value.fract() == 0.0
}

/// Checks that every value of a column is finite.
pub(super) fn check_finite(dataset: &str, column: &str, values: &[f64]) -> Result<(), DataError> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(place) => Err(DataError::NotFinite {
            dataset: dataset.to_owned(),
            column: column.to_owned(),
            row: place + 1,
            value: values[place],
        }),
    }
}

/// Hashes names and layout as JSON together with the hashes of the values' little-endian bytes. What a table has not is left out.
fn content_hash(feature_names: &[String], layout: &Layout, features: &[f64], target: &Target) -> String {
    let target_hash = match target {
        Target::Continuous(values) => sha256(&bytes(values, f64::to_le_bytes)),
        Target::Classes { labels, .. } => sha256(&bytes(labels, i64::to_le_bytes)),
        Target::Next { .. } => sha256(&[]),
    };
    let mut content = serde_json::json!({
        "rows": target.rows(),
        "feature_names": feature_names,
        "class_names": target.class_names(),
        "target_kind": target.kind(),
        "features": sha256(&bytes(features, f64::to_le_bytes)),
        "target": target_hash,
    });
    if *layout != Layout::of(&[feature_names.len()]) {
        content["example_shape"] = layout.example_shape.clone().into();
        content["vocabulary"] = layout.vocabulary.into();
        content["published_train"] = layout.published_train.into();
    }
    sha256(content.to_string().as_bytes())
}

/// The bytes of some numbers, one after the other.
pub(super) fn bytes<T: Copy, const N: usize>(values: &[T], to_bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    let mut bytes = vec![0; values.len() * N];
    for (chunk, value) in bytes.chunks_exact_mut(N).zip(values) {
        chunk.copy_from_slice(&to_bytes(*value));
    }
    bytes
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "values are copied, not computed")]
mod tests {
    use super::*;

    fn dataset(features: &[f64], target: Target) -> Result<Dataset, DataError> {
        Dataset::table("test", vec!["a".into(), "b".into()], features.to_vec(), target, BTreeMap::new())
    }

    fn classes(labels: &[i64], names: &[&str]) -> Target {
        Target::Classes { labels: labels.to_vec(), names: names.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn the_hash_covers_names_values_and_target() {
        let base = dataset(&[1.0, 2.0, 3.0, 4.0], classes(&[0, 1], &["no", "yes"])).unwrap();
        let hashes = [
            dataset(&[1.0, 2.0, 3.0, 5.0], classes(&[0, 1], &["no", "yes"])).unwrap().sha256,
            dataset(&[1.0, 2.0, 3.0, 4.0], classes(&[1, 0], &["no", "yes"])).unwrap().sha256,
            dataset(&[1.0, 2.0, 3.0, 4.0], classes(&[0, 1], &["no", "ja"])).unwrap().sha256,
            dataset(&[1.0, 2.0, 3.0, 4.0], Target::Continuous(vec![0.0, 1.0])).unwrap().sha256,
        ];
        assert!(!hashes.contains(&base.sha256));
        assert_eq!(base, dataset(&[1.0, 2.0, 3.0, 4.0], classes(&[0, 1], &["no", "yes"])).unwrap());
        assert_eq!(base.features[[1, 0]], 3.0);
    }

    #[test]
    fn the_hash_covers_the_layout_too() {
        let of = |layout: Layout| {
            let target = Target::Continuous(vec![0.0]);
            Dataset::examples("test", layout, vec![1.0, 2.0, 3.0, 4.0], target, BTreeMap::new())
                .unwrap()
                .sha256
        };
        let image = Layout::of(&[1, 2, 2]);
        let hashes = [
            of(image.clone()),
            of(Layout::of(&[4, 1])),
            of(Layout { published_train: Some(1), ..image.clone() }),
            of(Layout { vocabulary: Some(5), ..image }),
        ];
        assert!((1..4).all(|place| !hashes[..place].contains(&hashes[place])), "{hashes:?}");
    }

    #[test]
    fn tokens_are_places_in_a_vocabulary_and_have_a_next() {
        let of = |tokens: &[f64], length: usize| {
            let (layout, rows) = (Layout::tokens(length, 3), tokens.len() / length);
            let made =
                Dataset::examples("t", layout, tokens.to_vec(), Target::Next { rows }, BTreeMap::new());
            made.map_err(|error| error.to_string())
        };
        assert_eq!(of(&[0.0, 2.0, 1.0, 1.0], 2).unwrap().target.rows(), 2);
        for wrong in [3.0, -1.0, 0.5] {
            let message = of(&[0.0, 2.0, 1.0, wrong], 2).unwrap_err();
            let told = format!("row 2 holds the token {wrong}, but tokens are whole numbers from 0 to 2");
            assert_eq!(message, format!("t is malformed: {told}"));
        }
        let message = of(&[0.0], 1).unwrap_err();
        assert!(
            message.ends_with("only of rows with two tokens or more can the next be predicted"),
            "{message}"
        );
    }

    #[test]
    fn what_cannot_be_benchmarked_is_refused() {
        let message = |features: &[f64], target| dataset(features, target).unwrap_err().to_string();
        assert_eq!(message(&[], Target::Continuous(vec![])), "test has no rows");
        assert_eq!(
            message(&[1.0, 2.0, f64::NAN, 4.0], Target::Continuous(vec![0.0, 1.0])),
            "column `a` of test is NaN in row 2, but must be finite"
        );
        assert_eq!(
            message(&[1.0, 2.0], Target::Continuous(vec![f64::INFINITY])),
            "column `target` of test is inf in row 1, but must be finite"
        );
        assert_eq!(
            message(&[1.0, 2.0], classes(&[2], &["no", "yes"])),
            "test is malformed: the label in row 1 is 2, but there are 2 classes"
        );
        assert_eq!(
            message(&[1.0, 2.0], classes(&[0], &["no"])),
            "the target of test has one class only, `no`"
        );
        assert_eq!(
            message(&[1.0], Target::Continuous(vec![0.0])),
            "test is malformed: it has 1 feature values, but 1 targets and 2 columns"
        );
    }
}
