//! What trials cost, from end to end: known amounts of memory and time, in both languages.

use std::collections::BTreeMap;
use std::fs::File;

use polars::prelude::{AnyValue, DataFrame, ParquetReader, SerReader};

use crate::adapters::adapter;
use crate::support::{Place, fits_schema};

const MIB: f64 = (1 << 20) as f64;

/// A run with one fit and one prediction in each trial.
fn run(place: &Place, name: &str, protocol: &str, experiment: &str, flags: &[&str]) {
    let adapters = adapter(place, "hungry");
    let spec = format!(
        r#"
name = "{name}"
[protocol]
blocks = 2
{protocol}
[protocol.fit]
warmup = 0
max_samples = 1
[protocol.predict]
batch_sizes = ["all"]
max_samples = 1
[[experiment]]
name = "{name}"
task = "regression"
{experiment}
"#
    );
    place.write(&format!("{name}.toml"), &spec);
    let file = format!("{name}.toml");
    let arguments = [&[file.as_str(), "--quiet", "--adapters", &adapters], flags].concat();
    place.run(&arguments).success();
}

fn hungry(parameters: &str) -> String {
    format!(
        "datasets = [\"diabetes\"]\nimplementations = [\"python/hungry\"]\n[experiment.algorithms]\n\"acme:hungry\" = {{ {parameters} }}"
    )
}

fn read(place: &Place, run: &str, table: &str) -> DataFrame {
    ParquetReader::new(File::open(place.only_run(run).join(table)).unwrap()).finish().unwrap()
}

/// A column as numbers; what is null is no number.
fn numbers(frame: &DataFrame, name: &str) -> Vec<Option<f64>> {
    let column = frame.column(name).unwrap();
    (0..frame.height()).map(|i| column.get(i).unwrap().extract::<f64>()).collect()
}

fn texts(frame: &DataFrame, name: &str) -> Vec<String> {
    let column = frame.column(name).unwrap();
    (0..frame.height())
        .map(|i| match column.get(i).unwrap() {
            AnyValue::String(text) => text.to_owned(),
            AnyValue::StringOwned(text) => text.to_string(),
            _ => String::new(),
        })
        .collect()
}

/// The values of a column of `phases.parquet`, by phase.
fn by_phase(place: &Place, run: &str, column: &str) -> BTreeMap<String, Vec<f64>> {
    let frame = read(place, run, "phases.parquet");
    let mut found: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (phase, value) in texts(&frame, "phase").into_iter().zip(numbers(&frame, column)) {
        found.entry(phase).or_default().extend(value);
    }
    found
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

#[test]
fn a_peak_that_the_first_fit_freed_is_the_trials_peak() {
    let place = Place::new();
    run(&place, "nothing", "", &hungry("held_mib = 1"), &[]);
    run(&place, "early", "", &hungry("early_mib = 192, held_mib = 1"), &[]);
    let peaks = |name: &str| -> Vec<f64> {
        numbers(&read(&place, name, "trials.parquet"), "peak_rss_bytes").into_iter().flatten().collect()
    };
    let base = most(&peaks("nothing"));
    assert!(base < 150.0 * MIB, "{base}");
    // Two trials that count and the warm-up.
    assert_eq!(peaks("early").len(), 3);
    for peak in peaks("early") {
        let growth = (peak - base) / MIB;
        assert!((180.0..=202.0).contains(&growth), "{growth} MiB, not 192");
    }
    let phases = by_phase(&place, "early", "peak_rss_bytes");
    assert_eq!(phases.keys().collect::<Vec<_>>(), ["fit", "fit_first", "load", "predict@all"]);
    assert!(least(&phases["fit_first"]) > base + 180.0 * MIB, "{phases:?}");
    for phase in ["load", "fit", "predict@all"] {
        assert!(most(&phases[phase]) < base + 20.0 * MIB, "{phase}: {phases:?}");
    }
    for (i, event) in place.events("early").iter().enumerate() {
        fits_schema("trial_event", event);
        if event["event"] == "trial_ended" {
            let before = &place.events("early")[i - 1];
            assert_eq!((&before["event"], &before["trial"]), (&"trial_resources".into(), &event["trial"]));
        }
    }
    // What the report shows first is the whole trial's.
    let arm = &place.comparison("early")["cases"][0]["arms"][0];
    assert!(arm["peak_rss_bytes"].as_f64().unwrap() > base + 180.0 * MIB, "{arm:#}");
}

#[test]
fn time_that_is_burnt_and_a_childs_memory_are_counted() {
    let place = Place::new();
    run(&place, "burn", "", &hungry("burn_ms = 300, child_mib = 160"), &[]);
    let cpu = by_phase(&place, "burn", "cpu_ns");
    for phase in ["fit", "fit_first"] {
        // A phase has at least the one fit, and the parent looks later than it begins.
        assert!(least(&cpu[phase]) > 0.25e9, "{cpu:?}");
    }
    assert!(most(&cpu["load"]) < least(&cpu["fit"]), "{cpu:?}");
    let trials = read(&place, "burn", "trials.parquet");
    let figures = |name: &str| -> Vec<f64> { numbers(&trials, name).into_iter().flatten().collect() };
    assert!(least(&figures("peak_processes")) >= 2.0);
    assert!(least(&figures("peak_rss_bytes")) > 160.0 * MIB, "the worker alone has less");
    assert!(most(&figures("rss_load_bytes")) < 160.0 * MIB);
    assert!(least(&figures("cpu_ns")) > 0.55e9 && least(&figures("cpu_utilisation")) > 0.0);
    assert!(least(&figures("sampling_cpu_ns")) > 0.0 && least(&figures("resource_samples")) >= 1.0);
    for figure in ["minor_faults", "voluntary_switches", "read_bytes", "peak_threads", "peak_pss_bytes"] {
        assert_eq!(figures(figure).len(), trials.height(), "{figure}");
    }
    for absent in texts(&trials, "resources_absent") {
        let absent: BTreeMap<String, String> = serde_json::from_str(&absent).unwrap();
        assert_eq!(absent["gpu"], "the trial's device is the CPU");
        assert_eq!(absent.contains_key("energy"), figures("energy_uj").is_empty(), "{absent:?}");
    }
    assert!(figures("gpu_energy_mj").is_empty(), "absent is null");
}

/// Both languages load the same arrays, of a size that is known; with `--timeline` every reading is kept.
#[test]
fn the_same_bytes_take_memory_in_both_languages_and_every_reading_can_be_kept() {
    let place = Place::new();
    let experiment = |rows: usize| {
        format!(
            "datasets = [{{ generator = \"linear\", rows = {rows}, features = 64 }}]
implementations = [\"rust/faer\", \"python/scikit-learn\"]
[experiment.algorithms]
ridge = {{}}"
        )
    };
    run(&place, "small", "", &experiment(1024), &[]);
    run(&place, "large", "sampling = \"20ms\"", &experiment(65_536), &["--timeline"]);
    let peaks = |name: &str| {
        let trials = read(&place, name, "trials.parquet");
        let languages = texts(&trials, "language");
        let of = |language: &str| {
            let peaks = numbers(&trials, "peak_rss_bytes").into_iter().zip(&languages);
            least(&peaks.filter(|(_, l)| *l == language).map(|(peak, _)| peak.unwrap()).collect::<Vec<_>>())
        };
        (of("rust"), of("python"))
    };
    let (small, large) = (peaks("small"), peaks("large"));
    for growth in [large.0 - small.0, large.1 - small.1] {
        // Features and target are 32.5 MiB, less the small ones' 0.5; a fit may hold copies of the features.
        assert!((31.0..150.0).contains(&(growth / MIB)), "{} MiB", growth / MIB);
    }
    let timeline = read(&place, "large", "resources.parquet");
    let (trials, phases) = (texts(&timeline, "trial"), texts(&timeline, "phase"));
    let (times, sizes) = (numbers(&timeline, "t_ns"), numbers(&timeline, "rss_bytes"));
    let mut seen: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for i in 0..timeline.height() {
        assert!(i == 0 || trials[i] != trials[i - 1] || times[i] >= times[i - 1], "in order");
        assert!(sizes[i].is_some_and(|bytes| bytes > 0.0));
        seen.entry(&trials[i]).or_default().push(&phases[i]);
    }
    assert_eq!(seen.len(), 6, "two blocks and a warm-up of both");
    for phases in seen.values() {
        for phase in ["", "load", "fit_first", "fit", "predict@all"] {
            assert!(phases.contains(&phase), "{phase}: {phases:?}");
        }
    }
    assert!(!place.only_run("large").join("timeline").exists(), "the table holds it all");
    assert!(!place.only_run("small").join("resources.parquet").exists());
}

#[test]
fn without_sampling_events_alone_are_read_and_the_cases_are_the_same() {
    let place = Place::new();
    run(&place, "off", "sampling = \"off\"", &hungry("held_mib = 64"), &[]);
    let trials = read(&place, "off", "trials.parquet");
    assert!(
        numbers(&trials, "resource_samples").into_iter().all(|samples| samples == Some(1.0)),
        "at the start"
    );
    assert!(numbers(&trials, "peak_rss_bytes").into_iter().all(|peak| peak.unwrap() > 64.0 * MIB));
    assert!(!place.only_run("off").join("resources.parquet").exists());
    let manifest = std::fs::read_to_string(place.only_run("off").join("manifest.json")).unwrap();
    assert!(manifest.contains("\"sampling_ns\": null"), "{manifest}");
    let cases = |name: &str| {
        let plan = place.run(&["plan", name, "--adapters", "adapters", "--format", "json"]).success().json();
        plan["matrix"].clone()
    };
    let spec = std::fs::read_to_string(place.path().join("off.toml")).unwrap();
    place.write("often.toml", &spec.replace("sampling = \"off\"", "sampling = \"10ms\""));
    assert!(cases("off.toml").as_array().is_some_and(|cases| !cases.is_empty()));
    assert_eq!(cases("off.toml"), cases("often.toml"));
    place.write("wrong.toml", &spec.replace("sampling = \"off\"", "sampling = \"5ms\""));
    let refused = place.run(&["plan", "wrong.toml", "--adapters", "adapters"]);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("`protocol.sampling` is \"5ms\", but must be \"off\" or at least \"10ms\""),
        "{}",
        refused.stderr
    );
}
