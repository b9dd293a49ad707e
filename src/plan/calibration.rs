//! The plan of a calibration: every implementation against itself, as it is and slowed by a known amount, many times.

use std::str::FromStr;

use super::{Arm, Case, Plan};
use crate::files::sha256;
use crate::number;
use crate::spec::{Blocks, Experiment, Spec};

/// The largest slow-down, as a fraction: eleven times as long.
const LARGEST: f64 = 10.0;

/// Distinct slow-downs, each a fraction above 0 and in the order given.
#[derive(Debug, Clone, PartialEq)]
pub struct Slowdowns(Vec<f64>);

impl FromStr for Slowdowns {
    type Err = String;

    /// Reads percentages with commas between them; an empty text is no slow-down.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut slowdowns: Vec<f64> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|_| !text.trim().is_empty()) {
            let percent = part.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
            let Some(percent) = percent.filter(|p| p.is_finite()) else {
                return Err(format!("\"{part}\" is no percentage; write for example 1%,2.5%,10%"));
            };
            // What the arm's name cannot tell apart is not measured apart.
            let slowdown = (percent * 1e4).round() / 1e6;
            if !(slowdown > 0.0 && slowdown <= LARGEST) {
                return Err(format!("{part} should be above 0 % and at most {} %", LARGEST * 100.0));
            }
            if slowdowns.contains(&slowdown) {
                return Err(format!("{part} is given twice"));
            }
            slowdowns.push(slowdown);
        }
        Ok(Self(slowdowns))
    }
}

/// The calibration of a plan: for each case, each implementation that can solve it, and each of so many comparisons, one case of its own.
/// Its arms are the implementation, the same once more, and the same slowed; all are compared with the first.
pub fn calibration(plan: &Plan, comparisons: u32, slowdowns: &Slowdowns) -> Plan {
    let mut experiments: Vec<Experiment> = Vec::new();
    let mut cases = Vec::new();
    for case in &plan.cases {
        for arm in case.runnable() {
            let experiment = place(plan, case, arm, &mut experiments);
            for repetition in 1..=comparisons {
                let arms = arms(arm, slowdowns);
                let id = case_id(case, &arms, repetition);
                let (application, learner) = (case.application.clone(), case.learner);
                cases.push(Case { id, experiment, index: case.index, arms, application, learner });
            }
        }
    }
    let spec = Spec { name: format!("{}-calibration", plan.spec.name), experiments, ..plan.spec.clone() };
    // Each comparison is judged alone, so a number of blocks that the size of a family decides would be another experiment.
    Plan { blocks: Blocks::fixed(plan.blocks.min), spec, cases }
}

/// The place of the experiment in which an arm is its own baseline.
fn place(plan: &Plan, case: &Case, arm: &Arm, experiments: &mut Vec<Experiment>) -> usize {
    let of = plan.experiment(case);
    let name = format!("{} · {}", of.name, arm.implementation);
    experiments.iter().position(|known| known.name == name).unwrap_or_else(|| {
        let id = &arm.implementation;
        experiments.push(Experiment {
            name,
            implementations: vec![id.clone()],
            baseline: id.clone(),
            ..of.clone()
        });
        experiments.len() - 1
    })
}

fn arms(arm: &Arm, slowdowns: &Slowdowns) -> Vec<Arm> {
    let baseline = Arm { compared_with: None, ..arm.clone() };
    let variant = |name: &str, slowdown| Arm {
        implementation: format!("{}+{name}", arm.implementation),
        compared_with: Some(arm.implementation.clone()),
        slowdown,
        ..baseline.clone()
    };
    let slowed = slowdowns.0.iter().map(|s| variant(&format!("slow{}pct", number::percent(*s)), *s));
    let identical = variant("aa", 0.0);
    let contenders: Vec<Arm> = std::iter::once(identical).chain(slowed).collect();
    std::iter::once(baseline).chain(contenders).collect()
}

/// What tells a case from the others of a calibration, and from the case that it came from.
fn case_id(case: &Case, arms: &[Arm], repetition: u32) -> String {
    let names: Vec<&str> = arms.iter().map(|a| a.implementation.as_str()).collect();
    sha256(format!("{}\n{}\n{repetition}", case.id, names.join("\n")).as_bytes())[..12].to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::super::trial_id;
    use super::*;
    use crate::implementation::Registry;

    const SPEC: &str = r#"
name = "small"
[[experiment]]
name            = "lines"
task            = "regression"
datasets        = [{ generator = "linear", rows = 100, features = 3 }]
implementations = ["rust/faer", "rust/linfa"]
[experiment.algorithms]
ols   = {}
lasso = {}
"#;

    fn plan(comparisons: u32, slowdowns: &str) -> Plan {
        let registry = Registry::load(Path::new("nowhere"), &[]).unwrap();
        let spec = Spec::parse("small.toml", SPEC, Path::new("."), &registry, 1000);
        let spec = spec.unwrap_or_else(|e| panic!("{}", e.render(false)));
        calibration(&Plan::new(spec, &registry), comparisons, &slowdowns.parse().unwrap())
    }

    #[test]
    fn every_implementation_is_compared_with_itself() {
        let plan = plan(4, "1%, 2.5%,25%");
        assert_eq!(plan.spec.name, "small-calibration");
        // faer offers no lasso, so three pairs of case and implementation are left.
        assert_eq!(plan.cases.len(), 3 * 4);
        let ids: BTreeSet<&str> = plan.cases.iter().map(|c| c.id.as_str()).collect();
        assert_eq!(ids.len(), plan.cases.len(), "every comparison is a case of its own");
        for case in &plan.cases {
            let of = |arm: &Arm| (arm.base.clone(), arm.compared_with.clone());
            let own = plan.experiment(case).baseline.clone();
            assert_eq!(of(&case.arms[0]), (own.clone(), None));
            assert!(case.arms[1..].iter().all(|a| of(a) == (own.clone(), Some(own.clone()))), "{case:?}");
            assert_eq!(
                case.arms.iter().map(|a| a.slowdown).collect::<Vec<_>>(),
                [0.0, 0.0, 0.01, 0.025, 0.25]
            );
            let trials: BTreeSet<String> =
                case.arms.iter().map(|a| trial_id(&case.id, 1, &a.implementation, 0)).collect();
            assert_eq!(trials.len(), 5, "{trials:?}");
        }
        let of_faer = plan.cases.iter().find(|c| c.arms[0].base == "rust/faer").unwrap();
        assert_eq!(of_faer.arms[3].implementation, "rust/faer+slow2.5pct");
        assert_eq!(plan.experiment(of_faer).name, "lines · rust/faer");
    }

    #[test]
    fn other_slowdowns_are_other_cases() {
        let [some, others] = ["1%", "2%"].map(|s| plan(1, s).cases[0].id.clone());
        assert_ne!(some, others);
        assert_eq!(plan(2, "1%").cases[0].id, some, "more comparisons keep the ids of the first");
    }

    #[test]
    fn slowdowns_are_percentages() {
        let read = |text: &str| text.parse::<Slowdowns>().map(|s| s.0);
        assert_eq!(read("1%,2.5%, 300 %"), Ok(vec![0.01, 0.025, 3.0]));
        assert_eq!(read(""), Ok(vec![]));
        for (text, told) in [
            ("abc", "\"abc\" is no percentage"),
            ("5", "\"5\" is no percentage"),
            ("5%,", "\"\" is no percentage"),
            ("nan%", "is no percentage"),
            ("0%", "should be above 0 %"),
            ("-1%", "should be above 0 %"),
            ("2000%", "at most 1000 %"),
            ("1%,1.0%", "1.0% is given twice"),
        ] {
            let message = read(text).unwrap_err();
            assert!(message.contains(told), "{text}: {message}");
        }
    }
}
