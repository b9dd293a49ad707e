//! The smaller commands.

use crate::support::{Place, ROOT, fits_schema};

#[test]
fn lists_are_for_people_and_for_scripts() {
    let place = Place::new();
    for what in ["datasets", "algorithms", "implementations"] {
        let text = place.run(&["list", what]).success().stdout;
        let json = place.run(&["list", what, "--format", "json"]).success().json();
        fits_schema(what, &json);
        for entry in json.as_array().unwrap() {
            let name = entry.get("name").or(entry.get("id")).unwrap().as_str().unwrap();
            assert!(text.contains(name), "{name}");
        }
    }
    let algorithms = place.run(&["list", "algorithms"]).success().stdout;
    assert!(algorithms.contains("offered by python/scikit-learn, rust/faer, rust/linfa"), "{algorithms}");
}

#[test]
fn the_binary_carries_its_specs_and_schemas() {
    let place = Place::new();
    // No repository is near this folder.
    place.run(&["plan", "specs/classical.toml"]).success();
    let printed = place.run(&["schema", "spec"]).success().stdout;
    let stored = std::fs::read_to_string(format!("{ROOT}/schemas/spec.schema.json")).unwrap();
    assert_eq!(printed, stored);
    let unknown = place.run(&["schema", "spek"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("did you mean `spec`?"), "{}", unknown.stderr);
}

#[test]
fn shipped_specs_fit_the_spec_schema_and_name_it() {
    for entry in std::fs::read_dir(format!("{ROOT}/specs")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("#:schema ../schemas/spec.schema.json\n"), "{}", path.display());
        fits_schema("spec", &toml::from_str::<serde_json::Value>(&text).unwrap());
    }
}

#[test]
fn data_is_fetched_and_verified() {
    let place = Place::new();
    place.run(&["data", "fetch", "diabetes"]).success();
    let verified = place.run(&["data", "verify", "diabetes"]).success().stdout;
    assert!(verified.contains("diabetes") && verified.contains(": intact"), "{verified}");
    let unknown = place.run(&["data", "fetch", "diabets"]);
    assert_eq!(unknown.code, Some(3));
    assert!(unknown.stderr.contains("hint: did you mean `diabetes`?"), "{}", unknown.stderr);
}

#[test]
fn what_is_missing_is_named() {
    let place = Place::new();
    let no_run = place.run(&["compare", "nothing"]);
    assert_eq!(no_run.code, Some(4));
    assert!(no_run.stderr.contains("there is no run"), "{}", no_run.stderr);
    let no_implementation = place.run(&["env", "sync", "python/scikit-lean"]);
    assert_eq!(no_implementation.code, Some(2));
    assert!(
        no_implementation.stderr.contains("did you mean `python/scikit-learn`?"),
        "{}",
        no_implementation.stderr
    );
    let mut command = place.command(&["env", "sync", "python/scikit-learn"]);
    command.env("BENCHRUN_PYTHON", "no-such-python");
    let no_python = crate::support::Done::from(command.output().unwrap());
    assert_eq!(no_python.code, Some(3), "{}", no_python.stderr);
    assert!(no_python.stderr.contains("no usable Python"), "{}", no_python.stderr);
}

#[test]
fn an_empty_cache_is_cleaned_without_complaint() {
    let place = Place::new();
    let cache = place.path().join("cache");
    let run = |arguments: &[&str]| {
        crate::support::Done::from(place.command(arguments).env("BENCHRUN_CACHE", &cache).output().unwrap())
            .success()
    };
    run(&["clean"]);
    run(&["list", "datasets"]);
    let dry = run(&["clean", "--dry-run"]).stdout;
    assert!(dry.contains("would remove") && dry.contains("adapters"), "{dry}");
    run(&["clean", "adapters"]);
    assert!(!cache.join("adapters").exists());
}
