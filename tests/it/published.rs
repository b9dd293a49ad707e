//! Published data: its own test rows, formats read from a folder, and what specs say wrongly of them.

use crate::support::{Place, fits_schema};

const SPEC: &str = r#"
name = "published"

[protocol]
blocks = 2

[protocol.fit]
max_samples = 3
max_time    = "5ms"

[protocol.predict]
batch_sizes = ["all"]
max_samples = 3
max_time    = "2ms"

[[experiment]]
name            = "digits"
task            = "classification"
datasets        = [{ format = "idx", path = "digits" }]
implementations = ["rust/faer", "rust/linfa"]
split           = "published"
scale           = "channel"

[experiment.algorithms]
gaussian_nb = {}
"#;

/// A folder with 30 images of 2 × 2 pixels to train on and 7 to test on, of two classes that differ in their first pixel.
fn write_digits(place: &Place) {
    let images = |count: u8, first: u8| -> Vec<u8> {
        let pixels = (0..count).flat_map(|i| [100 * (i % 2) + i + first, 3 * i, 7 * (i % 5), 40]);
        [0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 2, 0, 0, 0, 2].into_iter().chain(pixels).collect()
    };
    let labels = |count: u8| -> Vec<u8> {
        [0, 0, 8, 1, 0, 0, 0, count].into_iter().chain((0..count).map(|i| i % 2)).collect()
    };
    let folder = place.path().join("digits");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in [
        ("train-images-idx3-ubyte", images(30, 0)),
        ("train-labels-idx1-ubyte", labels(30)),
        ("t10k-images-idx3-ubyte", images(7, 9)),
        ("t10k-labels-idx1-ubyte", labels(7)),
    ] {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

#[test]
fn published_test_rows_are_tested_on() {
    let place = Place::new();
    write_digits(&place);
    place.write("published.toml", SPEC);
    place.run(&["published.toml", "--quiet"]).success();
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(place.only_run("published").join("manifest.json")).unwrap())
            .unwrap();
    fits_schema("manifest", &manifest);
    let bundle = manifest["bundles"].as_object().unwrap().values().next().unwrap();
    assert_eq!((&bundle["train_rows"], &bundle["test_rows"]), (&30.into(), &7.into()), "{bundle:#}");
    let comparison = place.comparison("published");
    let pair = &comparison["cases"][0]["pairs"][0];
    assert_eq!(pair["comparable"], true, "{pair:#}");
}

/// What `plan` says of the spec with one text replaced.
fn printed(from: &str, to: &str) -> String {
    let place = Place::new();
    write_digits(&place);
    assert!(SPEC.contains(from), "{from}");
    place.write("published.toml", &SPEC.replace(from, to));
    let done = place.run(&["plan", "published.toml"]);
    assert_eq!(done.code, Some(2), "{}\n{}", done.stdout, done.stderr);
    done.stderr
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_loaded() {
    let folder = r#"{ format = "idx", path = "digits" }"#;
    for (from, to, told) in [
        (folder, r#""iris""#, "`iris` was published without rows to test on"),
        (folder, r#""iris""#, "the rows of `iris` are no images, so they have no channels to scale"),
        (
            folder,
            r#""rotten_tomatoes""#,
            "the rows of `rotten_tomatoes` are tokens, but classification needs numbers",
        ),
        (
            folder,
            r#""shakespeare""#,
            "`shakespeare` has a target of kind next, but classification needs classes",
        ),
        (folder, r#"{ format = "idx" }"#, "the format idx needs `path`, or `url` and `sha256`, as texts"),
        (folder, r#"{ format = "idx", path = "none" }"#, "cannot list "),
        (folder, r#"{ format = "idx", path = "." , size = 3 }"#, "unknown key of the format idx `size`"),
        (folder, r#"{ format = "cifar-10", path = "digits" }"#, "did you mean `cifar10`?"),
        (
            folder,
            r#"{ format = "cifar10", path = "digits" }"#,
            "has no data_batch_1.bin, which the format cifar10 reads",
        ),
        (
            folder,
            r#"{ format = "image_folder", path = "digits", size = 0 }"#,
            "`size` is 0, but must be a whole number",
        ),
        (
            folder,
            r#"{ format = "idx", url = "file:///etc/passwd", sha256 = "00" }"#,
            "`url` is file:///etc/passwd, but must begin with http:// or https://",
        ),
        (
            folder,
            r#"{ format = "idx", url = "https://example.org/x.zip", sha256 = "ABC" }"#,
            "`sha256` is ABC, but must be 64 digits of 0 to 9 and a to f",
        ),
        (
            r#"split           = "published""#,
            r#"split = "as published""#,
            "unknown value of `experiment[0].split` `as published`",
        ),
        (
            r#"split           = "published""#,
            "split = 0.2",
            "`experiment[0].split` is 0.2, but must be a table or a text",
        ),
    ] {
        let found = printed(from, to);
        assert!(found.contains(told), "{to}: {found}");
    }
}
