//! A folder of its own for every test, and the binary run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The repository.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A folder in which a user would work.
pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_benchrun"));
        command.args(arguments).current_dir(self.path());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Done {
        Done::from(self.command(arguments).output().unwrap())
    }

    /// The comparison of a spec's newest run.
    pub fn comparison(&self, spec: &str) -> Value {
        self.run(&["compare", spec, "--format", "json"]).json()["comparisons"][0].clone()
    }

    /// The events in the journal of a spec's only run.
    pub fn events(&self, spec: &str) -> Vec<Value> {
        let journal = self.only_run(spec).join("journal.jsonl");
        let text = std::fs::read_to_string(journal).unwrap();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The folder of a spec's only run.
    pub fn only_run(&self, spec: &str) -> PathBuf {
        let runs: Vec<PathBuf> = std::fs::read_dir(self.path().join("results").join(spec))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs[0].clone()
    }
}

/// What a command printed.
pub struct Done {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Done {
    #[track_caller]
    pub fn success(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}\n{}", self.stdout, self.stderr))
    }
}

/// Asserts that a value fits one of the stored schemas.
#[track_caller]
pub fn fits_schema(name: &str, value: &Value) {
    let text = std::fs::read_to_string(format!("{ROOT}/schemas/{name}.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(value).map(|e| format!("{} at {}", e, e.instance_path())).collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}");
}

/// Asserts that a pair is not comparable for a reason that is told, and that no ratio is given.
#[track_caller]
pub fn refused(pair: &Value, reason: &str) {
    assert_eq!(pair["comparable"], false, "{reason}: {pair:#}");
    assert_eq!(pair["phases"].as_array().unwrap().len(), 0, "no ratio is given");
    let reasons: Vec<&str> =
        pair["reasons"].as_array().unwrap().iter().map(|r| r.as_str().unwrap()).collect();
    assert!(reasons.iter().any(|r| r.contains(reason)), "{reason}: {reasons:#?}");
}
