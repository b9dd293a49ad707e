//! A third party's adapter: a folder dropped in, named in a spec, no Rust touched.

use crate::support::{Place, ROOT, fits_schema};

/// Copies an adapter of the tests, with the lock of the shipped environment, so that no second one is built.
pub fn adapter(place: &Place, name: &str) -> String {
    for entry in std::fs::read_dir(format!("{ROOT}/tests/adapters/{name}")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let text = std::fs::read_to_string(&path).unwrap();
            place.write(&format!("adapters/{name}/{}", path.file_name().unwrap().to_str().unwrap()), &text);
        }
    }
    let lock =
        std::fs::read_to_string(format!("{ROOT}/python_adapters/scikit-learn/requirements.lock")).unwrap();
    place.write(&format!("adapters/{name}/requirements.lock"), &lock);
    "adapters".to_owned()
}

const SPEC: &str = r#"
name = "toy"
[protocol]
blocks = 2
[protocol.predict]
batch_sizes = ["all"]
max_samples = 3
[[experiment]]
name      = "third party"
task      = "regression"
datasets  = ["diabetes"]
implementations = ["python/toy", "rust/faer"]
baseline  = "rust/faer"
[experiment.algorithms]
ridge = {}
[[experiment]]
name      = "its own"
task      = "regression"
datasets  = ["diabetes"]
implementations = ["python/toy"]
[experiment.algorithms]
"acme:median" = { quantile = [0.5, 0.9] }
"#;

#[test]
fn a_folder_is_enough() {
    let place = Place::new();
    let folder = adapter(&place, "toy");
    place.write("toy.toml", SPEC);
    let listed = place.run(&["list", "algorithms", "--adapters", &folder]).success().stdout;
    assert!(listed.contains("acme:median"), "{listed}");
    place.run(&["toy.toml", "--quiet", "--adapters", &folder]).success();
    let comparison = place.comparison("toy");
    fits_schema("report", &place.run(&["compare", "toy", "--format", "json"]).json());
    assert_eq!(comparison["trials"]["ok"], 2 * 2 + 2 * 2);
    let pair = &comparison["cases"][0]["pairs"][0];
    assert_eq!((&pair["contender"], &pair["comparable"]), (&"python/toy".into(), &true.into()), "{pair:#}");
    // The median leaves a larger squared error than the 0.9 quantile's would be smaller: both are scored by Rust.
    let rmse = |case: usize| comparison["cases"][case]["arms"][0]["metrics"]["rmse"].as_f64().unwrap();
    assert!(rmse(1) < rmse(2), "the median is nearer than the 0.9 quantile: {} {}", rmse(1), rmse(2));
}

#[test]
fn an_adapter_that_is_wrong_is_named() {
    let place = Place::new();
    let folder = adapter(&place, "toy");
    let manifest = std::fs::read_to_string(format!("{ROOT}/tests/adapters/toy/adapter.toml")).unwrap();
    let told = |from: &str, to: &str| {
        assert!(manifest.contains(from));
        place.write("adapters/toy/adapter.toml", &manifest.replacen(from, to, 1));
        let done = place.run(&["list", "algorithms", "--adapters", &folder]);
        assert_eq!(done.code, Some(3), "{}", done.stderr);
        done.stderr
    };
    assert!(told("name = \"ridge\"", "name = \"rigde\"").contains("has no algorithm `rigde`"));
    assert!(told("\"regression\"", "\"regresion\"").contains("there is no task `regresion`"));
    assert!(told("python/toy", "python/scikit-learn").contains("exists already"));
    assert!(told("toy_adapter", "../toy_adapter").contains("is not a file of this folder"));
    assert!(told("doc = \"a", "dok = \"a").contains("unknown field `dok`"));
    assert!(told("default = 0.5", "default = 1.5").contains("the default of `quantile`"));
}
