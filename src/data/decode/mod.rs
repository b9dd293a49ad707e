//! Decoders: bytes of a file in, a table or a dataset's parts out. One file a format.

mod csv;
pub mod idx;
mod numbers;
mod parquet;
pub mod text;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use super::dataset::{Dataset, Target, TargetKind};
use super::error::DataError;
use super::language::RawTexts;
use super::source::Form;
use super::table::Table;
use crate::guard::file::{self, LARGEST_DATA};

/// How the files of a catalogue's entry are laid out.
#[derive(Debug, Clone, Copy)]
pub enum Format {
    /// scikit-learn's labelled CSV. The first line is `rows,columns,class names…`; each further line holds the
    /// features and the class's place last.
    LabelledCsv {
        /// One name a feature column.
        features: &'static [&'static str],
    },
    /// One image a line without a header: the pixels from left to right and from top to bottom, and the class last.
    PixelCsv {
        /// Rows of pixels.
        height: usize,
        /// Pixels of a row.
        width: usize,
        /// The number of classes, which are named by their places.
        classes: usize,
    },
    /// Two files without a header: features separated by single blanks, then one target a line.
    FeaturesAndTarget {
        /// One name a feature column.
        features: &'static [&'static str],
    },
    /// A CSV file with a header.
    Csv {
        /// The column that is to be predicted.
        target: &'static str,
    },
    /// Four IDX files: images and labels to train on, images and labels to test on.
    Idx {
        /// The classes' names.
        classes: &'static [&'static str],
    },
    /// Texts, cut into windows of characters.
    Characters {
        /// How many characters of a row are followed by another.
        length: usize,
    },
    /// Lines of a number, a mean rating and a sentence.
    RatedSentences {
        /// The tokens of a row.
        length: usize,
    },
    /// A Parquet file, with whatever compression.
    Parquet {
        /// The column that is to be predicted.
        target: &'static str,
    },
}

impl Format {
    /// What kind of data it holds.
    pub fn form(self, target: TargetKind) -> Form {
        let images = matches!(self, Self::Idx { .. });
        let tokens = matches!(self, Self::Characters { .. } | Self::RatedSentences { .. });
        Form { target, tokens, images, published_test: Some(images) }
    }
}

/// One file to decode.
#[derive(Debug)]
pub struct File {
    /// Its name in messages.
    pub name: String,
    /// Its content; a name that ends in `.gz` is unpacked here.
    pub bytes: Vec<u8>,
    /// The SHA-256 of its bytes.
    pub sha256: String,
}

impl File {
    /// The content, unpacked where the name ends in `.gz`.
    ///
    /// # Errors
    /// It cannot be unpacked, or is too large.
    pub fn content(&self) -> Result<Cow<'_, [u8]>, DataError> {
        self.content_up_to(LARGEST_DATA)
    }

    /// The content as text.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn text(&self) -> Result<&str, DataError> {
        std::str::from_utf8(&self.bytes).map_err(|error| {
            let problem = format!("it is no text in UTF-8: byte {} is none", error.valid_up_to() + 1);
            DataError::Malformed { file: self.name.clone(), problem }
        })
    }

    fn content_up_to(&self, limit: u64) -> Result<Cow<'_, [u8]>, DataError> {
        if !self.name.to_lowercase().ends_with(".gz") {
            return Ok(Cow::Borrowed(&self.bytes));
        }
        // A megabyte can unpack to a gigabyte: the limit holds while it is unpacked.
        file::read_up_to(flate2::read::MultiGzDecoder::new(self.bytes.as_slice()), limit)
            .map(Cow::Owned)
            .map_err(DataError::io("unpack", Path::new(&self.name)))
    }
}

/// Decodes the files of a catalogue's entry into a dataset called `name`.
///
/// # Errors
/// The files do not have that format.
pub fn decode(name: &str, kind: TargetKind, format: Format, files: &[File]) -> Result<Dataset, DataError> {
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let hashes: BTreeMap<_, _> = files.iter().map(|f| (f.name.clone(), f.sha256.clone())).collect();
    let (names, features, target) = match (format, files) {
        (Format::Csv { target }, [file]) => {
            let table = csv::decode(&file.name, &file.content()?)?;
            return table.into_dataset(name, target, kind, hashes);
        }
        (Format::Parquet { target }, [file]) => {
            let table = parquet::decode(&file.name, &file.bytes)?;
            return table.into_dataset(name, target, kind, hashes);
        }
        (Format::Idx { classes }, files @ [_, _, _, _]) => {
            let (layout, values, target) = idx::files(files, classes)?;
            return Dataset::examples(name, layout, values, target, hashes);
        }
        (Format::Characters { length }, files) => {
            let texts = files.iter().map(File::text).collect::<Result<Vec<_>, _>>()?;
            let (layout, values, target) = text::characters(name, &texts, length)?;
            return Dataset::examples(name, layout, values, target, hashes);
        }
        (Format::RatedSentences { length }, [file]) => {
            let sentences = text::rated(&file.name, file.text()?)?;
            let classes = owned(&["negative", "positive"]);
            let (layout, values, target) = text::sentences(&sentences, classes, length, sentences.len());
            return Dataset::examples(name, layout, values, target, hashes);
        }
        (Format::LabelledCsv { features }, [file]) => {
            let (values, target) = numbers::labelled(&file.name, &file.content()?, features.len())?;
            (owned(features), values, target)
        }
        (Format::PixelCsv { height, width, classes }, [file]) => {
            let names = (0..height * width).map(|i| format!("pixel_{}_{}", i / width, i % width)).collect();
            let classes = (0..classes).map(|class| class.to_string()).collect();
            let content = file.content()?;
            let (values, target) = numbers::with_class_last(&file.name, &content, height * width, classes)?;
            (names, values, target)
        }
        (Format::FeaturesAndTarget { features }, [data, target]) => (
            owned(features),
            numbers::matrix(&data.name, &data.content()?, b' ', features.len())?,
            Target::Continuous(numbers::matrix(&target.name, &target.content()?, b' ', 1)?),
        ),
        (format, files) => {
            let problem = format!("{} files do not make a dataset of the format {format:?}", files.len());
            return Err(DataError::Malformed { file: name.to_owned(), problem });
        }
    };
    Dataset::table(name, names, features, target, hashes)
}

/// The texts of a catalogue's entry as they are.
///
/// # Errors
/// It is not made of texts, or the files do not have that format.
pub fn texts(name: &str, format: Format, files: &[File]) -> Result<RawTexts, DataError> {
    match (format, files) {
        (Format::Characters { .. }, files) => text::running(files),
        (Format::RatedSentences { .. }, [file]) => {
            let names = ["negative", "positive"].map(str::to_owned).to_vec();
            Ok(text::classified(text::rated(&file.name, file.text()?)?, names))
        }
        _ => Err(DataError::NoTexts { dataset: name.to_owned() }),
    }
}

/// Decodes a user's file by its ending: `.csv`, `.csv.gz` or `.parquet`.
///
/// # Errors
/// The ending is another one, or the file is not what its ending says.
pub fn decode_user_file(path: &Path, file: &File) -> Result<Table, DataError> {
    let name = file.name.to_lowercase();
    match () {
        () if name.ends_with(".csv") || name.ends_with(".csv.gz") => {
            csv::decode(&file.name, &file.content()?)
        }
        () if name.ends_with(".parquet") => parquet::decode(&file.name, &file.bytes),
        () => Err(DataError::UnknownFormat { path: path.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn file(name: &str, bytes: &[u8]) -> File {
        File { name: name.to_owned(), bytes: bytes.to_vec(), sha256: name.to_uppercase() }
    }

    #[test]
    fn the_formats_of_the_catalogue() {
        let classes = TargetKind::Classes;
        let pixels = Format::PixelCsv { height: 1, width: 2, classes: 3 };
        let data = decode("d", classes, pixels, &[file("d.csv.gz", &gzip("0,5,2\n7,16,0\n"))]).unwrap();
        assert_eq!(data.feature_names, ["pixel_0_0", "pixel_0_1"]);
        assert_eq!(data.features, ndarray::array![[0.0, 5.0], [7.0, 16.0]]);
        let names = ["0", "1", "2"].map(str::to_owned).to_vec();
        assert_eq!(data.target, Target::Classes { labels: vec![2, 0], names });
        assert_eq!(data.source_sha256["d.csv.gz"], "D.CSV.GZ");

        let pair = Format::FeaturesAndTarget { features: &["a", "b"] };
        let files = [file("x.csv", b"1 2\n3 4\n"), file("y.csv", b"5\n6\n")];
        let data = decode("d", TargetKind::Continuous, pair, &files).unwrap();
        assert_eq!(data.target, Target::Continuous(vec![5.0, 6.0]));
        let error = decode("d", TargetKind::Continuous, pair, &files[..1]).unwrap_err().to_string();
        assert!(error.starts_with("d is malformed: 1 files do not make a dataset"), "{error}");
        let short = [file("x.csv", b"1 2\n3 4\n"), file("y.csv", b"5\n")];
        let error = decode("d", TargetKind::Continuous, pair, &short).unwrap_err().to_string();
        assert_eq!(error, "d is malformed: it has 4 feature values, but 1 targets and 2 columns");
    }

    #[test]
    fn what_unpacks_to_more_than_the_limit_is_refused() {
        // Several members, each small: the sum counts.
        let bomb: Vec<u8> = (0..4).flat_map(|_| gzip(&"0".repeat(1 << 20))).collect();
        assert!(bomb.len() < 1 << 14);
        let bomb = file("bomb.csv.gz", &bomb);
        assert_eq!(bomb.content_up_to(4 << 20).unwrap().len(), 4 << 20);
        let error = bomb.content_up_to((4 << 20) - 1).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(source, "it is larger than the limit of 4.0 MiB");
    }

    #[test]
    fn a_users_file_is_read_by_its_ending() {
        let text = "a,b\n1,x\n";
        let read = |name: &str, bytes: &[u8]| decode_user_file(Path::new(name), &file(name, bytes));
        let plain = read("f.csv", text.as_bytes()).unwrap();
        assert_eq!(read("F.CSV.GZ", &gzip(text)).unwrap(), plain);
        assert!(matches!(
            read("f.csv.gz", text.as_bytes()).unwrap_err(),
            DataError::Io { action: "unpack", .. }
        ));
        assert_eq!(
            read("f.xlsx", b"").unwrap_err().to_string(),
            "f.xlsx is neither CSV nor Parquet: its name must end in .csv, .csv.gz or .parquet"
        );
    }
}
