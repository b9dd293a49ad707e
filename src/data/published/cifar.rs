//! CIFAR-10 and CIFAR-100 in their binary versions (A. Krizhevsky, 2009, Learning multiple layers of features from tiny images).
//!
//! Each record is the label (of CIFAR-100 first the coarse, then the fine one), then 3 × 32 × 32 bytes: the red, green and blue channel, each row by
//! row. The names of the classes are the lines of a text file.

use super::{Arguments, Format, named};
use crate::data::dataset::{Layout, Target, TargetKind};
use crate::data::decode::File;
use crate::data::error::DataError;
use crate::data::source::Form;

/// The bytes of an image.
const IMAGE: usize = 3 * 32 * 32;

const FORM: Form =
    Form { target: TargetKind::Classes, tokens: false, images: true, published_test: Some(true) };

pub struct Cifar10;

impl Format for Cifar10 {
    fn name(&self) -> &'static str {
        "cifar10"
    }
    fn doc(&self) -> &'static str {
        "CIFAR-10, binary version: data_batch_1.bin to data_batch_5.bin, test_batch.bin and batches.meta.txt"
    }
    fn form(&self) -> Form {
        FORM
    }
    fn wanted(&self, names: &[String]) -> Result<Vec<String>, String> {
        let batches = [
            "data_batch_1.bin",
            "data_batch_2.bin",
            "data_batch_3.bin",
            "data_batch_4.bin",
            "data_batch_5.bin",
            "test_batch.bin",
            "batches.meta.txt",
        ];
        named(names, &batches)
    }
    fn decode(&self, files: &[File], _: &Arguments) -> Result<(Layout, Vec<f64>, Target), DataError> {
        records(files, 1)
    }
}

pub struct Cifar100;

impl Format for Cifar100 {
    fn name(&self) -> &'static str {
        "cifar100"
    }
    fn doc(&self) -> &'static str {
        "CIFAR-100, binary version, with its 100 fine labels: train.bin, test.bin and fine_label_names.txt"
    }
    fn form(&self) -> Form {
        FORM
    }
    fn wanted(&self, names: &[String]) -> Result<Vec<String>, String> {
        named(names, &["train.bin", "test.bin", "fine_label_names.txt"])
    }
    fn decode(&self, files: &[File], _: &Arguments) -> Result<(Layout, Vec<f64>, Target), DataError> {
        records(files, 2)
    }
}

/// The records of some files to train on, one file to test on, and the file with the names; the last of a record's labels counts.
fn records(files: &[File], labels_each: usize) -> Result<(Layout, Vec<f64>, Target), DataError> {
    let [batches @ .., names] = files else { unreachable!("the files that are wanted") };
    let names: Vec<String> =
        names.text()?.lines().map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned).collect();
    let (mut values, mut labels, mut published_train) = (Vec::new(), Vec::new(), 0);
    for batch in batches {
        published_train = labels.len();
        let records = batch.bytes.chunks_exact(labels_each + IMAGE);
        if records.len() == 0 || !records.remainder().is_empty() {
            let problem = format!(
                "it has {} bytes, which is no multiple of the {} bytes of a record",
                batch.bytes.len(),
                labels_each + IMAGE
            );
            return Err(DataError::Malformed { file: batch.name.clone(), problem });
        }
        for record in records {
            labels.push(i64::from(record[labels_each - 1]));
            values.extend(record[labels_each..].iter().map(|byte| f64::from(*byte)));
        }
    }
    let layout = Layout { published_train: Some(published_train), ..Layout::of(&[3, 32, 32]) };
    Ok((layout, values, Target::Classes { labels, names }))
}
