//! Raw outputs: whatever a worker hands in is scored and compared with honest ones, or refused.

use std::collections::BTreeMap;
use std::path::Path;

use benchrun::data::Source;
use benchrun::data::bundle::{self, Bundle, Dtype, Preparation, Scale};
use benchrun::task::parameter::{Parameters, Value};
use benchrun::task::{self, Finished, Problem, Series, Tolerances};

use crate::ROOT;
use crate::engine::{corpus, fuzz};
use crate::input::folder;
use crate::mutate::Documents;

const TOKENS: &[&str] = &[
    "\"F64\"",
    "\"I64\"",
    "\"F32\"",
    "\"BOOL\"",
    "[0]",
    "[1]",
    "[10,3]",
    "[0,18446744073709551615]",
    "[4611686018427387904,4]",
    "\"data_offsets\":[0,0]",
    "predictions",
    "labels",
    "coefficients",
    "centroids",
    "\"shape\":",
    "{",
    "}",
    "\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{f0}\u{7f}",
    "\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{f8}\u{7f}",
];

/// One algorithm of the corpus with the data that its outputs belong to.
struct Asked {
    task: &'static dyn task::Task,
    algorithm: String,
    hyperparameters: Parameters,
    bundle: Bundle,
    honest: std::path::PathBuf,
}

#[test]
fn outputs() {
    let folder = folder();
    let asked = asked(folder.path());
    let path = folder.path().join("mutated.safetensors");
    let tolerances = Tolerances::default();
    // What belongs to which algorithm is not known of a mutated file: each is given to all of them.
    fuzz("outputs", TOKENS, Documents::None, Vec::new(), |bytes| {
        std::fs::write(&path, bytes).unwrap();
        let mut happened = String::new();
        for Asked { task, algorithm, hyperparameters, bundle, honest } in &asked {
            let (stochastic, target, tolerances) = (false, None, &tolerances);
            let problem = Problem { algorithm, hyperparameters, bundle, tolerances, stochastic, target };
            match task.score(&problem, &path, &Series::new()) {
                Ok(scores) => {
                    assert!(scores.metrics.values().all(|value| value.is_finite()), "{:?}", scores.metrics);
                    happened += &format!("scored {algorithm}, ");
                }
                Err(error) => happened += &error.to_string(),
            }
            match task.compare(&problem, side("a", &path), side("b", honest)) {
                Ok(checks) => happened += &format!("{} agree", checks.iter().filter(|c| c.agrees).count()),
                Err(error) => happened += &error.to_string(),
            }
        }
        happened
    });
}

fn asked(cache: &Path) -> Vec<Asked> {
    let mut found = Vec::new();
    let names = std::fs::read_dir(format!("{ROOT}/tests/fuzz/corpus/outputs")).unwrap();
    let mut paths: Vec<_> = names
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "safetensors"))
        .collect();
    paths.sort();
    assert!(paths.len() <= corpus("outputs").len());
    for honest in paths {
        let stem = honest.file_stem().unwrap().to_str().unwrap();
        let (name, algorithm) = stem.split_once('-').unwrap();
        let task = task::task(name).unwrap();
        let definition = task.definition();
        let parameters = &definition.algorithm(algorithm).unwrap().parameters;
        let mut hyperparameters: Parameters =
            parameters.iter().map(|p| (p.name.clone(), p.default.clone())).collect();
        for (name, value) in [("n_estimators", 2), ("max_depth", 2)] {
            let is_set = algorithm == "random_forest" && name == "n_estimators"
                || algorithm == "decision_tree" && name == "max_depth";
            if is_set {
                hyperparameters.insert(name.to_owned(), Value::Int(value));
            }
        }
        let is_classes = ["classification", "clustering"].contains(&name);
        let (generator, rows) = if is_classes { ("blobs", 45) } else { ("linear", 40) };
        let given =
            BTreeMap::from([("rows".to_owned(), Value::Int(rows)), ("features".to_owned(), Value::Int(3))]);
        let source = Source::generator(generator, &given).unwrap();
        let preparation = Preparation {
            test_fraction: 0.2,
            fold: None,
            published: false,
            scale: Scale::Standard,
            seed: 1,
            dtype: Dtype::Float64,
            stratify: name == "classification",
        };
        let bundle = bundle::prepare(&source, &preparation, cache, &mut |_| ()).unwrap();
        found.push(Asked { task, algorithm: algorithm.to_owned(), hyperparameters, bundle, honest });
    }
    found
}

fn side<'a>(name: &'a str, outputs: &'a Path) -> Finished<'a> {
    Finished { name, outputs, kernels: None }
}
