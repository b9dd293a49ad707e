//! Grids of hyperparameters: lists are swept, lists of tables are unions.

use std::collections::{BTreeMap, HashSet};

use super::problem::{Place, Problem, unknown};
use crate::task::AlgorithmDef;
use crate::task::parameter::{ParameterDef, Parameters, Type, Value};

/// A TOML value as a parameter's value. Tables and dates are none.
pub fn value(value: &toml::Value) -> Option<Value> {
    match value {
        toml::Value::String(s) => Some(Value::Text(s.clone())),
        toml::Value::Integer(i) => Some(Value::Int(*i)),
        toml::Value::Float(x) => Some(Value::Float(*x)),
        toml::Value::Boolean(b) => Some(Value::Bool(*b)),
        toml::Value::Array(items) => items.iter().map(self::value).collect::<Option<_>>().map(Value::List),
        toml::Value::Table(_) | toml::Value::Datetime(_) => None,
    }
}

/// The values of one parameter that a spec sweeps: one or more, each checked.
fn swept(
    definition: &ParameterDef,
    given: &toml::Value,
    place: &Place,
    problems: &mut Vec<Problem>,
) -> Vec<Value> {
    let is_sweep = match (definition.ty, given) {
        (Type::FloatList, toml::Value::Array(items)) => items.iter().any(toml::Value::is_array),
        (_, toml::Value::Array(_)) => true,
        _ => false,
    };
    let mut values: Vec<Value> = Vec::new();
    let mut seen = HashSet::new();
    let mut check = |item: &toml::Value, place: &Place| {
        let checked = value(item)
            .ok_or_else(|| format!("is {}, but must be {}", item.type_str(), definition.allowed()))
            .and_then(|v| definition.check(&v));
        match checked {
            // Looked up by its text: a list may be long, and numbers with a fraction have no hash.
            Ok(value) if !seen.insert(format!("{value:?}")) => {
                problems.push(Problem::value(place, format!("`{}` sweeps {value} twice", definition.name)));
            }
            Ok(value) => values.push(value),
            Err(message) => problems.push(
                Problem::value(place, format!("`{}` {message}", definition.name))
                    .hint(definition.doc.clone()),
            ),
        }
    };
    match given {
        toml::Value::Array(items) if is_sweep => {
            for (i, item) in items.iter().enumerate() {
                check(item, &place.at(i));
            }
            if items.is_empty() {
                problems.push(Problem::value(place, format!("`{}` sweeps no value", definition.name)));
            }
        }
        single => check(single, place),
    }
    values
}

/// One grid: for each parameter the values that are swept.
pub type Axes = Vec<(String, Vec<Value>)>;

/// The axes of one table, every parameter of the algorithm included.
pub fn axes<'t>(
    algorithm: &AlgorithmDef,
    table: impl IntoIterator<Item = (&'t String, &'t toml::Value)>,
    place: &Place,
    problems: &mut Vec<Problem>,
) -> Axes {
    let mut given: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (key, item) in table {
        let place = place.at(key);
        match algorithm.parameters.iter().find(|p| p.name == *key) {
            Some(definition) => {
                given.insert(&definition.name, swept(definition, item, &place, problems));
            }
            None => {
                let what = format!("hyperparameter of {}", algorithm.name);
                let (message, hint) =
                    unknown(&what, key, algorithm.parameters.iter().map(|p| p.name.as_str()));
                problems.push(Problem::key(&place, message).hint(hint));
            }
        }
    }
    algorithm
        .parameters
        .iter()
        .map(|p| (p.name.clone(), given.remove(p.name.as_str()).unwrap_or_else(|| vec![p.default.clone()])))
        .collect()
}

/// The number of points of a grid; the largest number that there is, where it is more.
pub fn size(axes: &Axes) -> u64 {
    axes.iter().map(|(_, values)| values.len() as u64).fold(1, u64::saturating_mul)
}

/// Every point of a grid, the last axis fastest.
pub fn points(axes: &Axes) -> impl Iterator<Item = Parameters> + '_ {
    (0..size(axes)).map(move |mut index| {
        let mut point = Parameters::new();
        for (name, values) in axes.iter().rev() {
            let length = values.len() as u64;
            point.insert(name.clone(), values[usize::try_from(index % length).unwrap_or_default()].clone());
            index /= length;
        }
        point
    })
}

/// Values for declared parameters, defaults left out: settings of an implementation, parameters of a generator.
pub fn plain<'t>(
    what: &str,
    definitions: &[ParameterDef],
    table: impl IntoIterator<Item = (&'t String, &'t toml::Value)>,
    place: &Place,
    problems: &mut Vec<Problem>,
) -> Parameters {
    let mut parameters = Parameters::new();
    for (key, item) in table {
        let place = place.at(key);
        let Some(definition) = definitions.iter().find(|p| p.name == *key) else {
            let (message, hint) = unknown(what, key, definitions.iter().map(|p| p.name.as_str()));
            problems.push(Problem::key(&place, message).hint(hint));
            continue;
        };
        let checked = value(item)
            .ok_or_else(|| format!("is {}, but must be {}", item.type_str(), definition.allowed()))
            .and_then(|v| definition.check(&v));
        match checked {
            Ok(value) => {
                parameters.insert(key.clone(), value);
            }
            Err(message) => problems
                .push(Problem::value(&place, format!("`{key}` {message}")).hint(definition.doc.clone())),
        }
    }
    parameters
}
