//! A user's folder of a model: `config.json`, one or more `*.safetensors`, `tokenizer.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use serde_json::Value;

use super::config::{Architecture, Config};
use super::model::{CONFIG, Parts, TOKENIZER, plain_tokenizer};
use crate::data::error::DataError;
use crate::files::sha256_file;
use crate::guard::file;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 64 << 30;

/// What the model is.
///
/// # Errors
/// The folder lacks a file, or its `config.json` is none that is known here.
pub fn config(path: &Path) -> Result<Config, DataError> {
    let file = path.join(CONFIG);
    let text = fs::read_to_string(&file).map_err(DataError::io("read", &file))?;
    files(path)?;
    Config::read(&text).map_err(|problem| DataError::Malformed { file: path.display().to_string(), problem })
}

/// The files that are read, in the order of their names: the weights between the other two.
fn files(path: &Path) -> Result<(PathBuf, Vec<PathBuf>, PathBuf), DataError> {
    let mut weights = Vec::new();
    for entry in fs::read_dir(path).map_err(DataError::io("list", path))? {
        let entry = entry.map_err(DataError::io("list", path))?.path();
        if entry.extension().is_some_and(|ending| ending == "safetensors") {
            weights.push(entry);
        }
    }
    weights.sort();
    let lacks = |what: &str| DataError::Malformed {
        file: path.display().to_string(),
        problem: format!("it has no {what}"),
    };
    let tokenizer = path.join(TOKENIZER);
    match () {
        () if weights.is_empty() => Err(lacks("file that ends in .safetensors")),
        () if !tokenizer.is_file() => Err(lacks(TOKENIZER)),
        () => Ok((path.join(CONFIG), weights, tokenizer)),
    }
}

/// The hashes of the files that are read.
///
/// # Errors
/// A file is missing or cannot be read.
pub fn hashes(path: &Path) -> Result<BTreeMap<String, String>, DataError> {
    let (config, weights, tokenizer) = files(path)?;
    let all = [config].into_iter().chain(weights).chain([tokenizer]);
    all.map(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok((name, sha256_file(&file).map_err(DataError::io("read", &file))?))
    })
    .collect()
}

/// Reads the folder.
///
/// # Errors
/// A file is missing or is not what its name says.
pub fn parts(path: &Path) -> Result<Parts, DataError> {
    let (config, weights, tokenizer) = files(path)?;
    let read = |path: &Path| file::read(path, LARGEST).map_err(DataError::io("read", path));
    let weights = weights.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    assemble(&read(&config)?, &weights, &read(&tokenizer)?)
        .map_err(|problem| DataError::Malformed { file: path.display().to_string(), problem })
}

/// A model from the bytes of its files.
///
/// # Errors
/// A phrase: one is not what it should be.
pub(super) fn assemble(config: &[u8], weights: &[Vec<u8>], tokenizer: &[u8]) -> Result<Parts, String> {
    let config: Value =
        serde_json::from_slice(config).map_err(|error| format!("its {CONFIG} is no JSON: {error}"))?;
    let mut tensors = BTreeMap::new();
    for bytes in weights {
        let file = candle_core::safetensors::load_buffer(bytes, &Device::Cpu)
            .map_err(|error| format!("its weights are no safetensors file: {error}"))?;
        for (name, tensor) in file {
            // Tables of places are no weights.
            if tensor.dtype().is_float() {
                let shape = tensor.dims().to_vec();
                let values = tensor.to_dtype(DType::F32).and_then(|t| t.flatten_all()?.to_vec1());
                tensors.insert(name, (shape, values.map_err(|error| error.to_string())?));
            }
        }
    }
    let tokenizer = plain_tokenizer(tokenizer).map_err(|error| format!("its {TOKENIZER}: {error}"))?;
    Ok(Parts { config, tensors, tokenizer })
}

/// The name under which a file has a tensor: models with a head have the encoder's tensors below its name, and GPT-2 was published without the
/// prefix that its class with a head has. LayerNorms of BERT's first files are called gamma and beta.
pub(super) fn found_as(wanted: &str, config: &Config, has: impl Fn(&str) -> bool) -> Option<String> {
    let old = || {
        let stem = wanted.replace("LayerNorm.weight", "LayerNorm.gamma");
        stem.replace("LayerNorm.bias", "LayerNorm.beta")
    };
    let mut names = vec![wanted.to_owned()];
    match config.architecture {
        Architecture::Gpt2 => names.extend(wanted.strip_prefix("transformer.").map(str::to_owned)),
        Architecture::Llama => {}
        encoder => {
            let prefix = encoder.name();
            names.extend([format!("{prefix}.{wanted}"), old(), format!("{prefix}.{}", old())]);
        }
    }
    names.into_iter().find(|name| has(name))
}
