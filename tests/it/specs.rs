//! Bad specs: every error at once, each with its place, the nearest name and what is allowed.

use crate::support::Place;

const GOOD: &str = r#"name = "bad"

[protocol]
blocks = 2

[[experiment]]
name      = "linear"
task      = "regression"
datasets  = ["diabetes"]
languages = ["rust", "python"]

[experiment.algorithms]
ridge = { alpha = 1.0 }
"#;

/// What `plan` prints on standard error for the good spec with one text replaced.
fn printed(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    printed_of(&GOOD.replace(from, to))
}

fn printed_of(text: &str) -> String {
    let place = Place::new();
    place.write("bad.toml", text);
    let done = place.run(&["plan", "bad.toml"]);
    assert_eq!(done.code, Some(2), "{}\n{}", done.stdout, done.stderr);
    done.stderr
}

#[test]
fn the_good_spec_is_good() {
    let place = Place::new();
    place.write("bad.toml", GOOD);
    place.run(&["plan", "bad.toml"]).success();
}

#[test]
fn syntax() {
    insta::assert_snapshot!(printed("blocks = 2", "blocks = = 2"));
}

#[test]
fn unknown_keys_and_names() {
    let text = GOOD
        .replace("blocks = 2", "block = 2\nthread = 1")
        .replace("\"diabetes\"", "\"diabets\"")
        .replace("languages", "langauges");
    insta::assert_snapshot!(printed_of(&text));
}

#[test]
fn unknown_names_inside() {
    let text = GOOD
        .replace("\"diabetes\"", "\"diabets\"")
        .replace("[\"rust\", \"python\"]", "[\"rust\", \"pyton\"]")
        .replace("ridge = { alpha = 1.0 }", "ridge = { alhpa = 1.0 }\nlaso = {}");
    insta::assert_snapshot!(printed_of(&text));
}

#[test]
fn values_of_the_wrong_type_or_range() {
    let text = GOOD
        .replace("blocks = 2", "blocks = \"many\"\nthreads = 0\ntimeout = 5")
        .replace("task      = \"regression\"", "task = \"regresion\"");
    insta::assert_snapshot!(printed_of(&text));
}

#[test]
fn blocks_that_a_pilot_cannot_choose() {
    let printed = |table: &str| printed("blocks = 2", &format!("blocks = {table}\nthreads = 0"));
    let wrong_shape = printed("{ min = 1, max = 20000, precision = 0.03, presicion = \"3%\" }");
    insta::assert_snapshot!("blocks_of_the_wrong_shape", wrong_shape);
    let other = "timeout = \"2 fortnights\"";
    let printed =
        |table: &str| printed_of(&GOOD.replace("blocks = 2", &format!("{other}\nblocks = {table}")));
    let too_coarse = printed("{ min = 20, max = 10, precision = \"101%\" }");
    insta::assert_snapshot!("blocks_out_of_range", too_coarse);
    assert!(printed("{ precision = \"3\" }").contains("which is no percentage"));
}

#[test]
fn durations_sizes_and_parameters() {
    let text = GOOD
        .replace("blocks = 2", "blocks = 2\ntimeout = \"2 fortnights\"\nmemory = \"plenty\"")
        .replace("alpha = 1.0", "alpha = [1.0, -1.0, \"big\", 1.0]");
    insta::assert_snapshot!(printed_of(&text));
}

#[test]
fn an_empty_matrix() {
    let text = GOOD.to_owned() + "\n[[experiment.exclude]]\nalgorithm = \"ridge\"\n";
    insta::assert_snapshot!(printed_of(&text));
}

#[test]
fn an_exclude_that_matches_nothing() {
    let text = GOOD.to_owned() + "\n[[experiment.exclude]]\ndataset = \"boston\"\n";
    insta::assert_snapshot!(printed_of(&text));
}

#[test]
fn a_matrix_over_the_limit() {
    let many: Vec<String> = (1..=20_000).map(|i| format!("{i}.0")).collect();
    let text = printed("alpha = 1.0", &format!("alpha = [{}]", many.join(", ")));
    assert!(text.contains("the matrix has 120000 trials, and the limit is 100000"), "{text}");
    assert!(text.contains("--max-trials 120000"), "{text}");
    let text = printed_of(&GOOD.replace("blocks = 2", "blocks = { min = 2, max = 60_000 }"));
    assert!(text.contains("must be at most 10000"), "{text}");
    let many: Vec<String> = (1..=2000).map(|i| format!("{i}.0")).collect();
    let spec = GOOD.replace("blocks = 2", "blocks = { min = 2, max = 20 }");
    let text = printed_of(&spec.replace("alpha = 1.0", &format!("alpha = [{}]", many.join(", "))));
    assert!(text.contains("the matrix has up to 120000 trials"), "{text}");
}

#[test]
fn the_target_of_another_task() {
    insta::assert_snapshot!(printed("\"diabetes\"", "\"iris\""));
}

#[test]
fn qualities_that_cannot_be_a_target() {
    let network = GOOD
        .replace("regression", "forecast")
        .replace("\"diabetes\"", "{ generator = \"sine\", rows = 100, length = 12 }")
        .replace("ridge = { alpha = 1.0 }", "lstm = { hidden = 4 }");
    let with = |text: &str, target: &str| {
        let asked = format!("target = {target}\n\n[experiment.algorithms]");
        printed_of(&text.replace("[experiment.algorithms]", &asked))
    };
    let all = [
        with(GOOD, "{ r2 = 0.9 }"),
        with(&network, "{ accuracy = 0.9 }"),
        with(&network, "{ r2 = 0.9, rmse = 0.1 }"),
        with(&network, "{ r2 = nan }"),
        with(&network, "0.9"),
    ];
    insta::assert_snapshot!(all.concat());
}

#[test]
fn settings_of_nobody() {
    let text = GOOD.to_owned()
        + "\n[experiment.settings.\"rust/linfa\"]\ntolerence = 1e-9\n[experiment.settings.\"rust/linfb\"]\ntolerance = 1e-9\n";
    insta::assert_snapshot!(printed_of(&text));
}

#[test]
fn generators_and_files() {
    let sets = "{ generator = \"linaer\" }, { generator = \"linear\", rows = -5 }, { path = \"gone.csv\", target = \"y\" }, { rows = 5 }";
    let text = printed("\"diabetes\"", sets);
    let text = regex_path(&text);
    insta::assert_snapshot!(text);
}

/// The test's own folder, which differs every time.
fn regex_path(text: &str) -> String {
    let Some(start) = text.find("there is no file ") else { return text.to_owned() };
    let from = start + "there is no file ".len();
    let end = from + text[from..].find("gone.csv").unwrap();
    format!("{}[folder]/{}", &text[..from], &text[end..])
}

#[test]
fn a_missing_spec_names_those_that_are_shipped() {
    let place = Place::new();
    let done = place.run(&["nothing.toml"]);
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.contains("shipped specs: calibration, classical"), "{}", done.stderr);
}
