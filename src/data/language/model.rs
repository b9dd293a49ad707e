//! Models: what a spec names, and the folder that both languages load it from.
//!
//! ```text
//! catalogue: a registry's package (safetensors, or GGUF that is dequantised once) ──┐
//! shape: weights drawn once from a seed ────────────────────────────────────────────┼──► <cache>/models/<key>/
//! folder of the user's: config.json, *.safetensors, tokenizer.json ─────────────────┘    config.json, model.safetensors, tokenizer.json
//! ```
//!
//! Whatever a model came from, its folder has float32 weights under the names of one class of transformers and nothing else: heads that no task
//! here asks for are left out, so that both languages load, hash and compute with the same tensors.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokenizers::Tokenizer;

use super::catalogue::{self, Entry};
use super::config::Config;
use super::tensors::{TensorDef, tensors};
use super::{folder, shapes};
use crate::data::Download;
use crate::data::error::DataError;
use crate::files::{Lock, hexadecimal, sha256, sha256_file, write_atomic};

/// The version of everything between a model's source and its folder. Whoever changes what any of it gives raises it.
const VERSION: u32 = 1;

/// What the model is.
pub const CONFIG: &str = "config.json";
/// Its weights.
pub const WEIGHTS: &str = "model.safetensors";
/// How texts become its tokens.
pub const TOKENIZER: &str = "tokenizer.json";

/// A description of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum Model {
    /// A pretrained model of the catalogue.
    Catalogue {
        /// Its name there.
        name: String,
    },
    /// The shape of a published model with weights that are drawn from a seed: its answers are meaningless.
    Shape {
        /// The shape's name.
        name: String,
        /// The seed.
        seed: u64,
    },
    /// A folder with `config.json`, `*.safetensors` and `tokenizer.json`.
    Folder {
        /// Where it is.
        path: PathBuf,
    },
}

/// The files of a model, as its bundle names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelRecord {
    /// The model's label.
    pub name: String,
    /// Its folder, from the folder of the bundle's manifest.
    pub folder: PathBuf,
    /// The SHA-256 of each of its files.
    pub files: BTreeMap<String, String>,
    /// Whether tokens such as `[CLS]` and `[SEP]` are added to a text.
    pub special_tokens: bool,
    /// The most tokens of a text, where what is longer is cut off.
    pub truncate: Option<usize>,
    /// The SHA-256 over all tensors, in the order of their names: name, a zero byte, little-endian values.
    pub weights: String,
    /// The SHA-256 over the tokens of all documents: of each its ids as little-endian int64, then -1.
    pub tokens: String,
    /// How many tokens these are.
    pub tokenized: u64,
}

/// A model whose folder is there.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The folder.
    pub folder: PathBuf,
    /// What the model is.
    pub config: Config,
    /// The SHA-256 of each of its files.
    pub files: BTreeMap<String, String>,
    /// The SHA-256 over all tensors, as [`ModelRecord::weights`].
    pub weights: String,
}

/// What a folder is made of.
pub(super) struct Parts {
    /// `config.json`.
    pub config: Value,
    /// The tensors that were found, in single precision.
    pub tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    /// How texts become tokens.
    pub tokenizer: Tokenizer,
}

impl Model {
    /// A model of the catalogue.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn catalogue(name: &str) -> Result<Self, DataError> {
        catalogue::find(name)?;
        Ok(Self::Catalogue { name: name.to_owned() })
    }

    /// A shape with weights of a seed.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn shape(name: &str, seed: u64) -> Result<Self, DataError> {
        let known = || shapes::SHAPES.iter().map(|shape| shape.name);
        shapes::find(name).ok_or_else(|| DataError::unknown("shape", name, known()))?;
        Ok(Self::Shape { name: name.to_owned(), seed })
    }

    /// A folder of the user's.
    ///
    /// # Errors
    /// A file is missing, or its `config.json` is of no known architecture.
    pub fn folder(path: PathBuf) -> Result<Self, DataError> {
        folder::config(&path)?;
        Ok(Self::Folder { path })
    }

    /// The short text for people: `minilm`; `gpt2 with random weights`; a folder's name.
    pub fn label(&self) -> String {
        match self {
            Self::Catalogue { name } => name.clone(),
            Self::Shape { name, seed: 0 } => format!("{name} with random weights"),
            Self::Shape { name, seed } => format!("{name} with random weights of seed {seed}"),
            Self::Folder { path } => {
                let path = path.canonicalize().unwrap_or_else(|_| path.clone());
                path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
            }
        }
    }

    /// Whether it predicts what follows a text.
    ///
    /// # Errors
    /// The name is unknown, or the folder's `config.json` cannot be read.
    pub fn is_decoder(&self) -> Result<bool, DataError> {
        Ok(match self {
            Self::Catalogue { name } => catalogue::find(name)?.decoder,
            Self::Shape { name, .. } => shapes::find(name).is_some_and(|s| s.architecture.is_decoder()),
            Self::Folder { path } => folder::config(path)?.architecture.is_decoder(),
        })
    }

    /// What [`Model::prepare`] would download.
    pub fn expected_downloads(&self, cache: &Path) -> Vec<Download> {
        let files = match self {
            Self::Catalogue { name } => catalogue::find(name).map(|entry| entry.files).unwrap_or_default(),
            Self::Shape { name, .. } => shapes::find(name).map_or(&[][..], catalogue::vocabulary),
            Self::Folder { .. } => &[],
        };
        let missing = files.iter().filter(|file| !file.is_cached(cache)).map(|file| file.package);
        let mut downloads: Vec<Download> =
            missing.map(|p| Download { from: p.from(), bytes: Some(p.bytes) }).collect();
        downloads.dedup();
        downloads
    }

    /// What determines its folder: pinned hashes, the seed, or the hashes of the user's files as they are now.
    ///
    /// # Errors
    /// The name is unknown, or a file cannot be read.
    pub fn identity(&self) -> Result<Value, DataError> {
        let pinned = |files: &[crate::data::fetch::InnerFile]| -> BTreeMap<&str, &str> {
            files.iter().map(|file| (file.path, file.sha256)).collect()
        };
        Ok(match self {
            Self::Catalogue { name } => {
                json!({ "version": VERSION, "catalogue": name, "files": pinned(catalogue::find(name)?.files) })
            }
            Self::Shape { name, seed } => {
                let vocabulary = shapes::find(name).map_or(&[][..], catalogue::vocabulary);
                json!({ "version": VERSION, "shape": name, "seed": seed, "files": pinned(vocabulary) })
            }
            Self::Folder { path } => json!({ "version": VERSION, "files": folder::hashes(path)? }),
        })
    }

    /// Finds or makes the folder. Processes wait for one another, so that it is made once.
    ///
    /// # Errors
    /// A download or a file fails, or the files make no model that is known here.
    pub fn prepare(&self, cache: &Path, report: &mut dyn FnMut(&str)) -> Result<Ready, DataError> {
        let key = &sha256(self.identity()?.to_string().as_bytes())[..32];
        let models = cache.join("models");
        let folder = models.join(key);
        let lock = models.join(format!("{key}.lock"));
        let _lock = Lock::wait(&lock).map_err(DataError::io("lock", &lock))?;
        if let Some(ready) = Ready::find(&folder)? {
            return Ok(ready);
        }
        report(&format!("preparing the model {}", self.label()));
        let parts = match self {
            Self::Catalogue { name } => catalogue::find(name)?.parts(cache, report)?,
            Self::Shape { name, seed } => drawn(name, *seed, cache, report)?,
            Self::Folder { path } => folder::parts(path)?,
        };
        write(&folder, parts).map_err(|problem| DataError::Malformed { file: self.label(), problem })??;
        Ready::find(&folder)?.ok_or_else(|| DataError::Malformed {
            file: folder.display().to_string(),
            problem: "it was written and is not whole".to_owned(),
        })
    }
}

impl Ready {
    /// The folder, if it is whole: its hashes were written last, and its files still have them.
    fn find(folder: &Path) -> Result<Option<Self>, DataError> {
        let Ok(text) = fs::read_to_string(folder.join(HASHES)) else { return Ok(None) };
        let Ok(Hashes { files, weights }) = serde_json::from_str(&text) else { return Ok(None) };
        for (name, expected) in &files {
            if sha256_file(&folder.join(name)).ok().as_ref() != Some(expected) {
                return Ok(None);
            }
        }
        let path = folder.join(CONFIG);
        let text = fs::read_to_string(&path).map_err(DataError::io("read", &path))?;
        let malformed = |problem| DataError::Malformed { file: path.display().to_string(), problem };
        let config = Config::read(&text).map_err(malformed)?;
        Ok(Some(Self { folder: folder.to_owned(), config, files, weights }))
    }

    /// How texts become its tokens: without padding or truncation.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn tokenizer(&self) -> Result<Tokenizer, DataError> {
        tokenizer(&self.folder.join(TOKENIZER))
    }
}

/// Reads a `tokenizer.json`, with its padding and truncation switched off: who uses it says where a text ends.
///
/// # Errors
/// It cannot be read.
pub fn tokenizer(path: &Path) -> Result<Tokenizer, DataError> {
    let bytes = fs::read(path).map_err(DataError::io("read", path))?;
    plain_tokenizer(&bytes)
        .map_err(|problem| DataError::Malformed { file: path.display().to_string(), problem })
}

/// As [`tokenizer`], from its bytes.
pub(super) fn plain_tokenizer(bytes: &[u8]) -> Result<Tokenizer, String> {
    let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(|error| error.to_string())?;
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).map_err(|error| error.to_string())?;
    Ok(tokenizer)
}

/// The file that says that a folder is whole.
const HASHES: &str = "hashes.json";

/// Its content.
#[derive(Serialize, Deserialize)]
struct Hashes {
    files: BTreeMap<String, String>,
    weights: String,
}

/// A shape with drawn weights.
fn drawn(name: &str, seed: u64, cache: &Path, report: &mut dyn FnMut(&str)) -> Result<Parts, DataError> {
    let shape = shapes::find(name).expect("the name was checked when the model was named");
    let config = shape.config();
    let read = Config::read(&config.to_string());
    let read = read.map_err(|problem| DataError::Malformed { file: name.to_owned(), problem })?;
    let values = |(place, tensor): (u64, TensorDef)| {
        let values = tensor.draw(seed, place);
        (tensor.name, (tensor.shape, values))
    };
    let tensors = (0..).zip(tensors(&read)).map(values).collect();
    Ok(Parts { config, tensors, tokenizer: catalogue::shape_tokenizer(shape, cache, report)? })
}

/// Writes a folder: the tensors that the architecture has, under its names.
///
/// # Errors
/// Outside, a phrase: the parts make no model. Inside, a file cannot be written.
fn write(folder: &Path, parts: Parts) -> Result<Result<(), DataError>, String> {
    let Parts { mut config, mut tensors, tokenizer } = parts;
    let mut digest = Sha256::new();
    let read = Config::read(&config.to_string())?;
    let mut kept = Vec::new();
    let mut all = super::tensors::tensors(&read);
    all.sort_by(|a, b| a.name.cmp(&b.name));
    for wanted in all {
        let name = folder::found_as(&wanted.name, &read, |name| tensors.contains_key(name));
        let found = name.and_then(|name| tensors.remove(&name));
        let (shape, values) =
            found.ok_or_else(|| format!("it has no tensor {} {:?}", wanted.name, wanted.shape))?;
        if shape != wanted.shape {
            return Err(format!("its tensor {} is {shape:?}, but must be {:?}", wanted.name, wanted.shape));
        }
        if let Some(place) = values.iter().position(|value| !value.is_finite()) {
            return Err(format!("its tensor {} holds {} at index {place}", wanted.name, values[place]));
        }
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        digest.update(wanted.name.as_bytes());
        digest.update([0]);
        digest.update(&bytes);
        kept.push((wanted, bytes));
    }
    config["architectures"] = json!([read.architecture.class()]);
    config["dtype"] = json!("float32");
    let tokens = tokenizer.get_vocab_size(true);
    if tokens > read.vocabulary {
        return Err(format!("its tokenizer has {tokens} tokens, but the model {}", read.vocabulary));
    }
    let text = tokenizer.to_string(false).map_err(|error| error.to_string())?;
    let views: Vec<_> = kept
        .iter()
        .map(|(tensor, bytes)| {
            TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).map(|v| (&tensor.name, v))
        })
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    // transformers wants to be told whose tensors these are.
    let origin = Some([("format".to_owned(), "pt".to_owned())].into());
    let weights = safetensors::serialize(views, origin).map_err(|error| error.to_string())?;
    drop(kept);
    let mut hashes = Hashes { files: BTreeMap::new(), weights: hexadecimal(&digest.finalize()) };
    let config = serde_json::to_vec_pretty(&config).map_err(|error| error.to_string())?;
    let files = [(CONFIG, config), (TOKENIZER, text.into_bytes()), (WEIGHTS, weights)];
    for (name, bytes) in files {
        let path = folder.join(name);
        hashes.files.insert(name.to_owned(), sha256(&bytes));
        if let Err(error) = write_atomic(&path, &bytes) {
            return Ok(Err(DataError::io("write", &path)(error)));
        }
    }
    let path = folder.join(HASHES);
    let hashes = serde_json::to_vec(&hashes).map_err(|error| error.to_string())?;
    Ok(write_atomic(&path, &hashes).map_err(DataError::io("write", &path)))
}

impl Entry {
    /// Fetches its files and reads what they hold.
    fn parts(&self, cache: &Path, report: &mut dyn FnMut(&str)) -> Result<Parts, DataError> {
        catalogue::fetch(self.files, cache, report)?;
        (self.read)(self.files, cache)
    }
}
