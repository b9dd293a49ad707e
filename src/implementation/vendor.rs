//! An adapter's own algorithm, `vendor:name`: is its definition sound, and do all adapters that offer it define it alike?

use crate::task::parameter::ParameterDef;
use crate::task::{AlgorithmDef, Equivalence};

/// Checks a definition.
///
/// # Errors
/// What is wrong and what is allowed.
pub fn check(algorithm: &AlgorithmDef) -> Result<(), String> {
    let name = &algorithm.name;
    if name.split(':').count() != 2 || name.split(':').any(|part| !is_word(part)) {
        return Err("must be `vendor:name`, both of letters, digits, `-` and `_`".to_owned());
    }
    let twice = |names: &[&str]| {
        let repeated = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name));
        repeated.map(|(_, name)| (*name).to_owned())
    };
    let parameters: Vec<&str> = algorithm.parameters.iter().map(|p| p.name.as_str()).collect();
    if let Some(name) = twice(&parameters) {
        return Err(format!("the parameter `{name}` is there twice"));
    }
    let work: Vec<&str> = algorithm.work.iter().map(String::as_str).collect();
    if let Some(key) = work.iter().find(|key| !is_word(key)) {
        return Err(format!(
            "work holds \"{key}\", but must hold keys of the receipt's `work`, of letters, digits, `-` and `_`"
        ));
    }
    if let Some(key) = twice(&work) {
        return Err(format!("work holds `{key}` twice"));
    }
    algorithm.equivalence.as_ref().map_or(Ok(()), equivalence)
}

fn equivalence(rule: &Equivalence) -> Result<(), String> {
    // Which metrics there are is known only when outputs are scored; a metric that is never scored leaves quality undecided.
    if !is_word(&rule.metric) {
        return Err(format!("equivalence.metric is \"{}\", but must name a metric of the task", rule.metric));
    }
    if !(rule.margin > 0.0 && rule.margin.is_finite()) {
        return Err(format!(
            "equivalence.margin is {}, but must be a finite number larger than 0, in the metric's unit",
            rule.margin
        ));
    }
    let of_predict = |phase: &str| {
        phase.split_once('@').is_some_and(|(does, n)| {
            ["predict", "transform"].contains(&does) && (n == "all" || n.parse::<u64>().is_ok_and(|n| n > 0))
        })
    };
    match rule.quality_phases.iter().find(|p| !["fit_first", "fit"].contains(&p.as_str()) && !of_predict(p)) {
        Some(phase) => Err(format!(
            "equivalence.quality_phases holds `{phase}`, but a phase is `fit_first`, `fit`, `predict@<rows>` `predict@all`, or the same of `transform`"
        )),
        None => Ok(()),
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

/// In what two definitions of one algorithm differ, if they do. Descriptions may.
pub fn difference(known: &AlgorithmDef, other: &AlgorithmDef) -> Option<&'static str> {
    let plain = |definition: &AlgorithmDef| -> Vec<ParameterDef> {
        let parameters = definition.parameters.iter();
        parameters.map(|p| ParameterDef { doc: String::new(), ..p.clone() }).collect()
    };
    if plain(known) != plain(other) {
        Some("parameters")
    } else if known.transductive != other.transductive {
        Some("phases")
    } else if known.work != other.work {
        Some("work")
    } else if known.equivalence != other.equivalence {
        Some("equivalence")
    } else {
        None
    }
}
