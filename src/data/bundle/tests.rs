use std::collections::BTreeMap;

use std::fs;

use super::*;
use crate::data::dataset::{Dataset, Target, TargetKind};
use crate::data::source::Source;
use crate::task::parameter::Value;

fn quiet(_: &str) {}

fn moons(rows: i64) -> Source {
    Source::generator("moons", &BTreeMap::from([("rows".to_owned(), Value::Int(rows))])).unwrap()
}

fn preparation() -> Preparation {
    Preparation {
        fold: None,
        published: false,
        test_fraction: 0.25,
        scale: Scale::Standard,
        seed: 42,
        dtype: Dtype::Float64,
        stratify: true,
    }
}

fn file(path: &Path, kind: TargetKind) -> Source {
    Source::File { path: path.to_owned(), target: "y".into(), kind }
}

/// The rows of a dataset that a role of places names.
fn rows(bundle: &Bundle, role: &str) -> Vec<usize> {
    bundle.i64_vector(role).unwrap().into_iter().map(|row| usize::try_from(row).unwrap()).collect()
}

#[test]
fn a_bundle_holds_the_datasets_rows() {
    let cache = tempfile::tempdir().unwrap();
    for (name, dtype) in [("linear", Dtype::Float64), ("moons", Dtype::Float64), ("linear", Dtype::Float32)] {
        let source = Source::generator(name, &BTreeMap::new()).unwrap();
        let data: Dataset = source.load(cache.path(), &mut quiet).unwrap();
        let preparation =
            Preparation { scale: Scale::None, stratify: name == "moons", dtype, ..preparation() };
        let bundle = prepare(&source, &preparation, cache.path(), &mut quiet).unwrap();
        bundle.verify().unwrap();
        assert_eq!(bundle.manifest().feature_names, data.feature_names);
        assert_eq!(bundle.manifest().class_names, data.target.class_names());
        #[expect(clippy::cast_possible_truncation, reason = "rounding is what is tested")]
        let round = |value: f64| if dtype == Dtype::Float32 { f64::from(value as f32) } else { value };

        let mut all = Vec::new();
        for (features, target, places) in
            [(TRAIN_FEATURES, TRAIN_TARGET, TRAIN_ROWS), (TEST_FEATURES, TEST_TARGET, TEST_ROWS)]
        {
            let places = rows(&bundle, places);
            let expected = data.features.select(ndarray::Axis(0), &places).mapv(round);
            let found = bundle.f64_matrix(features).unwrap();
            assert!(found.is_standard_layout());
            assert_eq!(found, expected);
            match &data.target {
                Target::Next { .. } => unreachable!("none of these is text"),
                Target::Continuous(values) => {
                    let expected: Vec<f64> = places.iter().map(|row| round(values[*row])).collect();
                    assert_eq!(bundle.f64_vector(target).unwrap(), expected);
                }
                Target::Classes { labels, .. } => {
                    let expected: Vec<i64> = places.iter().map(|row| labels[*row]).collect();
                    assert_eq!(bundle.i64_vector(target).unwrap(), expected);
                }
            }
            all.extend(places);
        }
        all.sort_unstable();
        assert!(all.into_iter().eq(0..1000));
    }
}

/// A difference here means that the same spec would measure other bytes than before: raise the preparer's version.
#[test]
fn the_same_source_gives_the_same_bytes_as_ever() {
    let caches = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [first, second] =
        caches.each_ref().map(|cache| prepare(&moons(20), &preparation(), cache.path(), &mut quiet).unwrap());
    assert_eq!(first.hash(), second.hash());
    let text = fs::read_to_string(first.path()).unwrap();
    assert_eq!(first.hash(), sha256(text.as_bytes()));
    insta::assert_snapshot!(text);
}

#[test]
fn images_keep_their_shape_and_are_scaled_by_channels() {
    let cache = tempfile::tempdir().unwrap();
    let parameters = [("rows", 40), ("size", 6), ("channels", 3), ("classes", 2)];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), Value::Int(value)));
    let source = Source::generator("images", &BTreeMap::from(parameters)).unwrap();
    let by_channels = Preparation { scale: Scale::Channel, dtype: Dtype::Float32, ..preparation() };
    let bundle = prepare(&source, &by_channels, cache.path(), &mut quiet).unwrap();
    assert_eq!(bundle.example_shape().unwrap(), [3, 6, 6]);
    assert_eq!(bundle.manifest().example_shape.as_deref(), Some([3, 6, 6].as_slice()));
    assert!(bundle.manifest().feature_names.is_empty());
    let train = bundle.f64_matrix(TRAIN_FEATURES).unwrap();
    for channel in 0..3 {
        let columns: Vec<usize> = (channel * 36..(channel + 1) * 36).collect();
        let values = train.select(ndarray::Axis(1), &columns);
        assert!(values.mean().unwrap().abs() < 1e-7 && (values.std(0.0) - 1.0).abs() < 1e-7);
        assert!((values.column(0).std(0.0) - 1.0).abs() > 1e-3, "not each pixel for itself");
    }
    let refused = prepare(&moons(20), &by_channels, cache.path(), &mut quiet).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "moons(rows=20) has no channels by which it could be scaled: its rows are no images"
    );
}

#[test]
fn tokens_are_whole_numbers_without_a_target() {
    let cache = tempfile::tempdir().unwrap();
    let parameters =
        BTreeMap::from([("rows".to_owned(), Value::Int(40)), ("length".to_owned(), Value::Int(7))]);
    let source = Source::generator("tokens", &parameters).unwrap();
    let data = source.load(cache.path(), &mut quiet).unwrap();
    let plain = Preparation { scale: Scale::None, stratify: false, ..preparation() };
    let bundle = prepare(&source, &plain, cache.path(), &mut quiet).unwrap();
    bundle.verify().unwrap();
    let roles: Vec<&str> = bundle.manifest().roles.keys().map(String::as_str).collect();
    assert_eq!(roles, [TEST_FEATURES, TEST_ROWS, TRAIN_FEATURES, TRAIN_ROWS]);
    assert_eq!((bundle.manifest().target, bundle.manifest().vocabulary), (TargetKind::Next, Some(32)));
    assert_eq!((bundle.example_shape().unwrap(), &bundle.manifest().example_shape), (vec![8], &None));
    let (found, places) = (bundle.i64_matrix(TRAIN_FEATURES).unwrap(), rows(&bundle, TRAIN_ROWS));
    assert_eq!(found.dim(), (30, 8));
    assert_eq!(
        found.mapv(|token| f64::from(i32::try_from(token).unwrap())),
        data.features.select(ndarray::Axis(0), &places)
    );
    assert!(bundle.f64_matrix(TRAIN_FEATURES).is_err(), "tokens are no numbers to compute with");

    let message =
        |preparation| prepare(&source, &preparation, cache.path(), &mut quiet).unwrap_err().to_string();
    let scaled = message(Preparation { scale: Scale::Standard, ..plain.clone() });
    assert_eq!(scaled, "tokens(rows=40, length=7) holds tokens, which cannot be scaled");
    let published = message(Preparation { published: true, ..plain.clone() });
    assert_eq!(published, "tokens(rows=40, length=7) was published without rows to test on");
    let stratified = message(Preparation { stratify: true, ..plain.clone() });
    assert_eq!(stratified, "tokens(rows=40, length=7) has no classes, so its split cannot be stratified");
}

#[test]
fn features_are_scaled_by_training_rows() {
    let cache = tempfile::tempdir().unwrap();
    let source = Source::generator("linear", &BTreeMap::new()).unwrap();
    let of = |scale| {
        let preparation = Preparation { scale, stratify: false, ..preparation() };
        let bundle = prepare(&source, &preparation, cache.path(), &mut quiet).unwrap();
        (bundle.f64_matrix(TRAIN_FEATURES).unwrap(), bundle.f64_matrix(TEST_FEATURES).unwrap())
    };
    let (train, test) = of(Scale::Standard);
    for column in train.columns() {
        assert!(column.mean().unwrap().abs() < 1e-14);
        assert!((column.std(0.0) - 1.0).abs() < 1e-14);
    }
    assert!(test.columns().into_iter().all(|column| column.mean().unwrap().abs() > 1e-6));
    let (train, _) = of(Scale::MinMax);
    assert!(train.columns().into_iter().all(|c| c.iter().copied().fold(f64::INFINITY, f64::min) == 0.0));
    assert!(train.columns().into_iter().all(|c| c.iter().copied().fold(f64::NEG_INFINITY, f64::max) == 1.0));
}

#[test]
fn a_bundle_is_prepared_once_and_again_when_damaged() {
    let cache = tempfile::tempdir().unwrap();
    assert_eq!(find(&moons(40), &preparation(), cache.path()).unwrap(), None);
    let lines = std::sync::Mutex::new(Vec::new());
    let prepared = || {
        let mut report = |line: &str| lines.lock().unwrap().push(line.to_owned());
        prepare(&moons(40), &preparation(), cache.path(), &mut report).unwrap()
    };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(prepared);
        }
    });
    let bundle = prepared();
    assert_eq!(*lines.lock().unwrap(), ["preparing moons(rows=40): 30 rows to train on, 10 to test on"]);
    assert_eq!(find(&moons(40), &preparation(), cache.path()).unwrap().as_ref(), Some(&bundle));
    let other = Preparation { seed: 43, ..preparation() };
    assert_eq!(find(&moons(40), &other, cache.path()).unwrap(), None);

    let damaged = bundle.path().with_file_name(&bundle.role(TEST_ROWS).unwrap().file);
    let mut bytes = fs::read(&damaged).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&damaged, bytes).unwrap();
    assert!(matches!(bundle.verify().unwrap_err(), DataError::HashMismatch { .. }));
    assert_eq!(find(&moons(40), &preparation(), cache.path()).unwrap(), None);
    assert_eq!(prepared().hash(), bundle.hash());
    bundle.verify().unwrap();
    assert!(lines.lock().unwrap()[1].starts_with("preparing moons(rows=40) again: "));

    fs::remove_file(bundle.path()).unwrap();
    assert_eq!(prepared().hash(), bundle.hash());
    let folders = fs::read_dir(cache.path().join("bundles")).unwrap().count();
    assert_eq!(folders, 2, "the index and one bundle, and nothing temporary");
}

#[test]
fn a_users_file_is_known_by_its_content() {
    let cache = tempfile::tempdir().unwrap();
    let path = cache.path().join("a.csv");
    let preparation = Preparation { stratify: false, ..preparation() };
    let mut report = Vec::new();
    let mut prepared = |path: &Path, content: &str| {
        fs::write(path, content).unwrap();
        let mut add = |line: &str| report.push(line.to_owned());
        prepare(&file(path, TargetKind::Continuous), &preparation, cache.path(), &mut add).unwrap()
    };
    let first = prepared(&path, "x,y\n1,2\n3,4\n5,6\n");
    let changed = prepared(&path, "x,y\n1,2\n3,4\n5,7\n");
    assert_ne!(first.hash(), changed.hash());
    fs::create_dir(cache.path().join("elsewhere")).unwrap();
    let moved = prepared(&cache.path().join("elsewhere/a.csv"), "x,y\n1,2\n3,4\n5,6\n");
    assert_eq!(moved, first);
    assert_eq!(report.len(), 2, "the moved file was found: {report:?}");
}

#[test]
fn values_outside_of_float32_are_refused() {
    let cache = tempfile::tempdir().unwrap();
    let path = cache.path().join("a.csv");
    let mut preparation =
        Preparation { stratify: false, scale: Scale::None, dtype: Dtype::Float32, ..preparation() };
    let mut message = |content: &str, dtype| {
        fs::write(&path, content).unwrap();
        preparation.dtype = dtype;
        prepare(&file(&path, TargetKind::Continuous), &preparation, cache.path(), &mut quiet)
            .map_err(|e| e.to_string())
    };
    let wide = "x,z,y\n1,1e300,1\n2,1e300,2\n";
    let refused = "column `z` of a leaves the range of float32 when it is prepared";
    assert_eq!(message(wide, Dtype::Float32).unwrap_err(), refused);
    assert!(message(wide, Dtype::Float64).is_ok());
    let target = message("x,y\n1,1e39\n2,1e39\n", Dtype::Float32).unwrap_err();
    assert_eq!(target, "column `target` of a leaves the range of float32 when it is prepared");
}

#[test]
fn arrays_are_read_only_as_what_they_are() {
    let cache = tempfile::tempdir().unwrap();
    let single = Preparation { dtype: Dtype::Float32, ..preparation() };
    let bundle = prepare(&moons(40), &single, cache.path(), &mut quiet).unwrap();
    let narrow = bundle.f32_matrix(TRAIN_FEATURES).unwrap();
    assert_eq!(narrow.mapv(f64::from), bundle.f64_matrix(TRAIN_FEATURES).unwrap());
    assert_eq!(bundle.manifest().roles[TRAIN_FEATURES].dtype, TensorDtype::Float32);

    let double = prepare(&moons(40), &preparation(), cache.path(), &mut quiet).unwrap();
    let message = |error: DataError| error.to_string();
    assert_eq!(
        message(double.f32_matrix(TRAIN_FEATURES).unwrap_err()),
        "role `train_features` is F64 [30, 2], but float32 with 2 dimensions is wanted"
    );
    assert_eq!(
        message(double.f64_vector(TRAIN_FEATURES).unwrap_err()),
        "role `train_features` is F64 [30, 2], but float64 or float32 with 1 dimensions is wanted"
    );
    assert_eq!(
        message(double.f64_vector(TRAIN_TARGET).unwrap_err()),
        "role `train_target` is I64 [30], but float64 or float32 with 1 dimensions is wanted"
    );
    assert_eq!(
        message(double.i64_vector("weights").unwrap_err()),
        "the bundle has no role `weights`; it has test_features, test_rows, test_target, train_features, train_rows, \
         train_target"
    );
    // A file that is whole but another one than the manifest says.
    let swapped = double.path().with_file_name(&double.role(TRAIN_TARGET).unwrap().file);
    fs::copy(double.path().with_file_name(&double.role(TEST_TARGET).unwrap().file), swapped).unwrap();
    assert!(matches!(double.i64_vector(TRAIN_TARGET).unwrap_err(), DataError::Safetensors { .. }));
}

#[test]
fn other_manifests_are_refused() {
    let cache = tempfile::tempdir().unwrap();
    let bundle = prepare(&moons(20), &preparation(), cache.path(), &mut quiet).unwrap();
    let text = fs::read_to_string(bundle.path()).unwrap();
    let hash = &bundle.role(TRAIN_FEATURES).unwrap().sha256;
    let path = cache.path().join("manifest.json");
    let open = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        fs::write(&path, changed).unwrap();
        Bundle::open(&path).unwrap_err()
    };
    let error = open(r#""schema_version": 1"#, r#""schema_version": 2"#).to_string();
    assert!(error.ends_with("is not a bundle's manifest: it has schema version 2, but 1 is read"), "{error}");
    assert!(matches!(open(r#""roles""#, r#""role""#), DataError::Manifest { .. }));
    let error = open(&format!("{hash}.safetensors"), "../../secret.safetensors").to_string();
    assert!(error.contains("is ../../secret.safetensors, which is not named by its hash"), "{error}");
    assert!(matches!(Bundle::open(&cache.path().join("none.json")).unwrap_err(), DataError::Io { .. }));
}
