//! A folder for each class with its images, as ImageNet and torchvision's `ImageFolder` have them: `class/name.png`, or with published test rows
//! `train/class/name.png` and `val/class/name.png` (or `test/…`). Folders around these are looked through.

use super::resize;
use super::{Arguments, Format};
use crate::data::dataset::{Layout, Target, TargetKind};
use crate::data::decode::File;
use crate::data::error::DataError;
use crate::data::source::Form;
use crate::task::parameter::ParameterDef;

const ENDINGS: [&str; 3] = [".png", ".jpg", ".jpeg"];

pub struct ImageFolder;

impl Format for ImageFolder {
    fn name(&self) -> &'static str {
        "image_folder"
    }
    fn doc(&self) -> &'static str {
        "one folder of PNG and JPEG files for each class, or train/ and val/ with such folders; colours are three channels from 0 to 255, the \
         shorter side is resized to `size` (triangle filter) and the middle square kept"
    }
    fn parameters(&self) -> Vec<ParameterDef> {
        vec![ParameterDef::int_from("size", 1, 224, "height and width in pixels").up_to(1024.0)]
    }
    fn form(&self) -> Form {
        Form { target: TargetKind::Classes, tokens: false, images: true, published_test: None }
    }
    fn wanted(&self, names: &[String]) -> Result<Vec<String>, String> {
        let is_image = |name: &&String| {
            let name = name.to_lowercase();
            ENDINGS.iter().any(|ending| name.ends_with(ending)) && name.contains('/')
        };
        let images: Vec<String> = names.iter().filter(is_image).cloned().collect();
        let is_part = |wanted: Part| images.iter().any(|name| part(name) == wanted);
        if images.is_empty() {
            return Err("no class/name.png, .jpg or .jpeg".to_owned());
        }
        if !(is_part(Part::Train) && is_part(Part::Test)) {
            return Ok(images);
        }
        // With published parts whatever lies beside them is none of it.
        let of = |wanted: Part| images.iter().filter(move |name| part(name) == wanted).cloned();
        Ok(of(Part::Train).chain(of(Part::Test)).collect())
    }
    fn decode(&self, files: &[File], arguments: &Arguments) -> Result<(Layout, Vec<f64>, Target), DataError> {
        let size = arguments.count("size");
        let class = |file: &File| file.name.rsplit('/').nth(1).unwrap_or_default().to_owned();
        let mut names: Vec<String> = files.iter().map(class).collect();
        names.sort_unstable();
        names.dedup();
        let (mut values, mut labels) = (Vec::with_capacity(files.len() * 3 * size * size), Vec::new());
        for file in files {
            let image = resize::decode(&file.bytes)
                .map_err(|problem| DataError::Malformed { file: file.name.clone(), problem })?;
            values.extend(resize::square(&image, size));
            let place = names.partition_point(|name| *name < class(file));
            labels.push(i64::try_from(place).expect("a place in a list"));
        }
        let train = files.iter().filter(|file| part(&file.name) == Part::Train).count();
        let published_train =
            (train > 0 && train < files.len() && files.iter().all(|file| part(&file.name) != Part::Neither))
                .then_some(train);
        let layout = Layout { published_train, ..Layout::of(&[3, size, size]) };
        Ok((layout, values, Target::Classes { labels, names }))
    }
}

/// What an image was published for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Train,
    Test,
    Neither,
}

/// The part by the folder around the class's.
fn part(name: &str) -> Part {
    match name.rsplit('/').nth(2) {
        Some("train") => Part::Train,
        Some("val" | "test") => Part::Test,
        _ => Part::Neither,
    }
}
