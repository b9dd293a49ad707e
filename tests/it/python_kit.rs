//! The adapter kit's own tests, run in the environment that the tool makes.

use std::process::Command;

use crate::support::{Place, ROOT};

#[test]
fn the_kit_passes_its_tests() {
    // Those of PyTorch and transformers are skipped here.
    passes("python/scikit-learn", "test_*.py", 80);
}

#[test]
fn pytorch_passes_its_tests() {
    passes("python/pytorch", "test_pytorch.py", 20);
}

#[test]
fn transformers_passes_its_tests() {
    passes("python/transformers", "test_transformers.py", 30);
}

fn passes(environment: &str, pattern: &str, least: u32) {
    let place = Place::new();
    let interpreter = place.run(&["env", "sync", environment]).success().stdout;
    let definitions = place.run(&["list", "algorithms", "--format", "json"]).success().stdout;
    let definitions = place.write("algorithms.json", &definitions);
    let output = Command::new(interpreter.trim())
        .args(["-m", "unittest", "discover", "-s", "python_adapters/tests", "-p", pattern])
        .current_dir(ROOT)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("BENCHRUN_ALGORITHMS", definitions)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let ran = text.lines().find_map(|l| l.strip_prefix("Ran ")?.split(' ').next()?.parse::<u32>().ok());
    assert!(ran.is_some_and(|n| n >= least), "all tests were found: {text}");
}
