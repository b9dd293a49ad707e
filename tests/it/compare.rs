//! Many runs, older builds, the gate on regressions, and every report format.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Place, fits_schema};

const SPEC: &str = r#"
name = "native"

[protocol]
blocks = 3

[protocol.fit]
max_samples = 3

[protocol.predict]
batch_sizes = ["all"]
max_samples = 3

[[experiment]]
name            = "direct solvers"
task            = "regression"
datasets        = ["diabetes"]
implementations = ["rust/faer", "rust/linfa"]
baseline        = "rust/linfa"

[experiment.algorithms]
ols = {}
"#;

fn ran() -> Place {
    let place = Place::new();
    place.write("native.toml", SPEC);
    place.run(&["native.toml", "--quiet"]).success();
    place
}

fn report(place: &Place, arguments: &[&str]) -> Value {
    let mut all = vec!["compare", "native", "--format", "json"];
    all.extend(arguments);
    let report = place.run(&all).success().json();
    fits_schema("report", &report);
    report
}

#[test]
fn a_run_is_shown_in_every_form() {
    let place = ran();
    let by = report(&place, &["--by", "algorithm,dataset"]);
    assert_eq!(by["groups"][0]["by"]["dataset"], "diabetes");
    assert_eq!(by["groups"][0]["comparable"], 1);
    assert_eq!(report(&place, &["--filter", "algorithm=ridge,ols"])["comparisons"][0]["family"], 2);
    let turned = report(&place, &["--baseline", "rust/faer"]);
    let pair = &turned["comparisons"][0]["cases"][0]["pairs"][0];
    assert_eq!((&pair["contender"], &pair["comparable"]), (&"rust/linfa".into(), &true.into()), "{pair:#}");

    let markdown = place.run(&["compare", "native", "--format", "markdown", "--details"]).success().stdout;
    assert!(markdown.contains("### direct solvers · diabetes · ols (3 blocks, 1 thread)"), "{markdown}");
    assert!(markdown.contains("| fit |") && markdown.contains("Wilcoxon"), "{markdown}");
    let csv = place.run(&["compare", "native", "--format", "csv"]).success().stdout;
    let mut rows = csv.lines();
    let columns = rows.next().unwrap().split(',').position(|c| c == "ratio").unwrap();
    assert!(rows.all(|row| row.split(',').count() > columns), "{csv}");
    let only = place.run(&["compare", "native", "--metric", "r2"]).success().stdout;
    assert!(only.contains("r2") && !only.contains("fit_first"), "{only}");
    for (wrong, message) in [
        (["--filter", "nonsense=1"], "unknown key of a filter `nonsense`"),
        (["--filter", "dataset"], "a filter is KEY=VALUE"),
        (["--filter", "dataset=wine"], "the filters leave no case"),
        (["--by", "kernel"], "unknown key of a case `kernel`"),
        (["--metric", "r3"], "did you mean `r2`?"),
        (["--baseline", "rust/fear"], "did you mean `rust/faer`?"),
        (["--fail-on-regression", "5"], "write a percentage"),
        (["--format", "html"], "invalid value 'html'"),
    ] {
        let done = place.run(&["compare", "native", wrong[0], wrong[1]]);
        assert_eq!(done.code, Some(2), "{wrong:?}: {}", done.stderr);
        assert!(done.stderr.contains(message), "{wrong:?}: {}", done.stderr);
    }
}

#[test]
fn an_older_build_runs_beside_this_one() {
    let place = Place::new();
    place.write("native.toml", SPEC);
    let old = place.path().join("old-benchrun");
    std::fs::copy(env!("CARGO_BIN_EXE_benchrun"), &old).unwrap();
    let old = old.to_str().unwrap();
    let arguments =
        ["native.toml", "--quiet", "--against", old, "--fail-on-regression", "5%", "--format", "json"];
    let done = place.run(&arguments);
    let report = done.json();
    fits_schema("report", &report);
    let pairs = report["comparisons"][0]["cases"][0]["pairs"].as_array().unwrap();
    let names =
        |p: &Value| (p["contender"].as_str().unwrap().to_owned(), p["baseline"].as_str().unwrap().to_owned());
    let pairs_found: Vec<_> = pairs.iter().map(names).collect();
    let older = |id: &str| (id.to_owned(), format!("{id}+old"));
    assert_eq!(pairs_found, [older("rust/faer"), older("rust/linfa")]);
    for pair in pairs {
        assert_eq!(pair["comparable"], true, "{pair:#}");
        assert_eq!(pair["findings"]["predictions"], "predictions equal in every bit");
    }
    let gate = &report["regression"];
    assert_eq!(gate["design"], "interleaved");
    let findings = gate["findings"].as_array().unwrap();
    for quantity in ["fit", "predict@all", "peak_memory", "r2", "rmse"] {
        assert_eq!(findings.iter().filter(|f| f["quantity"] == quantity).count(), 2, "{quantity}");
    }
    assert!(
        findings.iter().filter(|f| f["kind"] == "quality").all(|f| f["outcome"] == "passed"),
        "{findings:#?}"
    );
    // How the times came out depends on the machine; the exit code says what the gate found.
    let regressed = findings.iter().any(|f| f["outcome"] == "regressed");
    assert_eq!(done.code, Some(if regressed { 6 } else { 0 }));

    let done = place.run(&["native.toml", "--against", "/bin/true"]);
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.contains("does not answer `describe`"), "{}", done.stderr);
}

/// A copy of a run as another run, with its journal rewritten.
fn copied(run: &Path, number: u64, rewrite: impl Fn(String) -> String) -> PathBuf {
    let copy = run.with_file_name(format!("copy{number}"));
    std::fs::create_dir_all(&copy).unwrap();
    let manifest = std::fs::read_to_string(run.join("manifest.json")).unwrap();
    let mut manifest: Value = serde_json::from_str(&manifest).unwrap();
    manifest["run"] = format!("copy{number}").into();
    manifest["created_unix_ms"] = (manifest["created_unix_ms"].as_u64().unwrap() + number).into();
    std::fs::write(copy.join("manifest.json"), manifest.to_string()).unwrap();
    let journal = std::fs::read_to_string(run.join("journal.jsonl")).unwrap();
    std::fs::write(copy.join("journal.jsonl"), rewrite(journal)).unwrap();
    copy
}

#[test]
fn separate_runs_are_judged_with_the_run_as_the_unit() {
    let place = ran();
    let run = place.only_run("native");
    let judge = |arguments: &[&str]| {
        let mut all = vec!["compare", "native", "--fail-on-regression", "5%"];
        all.extend(arguments);
        place.run(&all)
    };
    for number in 1..=4 {
        copied(&run, number, |journal| journal);
    }
    let few = judge(&[]).success();
    assert!(
        few.stdout.contains("4 earlier finished runs of this machine hold it, and 5 are needed"),
        "{}",
        few.stdout
    );
    assert_eq!(judge(&["--strict"]).code, Some(5), "undecided is not passed");
    copied(&run, 5, |journal| journal);
    // Copies are equal in every figure, so nothing became worse.
    let equal = judge(&[]).success();
    assert!(equal.stdout.contains("0 regressed, 0 undecided"), "{}", equal.stdout);
    copied(&run, 6, |journal| {
        assert!(journal.contains("\"r2\":0.4"));
        journal.replace("\"r2\":0.4", "\"r2\":0.3")
    });
    let worse = judge(&[]);
    assert_eq!(worse.code, Some(6), "{}", worse.stdout);
    assert!(
        worse.stdout.contains("regressed  direct solvers · diabetes · ols  rust/faer"),
        "{}",
        worse.stdout
    );
    assert!(
        worse.stdout.contains("2 regressed, 0 undecided"),
        "one for each implementation: {}",
        worse.stdout
    );

    // Several runs of one spec are a trend.
    let trend = place.run(&["compare", "native/copy1", "copy6", "--metric", "r2"]).success();
    assert!(trend.stdout.contains("copy1 (A)") && trend.stdout.contains("copy6 (A)"), "{}", trend.stdout);
    let figures =
        place.run(&["compare", "native/copy1", "copy6", "--metric", "r2", "--format", "csv"]).success();
    assert_eq!(figures.stdout.lines().count(), 1 + 4, "{}", figures.stdout);
}
