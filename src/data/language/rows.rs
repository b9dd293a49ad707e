//! From texts to rows of a model's tokens.
//!
//! A decoder reads running text: the tokens of documents one after the other, without special ones, cut into rows that do not overlap.
//! An encoder reads each document by itself, with the model's special tokens, cut off at the row's length and padded at its end.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokenizers::{Tokenizer, TruncationParams};

use super::{Language, ModelRecord, Ready};
use crate::data::dataset::{Dataset, Layout, Target};
use crate::data::error::DataError;
use crate::files::hexadecimal;

/// The least characters of a document of running text: paragraphs are joined until they have as many.
const LEAST_DOCUMENT: usize = 1_000;

/// How texts become rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowsOf {
    /// Tokens of a row.
    pub length: usize,
    /// The most rows.
    pub rows: usize,
}

/// Texts as they were published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawTexts {
    /// The texts.
    pub texts: Vec<String>,
    /// The class of each and the classes' names, where they have any; without, the texts are long and are cut into documents.
    pub classes: Option<(Vec<i64>, Vec<String>)>,
}

impl RawTexts {
    /// The documents, and the class of each.
    fn documents(self) -> (Vec<String>, Option<(Vec<i64>, Vec<String>)>) {
        let documents = match self.classes {
            Some(_) => self.texts,
            None => self.texts.iter().flat_map(|text| paragraphs(text)).collect(),
        };
        (documents, self.classes)
    }
}

/// Documents of whole paragraphs, each with the blank lines that end it, of [`LEAST_DOCUMENT`] characters or more but the last.
fn paragraphs(text: &str) -> Vec<String> {
    let (mut documents, mut document) = (Vec::new(), String::new());
    for line in text.split_inclusive('\n') {
        document += line;
        if line.trim().is_empty() && document.len() >= LEAST_DOCUMENT {
            documents.push(std::mem::take(&mut document));
        }
    }
    documents.extend(Some(document).filter(|last| !last.trim().is_empty()));
    documents
}

/// The dataset of some texts for a model.
///
/// # Errors
/// The rows are longer than the model reads, the texts make no whole row, or the model has no padding and needs some.
pub fn dataset(
    label: &str,
    raw: RawTexts,
    ready: &Ready,
    model: &str,
    of: RowsOf,
    source_sha256: BTreeMap<String, String>,
) -> Result<Dataset, DataError> {
    let malformed = |problem: String| DataError::Malformed { file: label.to_owned(), problem };
    let (longest, length) = (ready.config.longest(), of.length);
    if length > longest {
        return Err(malformed(format!("a row has {length} tokens, but {model} reads at most {longest}")));
    }
    let decoder = ready.config.architecture.is_decoder();
    let tokenizer = ready.tokenizer()?;
    let (documents, classes) = raw.documents();
    let rows = if decoder {
        running(&documents, &tokenizer, of).map_err(malformed)?
    } else {
        let Some(pad) = ready.config.pad else {
            return Err(malformed(format!("the config.json of {model} names no pad_token_id")));
        };
        one_each(&documents, tokenizer, of, pad).map_err(malformed)?
    };
    let target = match classes {
        Some((labels, names)) if !decoder => {
            Target::Classes { labels: rows.used.iter().map(|place| labels[*place]).collect(), names }
        }
        _ => Target::Next { rows: rows.values.len() / length },
    };
    let layout = Layout::tokens(length, ready.config.vocabulary);
    let language = Language {
        documents: rows.used.iter().map(|place| documents[*place].clone()).collect(),
        model: ModelRecord {
            name: model.to_owned(),
            folder: ready.folder.clone(),
            files: ready.files.clone(),
            special_tokens: !decoder,
            truncate: (!decoder).then_some(length),
            weights: ready.weights.clone(),
            tokens: hexadecimal(&rows.tokens.finalize()),
            tokenized: rows.tokenized,
        },
    };
    Dataset::examples(label, layout, rows.values, target, source_sha256)
        .map(|data| data.with_language(language))
}

/// Rows, and which documents they were made of.
struct Rows {
    values: Vec<f64>,
    used: Vec<usize>,
    /// Over the tokens of the documents.
    tokens: Sha256,
    tokenized: u64,
}

impl Rows {
    fn empty() -> Self {
        Self { values: Vec::new(), used: Vec::new(), tokens: Sha256::new(), tokenized: 0 }
    }

    fn add(&mut self, place: usize, ids: &[u32]) {
        self.used.push(place);
        self.values.extend(ids.iter().map(|id| f64::from(*id)));
        self.tokenized += ids.len() as u64;
        note_tokens(&mut self.tokens, ids);
    }
}

/// Adds the tokens of a document to what is hashed over all.
pub fn note_tokens(digest: &mut Sha256, ids: &[u32]) {
    for id in ids {
        digest.update(i64::from(*id).to_le_bytes());
    }
    digest.update((-1_i64).to_le_bytes());
}

/// Rows of the documents' tokens one after the other, from the first document on, and no further documents than they need.
fn running(documents: &[String], tokenizer: &Tokenizer, of: RowsOf) -> Result<Rows, String> {
    let wanted = of.length.saturating_mul(of.rows);
    let mut rows = Rows::empty();
    for (place, document) in documents.iter().enumerate() {
        if rows.values.len() >= wanted {
            break;
        }
        let ids = tokenizer.encode(document.as_str(), false).map_err(|error| error.to_string())?;
        rows.add(place, ids.get_ids());
    }
    let whole = rows.values.len().min(wanted) / of.length * of.length;
    if whole == 0 {
        return Err(format!("it has {} tokens, but a row needs {}", rows.values.len(), of.length));
    }
    rows.values.truncate(whole);
    Ok(rows)
}

/// One row for each of the documents, which are spread evenly over all where there are more than rows are wanted.
fn one_each(documents: &[String], mut tokenizer: Tokenizer, of: RowsOf, pad: i64) -> Result<Rows, String> {
    truncate(&mut tokenizer, of.length)?;
    let count = documents.len().min(of.rows);
    let mut rows = Rows::empty();
    for place in (0..count).map(|j| j * documents.len() / count) {
        let ids = tokenizer.encode(documents[place].as_str(), true).map_err(|error| error.to_string())?;
        let ids = ids.get_ids();
        if ids.iter().any(|id| i64::from(*id) == pad) {
            return Err(format!("document {} holds the token of padding, {pad}", place + 1));
        }
        rows.add(place, ids);
        #[expect(clippy::cast_precision_loss, reason = "a place in a vocabulary")]
        rows.values.extend(std::iter::repeat_n(pad as f64, of.length - ids.len()));
    }
    Ok(rows)
}

/// Cuts texts off at so many tokens, special ones among them.
///
/// # Errors
/// There is no room beside the special tokens.
pub fn truncate(tokenizer: &mut Tokenizer, length: usize) -> Result<(), String> {
    let truncation = TruncationParams { max_length: length, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map(drop).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_whole_paragraphs_and_lose_nothing() {
        let paragraph = format!("{}\n\n", "word ".repeat(150));
        let text = paragraph.repeat(5) + "the end";
        let documents = paragraphs(&text);
        assert_eq!(documents.concat(), text);
        assert_eq!(documents.len(), 3, "two of two paragraphs, and what is left");
        assert!(documents[..2].iter().all(|d| d.len() >= LEAST_DOCUMENT && d.ends_with("\n\n")));
        assert!(paragraphs("\n\n").is_empty());
    }
}
