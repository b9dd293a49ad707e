//! Contract tests over every generator, and their distributions against scikit-learn's.

use serde::Deserialize;

use super::nonlinear::friedman;
use super::*;

fn parameters(values: &[(&str, f64)]) -> Parameters {
    #[expect(clippy::cast_possible_truncation, reason = "the tests' whole numbers are small")]
    let value = |x: f64| if x.fract() == 0.0 { Value::Int(x as i64) } else { Value::Float(x) };
    values.iter().map(|(name, x)| ((*name).to_owned(), value(*x))).collect()
}

fn draw(name: &str, values: &[(&str, f64)]) -> Dataset {
    generate(name, &parameters(values), name).unwrap()
}

fn message(name: &str, values: &[(&str, f64)]) -> String {
    generate(name, &parameters(values), name).unwrap_err().to_string()
}

#[test]
fn every_generator_keeps_its_promises() {
    for generator in GENERATORS {
        let name = generator.name();
        let data = draw(name, &[("rows", 101.0)]);
        let size = dimensions(name, &parameters(&[("rows", 101.0)])).unwrap();
        assert_eq!(data.features.dim(), (101, size.columns), "{name}");
        assert_eq!(size.rows, 101);
        assert_eq!(data.target.kind(), generator.target(), "{name}");
        assert_eq!(data, draw(name, &[("rows", 101.0), ("seed", 0.0)]), "{name} does not repeat");
        assert_ne!(
            data.sha256,
            draw(name, &[("rows", 101.0), ("seed", 1.0)]).sha256,
            "{name} ignores its seed"
        );
        if let Target::Classes { labels, names } = &data.target {
            for class in 0..names.len() {
                assert!(labels.contains(&label(class)), "{name} has no row of class {class}");
            }
        }
        let rows = generator.parameters().into_iter().find(|def| def.name == "rows").unwrap();
        assert_eq!(rows.default, Value::Int(1000), "{name}");
    }
}

/// A difference here means that the same spec would measure other data than before: raise the preparer's version.
#[test]
fn every_generator_draws_the_same_bytes_as_ever() {
    let hashes: String = GENERATORS
        .iter()
        .map(|generator| {
            let name = generator.name();
            format!("{name} {}\n", draw(name, &[("rows", 20.0), ("seed", 7.0)]).sha256)
        })
        .collect();
    insta::assert_snapshot!(hashes);
}

#[test]
fn another_noise_keeps_the_features() {
    for name in ["linear", "sparse", "nonlinear"] {
        let [quiet, loud] = [0.0, 3.0].map(|noise| draw(name, &[("noise", noise)]));
        assert_eq!(quiet.features, loud.features, "{name}");
        assert_ne!(quiet.target, loud.target, "{name}");
    }
}

#[test]
fn wrong_parameters_are_named() {
    assert_eq!(
        message("linear", &[("rows", 0.0)]),
        "parameter `rows` of generator `linear` is 0, but must be a whole number of at least 1 and at most 1000000000"
    );
    let unknown = check("linear", &parameters(&[("noize", 1.0)])).unwrap_err();
    assert_eq!(unknown.to_string(), "unknown parameter `noize`; known: rows, features, bias, noise, seed");
    assert_eq!(unknown.hint().as_deref(), Some("did you mean `noise`?"));
    assert!(matches!(find("liner"), Err(DataError::Unknown { kind: "generator", .. })));
    assert_eq!(
        message("sparse", &[("features", 5.0), ("informative", 6.0)]),
        "parameter `informative` of generator `sparse` is 6, but there are only 5 features"
    );
    assert_eq!(
        message("classification", &[("informative", 2.0), ("classes", 5.0)]),
        "parameter `informative` of generator `classification` is 2, but 5 clusters need a hypercube with as many vertices"
    );
    assert_eq!(
        message("classification", &[("features", 6.0)]),
        "parameter `informative` of generator `classification` is 5, but with 2 redundant ones only 6 features fit"
    );
    assert_eq!(
        message("blobs", &[("rows", 2.0)]),
        "parameter `rows` of generator `blobs` is 2, but must be at least the number of clusters, 3"
    );
    assert_eq!(
        message("linear", &[("rows", 1e8), ("features", 100.0)]),
        "parameter `rows` of generator `linear` is 100000000, but with 100 columns at most 42949672 fit"
    );
    let huge = [("features", 1e6), ("informative", 1e6), ("redundant", 0.0), ("rows", 2.0)];
    assert!(message("classification", &huge).contains("too large for 2 clusters"));
}

#[test]
fn linear_targets_follow_from_few_features() {
    // With unit weights for features that matter, the correlation with the target is the coefficient over the
    // target's deviation; for the others it is within 6 standard errors of zero.
    let data = draw("sparse", &[("rows", 20_000.0), ("features", 8.0), ("informative", 3.0), ("noise", 0.0)]);
    let Target::Continuous(target) = &data.target else { panic!() };
    let deviation = variance(target).sqrt();
    let correlations: Vec<f64> = data
        .features
        .columns()
        .into_iter()
        .map(|column| column.iter().zip(target).map(|(x, y)| x * y).sum::<f64>() / 2e4 / deviation)
        .collect();
    let informative = correlations.iter().filter(|r| r.abs() > 6.0 / 2e4_f64.sqrt()).count();
    assert_eq!(informative, 3, "{correlations:?}");
    let shares: f64 = correlations.iter().map(|r| r * r).sum();
    assert!((shares - 1.0).abs() < 0.03, "{correlations:?}");
}

#[test]
fn nonlinear_targets_are_friedmans() {
    // make_friedman1's formula at a point: 10 sin(π/8) + 20/16 + 10·0.3 + 5·0.4, by hand.
    assert!((friedman(&[0.5, 0.25, 0.25, 0.3, 0.4]) - (10.0 * 0.382_683_432_365_089_8 + 6.25)).abs() < 1e-12);
    let data = draw("nonlinear", &[("noise", 0.0)]);
    let Target::Continuous(target) = &data.target else { panic!() };
    let expected: Vec<f64> =
        data.features.rows().into_iter().map(|row| friedman(row.as_slice().unwrap())).collect();
    assert_eq!(target, &expected);
    assert!(data.features.iter().all(|x| (0.0..1.0).contains(x)));
}

/// What `tests/data/reference_generators.py` writes: noiseless points as `[x, y, class]`, moments with their errors.
#[derive(Deserialize)]
struct Reference {
    moons_points: Vec<(f64, f64, i64)>,
    circles_points: Vec<(f64, f64, i64)>,
    #[serde(flatten)]
    moments: BTreeMap<String, Moment>,
}

#[derive(Deserialize)]
struct Moment {
    mean: f64,
    error: f64,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../../tests/data/reference_generators.json")).unwrap()
}

#[test]
fn noiseless_points_are_those_of_scikit_learn() {
    let reference = reference();
    let quiet = [("rows", 11.0), ("noise", 0.0)];
    for (data, expected) in [
        (draw("moons", &quiet), reference.moons_points),
        (draw("circles", &[quiet[0], quiet[1], ("factor", 0.5)]), reference.circles_points),
    ] {
        let Target::Classes { labels, .. } = &data.target else { panic!() };
        let found: Vec<_> = data.features.rows().into_iter().zip(labels).collect();
        assert_eq!(found.len(), expected.len());
        for (x, y, class) in expected {
            let near = found.iter().filter(|(row, label)| {
                **label == class && (row[0] - x).abs() < 1e-12 && (row[1] - y).abs() < 1e-12
            });
            assert_eq!(near.count(), 1, "{} has no point ({x}, {y}) of class {class}", data.name);
        }
    }
}

/// The share of test rows whose class's mean training image, moved anywhere around the edges, is nearest.
#[test]
fn images_show_their_classes_pattern_at_any_place() {
    let data = draw("images", &[("rows", 200.0), ("size", 8.0), ("classes", 4.0), ("noise", 0.5)]);
    assert_eq!(data.layout, Layout::of(&[1, 8, 8]));
    let Target::Classes { labels, names } = &data.target else { panic!() };
    assert_eq!(names.len(), 4);
    let image = |row: usize| data.features.row(row).to_vec();
    let distance = |a: &[f64], b: &[f64], right: usize, down: usize| -> f64 {
        let moved = |place: usize| b[(place / 8 + down) % 8 * 8 + (place + right) % 8];
        (0..64).map(|place| (a[place] - moved(place)).powi(2)).sum()
    };
    let nearest = |a: usize, moves: usize| {
        let far = |b: &usize| {
            let (a, b) = (image(a), image(*b));
            let all = (0..moves).flat_map(|right| (0..moves).map(move |down| (right, down)));
            all.map(|(right, down)| distance(&a, &b, right, down)).fold(f64::INFINITY, f64::min)
        };
        (100..200).min_by(|a, b| far(a).total_cmp(&far(b))).unwrap()
    };
    let right = |moves| (0..100).filter(|row| labels[*row] == labels[nearest(*row, moves)]).count();
    assert_eq!(right(8), 100, "every image is nearest to one of its class");
}

#[test]
fn windows_of_sines_go_on_as_they_began() {
    let quiet = [("rows", 50.0), ("noise", 0.0), ("waves", 1.0), ("length", 16.0)];
    let data = draw("sine", &quiet);
    assert_eq!(data.layout, Layout::of(&[16, 1]));
    let Target::Continuous(next) = &data.target else { panic!() };
    for (row, next) in data.features.rows().into_iter().zip(next) {
        // A sine satisfies x(t+1) + x(t-1) = 2 cos(ω) x(t), with one ω for all rows.
        let factor = (data.features[[0, 2]] + data.features[[0, 0]]) / data.features[[0, 1]];
        assert!((next + row[14] - factor * row[15]).abs() < 1e-9);
    }
    let noisy = draw("sine", &[quiet[0], ("noise", 0.5), quiet[2], quiet[3]]);
    let errors: Vec<f64> = (&noisy.features - &data.features).into_iter().collect();
    assert!((variance(&errors).sqrt() - 0.5).abs() < 0.06, "six standard errors of 800 draws");
}

#[test]
fn tokens_follow_from_the_one_before() {
    let data = draw("tokens", &[("rows", 500.0), ("length", 20.0), ("vocabulary", 8.0)]);
    assert_eq!(data.layout, Layout::tokens(21, 8));
    let mut follow: BTreeMap<(u64, u64), u32> = BTreeMap::new();
    for row in data.features.rows() {
        for pair in row.to_vec().windows(2) {
            *follow.entry((pair[0].to_bits(), pair[1].to_bits())).or_default() += 1;
        }
    }
    for token in 0..8 {
        let token = f64::from(token).to_bits();
        let counts: Vec<u32> = follow.iter().filter(|(pair, _)| pair.0 == token).map(|(_, n)| *n).collect();
        let (total, most) = (counts.iter().sum::<u32>(), counts.iter().max().copied().unwrap_or(0));
        assert!(counts.len() <= 4 && f64::from(most) > 0.4 * f64::from(total), "{counts:?}");
    }
}

fn mean(values: &[f64]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let n = values.len() as f64;
    values.iter().sum::<f64>() / n
}

fn variance(values: &[f64]) -> f64 {
    let centre = mean(values);
    mean(&values.iter().map(|x| (x - centre) * (x - centre)).collect::<Vec<_>>())
}

/// For each class and column, the values.
fn by_class(data: &Dataset) -> Vec<Vec<Vec<f64>>> {
    let Target::Classes { labels, names } = &data.target else { panic!() };
    (0..names.len())
        .map(|class| {
            let columns = data.features.columns();
            let of_class = |column: ndarray::ArrayView1<f64>| {
                column.iter().zip(labels).filter(|(_, l)| **l == label(class)).map(|(x, _)| *x).collect()
            };
            columns.into_iter().map(of_class).collect()
        })
        .collect()
}

fn mean_of(columns: &[Vec<f64>], measure: impl Fn(&[f64]) -> f64) -> f64 {
    mean(&columns.iter().map(|column| measure(column)).collect::<Vec<_>>())
}

fn mean_feature_variance(data: &Dataset) -> f64 {
    mean(&data.features.columns().into_iter().map(|c| variance(&c.to_vec())).collect::<Vec<_>>())
}

fn target_deviation(data: &Dataset) -> f64 {
    let Target::Continuous(values) = &data.target else { panic!() };
    variance(values).sqrt()
}

fn separation(data: &Dataset) -> f64 {
    let classes = by_class(data);
    let [first, second] = classes.as_slice() else { panic!() };
    let gaps: Vec<f64> = first.iter().zip(second).map(|(a, b)| (mean(a) - mean(b)).powi(2)).collect();
    mean(&gaps) / f64::midpoint(mean_of(first, variance), mean_of(second, variance))
}

fn within_class_deviation(data: &Dataset) -> f64 {
    mean(&by_class(data).iter().map(|class| mean_of(class, variance)).collect::<Vec<_>>()).sqrt()
}

fn centre_spread(data: &Dataset) -> f64 {
    mean(&by_class(data).iter().map(|class| mean_of(class, |x| mean(x).powi(2))).collect::<Vec<_>>())
}

fn radius_deviation(data: &Dataset) -> f64 {
    let outer = &by_class(data)[0];
    let radii: Vec<f64> = outer[0].iter().zip(&outer[1]).map(|(x, y)| x.hypot(*y)).collect();
    variance(&radii).sqrt()
}

#[test]
fn moments_are_those_of_scikit_learn() {
    type Measure = fn(&Dataset) -> f64;
    let linear = [("features", 10.0)];
    let four = [("features", 4.0), ("informative", 4.0), ("redundant", 0.0), ("flip", 0.0)];
    let flipped = [four[0], four[1], four[2], ("flip", 0.5)];
    let redundant = [("features", 12.0), ("informative", 4.0), ("redundant", 4.0), ("flip", 0.0)];
    let blobs = [("features", 3.0), ("centers", 4.0), ("cluster_std", 2.0)];
    let cases: [(&str, &str, &[(&str, f64)], Measure); 11] = [
        ("linear", "linear", &linear, target_deviation),
        ("sparse", "sparse", &[linear[0], ("informative", 3.0)], target_deviation),
        ("nonlinear", "nonlinear", &[], target_deviation),
        ("classification_informative", "classification", &four, mean_feature_variance),
        ("classification_redundant", "classification", &redundant, mean_feature_variance),
        ("classification_separation", "classification", &four, separation),
        ("classification_flipped_separation", "classification", &flipped, separation),
        ("blobs", "blobs", &blobs, within_class_deviation),
        ("blobs_centres", "blobs", &blobs, centre_spread),
        ("circles", "circles", &[("factor", 0.5)], radius_deviation),
        ("moons", "moons", &[("noise", 0.2)], mean_feature_variance),
    ];
    let reference = reference().moments;
    assert!(reference.keys().all(|key| cases.iter().any(|case| case.0 == key)));
    for (key, name, values, measure) in cases {
        let found: Vec<f64> = (0..200)
            .map(|seed| {
                measure(&draw(name, &[values, &[("rows", 500.0), ("seed", f64::from(seed))]].concat()))
            })
            .collect();
        let expected = &reference[key];
        let error = (variance(&found) / 200.0 + expected.error * expected.error).sqrt();
        let (found, expected) = (mean(&found), expected.mean);
        assert!(
            (found - expected).abs() < 4.0 * error,
            "{key}: {found} instead of {expected}, error {error}"
        );
    }
}

#[test]
fn clusters_sit_on_distinct_vertices_in_classes_of_equal_size() {
    // Clusters so far apart that the signs of the informative features tell the vertex.
    let values = [
        ("rows", 800.0),
        ("features", 3.0),
        ("informative", 3.0),
        ("redundant", 0.0),
        ("classes", 4.0),
        ("clusters_per_class", 2.0),
        ("class_sep", 1000.0),
        ("flip", 0.0),
    ];
    let data = draw("classification", &values);
    let Target::Classes { labels, .. } = &data.target else { panic!() };
    let mut vertices: BTreeMap<Vec<bool>, BTreeMap<i64, usize>> = BTreeMap::new();
    for (row, label) in data.features.rows().into_iter().zip(labels) {
        let vertex = row.iter().map(|x| *x > 0.0).collect();
        *vertices.entry(vertex).or_default().entry(*label).or_default() += 1;
    }
    assert_eq!(vertices.len(), 8, "each of the eight clusters has its own vertex");
    for class in 0..4 {
        let sizes: Vec<_> = vertices.values().filter_map(|classes| classes.get(&class)).collect();
        assert_eq!(sizes, [&100, &100], "class {class}");
    }
}
