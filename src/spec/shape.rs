//! The shape of a spec: every value checked against the JSON Schema that is generated from [`super::raw`].
//!
//! serde stops at its first error and knows no nearest key. The schema is generated from the very types that serde fills, so a
//! document that passes here also deserialises.

use serde_json::Value as Json;

use super::problem::{Place, Problem, unknown};

/// Every deviation of `value` from `schema`.
pub fn check(schema: &Json, value: &toml::Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    Walk { root: schema }.value(schema, value, &Place::default(), &mut problems);
    problems
}

struct Walk<'s> {
    root: &'s Json,
}

impl<'s> Walk<'s> {
    fn resolve(&self, schema: &'s Json) -> &'s Json {
        match schema.get("$ref").and_then(Json::as_str).and_then(|r| r.strip_prefix('#')) {
            Some(pointer) => self.root.pointer(pointer).map_or(schema, |s| self.resolve(s)),
            None => schema,
        }
    }

    fn value(&self, schema: &'s Json, value: &toml::Value, place: &Place, problems: &mut Vec<Problem>) {
        let schema = self.resolve(schema);
        if let Some(options) = schema.get("anyOf").and_then(Json::as_array) {
            let options: Vec<&Json> = options.iter().map(|o| self.resolve(o)).collect();
            // An option of the same type tells most about what is wrong inside.
            match options.iter().find(|o| has_type(o, value)) {
                Some(option) => self.value(option, value, place, problems),
                None => problems.push(wrong_type(&options, value, place)),
            }
            return;
        }
        if !has_type(schema, value) {
            problems.push(wrong_type(&[schema], value, place));
            return;
        }
        self.choice(schema, value, place, problems);
        range(schema, value, place, problems);
        match value {
            toml::Value::Table(table) => self.table(schema, table, place, problems),
            toml::Value::Array(array) => {
                if let Some(items) = schema.get("items") {
                    for (i, item) in array.iter().enumerate() {
                        self.value(items, item, &place.at(i), problems);
                    }
                }
                if array.is_empty() && schema.get("minItems").and_then(Json::as_u64).is_some_and(|m| m > 0) {
                    problems.push(Problem::value(place, format!("{} is empty", name(place))));
                }
            }
            _ => {}
        }
    }

    fn table(&self, schema: &'s Json, table: &toml::Table, place: &Place, problems: &mut Vec<Problem>) {
        let known = schema.get("properties").and_then(Json::as_object);
        let others = schema.get("additionalProperties");
        for (key, value) in table {
            let place = place.at(key);
            match (known.and_then(|k| k.get(key)), others) {
                (Some(inner), _) => self.value(inner, value, &place, problems),
                (None, Some(Json::Bool(false))) => {
                    let (message, hint) =
                        unknown("key", key, known.into_iter().flatten().map(|(k, _)| k.as_str()));
                    problems.push(Problem::key(&place, message).hint(hint));
                }
                (None, Some(inner)) if inner.is_object() => self.value(inner, value, &place, problems),
                (None, _) => {}
            }
        }
        for required in schema.get("required").and_then(Json::as_array).into_iter().flatten() {
            if let Some(key) = required.as_str()
                && !table.contains_key(key)
            {
                let doc =
                    known.and_then(|k| k.get(key)).and_then(|s| s.get("description")).and_then(Json::as_str);
                let problem = Problem::key(place, format!("{} needs the key `{key}`", name(place)));
                problems.push(match doc {
                    Some(doc) => problem.hint(format!("`{key}`: {doc}")),
                    None => problem,
                });
            }
        }
    }

    fn choice(&self, schema: &Json, value: &toml::Value, place: &Place, problems: &mut Vec<Problem>) {
        if let (Some(choices), Some(text)) = (schema.get("enum").and_then(Json::as_array), value.as_str())
            && !choices.iter().any(|c| c.as_str() == Some(text))
        {
            let (message, hint) =
                unknown(&format!("value of {}", name(place)), text, choices.iter().filter_map(Json::as_str));
            problems.push(Problem::value(place, message).hint(hint));
        }
    }
}

fn name(place: &Place) -> String {
    if place.0.is_empty() { "the spec".to_owned() } else { format!("`{place}`") }
}

#[expect(clippy::cast_precision_loss, reason = "bounds in the schema are small")]
fn range(schema: &Json, value: &toml::Value, place: &Place, problems: &mut Vec<Problem>) {
    let Some(number) = value.as_float().or(value.as_integer().map(|i| i as f64)) else { return };
    let bound = |key: &str| schema.get(key).and_then(Json::as_f64);
    let wrong = if let Some(m) = bound("minimum").filter(|m| number < *m) {
        format!("at least {m}")
    } else if let Some(m) = bound("exclusiveMinimum").filter(|m| number <= *m) {
        format!("larger than {m}")
    } else if let Some(m) = bound("maximum").filter(|m| number > *m) {
        format!("at most {m}")
    } else if let Some(m) = bound("exclusiveMaximum").filter(|m| number >= *m) {
        format!("smaller than {m}")
    } else if number.is_finite() {
        return;
    } else {
        "finite".to_owned()
    };
    problems.push(Problem::value(place, format!("{} is {value}, but must be {wrong}", name(place))));
}

fn types(schema: &Json) -> Vec<&str> {
    match schema.get("type") {
        Some(Json::String(t)) => vec![t.as_str()],
        Some(Json::Array(many)) => many.iter().filter_map(Json::as_str).collect(),
        _ if schema.get("enum").is_some() || schema.get("const").is_some() => vec!["string"],
        _ => Vec::new(),
    }
}

fn has_type(schema: &Json, value: &toml::Value) -> bool {
    let wanted = types(schema);
    let actual = match value {
        toml::Value::String(_) | toml::Value::Datetime(_) => "string",
        toml::Value::Integer(_) => "integer",
        toml::Value::Float(_) => "number",
        toml::Value::Boolean(_) => "boolean",
        toml::Value::Array(_) => "array",
        toml::Value::Table(_) => "object",
    };
    wanted.is_empty() || wanted.contains(&actual) || (actual == "integer" && wanted.contains(&"number"))
}

fn wrong_type(schemas: &[&Json], value: &toml::Value, place: &Place) -> Problem {
    let mut wanted: Vec<&str> = schemas
        .iter()
        .flat_map(|s| types(s))
        .filter(|t| *t != "null")
        .map(|t| match t {
            "object" => "a table",
            "array" => "a list",
            "string" => "a text",
            "integer" => "a whole number",
            "number" => "a number",
            "boolean" => "true or false",
            other => other,
        })
        .collect();
    wanted.dedup();
    let actual = match value {
        toml::Value::Table(_) => "a table".to_owned(),
        toml::Value::Array(_) => "a list".to_owned(),
        other => format!("{} {other}", if other.is_str() { "the text" } else { "" }).trim().to_owned(),
    };
    let problem =
        Problem::value(place, format!("{} is {actual}, but must be {}", name(place), wanted.join(" or ")));
    match schemas.iter().find_map(|s| s.get("description").and_then(Json::as_str)) {
        Some(doc) => problem.hint(doc.to_owned()),
        None => problem,
    }
}
