//! Raw outputs: whatever a worker hands in is scored and compared with honest ones, or refused.

use std::collections::BTreeMap;
use std::path::Path;

use benchrun::data::Source;
use benchrun::data::bundle::{self, Bundle, Dtype, Preparation, Scale};
use benchrun::task::parameter::{Parameters, Value};
use benchrun::task::{self, Finished, Learner, Problem, Series, Tolerances};

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
    "log_probabilities",
    "epoch_answers",
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
            let problem = Problem {
                algorithm,
                hyperparameters,
                bundle,
                weights: None,
                dtype: None,
                tolerances: &tolerances,
                stochastic: false,
                target: None,
            };
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
        let (generator, given): (_, &[_]) = match name {
            "classification" | "clustering" => ("blobs", &[("rows", 45), ("features", 3)]),
            "image" => ("images", &[("rows", 40), ("size", 28), ("channels", 1), ("classes", 3)]),
            "forecast" => ("sine", &[("rows", 40), ("length", 8)]),
            "next_token" => ("tokens", &[("rows", 40), ("length", 12), ("vocabulary", 6)]),
            _ => ("linear", &[("rows", 40), ("features", 3)]),
        };
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), Value::Int(*value)));
        let source = Source::generator(generator, &given.collect::<BTreeMap<_, _>>()).unwrap();
        let is_network = definition.learner == Learner::Network;
        let preparation = Preparation {
            test_fraction: 0.2,
            fold: None,
            published: false,
            scale: if is_network { Scale::None } else { Scale::Standard },
            seed: 1,
            dtype: if is_network { Dtype::Float32 } else { Dtype::Float64 },
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
