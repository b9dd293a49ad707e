//! Specs: a text that is accepted plans to unique trials, and means the same when it is read again.

use std::collections::HashSet;
use std::path::Path;

use benchrun::guard::name::is_plain;
use benchrun::implementation::Registry;
use benchrun::plan::{Plan, trial_id};
use benchrun::spec::Spec;

use crate::ROOT;
use crate::engine::fuzz;
use crate::input::is_printable;
use crate::mutate::Documents;

const MOST_TRIALS: u64 = 2000;

const TOKENS: &[&str] = &[
    "[[experiment]]",
    "[protocol]",
    "name = ",
    "datasets = [\"diabetes\"]",
    "blocks = ",
    "{ min = 2, max = 3 }",
    "\"python/scikit-learn\"",
    "\"rust/linfa\"",
    "[experiment.algorithms]",
    "ridge = {}",
    "alpha = [",
    "[[",
    "]]",
    "{",
    "}",
    "\"\"\"",
    "'''",
    "= ",
    ".",
    "\u{85}",
    "\\u001b",
    "path = \"/dev/zero\"",
    "path = \"..\"",
    "task = \"clustering\"",
    "500000000000y",
    "1e99GiB",
    "0x7fffffffffffffff",
    "2026-01-01",
    "#",
    "include",
    "exclude",
    "folds = ",
];

#[test]
fn spec() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data.csv"), "a,y\n1,2\n3,4\n").unwrap();
    let adapters = Path::new(ROOT).join("python_adapters");
    let registry = Registry::load(&adapters.join("kit"), &[adapters]).unwrap();
    let shipped = std::fs::read_dir(Path::new(ROOT).join("specs"))
        .unwrap()
        .map(|e| std::fs::read(e.unwrap().path()).unwrap());
    fuzz("spec", TOKENS, Documents::Toml, shipped.collect(), |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return "no UTF-8".to_owned() };
        let read = || Spec::parse("spec.toml", text, folder.path(), &registry, MOST_TRIALS);
        let spec = match read() {
            Ok(spec) => spec,
            Err(error) => {
                let rendered = error.render(false);
                is_printable(&rendered);
                assert!(error.count() > 0 && rendered.starts_with("error"), "{rendered}");
                return rendered.lines().next().unwrap_or_default().to_owned();
            }
        };
        assert!(is_plain(&spec.name), "{}", spec.name);
        let canonical = serde_json::to_string(&spec).unwrap();
        assert_eq!(canonical, serde_json::to_string(&read().unwrap()).unwrap());
        let plan = Plan::new(spec, &registry);
        assert!(plan.trial_count() <= MOST_TRIALS);
        assert!(std::time::Instant::now().checked_add(plan.spec.protocol.timeout).is_some());
        let again = Plan::new(plan.spec.clone(), &registry);
        let mut ids = HashSet::new();
        for (case, same) in plan.cases.iter().zip(&again.cases) {
            assert_eq!(case.id, same.id);
            let blocks = (1..=plan.blocks.max)
                .flat_map(|block| case.arms.iter().map(move |arm| (block, &arm.implementation)));
            for (block, implementation) in blocks {
                let id = trial_id(&case.id, block, implementation, 0);
                assert!(is_plain(&id), "{id}");
                assert!(ids.insert(id.clone()), "{id} is there twice");
            }
        }
        format!("accepted: {} experiments, {:?}", plan.spec.experiments.len(), plan.spec.experiments[0].task)
    });
}
