//! What data is meant: an entry of the catalogue, a generator with its parameters, a user's file, or a published data set.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::dataset::{Dataset, Layout, TargetKind};
use super::error::DataError;
use super::language::{self, Model, RawTexts, RowsOf};
use super::published::{self, Place};
use super::{catalogue, decode, fetch, generator};
use crate::files::{sha256, sha256_reader};
use crate::guard::file::{self, LARGEST_DATA};
use crate::task::parameter::{ParameterDef, Parameters};

/// A description of a dataset. [`Source::catalogue`] and [`Source::generator`] check names and values at once; what was
/// built or read in another way is checked again when it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// A dataset of the catalogue.
    Catalogue {
        /// Its name there.
        name: String,
    },
    /// A generated dataset.
    Generator {
        /// The generator's name.
        name: String,
        /// Its parameters; absent ones have their defaults.
        parameters: Parameters,
    },
    /// A CSV or Parquet file with a header.
    File {
        /// Where it is.
        path: PathBuf,
        /// The column that is to be predicted.
        target: String,
        /// Whether that column holds numbers or classes.
        kind: TargetKind,
    },
    /// A data set in a format in which such sets are published.
    Published {
        /// The format's name.
        format: String,
        /// The format's parameters; absent ones have their defaults.
        parameters: Parameters,
        /// Where it is.
        at: Place,
    },
    /// Texts as a language model's tokens.
    Texts {
        /// The texts: of the catalogue, or published.
        of: Box<Source>,
        /// The model.
        model: Model,
        /// How they become rows.
        rows: RowsOf,
    },
}

/// What is known of a dataset's kind before it is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// The kind of target.
    pub target: TargetKind,
    /// Whether its rows are tokens.
    pub tokens: bool,
    /// Whether its rows are images: channels, height, width.
    pub images: bool,
    /// Whether it was published with rows to test on, where that is known before loading.
    pub published_test: Option<bool>,
}

impl Form {
    pub(super) fn new(target: TargetKind, layout: &Layout) -> Self {
        let (tokens, images) = (layout.vocabulary.is_some(), layout.example_shape.len() == 3);
        Self { target, tokens, images, published_test: Some(layout.published_train.is_some()) }
    }
}

/// The size of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimensions {
    /// The number of rows.
    pub rows: usize,
    /// The number of feature columns.
    pub columns: usize,
}

/// What loading a dataset would download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// What is downloaded, for example `scikit-learn 1.9.1 from PyPI`. Equal for datasets that share one download.
    pub from: String,
    /// The size in bytes, where it is known.
    pub bytes: Option<u64>,
}

impl Source {
    /// A dataset of the catalogue.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn catalogue(name: &str) -> Result<Self, DataError> {
        catalogue::find(name)?;
        Ok(Self::Catalogue { name: name.to_owned() })
    }

    /// A generated dataset, defaults filled in.
    ///
    /// # Errors
    /// There is no generator of that name, or a parameter is unknown or not allowed.
    pub fn generator(name: &str, parameters: &Parameters) -> Result<Self, DataError> {
        let parameters = generator::check(name, parameters)?.parameters().clone();
        Ok(Self::Generator { name: name.to_owned(), parameters })
    }

    /// A published data set, defaults filled in.
    ///
    /// # Errors
    /// There is no format of that name, a parameter is unknown or not allowed, a folder lacks a file, or an address or hash is none.
    pub fn published(format: &str, parameters: &Parameters, at: Place) -> Result<Self, DataError> {
        let parameters = published::check(format, parameters)?.parameters().clone();
        published::check_place(format, &at)?;
        Ok(Self::Published { format: format.to_owned(), parameters, at })
    }

    /// The canonical short text: `diabetes`; `linear(rows=10000, features=100)` with the parameters that are not at
    /// their defaults; the name of a file, folder or archive without its ending.
    pub fn label(&self) -> String {
        match self {
            Self::Catalogue { name } => name.clone(),
            Self::File { path, .. } => {
                let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
                let stem = name.strip_suffix(".gz").unwrap_or(&name);
                Path::new(stem)
                    .file_stem()
                    .map_or_else(|| stem.to_owned(), |stem| stem.to_string_lossy().into())
            }
            Self::Generator { name, parameters } => {
                let defs = generator::find(name).map(generator::Generator::parameters).unwrap_or_default();
                with_parameters(name.clone(), &defs, parameters)
            }
            Self::Published { format, parameters, at } => {
                let defs = published::find(format).map(published::Format::parameters).unwrap_or_default();
                with_parameters(at.stem(), &defs, parameters)
            }
            Self::Texts { of, model, rows } => {
                format!("{} by {}(length={}, rows={})", of.label(), model.label(), rows.length, rows.rows)
            }
        }
    }

    /// The kind of target.
    ///
    /// # Errors
    /// As [`Source::form`].
    pub fn target_kind(&self) -> Result<TargetKind, DataError> {
        Ok(self.form()?.target)
    }

    /// What kind of data it is.
    ///
    /// # Errors
    /// The catalogue or the generators do not know the name, or a parameter is not allowed.
    pub fn form(&self) -> Result<Form, DataError> {
        match self {
            Self::Catalogue { name } => Ok(catalogue::find(name)?.form()),
            Self::Generator { name, parameters } => {
                let generator = generator::find(name)?;
                Ok(Form::new(generator.target(), &generator.layout(&generator::check(name, parameters)?)))
            }
            Self::Published { format, .. } => Ok(published::find(format)?.form()),
            Self::Texts { of, model, .. } => {
                let target = if model.is_decoder()? { TargetKind::Next } else { of.form()?.target };
                Ok(Form { target, tokens: true, images: false, published_test: Some(false) })
            }
            Self::File { kind, .. } => {
                Ok(Form { target: *kind, tokens: false, images: false, published_test: Some(false) })
            }
        }
    }

    /// Rows and columns, where they are known before loading: not for files.
    ///
    /// # Errors
    /// The name or a parameter is unknown or not allowed.
    pub fn dimensions(&self) -> Result<Option<Dimensions>, DataError> {
        match self {
            Self::Catalogue { name } => {
                let entry = catalogue::find(name)?;
                Ok(Some(Dimensions { rows: entry.rows, columns: entry.columns }))
            }
            Self::Generator { name, parameters } => generator::dimensions(name, parameters).map(Some),
            Self::File { .. } | Self::Published { .. } | Self::Texts { .. } => Ok(None),
        }
    }

    /// What [`Source::load`] would download, as the cache is now; empty if nothing.
    ///
    /// # Errors
    /// The catalogue does not know the name.
    pub fn expected_downloads(&self, cache: &Path) -> Result<Vec<Download>, DataError> {
        match self {
            Self::Catalogue { name } => {
                let missing = catalogue::find(name)?.missing_packages(cache).into_iter();
                Ok(missing.map(|p| Download { from: p.from(), bytes: Some(p.bytes) }).collect())
            }
            Self::Published { at: Place::Archive { url, sha256 }, .. } if !fetch::is_kept(sha256, cache) => {
                Ok(vec![Download { from: url.clone(), bytes: None }])
            }
            Self::Published { .. } | Self::Generator { .. } | Self::File { .. } => Ok(Vec::new()),
            Self::Texts { of, model, .. } => {
                Ok([of.expected_downloads(cache)?, model.expected_downloads(cache)].concat())
            }
        }
    }

    /// Loads the dataset, which bears the label as its name. `report` receives lines for people on what takes long.
    ///
    /// # Errors
    /// The source is not valid, a download or a file fails, or its content cannot be benchmarked.
    pub fn load(&self, cache: &Path, report: &mut dyn FnMut(&str)) -> Result<Dataset, DataError> {
        match self {
            Self::Catalogue { name } => catalogue::find(name)?.load(cache, report),
            Self::Generator { name, parameters } => generator::generate(name, parameters, &self.label()),
            Self::Published { format, parameters, at } => {
                published::load(format, parameters, at, &self.label(), cache, report)
            }
            Self::Texts { of, model, rows } => {
                let (raw, hashes) = of.texts(cache, report)?;
                let ready = model.prepare(cache, report)?;
                language::dataset(&self.label(), raw, &ready, &model.label(), *rows, hashes)
            }
            Self::File { path, target, kind } => {
                let bytes = file::read(path, LARGEST_DATA).map_err(DataError::io("read", path))?;
                let file = decode::File { name: file_name(path), sha256: sha256(&bytes), bytes };
                let hashes = BTreeMap::from([(file.name.clone(), file.sha256.clone())]);
                decode::decode_user_file(path, &file)?.into_dataset(&self.label(), target, *kind, hashes)
            }
        }
    }

    /// Whether it is made of texts that can be read as they are.
    pub fn has_texts(&self) -> bool {
        let texts = matches!(self, Self::Catalogue { .. } | Self::Published { .. });
        texts && self.form().is_ok_and(|form| form.tokens)
    }

    /// The texts as they are, and the hashes of the files that they were read from.
    fn texts(
        &self,
        cache: &Path,
        report: &mut dyn FnMut(&str),
    ) -> Result<(RawTexts, BTreeMap<String, String>), DataError> {
        match self {
            Self::Catalogue { name } => {
                Ok((catalogue::find(name)?.texts(cache, report)?, self.source_sha256()?))
            }
            Self::Published { format, at, .. } => published::texts(format, at, cache, report),
            Self::Generator { .. } | Self::File { .. } | Self::Texts { .. } => {
                Err(DataError::NoTexts { dataset: self.label() })
            }
        }
    }

    /// The hashes that [`Dataset::source_sha256`] will hold, without decoding: pinned ones for the catalogue, none for
    /// generators, and a file's as it is now.
    ///
    /// # Errors
    /// The catalogue does not know the name, or the file cannot be read.
    pub(super) fn source_sha256(&self) -> Result<BTreeMap<String, String>, DataError> {
        match self {
            Self::Catalogue { name } => {
                let files = catalogue::find(name)?.files.iter();
                Ok(files.map(|file| (file.path.to_owned(), file.sha256.to_owned())).collect())
            }
            Self::Generator { .. } => Ok(BTreeMap::new()),
            Self::Texts { of, .. } => of.source_sha256(),
            Self::Published { format, at, .. } => published::source_sha256(format, at),
            Self::File { path, .. } => {
                let file = file::open(path, LARGEST_DATA).and_then(sha256_reader);
                let hash = file.map_err(DataError::io("read", path))?;
                Ok(BTreeMap::from([(file_name(path), hash)]))
            }
        }
    }

    /// What determines the dataset, together with [`Source::source_sha256`]: a file's place does not.
    ///
    /// # Errors
    /// A generator's parameters are not allowed.
    pub(super) fn identity(&self) -> Result<serde_json::Value, DataError> {
        Ok(match self {
            Self::Catalogue { name } => json!({ "catalogue": name }),
            Self::Generator { name, parameters } => {
                json!({ "generator": name, "parameters": generator::check(name, parameters)?.parameters() })
            }
            Self::Texts { of, model, rows } => {
                json!({ "texts": of.identity()?, "model": model.identity()?, "rows": rows })
            }
            Self::File { target, kind, .. } => {
                json!({ "file": self.label(), "target": target, "kind": kind })
            }
            Self::Published { format, parameters, .. } => {
                let parameters = published::check(format, parameters)?;
                json!({ "published": self.label(), "format": format, "parameters": parameters.parameters() })
            }
        })
    }
}

/// A name with the parameters that are not at their defaults.
fn with_parameters(name: String, defs: &[ParameterDef], parameters: &Parameters) -> String {
    let stated: Vec<_> = defs
        .iter()
        .filter_map(|def| parameters.get(&def.name).map(|value| (def, value)))
        .filter(|(def, value)| def.check(value).as_ref() != Ok(&def.default))
        .map(|(def, value)| format!("{}={value}", def.name))
        .collect();
    if stated.is_empty() { name } else { format!("{name}({})", stated.join(", ")) }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    use crate::data::dataset::Target;
    use crate::task::parameter::Value;

    fn parameters(values: &[(&str, Value)]) -> Parameters {
        values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn labels_show_what_is_not_a_default() {
        let label = |values: &[_]| Source::generator("linear", &parameters(values)).unwrap().label();
        assert_eq!(label(&[]), "linear");
        assert_eq!(label(&[("noise", Value::Int(10))]), "linear");
        assert_eq!(
            label(&[
                ("features", Value::Int(100)),
                ("rows", Value::Int(10_000)),
                ("noise", Value::Float(0.5))
            ]),
            "linear(rows=10000, features=100, noise=0.5)"
        );
        let file = |path: &str| {
            Source::File { path: path.into(), target: "y".into(), kind: TargetKind::Continuous }.label()
        };
        assert_eq!(file("/data/houses.2024.csv.gz"), "houses.2024");
        assert_eq!(file("houses.parquet"), "houses");
        assert_eq!(Source::catalogue("iris").unwrap().label(), "iris");
    }

    #[test]
    fn descriptions_survive_json_and_unknown_keys_do_not() {
        let sources = [
            Source::catalogue("iris").unwrap(),
            Source::generator("moons", &Parameters::new()).unwrap(),
            Source::File { path: "a.csv".into(), target: "y".into(), kind: TargetKind::Classes },
        ];
        for source in sources {
            let text = serde_json::to_string(&source).unwrap();
            assert_eq!(serde_json::from_str::<Source>(&text).unwrap(), source, "{text}");
        }
        assert!(serde_json::from_str::<Source>(r#"{"from":"catalogue","name":"iris","rows":3}"#).is_err());
    }

    #[test]
    fn dimensions_are_known_before_loading() {
        let moons = Source::generator("moons", &parameters(&[("rows", Value::Int(50))])).unwrap();
        assert_eq!(moons.dimensions().unwrap(), Some(Dimensions { rows: 50, columns: 2 }));
        let adult = Source::catalogue("adult").unwrap();
        assert_eq!(adult.dimensions().unwrap(), Some(Dimensions { rows: 48_842, columns: 108 }));
        assert_eq!(adult.target_kind().unwrap(), TargetKind::Classes);
    }

    #[test]
    fn a_download_is_expected_until_the_files_are_cached() {
        let cache = tempfile::tempdir().unwrap();
        let iris = Source::catalogue("iris").unwrap();
        let download = Download { from: "scikit-learn 1.9.1 from PyPI".to_owned(), bytes: Some(9_166_043) };
        assert_eq!(iris.expected_downloads(cache.path()).unwrap(), [download]);
        let file = &catalogue::find("iris").unwrap().files[0];
        crate::files::write_atomic(&file.cached_path(cache.path()), &vec![0; 2734]).unwrap();
        assert_eq!(iris.expected_downloads(cache.path()).unwrap(), []);
        let moons = Source::generator("moons", &Parameters::new()).unwrap();
        assert_eq!(moons.expected_downloads(cache.path()).unwrap(), []);
    }

    #[test]
    fn a_users_file_is_loaded_under_its_stem() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flowers.csv");
        fs::write(&path, "size,colour,kind\n1,red,b\n2,blue,a\n").unwrap();
        let source = Source::File { path: path.clone(), target: "kind".into(), kind: TargetKind::Classes };
        let data = source.load(folder.path(), &mut |_| ()).unwrap();
        assert_eq!(data.name, "flowers");
        assert_eq!(data.feature_names, ["size", "colour=blue", "colour=red"]);
        assert_eq!(
            data.target,
            Target::Classes { labels: vec![1, 0], names: vec!["a".to_owned(), "b".to_owned()] }
        );
        assert_eq!(data.source_sha256, source.source_sha256().unwrap());

        let message = |content: &str| {
            fs::write(&path, content).unwrap();
            source.load(folder.path(), &mut |_| ()).unwrap_err().to_string()
        };
        assert_eq!(message("size,kind\n"), "flowers has no rows");
        assert_eq!(
            message("size,kind\n1,a\ninf,b\n"),
            "column `size` of flowers is inf in row 2, but must be finite"
        );
        assert_eq!(message("size,kind\n1,a\n,b\n"), "column `size` of flowers.csv has no value in row 2");
        assert_eq!(message("size,kinds\n1,a\n"), "unknown column `kind`; known: size, kinds");
        let other =
            Source::File { path: folder.path().join("x.txt"), target: "y".into(), kind: TargetKind::Classes };
        assert!(matches!(other.load(folder.path(), &mut |_| ()).unwrap_err(), DataError::Io { .. }));
    }
}
