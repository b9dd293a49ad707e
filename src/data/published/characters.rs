//! Text files, cut into windows of characters; see [`crate::data::decode::text`].

use super::{Arguments, Format};
use crate::data::dataset::{Layout, Target, TargetKind};
use crate::data::decode::{File, text};
use crate::data::error::DataError;
use crate::data::language::RawTexts;
use crate::data::source::Form;
use crate::task::parameter::ParameterDef;

pub struct Characters;

impl Format for Characters {
    fn name(&self) -> &'static str {
        "characters"
    }
    fn doc(&self) -> &'static str {
        "text files (.txt, UTF-8), cut into rows of one character more than `length` that do not overlap: each is to be predicted from those \
         before it"
    }
    fn parameters(&self) -> Vec<ParameterDef> {
        let doc = "characters of a row that are followed by another";
        vec![ParameterDef::int_from("length", 1, 128, doc).up_to(1e5)]
    }
    fn form(&self) -> Form {
        Form { target: TargetKind::Next, tokens: true, images: false, published_test: Some(false) }
    }
    fn wanted(&self, names: &[String]) -> Result<Vec<String>, String> {
        let texts: Vec<String> = names.iter().filter(|name| name.ends_with(".txt")).cloned().collect();
        if texts.is_empty() { Err("no file that ends in .txt".to_owned()) } else { Ok(texts) }
    }
    fn decode(&self, files: &[File], arguments: &Arguments) -> Result<(Layout, Vec<f64>, Target), DataError> {
        let texts = files.iter().map(File::text).collect::<Result<Vec<_>, _>>()?;
        text::characters(&files[0].name, &texts, arguments.count("length"))
    }
    fn texts(&self, files: &[File]) -> Result<Option<RawTexts>, DataError> {
        text::running(files).map(Some)
    }
}
