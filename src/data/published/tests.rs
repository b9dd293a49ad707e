//! Each format on small files that are made in it here.

use std::fs;

use super::*;
use crate::data::Source;
use crate::data::decode::idx;

/// A folder with files; names with `/` make folders.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn source(format: &str, parameters: &[(&str, i64)], folder: &Path) -> Result<Source, String> {
    let parameters =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), Value::Int(*value))).collect();
    Source::published(format, &parameters, Place::Path(folder.to_owned())).map_err(|error| error.to_string())
}

fn loaded(format: &str, parameters: &[(&str, i64)], folder: &Path) -> Result<Dataset, String> {
    let source = source(format, parameters, folder)?;
    let data = source.load(folder, &mut |_| ()).map_err(|error| error.to_string())?;
    assert_eq!(data.source_sha256, source.source_sha256().unwrap(), "the index goes by the same hashes");
    let (form, found) = (source.form().unwrap(), Form::new(data.target.kind(), &data.layout));
    assert_eq!((form.target, form.tokens, form.images), (found.target, found.tokens, found.images));
    assert!(form.published_test.is_none_or(|known| Some(known) == found.published_test));
    Ok(data)
}

fn labels(data: &Dataset) -> (Vec<i64>, Vec<&str>) {
    let Target::Classes { labels, names } = &data.target else { panic!("no classes") };
    (labels.clone(), names.iter().map(String::as_str).collect())
}

/// A record of CIFAR: its labels, then the three channels, each of one value.
fn record(labels: &[u8], channels: [u8; 3]) -> Vec<u8> {
    labels.iter().copied().chain(channels.into_iter().flat_map(|value| [value; 1024])).collect()
}

#[test]
fn cifar_10_is_five_batches_and_one_to_test_on() {
    let records: Vec<Vec<u8>> = (0..6).map(|i| record(&[i % 2], [i, 10 + i, 255])).collect();
    let names =
        ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"]
            .map(|stem| format!("cifar-10-batches-bin/{stem}.bin"));
    let mut files: Vec<(&str, &[u8])> =
        names.iter().map(String::as_str).zip(records.iter().map(Vec::as_slice)).collect();
    files.push(("cifar-10-batches-bin/batches.meta.txt", b"airplane\nautomobile\n\n"));
    let at = folder(&files);
    let data = loaded("cifar10", &[], at.path()).unwrap();
    assert_eq!(data.layout, Layout { published_train: Some(5), ..Layout::of(&[3, 32, 32]) });
    assert_eq!(labels(&data), (vec![0, 1, 0, 1, 0, 1], vec!["airplane", "automobile"]));
    assert_eq!(
        [0, 1023, 1024, 2048].map(|pixel| data.features[[5, pixel]].to_bits()),
        [5.0, 5.0, 15.0, 255.0_f64].map(f64::to_bits)
    );

    let inner = at.path().join("cifar-10-batches-bin");
    let same = loaded("cifar10", &[], &inner).unwrap();
    assert_eq!((same.sha256, same.name), (data.sha256, "cifar-10-batches-bin".to_owned()));
    fs::write(inner.join("test_batch.bin"), &records[0][..3000]).unwrap();
    let told = "it has 3000 bytes, which is no multiple of the 3073 bytes of a record";
    assert_eq!(loaded("cifar10", &[], &inner).unwrap_err(), format!("test_batch.bin is malformed: {told}"));
    fs::write(inner.join("test_batch.bin"), record(&[2], [0; 3])).unwrap();
    let error = loaded("cifar10", &[], &inner).unwrap_err();
    assert!(error.ends_with("the label in row 6 is 2, but there are 2 classes"), "{error}");
    fs::remove_file(inner.join("data_batch_1.bin")).unwrap();
    let told = "has no data_batch_1.bin, which the format cifar10 reads";
    assert_eq!(source("cifar10", &[], &inner).unwrap_err(), format!("the folder {} {told}", inner.display()));
}

#[test]
fn cifar_100_has_a_coarse_and_a_fine_label() {
    let (train, test) =
        ([record(&[9, 1], [1; 3]), record(&[9, 0], [2; 3])].concat(), record(&[9, 1], [3; 3]));
    let at = folder(&[("train.bin", &train), ("test.bin", &test), ("fine_label_names.txt", b"apple\nfish")]);
    let data = loaded("cifar100", &[], at.path()).unwrap();
    assert_eq!(data.layout.published_train, Some(2));
    assert_eq!(labels(&data), (vec![1, 0, 1], vec!["apple", "fish"]));
    assert!(data.features.row(1).iter().all(|pixel| (1.5..2.5).contains(pixel)));
}

#[test]
fn idx_files_may_be_packed() {
    let pack = |bytes: &[u8]| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, bytes).unwrap();
        gzip.finish().unwrap()
    };
    let (images, one) = (idx::file(&[2, 1, 2], &[1, 2, 3, 4]), idx::file(&[1, 1, 2], &[5, 6]));
    let at = folder(&[
        ("train-images-idx3-ubyte.gz", &pack(&images)),
        ("train-labels-idx1-ubyte", &idx::file(&[2], &[0, 1])),
        ("t10k-images-idx3-ubyte", &one),
        ("t10k-labels-idx1-ubyte.gz", &pack(&idx::file(&[1], &[1]))),
    ]);
    let data = loaded("idx", &[], at.path()).unwrap();
    assert_eq!(data.features, ndarray::array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
    assert_eq!(labels(&data), (vec![0, 1, 1], vec!["0", "1"]));
    fs::remove_file(at.path().join("t10k-images-idx3-ubyte")).unwrap();
    assert!(source("idx", &[], at.path()).unwrap_err().contains("has no t10k-images-idx3-ubyte,"));
}

fn png(width: usize, height: usize, rgb: [u8; 3]) -> Vec<u8> {
    lodepng::encode24(&vec![lodepng::RGB::new(rgb[0], rgb[1], rgb[2]); width * height], width, height)
        .unwrap()
}

/// What `tests/data/reference_image.py` makes with Pillow.
const JPEG: &[u8] = include_bytes!("../../../tests/data/reference_image.jpg");

#[test]
fn a_folder_of_images_is_a_class() {
    let red = png(6, 3, [200, 10, 20]);
    let at = folder(&[
        ("b/2.JPG", JPEG),
        ("a/1.png", &red),
        ("a/deep.txt", b"no image"),
        ("readme.png", b"in no class"),
    ]);
    let data = loaded("image_folder", &[("size", 2)], at.path()).unwrap();
    assert_eq!(data.layout, Layout::of(&[3, 2, 2]));
    assert_eq!(labels(&data), (vec![0, 1], vec!["a", "b"]));
    let red = [200.0, 10.0, 20.0].map(|value| [value; 4]).concat();
    assert!(data.features.row(0).iter().zip(red).all(|(found, value)| (found - value).abs() < 1e-9));
    assert!(data.name.ends_with("(size=2)"), "{}", data.name);

    fs::write(at.path().join("b/2.JPG"), b"GIF89a").unwrap();
    let error = loaded("image_folder", &[], at.path()).unwrap_err();
    assert_eq!(error, "b/2.JPG is malformed: it is neither PNG nor JPEG");
    fs::remove_dir_all(at.path().join("b")).unwrap();
    let error = loaded("image_folder", &[("size", 2)], at.path()).unwrap_err();
    assert!(error.ends_with("has one class only, `a`"), "{error}");
    fs::remove_dir_all(at.path().join("a")).unwrap();
    let error = source("image_folder", &[], at.path()).unwrap_err();
    assert!(
        error.ends_with("has no class/name.png, .jpg or .jpeg, which the format image_folder reads"),
        "{error}"
    );
    let error = source("image_folder", &[("size", 0)], at.path()).unwrap_err();
    assert!(error.starts_with("parameter `size` of the format image_folder is 0"), "{error}");
}

#[test]
fn images_to_test_on_are_those_that_were_published_so() {
    let image = png(2, 2, [1, 2, 3]);
    let at = folder(&[
        ("set/val/a/9.png", &image),
        ("set/train/b/1.png", &image),
        ("set/train/a/1.png", &image),
        ("set/train/a/0.png", &image),
    ]);
    let data = loaded("image_folder", &[("size", 1)], at.path()).unwrap();
    assert_eq!(data.layout.published_train, Some(3));
    assert_eq!(labels(&data), (vec![0, 0, 1, 0], vec!["a", "b"]));
}

#[test]
fn texts_are_cut_into_rows_of_characters() {
    let at = folder(&[("b.txt", b"xy"), ("a.txt", b"abcabc!"), ("c.md", b"---")]);
    let data = loaded("characters", &[("length", 2)], at.path()).unwrap();
    // ! a b c x y
    assert_eq!(data.layout, Layout::tokens(3, 6));
    assert_eq!(data.features, ndarray::array![[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]);
    assert_eq!(data.target, Target::Next { rows: 2 });
    let one = loaded("characters", &[("length", 1)], &at.path().join("b.txt")).unwrap();
    assert_eq!((one.name.as_str(), one.features), ("b(length=1)", ndarray::array![[0.0, 1.0]]));
    let short = loaded("characters", &[], at.path()).unwrap_err();
    assert_eq!(short, "a.txt is malformed: its longest text has 7 characters, but a row needs 129");
    fs::write(at.path().join("a.txt"), b"ab\xff").unwrap();
    let error = loaded("characters", &[("length", 1)], at.path()).unwrap_err();
    assert_eq!(error, "a.txt is malformed: it is no text in UTF-8: byte 3 is none");
    let nowhere = source("characters", &[], &at.path().join("none")).unwrap_err();
    assert!(nowhere.starts_with("cannot list "), "{nowhere}");
}

#[test]
fn sentences_are_read_as_glue_publishes_them() {
    let train = b"sentence\tlabel\na \"fine film \t1\na bad film \t0\nfine \t1\n";
    let at = folder(&[
        ("SST-2/train.tsv", train),
        ("SST-2/dev.tsv", b"sentence\tlabel\nbad , bad\t0\n"),
        ("SST-2/test.tsv", b"index\tsentence\n0\tno label\n"),
    ]);
    let data = loaded("sentences", &[("length", 3)], at.path()).unwrap();
    // Twice in the rows to train on: a, film, fine.
    assert_eq!(data.layout, Layout { published_train: Some(3), ..Layout::tokens(3, 5) });
    let rows = ndarray::array![[2.0, 1.0, 4.0], [2.0, 1.0, 3.0], [0.0, 0.0, 4.0], [1.0, 1.0, 1.0]];
    assert_eq!(data.features, rows);
    assert_eq!(labels(&data), (vec![1, 0, 1, 0], vec!["0", "1"]));

    let csv = at.path().join("own.csv");
    let write = |text: &str| fs::write(&csv, text).unwrap();
    write("label,sentence\nno,\"a, b\"\nyes,a\n");
    let data = loaded("sentences", &[("length", 4)], &csv).unwrap();
    assert_eq!(data.features, ndarray::array![[0.0, 2.0, 1.0, 1.0], [0.0, 0.0, 0.0, 2.0]]);
    assert_eq!((data.layout.published_train, labels(&data)), (None, (vec![0, 1], vec!["no", "yes"])));
    write("class,sentence\nno,a\n");
    assert_eq!(
        loaded("sentences", &[], &csv).unwrap_err(),
        "own.csv is malformed: its header has no column `label`"
    );
    write("label,sentence\n,a\n");
    assert_eq!(loaded("sentences", &[], &csv).unwrap_err(), "own.csv is malformed: row 1 has no label");
}

#[test]
fn formats_are_distinct_and_documented() {
    for (place, format) in FORMATS.iter().enumerate() {
        assert!(
            FORMATS[..place].iter().all(|other| other.name() != format.name()),
            "{} twice",
            format.name()
        );
        assert!(format.doc().len() > 20 && !format.doc().contains("  "), "{}", format.doc());
        assert!(format.wanted(&[]).is_err(), "{} reads nothing", format.name());
    }
    let unknown = find("cifar-10").err().unwrap();
    assert_eq!(unknown.hint().as_deref(), Some("did you mean `cifar10`?"));
    let error = check("cifar10", &Parameters::from([("size".to_owned(), Value::Int(1))])).unwrap_err();
    assert_eq!(error.to_string(), "unknown parameter `size`; known: ");
}

#[test]
fn places_are_named_by_their_last_part() {
    let archive = |url: &str| Place::Archive { url: url.to_owned(), sha256: String::new() };
    for (url, stem) in [
        ("https://a.org/x/cifar-10-binary.tar.gz", "cifar-10-binary"),
        ("https://a.org/SST-2.zip?alt=media&token=1", "SST-2"),
        ("https://a.org/input.txt", "input"),
        ("https://a.org/set/", "set"),
    ] {
        assert_eq!(archive(url).stem(), stem);
    }
    assert_eq!(Place::Path("/data/houses.csv".into()).stem(), "houses");
    let json = serde_json::to_string(&archive("https://a.org/x")).unwrap();
    assert_eq!(serde_json::from_str::<Place>(&json).unwrap(), archive("https://a.org/x"));
}
