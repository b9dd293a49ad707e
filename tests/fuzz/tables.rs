//! Files of data and archives: what is accepted is finite and whole, what is unpacked keeps to its hash and its limit.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use benchrun::data::fetch::{InnerFile, Origin, Package, unpack_tar, unpack_zip};
use benchrun::data::published::Place;
use benchrun::data::{Source, Target, TargetKind};
use benchrun::files::sha256;
use benchrun::implementation::Registry;
use benchrun::import::{Import, Options};
use benchrun::task::parameter::Value;
use polars::prelude::{Column, DataFrame, ParquetCompression, ParquetWriter};

use crate::ROOT;
use crate::engine::{corpus, fuzz};
use crate::input::{folder, words};
use crate::mutate::Documents;

const TOKENS: &[&str] = &[
    ",",
    "\n",
    "\"",
    "\r\n",
    "y",
    "NaN",
    "inf",
    "-1e308",
    "?",
    "\u{feff}",
    "PAR1",
    "PK\u{3}\u{4}",
    "PK\u{1}\u{2}",
    "PK\u{5}\u{6}",
    "\u{1f}",
    "tiny/hello.csv",
    "../",
    "0x10",
    "1e400",
    "1_000",
    "IHDR",
    "IDAT",
];

/// Loads a user's file of data twice.
fn loaded(path: &Path, bytes: &[u8]) -> String {
    std::fs::write(path, bytes).unwrap();
    let mut happened = String::new();
    for kind in [TargetKind::Continuous, TargetKind::Classes] {
        let source = Source::File { path: path.to_owned(), target: "y".to_owned(), kind };
        match source.load(path.parent().unwrap(), &mut |_| ()) {
            Ok(data) => {
                assert!(data.features.nrows() > 0 && data.features.ncols() == data.feature_names.len());
                assert!(data.features.iter().all(|value| value.is_finite()));
                let targets = match &data.target {
                    Target::Next { .. } => unreachable!("a table holds no tokens"),
                    Target::Continuous(values) => {
                        assert!(values.iter().all(|value| value.is_finite()));
                        values.len()
                    }
                    Target::Classes { labels, names } => {
                        let known = 0..i64::try_from(names.len()).unwrap();
                        assert!(labels.iter().all(|label| known.contains(label)));
                        labels.len()
                    }
                };
                assert_eq!(targets, data.features.nrows());
                assert_eq!(source.load(path.parent().unwrap(), &mut |_| ()).unwrap().sha256, data.sha256);
                happened += "accepted ";
            }
            Err(error) => happened += &words(&error),
        }
    }
    happened.replace(&path.parent().unwrap().display().to_string(), "")
}

#[test]
fn csv() {
    let folder = folder();
    fuzz("csv", TOKENS, Documents::None, Vec::new(), |bytes| loaded(&folder.path().join("f.csv"), bytes));
}

/// Loads a published data set twice, of which one file is the fuzzer's.
fn published(format: &str, folder: &Path, file: &str, bytes: &[u8]) -> String {
    std::fs::write(folder.join(file), bytes).unwrap();
    let size = BTreeMap::from([("size".to_owned(), Value::Int(3))]);
    let parameters = if format == "image_folder" { size } else { BTreeMap::new() };
    let source = Source::published(format, &parameters, Place::Path(folder.to_owned())).unwrap();
    match source.load(folder, &mut |_| ()) {
        Ok(data) => {
            assert_eq!(data.features.ncols(), data.layout.columns());
            assert!(data.features.iter().all(|value| (-1e-9..=255.0 + 1e-9).contains(value)));
            assert_eq!(source.load(folder, &mut |_| ()).unwrap().sha256, data.sha256);
            "accepted".to_owned()
        }
        Err(error) => words(&error),
    }
}

#[test]
fn image() {
    let folder = folder();
    for class in ["a", "b"] {
        std::fs::create_dir(folder.path().join(class)).unwrap();
    }
    std::fs::write(folder.path().join("b/1.png"), &corpus("image")[0]).unwrap();
    fuzz("image", TOKENS, Documents::None, Vec::new(), |bytes| {
        published("image_folder", folder.path(), "a/1.png", bytes)
    });
}

#[test]
fn idx() {
    let folder = folder();
    let [images, labels] = <[Vec<u8>; 2]>::try_from(corpus("idx")).unwrap();
    for (stem, bytes) in [("images-idx3", &images), ("labels-idx1", &labels)] {
        for part in ["train", "t10k"] {
            std::fs::write(folder.path().join(format!("{part}-{stem}-ubyte")), bytes).unwrap();
        }
    }
    fuzz("idx", TOKENS, Documents::None, Vec::new(), |bytes| {
        published("idx", folder.path(), "t10k-images-idx3-ubyte", bytes)
    });
}

#[test]
fn gzip() {
    let folder = folder();
    fuzz("gzip", TOKENS, Documents::None, Vec::new(), |bytes| loaded(&folder.path().join("f.csv.gz"), bytes));
}

#[test]
fn parquet() {
    let folder = folder();
    let adapters = Path::new(ROOT).join("python_adapters");
    let registry = Registry::load(&adapters.join("kit"), &[adapters]).unwrap();
    let tables =
        [ParquetCompression::Uncompressed, ParquetCompression::Snappy, ParquetCompression::Zstd(None)].map(
            |compression| {
                let columns = vec![
                    Column::new("a".into(), (0..40).map(f64::from).collect::<Vec<_>>()),
                    Column::new("b".into(), (0..40).map(|i| i % 3 == 0).collect::<Vec<_>>()),
                    Column::new("c".into(), (0..40).map(|i| ["x", "yy", "zzz"][i % 3]).collect::<Vec<_>>()),
                    Column::new("y".into(), (0..40_i64).map(|i| i % 2).collect::<Vec<_>>()),
                ];
                let mut bytes = Vec::new();
                ParquetWriter::new(&mut bytes)
                    .with_compression(compression)
                    .finish(&mut DataFrame::new(40, columns).unwrap())
                    .unwrap();
                bytes
            },
        );
    fuzz("parquet", TOKENS, Documents::None, tables.to_vec(), |bytes| {
        let path = folder.path().join("f.parquet");
        let happened = loaded(&path, bytes);
        match Import::read(&[path], &registry, folder.path(), &Options::default()) {
            Ok(_) => happened,
            Err(problems) => happened + problems.to_string().rsplit(": ").next().unwrap_or_default(),
        }
    });
}

static PACKAGE: Package =
    Package { origin: Origin::Wheel, name: "tiny", version: "1.0", bytes: 0, sha256: "" };
/// Holds `hello`.
static HELLO: InnerFile = InnerFile {
    package: &PACKAGE,
    path: "tiny/hello.csv",
    bytes: 5,
    sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
};

#[test]
fn tarball() {
    let tar = |entries: &[(&str, &[u8])]| {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, path, *content).unwrap();
        }
        tar.into_inner().unwrap()
    };
    let honest = tar(&[("readme", b"x"), (HELLO.path, b"hello")]);
    let seeds = vec![tar(&[(HELLO.path, b"hallo")]), tar(&[(&"long/".repeat(30), b"x")]), honest];
    fuzz("tarball", TOKENS, Documents::None, seeds, |bytes| match unpack_tar(bytes, &PACKAGE, &[&HELLO]) {
        Ok(contents) => {
            assert!(contents.len() == 1 && sha256(&contents[0]) == HELLO.sha256);
            "accepted".to_owned()
        }
        Err(error) => words(&error),
    });
}

#[test]
fn archive() {
    fuzz("archive", TOKENS, Documents::None, Vec::new(), |bytes| {
        match unpack_zip(Cursor::new(bytes), &PACKAGE, &[&HELLO]) {
            Ok(contents) => {
                assert!(contents.len() == 1 && sha256(&contents[0]) == HELLO.sha256);
                "accepted".to_owned()
            }
            Err(error) => words(&error),
        }
    });
}
