//! Foreign results: the gate judges them like benchrun's own, and without evidence refuses them with every missing proof named.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use polars::prelude::{AnyValue, Column, DataFrame, ParquetReader, ParquetWriter, SerReader};
use serde_json::{Value, json};

use crate::support::{Place, ROOT, fits_schema, refused};

/// Two tools' times, and nothing else.
fn bare(trials: &Value) -> Value {
    json!({ "format": "benchrun-records", "version": 1, "name": "foreign", "tool": "a notebook", "trials": trials })
}

fn bare_trial(implementation: &str, block: u32, wall_ns: &[u64]) -> Value {
    json!({
        "task": "regression", "dataset": "diabetes", "algorithm": "ridge", "hyperparameters": { "alpha": 1.0 },
        "implementation": implementation, "block": block, "phases": [{ "name": "fit", "wall_ns": wall_ns }]
    })
}

fn pair(place: &Place, name: &str) -> Value {
    let comparison = place.comparison(name);
    fits_schema("report", &place.run(&["compare", name, "--format", "json"]).json());
    assert_eq!(comparison["finished"], true);
    assert_eq!(comparison["cases"].as_array().unwrap().len(), 1, "{comparison:#}");
    comparison["cases"][0]["pairs"][0].clone()
}

fn reasons(pair: &Value) -> Vec<String> {
    pair["reasons"].as_array().unwrap().iter().map(|r| r.as_str().unwrap().to_owned()).collect()
}

#[test]
fn without_evidence_every_missing_proof_is_named() {
    let place = Place::new();
    let mut claimed = bare_trial("python/scikit-learn", 2, &[31, 32]);
    claimed["metrics"] = json!({ "r2": 0.5 });
    let receipt = json!({ "dtype": "float64", "threads": { "allowed": 1 } });
    let (mut a, mut b) =
        (bare_trial("rust/linfa", 1, &[10, 11]), bare_trial("python/scikit-learn", 1, &[30, 33]));
    (a["receipt"], b["receipt"]) = (receipt.clone(), receipt);
    let records = bare(&json!([a, b, bare_trial("rust/linfa", 2, &[12]), claimed]));
    fits_schema("records", &records);
    place.write("records.json", &records.to_string());
    let done = place.run(&["import", "records.json"]).success();
    assert!(done.stderr.contains("hint: benchrun compare foreign"), "{}", done.stderr);
    assert!(Path::new(&place.path().join(done.stdout.trim())).join("manifest.json").is_file());
    let manifest = std::fs::read_to_string(place.only_run("foreign").join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    fits_schema("manifest", &manifest);
    assert_eq!((&manifest["machine"], &manifest["seed"]), (&Value::Null, &Value::Null), "nothing is assumed");
    assert_eq!(manifest["imported"]["tool"], "a notebook");

    let pair = pair(&place, "foreign");
    assert_eq!(pair["comparable"], false);
    insta::assert_snapshot!(reasons(&pair).join("\n"));
    let comparison = place.comparison("foreign");
    let arm = &comparison["cases"][0]["arms"][1];
    assert_eq!(arm["metrics"], json!({ "claimed_r2": 0.5 }), "a claim is never taken for a score: {arm:#}");
    let table = place.run(&["compare", "foreign"]).success().stdout;
    assert!(table.contains("a notebook · diabetes · ridge alpha=1"), "{table}");
    assert!(!table.contains('×'), "no ratio is printed: {table}");
}

#[test]
fn only_trials_of_one_session_and_machine_are_pairs() {
    let place = Place::new();
    let mut apart = vec![bare_trial("rust/linfa", 1, &[10]), bare_trial("python/scikit-learn", 1, &[30])];
    for (session, trial) in apart.iter_mut().enumerate() {
        trial["session"] = json!(session);
    }
    place.write("apart.json", &bare(&json!(apart)).to_string());
    place.run(&["import", "apart.json"]).success();
    assert_eq!(reasons(&pair(&place, "foreign")), ["no block holds trials of both"]);

    // Two files are one run; one that tells its machine and one that does not are not taken for the same.
    let mut first = bare(&json!([bare_trial("rust/linfa", 1, &[10])]));
    let second = bare(&json!([bare_trial("python/scikit-learn", 1, &[30])]));
    place.write("second.json", &second.to_string());
    place.write("first.json", &first.to_string());
    place.run(&["import", "first.json", "second.json", "--name", "together"]).success();
    assert!(reasons(&pair(&place, "together")).iter().any(|r| r.contains("sent no receipt")));
    first["machine"] = json!({ "host": "a", "os": "Linux", "kernel": "6", "architecture": "x86_64", "cpus": 2, "cpu_set": null });
    place.write("first.json", &first.to_string());
    place.run(&["import", "first.json", "second.json", "--name", "elsewhere"]).success();
    assert_eq!(reasons(&pair(&place, "elsewhere")), ["no block holds trials of both"]);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let place = Place::new();
    let blocks = std::cell::Cell::new(1);
    let with = |key: &str, value: Value| {
        blocks.set(blocks.get() + 1);
        let mut trial = bare_trial("python/x", blocks.get(), &[3, 4]);
        trial[key] = value;
        trial
    };
    let phase = |phase: Value| with("phases", json!([phase]));
    let trials = json!([
        bare_trial("python/x", 1, &[3]),
        bare_trial("python/x", 1, &[4]),
        with("blok", json!(2)),
        with("block", json!("2")),
        with("block", json!(0)),
        with("status", json!("tmied_out")),
        with("status", json!("timed_out")),
        with("implementation", json!("Scikit-Learn")),
        with("hyperparameters", json!({ "alhpa": 1.0 })),
        with("hyperparameters", json!({ "alpha": -1 })),
        with("phases", json!([])),
        phase(json!({ "name": "fit", "wall_ns": [3, -4] })),
        phase(json!({ "name": "fit", "wall_ns": [3, 4.5] })),
        phase(json!({ "name": "fit", "wall_ns": [3, 0] })),
        phase(json!({ "name": "fit", "wall_ns": [3, 4], "calls": [1] })),
        phase(json!({ "name": "fit", "wall_ns": [3], "calls": [0] })),
        phase(json!({ "name": "start", "wall_ns": [3] })),
    ]);
    place.write("wrong.json", &bare(&trials).to_string());
    place.write("cut.json", "{ \"format\": \"benchrun-records\",\n  \"version\": 1, ");
    place.write("none.json", &bare(&json!([])).to_string());
    place.write("other.json", &json!({ "format": "hyperfine", "version": 1, "trials": [] }).to_string());
    place.write(
        "newer.json",
        &json!({ "format": "benchrun-records", "version": 9, "trials": [] }).to_string(),
    );
    place.write("key.json", &json!({ "format": "benchrun-records", "version": 1, "trails": [] }).to_string());
    let files =
        ["wrong.json", "cut.json", "none.json", "other.json", "newer.json", "key.json", "absent.json"];
    let done = place.run(&[&["import"], &files[..]].concat());
    assert_eq!(done.code, Some(2));
    insta::assert_snapshot!(done.stderr);
    assert!(!place.path().join("results").exists(), "nothing is written");

    place.write("good.json", &bare(&json!([bare_trial("python/x", 1, &[3])])).to_string());
    place.write(
        "table.json",
        &json!({ "format": "benchrun-records", "version": 1, "name": "../up",
        "trials": [bare_trial("python/x", 1, &[3])] })
        .to_string(),
    );
    let told = |arguments: &[&str]| {
        let done = place.run(&[&["import"], arguments].concat());
        assert_eq!(done.code, Some(2), "{}", done.stderr);
        done.stderr
    };
    assert!(told(&["table.json"]).contains("name: is \"../up\", but must consist of"));
    let unknown = told(&["good.json", "--baseline", "python/y"]);
    assert!(
        unknown.contains("unknown implementation `python/y`\n  hint: did you mean `python/x`?"),
        "{unknown}"
    );
    assert!(
        told(&["good.json", "good.json"])
            .contains("python/x ran this case in block 1 already: good.json: trials[0]")
    );
    let column = |name: &str, value: &str| Column::new(name.into(), [value]);
    let frame = vec![column("dataset", "d"), column("algoritm", "a"), column("implementation", "python/x")];
    write_parquet(&place.path().join("short.parquet"), frame);
    let short = told(&["short.parquet"]);
    for part in
        ["unknown column `algoritm`\n  hint: did you mean `algorithm`?", "the column `wall_ns` is missing"]
    {
        assert!(short.contains(part), "{short}");
    }
    place.write("no.parquet", "PAR1 and nothing more");
    assert!(told(&["no.parquet"]).contains("no.parquet: is not Parquet that can be read"));
    assert!(!place.path().join("results").exists(), "nothing is written");
}

fn write_parquet(path: &Path, columns: Vec<Column>) {
    let mut frame = DataFrame::new_infer_height(columns).unwrap();
    ParquetWriter::new(File::create(path).unwrap()).finish(&mut frame).unwrap();
}

/// What the documentation shows works.
#[test]
fn the_documentation_is_right() {
    let text = std::fs::read_to_string(format!("{ROOT}/docs/import.md")).unwrap();
    let block = |language: &str| {
        let (_, rest) = text.split_once(&format!("```{language}\n")).unwrap();
        rest.split_once("```").unwrap().0.to_owned()
    };
    let place = Place::new();
    let example = block("json");
    fits_schema("records", &serde_json::from_str(&example).unwrap());
    place.write("notebook.json", &example);
    place.run(&["import", "notebook.json"]).success();
    assert_eq!(pair(&place, "notebook")["comparable"], false);

    let result = |command: &str| json!({ "command": command, "times": [0.0123, 0.0125] });
    let times = json!({ "results": [result("rust/linfa"), result("python/scikit-learn")] });
    place.write("times.json", &times.to_string());
    place.write("convert.py", &block("python"));
    let python = std::env::var_os("BENCHRUN_PYTHON").unwrap_or_else(|| "python3".into());
    let converted = Command::new(python).arg("convert.py").current_dir(place.path()).output().unwrap();
    assert!(converted.status.success(), "{}", String::from_utf8_lossy(&converted.stderr));
    place.write("hyperfine.json", std::str::from_utf8(&converted.stdout).unwrap());
    let imported = place.run(&["import", "hyperfine.json"]).success();
    assert_eq!(reasons(&pair(&place, "hyperfine")), ["no block holds trials of both"]);
    let note = "note: no task is told for the algorithm `ridge`, so no pair of its cases can be comparable";
    assert!(imported.stderr.contains(note), "{}", imported.stderr);
}

const SPEC: &str = r#"
name = "measured"
[protocol]
blocks = 3
[protocol.fit]
max_samples = 3
[protocol.predict]
batch_sizes = ["all"]
max_samples = 3
[[experiment]]
name      = "measured"
task      = "regression"
datasets  = ["diabetes"]
implementations = ["rust/linfa", "rust/faer"]
baseline  = "rust/faer"
[experiment.algorithms]
ridge = { alpha = 1.0 }
[experiment.settings."rust/linfa"]
max_iterations = 2000
"#;

/// Converts one case of a run of benchrun, its first, into the records of a foreign tool.
pub fn converted(run: &Path) -> Value {
    let manifest = std::fs::read_to_string(run.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let case = &manifest["cases"][0]["id"];
    let read = |name: &str| ParquetReader::new(File::open(run.join(name)).unwrap()).finish().unwrap();
    let (trials, samples) = (read("trials.parquet"), read("samples.parquet"));
    let cell = |frame: &DataFrame, name: &str, row: usize| match frame.column(name).unwrap().get(row).unwrap()
    {
        AnyValue::Null => Value::Null,
        AnyValue::String(text) => json!(text),
        AnyValue::Boolean(truth) => json!(truth),
        number => json!(number.extract::<u64>().unwrap()),
    };
    let nested = |value: Value| -> Value { serde_json::from_str(value.as_str().unwrap()).unwrap() };
    let mut records = Vec::new();
    let is_meant =
        |row: &usize| cell(&trials, "counted", *row) == true && cell(&trials, "case", *row) == *case;
    for row in (0..trials.height()).filter(is_meant) {
        let of = |name: &str| cell(&trials, name, row);
        let id = of("trial");
        let mut phases: Vec<Value> = Vec::new();
        for sample in (0..samples.height()).filter(|s| cell(&samples, "trial", *s) == id) {
            let name = cell(&samples, "phase", sample);
            if phases.last().is_none_or(|last| last["name"] != name) {
                phases.push(json!({ "name": name, "wall_ns": [], "calls": [], "cpu_ns": [] }));
            }
            for key in ["wall_ns", "calls", "cpu_ns"] {
                let list = phases.last_mut().unwrap()[key].as_array_mut().unwrap();
                list.push(cell(&samples, key, sample));
            }
        }
        let mut receipt = nested(of("receipt"));
        for key in ["blas", "libraries"] {
            receipt.as_object_mut().unwrap().remove(key);
        }
        let outputs = std::fs::read_dir(run.join("work").join(id.as_str().unwrap()).join("outputs")).unwrap();
        let outputs = outputs.last().unwrap().unwrap().path();
        let mut record = json!({
            "hyperparameters": nested(of("hyperparameters")), "phases": phases, "receipt": receipt,
            "cpu_set": nested(of("cpu_set")), "metrics": { "r2": 0.99 }, "outputs": outputs,
        });
        for key in [
            "task",
            "dataset",
            "algorithm",
            "implementation",
            "block",
            "session",
            "status",
            "seed",
            "start_ns",
            "load_ns",
            "peak_rss_bytes",
            "rss_ready_bytes",
        ] {
            record[key] = of(key);
        }
        records.push(record);
    }
    json!({ "format": "benchrun-records", "version": 1, "name": "copied", "tool": "a copy", "trials": records })
}

/// The same records in the Parquet form.
fn as_parquet(records: &Value, path: &Path) {
    let texts = ["task", "dataset", "algorithm", "implementation", "status", "outputs"];
    let nested = ["hyperparameters", "receipt", "cpu_set", "metrics"];
    let numbers = ["block", "session", "seed", "start_ns", "load_ns", "peak_rss_bytes", "rss_ready_bytes"];
    let mut rows: Vec<(&Value, &str, [u64; 3])> = Vec::new();
    for trial in records["trials"].as_array().unwrap() {
        for phase in trial["phases"].as_array().unwrap() {
            for i in 0..phase["wall_ns"].as_array().unwrap().len() {
                let sample = ["wall_ns", "calls", "cpu_ns"].map(|key| phase[key][i].as_u64().unwrap());
                rows.push((trial, phase["name"].as_str().unwrap(), sample));
            }
        }
    }
    let text = |name: &str, of: &dyn Fn(&(&Value, &str, [u64; 3])) -> String| {
        Column::new(name.into(), rows.iter().map(of).collect::<Vec<String>>())
    };
    let number = |name: &str, of: &dyn Fn(&(&Value, &str, [u64; 3])) -> u64| {
        Column::new(name.into(), rows.iter().map(of).collect::<Vec<u64>>())
    };
    let mut columns = vec![text("name", &|_| "columns".to_owned()), text("tool", &|_| "a copy".to_owned())];
    columns.extend(texts.map(|name| text(name, &|r| r.0[name].as_str().unwrap().to_owned())));
    columns.extend(nested.map(|name| text(name, &|r| r.0[name].to_string())));
    columns.extend(numbers.map(|name| number(name, &|r| r.0[name].as_u64().unwrap())));
    columns.push(text("phase", &|r| r.1.to_owned()));
    columns
        .extend(["wall_ns", "calls", "cpu_ns"].into_iter().enumerate().map(|(i, n)| number(n, &|r| r.2[i])));
    write_parquet(path, columns);
}

#[test]
fn with_evidence_a_foreign_pair_is_judged_like_an_own_one() {
    let place = Place::new();
    place.write("measured.toml", SPEC);
    place.run(&["measured.toml", "--quiet", "--keep-outputs"]).success();
    let own = pair(&place, "measured");
    assert_eq!(own["comparable"], true, "{own:#}");
    let records = converted(&place.only_run("measured"));
    fits_schema("records", &records);
    let imported = |name: &str, records: &Value| {
        place.write("records.json", &records.to_string());
        place.run(&["import", "records.json", "--name", name, "--baseline", "rust/faer"]).success();
        pair(&place, name)
    };
    let honest = imported("copied", &records);
    assert_eq!(honest["phases"], own["phases"], "the same samples give the same ratios");
    close(&honest["figures"], &own["figures"]);
    let scores = |name: &str| place.comparison(name)["cases"][0]["arms"][0]["metrics"].clone();
    let mut ours = scores("copied");
    assert_eq!(ours.as_object_mut().unwrap().remove("claimed_r2"), Some(json!(0.99)));
    close(&ours, &scores("measured"));

    as_parquet(&records, &place.path().join("records.parquet"));
    place.run(&["import", "records.parquet", "--baseline", "rust/faer"]).success();
    let columns = pair(&place, "columns");
    for key in ["comparable", "reasons", "phases", "memory"] {
        assert_eq!(columns[key], honest[key], "both forms say the same");
    }
    close(&columns["figures"], &honest["figures"]);

    tampered(&place, &records, imported);
    foreign_runs_are_never_continued(&place, &records);
}

/// The same outputs give the same figures, but for the rounding of sums in another order.
#[track_caller]
fn close(figures: &Value, others: &Value) {
    let (figures, others) = (figures.as_object().unwrap(), others.as_object().unwrap());
    assert!(!figures.is_empty() && figures.len() == others.len(), "{figures:?} {others:?}");
    for (name, figure) in figures {
        let (a, b) = (figure.as_f64().unwrap(), others[name].as_f64().unwrap());
        assert!((a - b).abs() <= 1e-12 * a.abs().max(1e-2), "{name}: {a} {b}");
    }
}

fn tampered(place: &Place, records: &Value, imported: impl Fn(&str, &Value) -> Value) {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut records = records.clone();
        let trials = records["trials"].as_array_mut().unwrap().iter_mut();
        trials.filter(|t| t["implementation"] == "rust/linfa").for_each(change);
        records
    };
    let told = |name: &str, reason: &str, change: &dyn Fn(&mut Value)| {
        refused(&imported(name, &with(change)), reason);
    };
    told("rows", "training rows should be 353, but rust/linfa used 176", &|t| {
        t["receipt"]["train_rows"] = json!(176)
    });
    told("alpha", "alpha should be 1, but rust/linfa used 3", &|t| {
        t["receipt"]["hyperparameters"]["alpha"] = json!(3)
    });
    told("threads", "rust/linfa reports 4 threads, but 1 were allowed", &|t| {
        t["receipt"]["threads"]["pool"] = json!(4)
    });
    told("silent", "nothing tells what rust/linfa used", &|t| t["cpu_set"] = Value::Null);
    let remove = |t: &mut Value, key: &str| t.as_object_mut().unwrap().remove(key);
    told("no_outputs", "no raw outputs were compared", &|t| drop(remove(t, "outputs")));
    told("no_bundle", "its receipt names no bundle", &|t| drop(remove(&mut t["receipt"], "bundle")));
    told("other_bundle", "is not in the cache", &|t| t["receipt"]["bundle"] = json!("0".repeat(64)));
    for (name, fault) in [("noise", 1.0), ("lies", f64::NAN)] {
        let reason =
            if fault.is_nan() { "holds 1 values that are not finite" } else { "predictions differ by" };
        told(name, reason, &|t| {
            let from = t["outputs"].as_str().unwrap().to_owned();
            let path = place.path().join(format!("{name}-{}", t["block"]));
            std::fs::write(&path, disturbed(&std::fs::read(from).unwrap(), fault)).unwrap();
            // Paths start from the folder of the file.
            t["outputs"] = json!(path.file_name().unwrap().to_str().unwrap());
        });
    }
    // Whoever does not tell what was asked leaves the problem open, so that nothing can be judged.
    let mut vague = records.clone();
    for trial in vague["trials"].as_array_mut().unwrap() {
        remove(&mut trial["hyperparameters"], "fit_intercept");
    }
    refused(&imported("vague", &vague), "nothing tells the hyperparameters asked for: fit_intercept");

    let mut wrong = records.clone();
    wrong["trials"][0]["dataset"] = json!("california_housing");
    wrong["trials"][1]["outputs"] = json!("nowhere.safetensors");
    place.write("records.json", &wrong.to_string());
    let done = place.run(&["import", "records.json", "--name", "wrong"]);
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    for part in [
        "trials[0].dataset: is `california_housing`, but its receipt's bundle is of `diabetes`",
        "trials[1].outputs: nowhere.safetensors cannot be read",
    ] {
        assert!(done.stderr.contains(part), "{}", done.stderr);
    }
    assert!(!place.path().join("results/wrong").exists());
}

/// The predictions of some outputs with noise of 1e-2 of the target's deviation, or with one value replaced.
fn disturbed(bytes: &[u8], fault: f64) -> Vec<u8> {
    let tensors = safetensors::SafeTensors::deserialize(bytes).unwrap();
    let changed: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, tensor)| {
            let values = tensor.data().as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b));
            let values = values.enumerate().map(|(i, v)| match (name, i) {
                ("predictions", 0) if fault.is_nan() => fault,
                ("predictions", i) if !fault.is_nan() => v + if i % 2 == 0 { 0.77 } else { -0.77 },
                _ => v,
            });
            (name.to_owned(), tensor.shape().to_vec(), values.flat_map(f64::to_le_bytes).collect())
        })
        .collect();
    let views = changed.iter().map(|(name, shape, data)| {
        (name, safetensors::tensor::TensorView::new(safetensors::Dtype::F64, shape.clone(), data).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

/// A spec of the same name starts a run of its own.
fn foreign_runs_are_never_continued(place: &Place, records: &Value) {
    place.write("records.json", &records.to_string());
    place.write(
        "copied.toml",
        &SPEC.replace("\"measured\"", "\"copied\"").replace("blocks = 3", "blocks = 2"),
    );
    let done = place.run(&["copied.toml", "--quiet"]).success();
    assert!(!done.stderr.contains("continu"), "{}", done.stderr);
    place.run(&["plan", "copied.toml"]).success();
}
