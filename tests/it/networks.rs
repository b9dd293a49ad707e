//! Networks end to end: the same steps in PyTorch, tch and candle, and what a user sees where something is missing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use benchrun::data::bundle::Tensor;
use polars::prelude::{DataFrame, ParquetReader, SerReader};
use serde_json::{Value, json};

use crate::support::{Place, ROOT, refused};

const SPEC: &str = r#"
name = "networks"
[protocol]
blocks = 2
timeout = "5min"
[protocol.predict]
batch_sizes = [1, 32]
max_samples = 5
"#;

/// Builds tch's worker as `make tch` does, beside the binary under test; once for all tests.
fn build_worker(place: &Place) {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| build_worker_now(place));
}

fn build_worker_now(place: &Place) {
    let interpreter = place.run(&["env", "sync", "python/pytorch"]).success().stdout;
    let folder = Path::new(interpreter.trim()).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&path))).unwrap();
    let target = Path::new(env!("CARGO_BIN_EXE_benchrun")).ancestors().nth(2).unwrap();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What `cargo test` tells its tests, build scripts (ring's) take for a change, and everything on top of them, polars too, is compiled anew.
    let of_package = |name: &str| {
        name == "OUT_DIR" || ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.starts_with(prefix))
    };
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(of_package)) {
        cargo.env_remove(name);
    }
    let output = cargo
        .args(["build", "--release", "--package", "benchrun-tch"])
        .current_dir(ROOT)
        .env("PATH", path)
        .env("LIBTORCH_USE_PYTORCH", "1")
        .env("CARGO_TARGET_DIR", target)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn pair<'c>(comparison: &'c Value, case: usize, contender: &str) -> &'c Value {
    let pairs = comparison["cases"][case]["pairs"].as_array().unwrap();
    pairs.iter().find(|p| p["contender"] == contender).unwrap()
}

#[test]
fn three_frameworks_take_the_same_steps() {
    let place = Place::new();
    build_worker(&place);
    let spec = r#"
[[experiment]]
name = "images"
task = "image"
datasets = [{ generator = "images", rows = 150, size = 28, channels = 1, classes = 3 }]
implementations = ["rust/candle", "rust/tch", "python/pytorch"]
scale = "channel"
[experiment.algorithms]
lenet5 = { epochs = 2, batch_size = 16, learning_rate = 0.05, momentum = 0.9 }
simple_cnn = { steps = 9, batch_size = 16, optimizer = "adamw", weight_decay = 0.01, learning_rate = 0.001, dropout = 0.25, clip_norm = 1.0 }
resnet18 = { steps = 3, batch_size = 16 }
[[experiment]]
name = "series"
task = "forecast"
datasets = [{ generator = "sine", rows = 150, length = 12 }]
implementations = ["rust/candle", "rust/tch", "python/pytorch"]
[experiment.algorithms]
lstm = { steps = 9, batch_size = 16, hidden = 8, bidirectional = true, layers = 2 }
[[experiment]]
name = "text"
task = "next_token"
datasets = [{ generator = "tokens", rows = 150, length = 12, vocabulary = 9 }]
implementations = ["rust/candle", "rust/tch", "python/pytorch"]
scale = "none"
[experiment.algorithms]
gru = { steps = 9, batch_size = 16, hidden = 8, embedding = 6, layers = 2 }
transformer_encoder = { steps = 9, batch_size = 16, hidden = 8, dropout = 0.0 }
"#;
    place.write("networks.toml", &[SPEC, spec].concat());
    place.run(&["networks.toml", "--quiet", "--timeline"]).success();
    let comparison = place.comparison("networks");
    for case in 0..6 {
        let tch = pair(&comparison, case, "rust/tch");
        assert_eq!((&tch["comparable"], &tch["reasons"]), (&json!(true), &json!([])), "{tch:#}");
        let steps = tch["findings"]["equal bits"].as_str().unwrap();
        let all = if case < 4 { "all logits" } else { "log-probabilities and answers of all tokens" };
        assert!(steps.ends_with(&format!("and {all} equal in every bit")), "{steps}");
        let phases: Vec<&str> =
            tch["phases"].as_array().unwrap().iter().map(|p| p["phase"].as_str().unwrap()).collect();
        for phase in ["build", "train_step", "epoch", "evaluate", "predict@1"] {
            assert!(phases.contains(&phase), "{phase}: {phases:?}");
        }
    }
    for (case, finding) in [
        (0, "times what one unit in the last place of the weights does"),
        (2, "the steps are not compared: each side drops other values; quality over seeds is compared"),
        (3, "times what one unit in the last place of the weights does"),
        (4, "times what one unit in the last place of the weights does"),
        (5, "times what one unit in the last place of the weights does"),
    ] {
        let candle = pair(&comparison, case, "rust/candle");
        let steps = candle["findings"]["steps"].as_str().unwrap();
        assert!(steps.ends_with(finding), "{steps}");
        let quality = candle["comparable"] == json!(true)
            || candle["reasons"][0].as_str().unwrap().starts_with("quality different");
        assert!(quality, "nothing but quality over two seeds may be in doubt: {candle:#}");
    }
    refused(
        pair(&comparison, 1, "rust/candle"),
        "candle has no gradient of a pooling whose window (3) is not its step (2)",
    );
    assert_eq!(comparison["trials"], json!({ "ok": 34, "unsupported": 2 }));
}

/// What the three sides of a slice say, where one side's own way is looked at.
fn slice(place: &Place, name: &str, protocol: &str, implementations: &str, algorithms: &str) -> Value {
    let spec = format!(
        r#"
name = "{name}"
[protocol]
blocks = 2
timeout = "5min"
{protocol}
[protocol.predict]
batch_sizes = [1]
max_samples = 3
[[experiment]]
name = "images"
task = "image"
datasets = [{{ generator = "images", rows = 150, size = 28, channels = 1, classes = 3 }}]
implementations = [{implementations}]
scale = "channel"
[experiment.algorithms]
{algorithms}
"#
    );
    let series = r#"
[[experiment]]
name = "series"
task = "forecast"
datasets = [{ generator = "sine", rows = 150, length = 12 }]
implementations = [IMPLEMENTATIONS]
[experiment.algorithms]
lstm = { steps = 9, batch_size = 16, hidden = 8, bidirectional = true, layers = 2, optimizer = "adamw", learning_rate = 0.01 }
"#;
    place
        .write(&format!("{name}.toml"), &[spec, series.replace("IMPLEMENTATIONS", implementations)].concat());
    place.run(&[&format!("{name}.toml"), "--quiet"]).success();
    place.comparison(name)
}

const ALL: &str = r#""rust/candle", "rust/tch", "python/pytorch""#;
const LENET5: &str =
    "lenet5 = { epochs = 2, batch_size = 16, learning_rate = 0.05, momentum = 0.9, clip_norm = 1.0 }";

fn equal_bits(pair: &Value) {
    assert_eq!((&pair["comparable"], &pair["reasons"]), (&json!(true), &json!([])), "{pair:#}");
    let finding = pair["findings"]["equal bits"].as_str().unwrap();
    assert!(finding.ends_with("and all logits equal in every bit"), "{finding}");
}

/// In bfloat16 libtorch gives equal bits whoever calls it, and candle says why it does not.
#[test]
fn bfloat16_has_equal_bits_too() {
    let place = Place::new();
    build_worker(&place);
    // libtorch's own momentum and Python's differ in bfloat16, and the gate says so (docs/design/networks.md).
    let plain = LENET5.replace(", momentum = 0.9", "");
    let comparison = slice(&place, "bfloat16", "dtype = \"bfloat16\"", ALL, &plain);
    for case in 0..2 {
        equal_bits(pair(&comparison, case, "rust/tch"));
        let refusal = "candle's `sum` of bfloat16 adds in bfloat16 on the CPU, where 256 and 1 are 256: means and gradients are lost";
        refused(pair(&comparison, case, "rust/candle"), refusal);
    }
    assert_eq!(comparison["trials"], json!({ "ok": 8, "unsupported": 4 }));
}

/// Two threads share sums out as they like: nobody promises equal bits, and the first step and the envelope hold.
#[test]
#[expect(clippy::print_stderr, reason = "what was seen is shown")]
fn several_threads_are_held_to_the_envelope() {
    let place = Place::new();
    build_worker(&place);
    let comparison = slice(&place, "threads", "threads = 2", ALL, LENET5);
    for case in 0..2 {
        for contender in ["rust/tch", "rust/candle"] {
            let pair = pair(&comparison, case, contender);
            eprintln!("{case} {contender}: {:#}", pair["findings"]);
            let findings = pair["findings"].as_object().unwrap();
            let held = ["equal bits", "steps"].iter().any(|name| findings.contains_key(*name));
            assert!(held, "{pair:#}");
            let reasons = pair["reasons"].as_array().unwrap();
            let quality = |r: &Value| r.as_str().unwrap().starts_with("quality different");
            assert!(
                reasons.iter().all(quality),
                "nothing but quality over two seeds may be in doubt: {pair:#}"
            );
        }
    }
}

/// Mirrored and moved images are the same on all sides, since the moves were drawn once.
#[test]
fn images_are_moved_alike() {
    let place = Place::new();
    build_worker(&place);
    let settings = LENET5.trim_start_matches("lenet5 = ");
    let moved = settings.replace("epochs = 2", "epochs = 2, flip = true, shift = 2");
    let comparison = slice(&place, "moved", "", ALL, &format!("lenet5 = [{settings}, {moved}]"));
    for case in 0..2 {
        equal_bits(pair(&comparison, case, "rust/tch"));
        let candle = pair(&comparison, case, "rust/candle");
        let steps = candle["findings"]["steps"].as_str().unwrap();
        assert!(steps.ends_with("times what one unit in the last place of the weights does"), "{steps}");
    }
    let loss = |case: usize| comparison["cases"][case]["arms"][2]["metrics"]["training_loss"].clone();
    assert_ne!(loss(0), loss(1), "moved images are others: {:#}", comparison["cases"][0]["arms"]);
}

/// Where there is a device, both sides compute on it and keep to each other; where there is none, both say so with torch's reason.
#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says why, and one that ran what it saw")]
fn a_device_is_used_or_told_to_be_missing() {
    let place = Place::new();
    build_worker(&place);
    let comparison = slice(&place, "cuda", "device = \"cuda\"\nmemory = \"16GiB\"", ALL, LENET5);
    for case in 0..2 {
        assert_eq!(comparison["cases"][case]["case"]["device"], json!("cuda"));
        refused(pair(&comparison, case, "rust/candle"), "candle was built without CUDA");
    }
    if !Path::new("/dev/nvidiactl").exists() {
        eprintln!("no NVIDIA device is there: what is looked at is how that is told");
        let arms = comparison["cases"].as_array().unwrap().iter().flat_map(|c| c["arms"].as_array().unwrap());
        for arm in arms.filter(|arm| arm["implementation"] != "rust/candle") {
            let reason = arm["failures"][0]["reason"].as_str().unwrap();
            assert!(
                reason.contains("no CUDA device is there: Found no NVIDIA driver on your system"),
                "{arm:#}"
            );
        }
        assert_eq!(comparison["trials"], json!({ "unsupported": 12 }));
        return;
    }
    for case in 0..2 {
        let tch = pair(&comparison, case, "rust/tch");
        eprintln!("{tch:#}");
        let reasons = tch["reasons"].as_array().unwrap();
        let quality = |r: &Value| r.as_str().unwrap().starts_with("quality different");
        assert!(reasons.iter().all(quality), "nothing but quality over two seeds may be in doubt: {tch:#}");
    }
}

#[test]
fn figures_of_networks_are_scored_stored_and_told() {
    let place = Place::new();
    let spec = r#"
name = "figures"
[protocol]
blocks = 2
timeout = "5min"
[protocol.predict]
batch_sizes = [1, 8]
min_samples = 100
max_samples = 100
[[experiment]]
name = "images"
task = "image"
datasets = [{ generator = "images", rows = 100, size = 28, channels = 1, classes = 3 }]
implementations = ["rust/candle", "python/pytorch"]
scale = "channel"
target = { accuracy = 0.0 }
[experiment.algorithms]
lenet5 = { epochs = 3, batch_size = 16 }
[[experiment]]
name = "series"
task = "forecast"
datasets = [{ generator = "sine", rows = 100, length = 12 }]
implementations = ["rust/candle", "python/pytorch"]
target = { rmse = 0 }
[experiment.algorithms]
gru = { epochs = 2, batch_size = 16, hidden = 4 }
"#;
    place.write("figures.toml", spec);
    let told = place.run(&["figures.toml", "--quiet"]).success().stdout;
    let comparison = place.comparison("figures");
    let [images, series] = [0, 1].map(|case| &comparison["cases"][case]);
    assert_eq!(images["case"]["rates"]["unit"], "images");
    assert_eq!(series["case"]["rates"]["unit"], "sequences");
    for (case, reached) in [(images, 2), (series, 0)] {
        for arm in case["arms"].as_array().unwrap() {
            assert_eq!(arm["reached"], json!({ "trials": reached, "of": 2 }), "{arm:#}");
            assert_eq!(arm["phases_ns"]["to_target"].is_number(), reached == 2, "{arm:#}");
            for (phase, rows) in
                [("train_step", 16.0), ("epoch", 80.0), ("evaluate", 20.0), ("predict@8", 8.0)]
            {
                let (rate, ns) =
                    (arm["rates"][phase].as_f64().unwrap(), arm["phases_ns"][phase].as_f64().unwrap());
                assert!((rate * ns / 1e9 / rows - 1.0).abs() < 1e-9, "{phase}: {arm:#}");
            }
            let latency = &arm["latencies"]["predict@1"];
            let [p50, p95, p99] = ["p50_ns", "p95_ns", "p99_ns"].map(|p| latency[p].as_f64().unwrap());
            assert!(0.0 < p50 && p50 <= p95 && p95 <= p99, "{latency}");
        }
    }
    let open = series["pairs"][0]["open_phases"]["to_target"].as_str().unwrap();
    assert_eq!(
        open,
        "rmse ≤ 0 was reached by rust/candle in 0 of 2 trials, by python/pytorch in 0 of 2 trials"
    );
    for words in ["images/s", "p50 / p95 / p99", "to_target: training until accuracy ≥ 0 on the test rows"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }

    let table = |name: &str| -> DataFrame {
        let file = std::fs::File::open(place.only_run("figures").join(name)).unwrap();
        ParquetReader::new(file).finish().unwrap()
    };
    let number =
        |table: &DataFrame, name: &str, row: usize| table.column(name).unwrap().f64().unwrap().get(row);
    let text = |table: &DataFrame, name: &str, row: usize| {
        table.column(name).unwrap().str().unwrap().get(row).unwrap_or_default().to_owned()
    };
    let (epochs, trials, phases) =
        (table("epochs.parquet"), table("trials.parquet"), table("phases.parquet"));
    let counted = epochs.column("counted").unwrap().bool().unwrap().sum().unwrap();
    assert_eq!(counted, 2 * 2 * 3 + 2 * 2 * 2, "blocks, implementations, epochs");
    // The last point of a learning curve is the score of the trial.
    let mut compared = 0;
    for trial in 0..trials.height() {
        let of = |row: &usize| text(&epochs, "trial", *row) == text(&trials, "trial", trial);
        let last = (0..epochs.height()).rfind(of).unwrap();
        for metric in ["metric_accuracy", "metric_r2", "metric_rmse"] {
            let (point, score) = (number(&epochs, metric, last), number(&trials, metric, trial));
            assert_eq!(point, score, "{metric}");
            compared += usize::from(score.is_some());
        }
    }
    assert!(compared >= 12, "{compared}");
    let predictions: Vec<usize> =
        (0..phases.height()).filter(|row| text(&phases, "phase", *row) == "predict@1").collect();
    assert!(
        !predictions.is_empty() && predictions.iter().all(|row| number(&phases, "p99_ns", *row).is_some())
    );
}

#[test]
fn what_is_missing_is_told_before_anything_runs() {
    let place = Place::new();
    // A benchrun beside which no worker lies.
    let alone: PathBuf = place.path().join("benchrun");
    std::fs::copy(env!("CARGO_BIN_EXE_benchrun"), &alone).unwrap();
    let experiment = |algorithm: &str, size: u32| {
        format!(
            r#"
[[experiment]]
name = "images"
task = "image"
datasets = [{{ generator = "images", rows = 40, size = {size} }}]
implementations = ["rust/tch", "rust/candle"]
baseline = "rust/candle"
[experiment.algorithms]
{algorithm}
"#
        )
    };
    let run = |text: String| {
        place.write("networks.toml", &[SPEC.to_owned(), text].concat());
        let output =
            Command::new(&alone).args(["networks.toml", "--quiet"]).current_dir(place.path()).output();
        let output = output.unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let told = run(experiment("lenet5 = { steps = 1 }", 28));
    assert!(told.contains("rust/tch has a worker of its own, and there is no "), "{told}");
    assert!(told.contains("`make tch` builds it"), "{told}");
}

/// LeNet-5's tensors for gray images and so many classes, all of one value, in a file of the place.
fn weights_file(place: &Place, classes: usize) {
    let shapes: [(&str, &[usize]); 10] = [
        ("conv1.weight", &[6, 1, 5, 5]),
        ("conv1.bias", &[6]),
        ("conv2.weight", &[16, 6, 5, 5]),
        ("conv2.bias", &[16]),
        ("fc1.weight", &[120, 400]),
        ("fc1.bias", &[120]),
        ("fc2.weight", &[84, 120]),
        ("fc2.bias", &[84]),
        ("fc3.weight", &[classes, 84]),
        ("fc3.bias", &[classes]),
    ];
    let tensors = shapes.map(|(name, shape)| {
        let values = std::iter::repeat_n(0.01, shape.iter().product());
        (name.to_owned(), Tensor::float32(shape.to_vec(), values))
    });
    std::fs::write(place.path().join("weights.safetensors"), Tensor::serialize_all(&tensors)).unwrap();
}

#[test]
fn training_begins_from_the_weights_that_a_spec_names() {
    let place = Place::new();
    weights_file(&place, 3);
    let spec = |task: &str, dataset: &str, implementation: &str, algorithm: &str| {
        let experiment = format!(
            r#"
[[experiment]]
name = "given"
task = "{task}"
datasets = [{dataset}]
implementations = ["{implementation}"]
weights = "weights.safetensors"
[experiment.algorithms]
{algorithm}
"#
        );
        place.write("networks.toml", &[SPEC, &experiment].concat());
        place.run(&["networks.toml", "--quiet"])
    };
    let images = r#"{ generator = "images", rows = 60, size = 28, channels = 1, classes = 3 }"#;
    let train = |dataset| spec("image", dataset, "rust/candle", "lenet5 = { steps = 2, batch_size = 8 }");
    train(images).success();
    let receipts: Vec<Value> = place
        .events("networks")
        .into_iter()
        .map(|e| e["message"]["work"].clone())
        .filter(|w| !w.is_null())
        .collect();
    assert_eq!(receipts.len(), 3, "a discarded trial and two blocks");
    assert_eq!(receipts[1]["weights"], receipts[2]["weights"], "the weights of the file");
    assert_ne!(receipts[1]["order"], receipts[2]["order"], "another seed for each block");

    weights_file(&place, 10);
    let told = train(images).stderr;
    let message = "weights.safetensors: `fc3.bias` is [10], but the network's is [3]";
    assert!(told.contains(message), "{told}");
    std::fs::write(place.path().join("weights.safetensors"), "none").unwrap();
    let told = train(images).stderr;
    assert!(told.contains("weights.safetensors: this is no safetensors file"), "{told}");
    let told = spec("regression", r#""diabetes""#, "rust/faer", "ols = {}").stderr;
    assert!(told.contains("regression trains no networks, so nothing begins from weights"), "{told}");
    std::fs::remove_file(place.path().join("weights.safetensors")).unwrap();
    let told = train(images).stderr;
    assert!(told.contains("weights.safetensors: No such file or directory"), "{told}");
    let told = train(r#"{ format = "image_folder", path = "nowhere", size = 28 }"#).stderr;
    assert!(told.contains("nowhere"), "{told}");
}
