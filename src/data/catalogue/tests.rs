//! The catalogue as it is, and the data as reference libraries read it.

use super::*;
use crate::data::dataset::Target;

#[test]
fn names_are_distinct_and_entries_are_documented() {
    let all: Vec<&Entry> = entries().collect();
    for (place, entry) in all.iter().enumerate() {
        assert!(all[..place].iter().all(|other| other.name != entry.name), "{} twice", entry.name);
        assert!(find(entry.name).is_ok_and(|found| std::ptr::eq(found, *entry)));
        for text in [entry.doc, entry.citation, entry.license] {
            assert!(text.len() > 20 && !text.contains("  "), "{}: {text}", entry.name);
        }
        assert!(entry.files.iter().all(|file| file.sha256.len() == 64 && file.bytes > 0), "{}", entry.name);
    }
    assert_eq!(find("diabets").unwrap_err().hint().as_deref(), Some("did you mean `diabetes`?"));
}

/// Fetches every dataset. Values are those of `tests/data/reference_catalogue.py`.
#[test]
fn catalogue_entries_match_their_shape() {
    let reference: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/data/reference_catalogue.json")).unwrap();
    let cache = tempfile::tempdir().unwrap();
    let mut reports = Vec::new();
    for entry in tables::TABLES {
        let data = entry.load(cache.path(), &mut |line| reports.push(line.to_owned())).unwrap();
        assert_eq!(data.features.dim(), (entry.rows, entry.columns), "{}", entry.name);
        assert!(data.features.is_standard_layout());
        assert_eq!(data.target.kind(), entry.target, "{}", entry.name);
        assert_eq!(data.source_sha256.len(), entry.files.len());

        let expected = &reference[entry.name];
        let close = |found: f64, what: &str| {
            let expected = expected[what].as_f64().unwrap();
            assert!(
                (found - expected).abs() <= 1e-12 * expected.abs(),
                "{} {what}: {found} {expected}",
                entry.name
            );
        };
        let names: Vec<_> = expected["feature_names"].as_array().unwrap().iter().collect();
        assert!(data.feature_names.iter().eq(names.into_iter().filter_map(|n| n.as_str())), "{}", entry.name);
        close(data.features.iter().sum(), "feature_sum");
        // A sum with the places as weights tells any other order of rows and columns.
        #[expect(clippy::cast_precision_loss, reason = "places are small")]
        let weighted = |values: &mut dyn Iterator<Item = f64>| -> f64 {
            values.enumerate().map(|(place, value)| (place % 1009) as f64 * value).sum()
        };
        close(weighted(&mut data.features.iter().copied()), "weighted_feature_sum");
        match &data.target {
            Target::Next { .. } => unreachable!("no table is text"),
            Target::Continuous(values) => close(weighted(&mut values.iter().copied()), "weighted_target_sum"),
            Target::Classes { labels, names } => {
                #[expect(clippy::cast_precision_loss, reason = "labels are small")]
                close(weighted(&mut labels.iter().map(|label| *label as f64)), "weighted_target_sum");
                let expected = expected["class_names"].as_array().unwrap();
                assert!(names.iter().eq(expected.iter().filter_map(|n| n.as_str())), "{}", entry.name);
            }
        }
        assert!(entry.missing_packages(cache.path()).is_empty());
        assert!(entry.verify(cache.path()).unwrap().iter().all(|(_, cached)| *cached == Cached::Intact));
    }
    // Eight datasets, but only three packages.
    assert_eq!(reports.len(), 3, "{reports:?}");
}

/// Fetches the images and texts but Fashion-MNIST, which `benchrun data fetch fashion_mnist` fetches: CI need not have `apt-get`. Values are those of
/// `tests/data/reference_examples.py`.
#[test]
fn images_and_texts_are_as_numpy_reads_them() {
    let reference: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/data/reference_examples.json")).unwrap();
    let cache = tempfile::tempdir().unwrap();
    for entry in examples::EXAMPLES {
        let expected = &reference[entry.name];
        let shape: Vec<usize> = serde_json::from_value(expected["shape"].clone()).unwrap();
        assert_eq!((shape[0], shape[1..].iter().product()), (entry.rows, entry.columns), "{}", entry.name);
        if entry.files[0].package.origin == fetch::Origin::Debian {
            continue;
        }
        let data = entry.load(cache.path(), &mut |_| ()).unwrap();
        assert_eq!(data.features.dim(), (entry.rows, entry.columns));
        assert_eq!(data.layout.example_shape, shape[1..], "{}", entry.name);
        assert_eq!(
            data.layout.vocabulary,
            expected["vocabulary"].as_u64().map(|n| usize::try_from(n).unwrap())
        );
        assert_eq!(entry.form(), Form::new(entry.target, &data.layout), "{}", entry.name);
        assert_eq!(data.target.kind(), entry.target);
        // All are whole numbers: their sums are exact.
        let weights = (0..1009).map(f64::from).cycle();
        let is = |found: f64, what: &str| {
            assert_eq!(Some(found), expected[what].as_f64(), "{} {what}", entry.name)
        };
        is(data.features.sum(), "feature_sum");
        is(data.features.iter().zip(weights.clone()).map(|(x, w)| w * x).sum(), "weighted_feature_sum");
        if let Target::Classes { labels, .. } = &data.target {
            let labels = labels.iter().map(|label| f64::from(i32::try_from(*label).unwrap()));
            is(labels.zip(weights).map(|(x, w)| w * x).sum(), "weighted_target_sum");
        }
        assert!(entry.verify(cache.path()).unwrap().iter().all(|(_, cached)| *cached == Cached::Intact));
    }
}
