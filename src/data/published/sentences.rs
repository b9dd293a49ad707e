//! Sentences with a class each, as GLUE publishes SST-2 (A. Wang et al., 2019, GLUE: a multi-task benchmark and analysis platform for natural language
//! understanding): `train.tsv` and `dev.tsv` with the columns `sentence` and `label`, of which the second has the published test rows (labels of `test.tsv`
//! are not published). Or one file, `.tsv` or `.csv`, with these columns.
//!
//! GLUE's files know no quotes; in a `.csv` file they are read. See [`crate::data::decode::text`] for the tokens; the vocabulary is that of the rows to train
//! on, where the data has rows to test on.

use super::{Arguments, Format, named};
use crate::data::dataset::{Layout, Target, TargetKind};
use crate::data::decode::File;
use crate::data::decode::text::{self, Sentence};
use crate::data::error::DataError;
use crate::data::language::RawTexts;
use crate::data::source::Form;
use crate::task::parameter::ParameterDef;

pub struct Sentences;

impl Format for Sentences {
    fn name(&self) -> &'static str {
        "sentences"
    }
    fn doc(&self) -> &'static str {
        "sentences as GLUE's SST-2: train.tsv and dev.tsv with the columns `sentence` and `label`, or one .tsv or .csv file with them; rows are \
         `length` words, padded with 0"
    }
    fn parameters(&self) -> Vec<ParameterDef> {
        vec![ParameterDef::int_from("length", 1, 64, "words of a row").up_to(1e5)]
    }
    fn form(&self) -> Form {
        Form { target: TargetKind::Classes, tokens: true, images: false, published_test: None }
    }
    fn wanted(&self, names: &[String]) -> Result<Vec<String>, String> {
        let is_table = |name: &str| name.ends_with(".tsv") || name.ends_with(".csv");
        match names {
            [single] if is_table(single) => Ok(vec![single.clone()]),
            _ => named(names, &["train.tsv", "dev.tsv"]),
        }
    }
    fn decode(&self, files: &[File], arguments: &Arguments) -> Result<(Layout, Vec<f64>, Target), DataError> {
        let (sentences, names, published_train) = sentences(files)?;
        let known = published_train.unwrap_or(sentences.len());
        let (layout, values, target) = text::sentences(&sentences, names, arguments.count("length"), known);
        Ok((Layout { published_train, ..layout }, values, target))
    }
    fn texts(&self, files: &[File]) -> Result<Option<RawTexts>, DataError> {
        let (sentences, names, _) = sentences(files)?;
        Ok(Some(text::classified(sentences, names)))
    }
}

/// The sentences of some files, the classes' names, and the number of sentences before those of the last of several files.
fn sentences(files: &[File]) -> Result<(Vec<Sentence>, Vec<String>, Option<usize>), DataError> {
    let mut rows = Vec::new();
    let mut first = 0;
    for file in files {
        first = if rows.is_empty() { first } else { rows.len() };
        rows.extend(table(file)?);
    }
    let published_train = (files.len() > 1).then_some(first);
    let mut names: Vec<String> = rows.iter().map(|(_, class)| class.clone()).collect();
    names.sort_unstable();
    names.dedup();
    let place = |class: &String| names.partition_point(|name| name < class);
    let sentence = |(text, class): (String, String)| Sentence {
        text,
        class: i64::try_from(place(&class)).expect("a place in a list"),
    };
    let sentences = rows.into_iter().map(sentence).collect();
    Ok((sentences, names, published_train))
}

/// The sentences of a file and their classes' names.
fn table(file: &File) -> Result<Vec<(String, String)>, DataError> {
    let tabs = file.name.ends_with(".tsv");
    let mut builder = csv::ReaderBuilder::new();
    if tabs {
        builder.delimiter(b'\t').quoting(false);
    }
    let error = |source| DataError::Csv { file: file.name.clone(), source };
    let malformed = |problem| DataError::Malformed { file: file.name.clone(), problem };
    let mut reader = builder.from_reader(file.bytes.as_slice());
    let header = reader.headers().map_err(error)?.clone();
    let column = |name: &str| {
        let found = header.iter().position(|column| column.trim() == name);
        found.ok_or_else(|| malformed(format!("its header has no column `{name}`")))
    };
    let (sentence, label) = (column("sentence")?, column("label")?);
    let mut rows = Vec::new();
    for (record, row) in reader.records().zip(1..) {
        let record = record.map_err(error)?;
        let part = |place: usize| record.get(place).unwrap_or_default().trim().to_owned();
        if part(label).is_empty() {
            return Err(malformed(format!("row {row} has no label")));
        }
        rows.push((part(sentence), part(label)));
    }
    Ok(rows)
}
