//! The adapter kit's own tests, run in the environment that the tool makes.

use std::process::Command;

use crate::support::{Place, ROOT};

#[test]
fn the_kit_passes_its_tests() {
    let place = Place::new();
    let interpreter = place.run(&["env", "sync", "python/scikit-learn"]).success().stdout;
    let definitions = place.run(&["list", "algorithms", "--format", "json"]).success().stdout;
    let definitions = place.write("algorithms.json", &definitions);
    let output = Command::new(interpreter.trim())
        .args(["-m", "unittest", "discover", "-s", "python_adapters/tests"])
        .current_dir(ROOT)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("BENCHRUN_ALGORITHMS", definitions)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let ran = text.lines().find_map(|l| l.strip_prefix("Ran ")?.split(' ').next()?.parse::<u32>().ok());
    assert!(ran.is_some_and(|n| n >= 80), "all tests were found: {text}");
}
