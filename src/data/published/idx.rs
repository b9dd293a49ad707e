//! A folder with four IDX files, as MNIST and its relatives are published; see [`crate::data::decode::idx`].

use super::{Arguments, Format, named};
use crate::data::dataset::{Layout, Target, TargetKind};
use crate::data::decode::{File, idx};
use crate::data::error::DataError;
use crate::data::source::Form;

pub struct Idx;

impl Format for Idx {
    fn name(&self) -> &'static str {
        "idx"
    }
    fn doc(&self) -> &'static str {
        "MNIST's format: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each with or \
         without .gz"
    }
    fn form(&self) -> Form {
        Form { target: TargetKind::Classes, tokens: false, images: true, published_test: Some(true) }
    }
    fn wanted(&self, names: &[String]) -> Result<Vec<String>, String> {
        let stems = ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"];
        let find = |stem: &str| {
            let (plain, packed) = (format!("{stem}-ubyte"), format!("{stem}-ubyte.gz"));
            named(names, &[&plain]).or_else(|missing| named(names, &[&packed]).map_err(|_| missing))
        };
        Ok(stems.into_iter().map(find).collect::<Result<Vec<_>, _>>()?.concat())
    }
    fn decode(&self, files: &[File], _: &Arguments) -> Result<(Layout, Vec<f64>, Target), DataError> {
        idx::files(files, &[])
    }
}
