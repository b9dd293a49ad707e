//! Planted frauds in a network's training: each is caught and named; honest deviations are accepted. `make prove-frauds` plants all of
//! them, and the usual tests those that are caught in different ways.

use serde_json::Value;

use crate::support::{Place, ROOT, refused};

/// The suspect beside the files of PyTorch's adapter, which it wraps, and with its lock.
fn suspect(place: &Place) {
    for folder in ["python_adapters/pytorch", "tests/adapters/suspect_network"] {
        for entry in std::fs::read_dir(format!("{ROOT}/{folder}")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let text = std::fs::read_to_string(&path).unwrap();
                place.write(
                    &format!("adapters/suspect/{}", path.file_name().unwrap().to_str().unwrap()),
                    &text,
                );
            }
        }
    }
}

/// Judges the suspect with each fault against a baseline, in the order of the faults.
fn judged(baseline: &str, promises: bool, faults: &[&str]) -> Vec<Value> {
    let place = Place::new();
    suspect(&place);
    let mut spec = String::from(
        r#"
name = "frauds"
[protocol]
blocks = 2
[protocol.predict]
batch_sizes = [1]
max_samples = 2
"#,
    );
    for fault in faults {
        spec += &format!(
            r#"
[[experiment]]
name = "{fault}"
task = "image"
datasets = [{{ generator = "images", rows = 150, size = 28, channels = 1, classes = 3 }}]
implementations = ["python/suspect-network", "{baseline}"]
baseline = "{baseline}"
scale = "channel"
[experiment.algorithms]
lenet5 = {{ steps = 10, epochs = 2, batch_size = 16, learning_rate = 0.05, momentum = 0.9 }}
[experiment.settings."python/suspect-network"]
fault = "{fault}"
promises = {promises}
"#
        );
    }
    place.write("frauds.toml", &spec);
    place.run(&["frauds.toml", "--quiet", "--adapters", "adapters"]).success();
    let comparison = place.comparison("frauds");
    let cases = comparison["cases"].as_array().unwrap();
    assert_eq!(cases.len(), faults.len());
    cases.iter().map(|case| case["pairs"][0].clone()).collect()
}

/// Whether all frauds are planted.
fn all() -> bool {
    std::env::var_os("BENCHRUN_ALL_FRAUDS").is_some()
}

#[test]
fn other_kernels_may_round_but_not_cheat() {
    let steps = "times what one unit in the last place of the weights does (allowed 50)";
    let other_first_step = "python/suspect-network shows a first step with the loss";
    let mut table = vec![
        ("skipped_steps", steps),
        ("simulated_losses", steps),
        ("half_batch", other_first_step),
        ("other_activation", "logits and loss of the first step differ by"),
        ("bfloat16", steps),
        ("told_no_momentum", "momentum should be 0.9, but python/suspect-network used 0"),
        ("mean_of_batch", "logits before training differ by"),
    ];
    let mut honest = vec!["channels_last"];
    if all() {
        table.extend([
            ("other_rate", steps),
            ("other_rows", steps),
            ("other_weights", "logits and loss of the first step differ by"),
            ("frozen", steps),
            ("no_momentum", steps),
            ("constant_logits", "logits before training differ by"),
            ("noise", "logits before training differ by"),
        ]);
        honest.extend(["none", "no_mkldnn"]);
    }
    let faults: Vec<&str> = honest.iter().copied().chain(table.iter().map(|(fault, _)| *fault)).collect();
    let found = judged("rust/candle", false, &faults);
    let (accepted, caught) = found.split_at(honest.len());
    for (fault, pair) in honest.iter().zip(accepted) {
        assert!(
            pair["comparable"] == true || undecided(pair),
            "{fault}: nothing but quality over two seeds may be in doubt: {pair:#}"
        );
    }
    for ((_, reason), pair) in table.iter().zip(caught) {
        refused(pair, reason);
    }
}

fn undecided(pair: &Value) -> bool {
    let reasons = pair["reasons"].as_array().unwrap();
    reasons.iter().all(|reason| reason.as_str().unwrap().starts_with("quality different"))
}

#[test]
fn who_promises_equal_bits_is_held_to_every_one() {
    let mut table = vec![("other_rate", "the losses of step 2 are")];
    if all() {
        table.extend([("noise", "the logits before training differ"), ("no_mkldnn", "the losses of step")]);
    }
    let faults: Vec<&str> = std::iter::once("none").chain(table.iter().map(|(fault, _)| *fault)).collect();
    let pairs = judged("python/pytorch", true, &faults);
    assert_eq!(pairs[0]["comparable"], true, "{:#}", pairs[0]);
    let steps = pairs[0]["findings"]["equal bits"].as_str().unwrap();
    assert_eq!(steps, "losses of 10 steps and all logits equal in every bit");
    for ((_, reason), pair) in table.iter().zip(&pairs[1..]) {
        refused(pair, &format!("whose results are equal in every bit, but {reason}"));
    }
}
