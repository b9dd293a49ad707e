//! The TOML text: its values, and the place of each in the text.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problem, Step};

/// A parsed TOML text.
#[derive(Debug)]
pub struct Document<'t> {
    table: Spanned<DeTable<'t>>,
    /// The values, without places.
    pub values: toml::Value,
}

impl<'t> Document<'t> {
    /// Parses a text.
    ///
    /// # Errors
    /// Every error of syntax, with its place.
    pub fn parse(text: &'t str) -> Result<Self, Vec<(Range<usize>, Problem)>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let values = toml::from_str::<toml::Table>(text);
        match values {
            Ok(values) if errors.is_empty() => Ok(Self { table, values: toml::Value::Table(values) }),
            Err(error) if errors.is_empty() => Err(vec![syntax(&error)]),
            Ok(_) | Err(_) => Err(errors.iter().map(syntax).collect()),
        }
    }

    /// The place in the text that a problem marks: its value or key, or the nearest table around it that exists.
    pub fn locate(&self, problem: &Problem) -> Range<usize> {
        if let Some(span) = &problem.span {
            return span.clone();
        }
        let Some((first, rest)) = problem.place.0.split_first() else {
            return 0..0;
        };
        let Step::Key(key) = first else { return 0..0 };
        let Some((name, value)) = self.table.get_ref().get_key_value(key.as_str()) else { return 0..0 };
        walk(name.span(), value, rest, problem.at_key)
    }
}

fn walk(key_span: Range<usize>, value: &Spanned<DeValue<'_>>, rest: &[Step], at_key: bool) -> Range<usize> {
    let Some((step, rest)) = rest.split_first() else {
        // The value of a `[table]` spans its header; marking a whole multi-line value hides the point.
        return if at_key { key_span } else { value.span() };
    };
    match (step, value.get_ref()) {
        (Step::Key(key), DeValue::Table(table)) => match table.get_key_value(key.as_str()) {
            Some((name, value)) => walk(name.span(), value, rest, at_key),
            None => key_span,
        },
        (Step::Index(index), DeValue::Array(array)) => match array.get(*index) {
            Some(value) => walk(value.span(), value, rest, at_key),
            None => key_span,
        },
        _ => value.span(),
    }
}

fn syntax(error: &toml::de::Error) -> (Range<usize>, Problem) {
    let mut problem = Problem::value(&Place::default(), error.message());
    let span = error.span().unwrap_or(0..0);
    problem.span = Some(span.clone());
    (span, problem)
}
