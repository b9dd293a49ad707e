//! Reading what was asked, and telling what was used: hyperparameters and settings as numbers, truths, texts and counts.
//!
//! A request that reaches a backend is complete and checked, so an error here is a defect of a definition, told by name.

use crate::task::parameter::{Parameters, Value};

fn missing(name: &str) -> impl Fn() -> String {
    move || format!("`{name}` is missing")
}

/// A number.
///
/// # Errors
/// It is missing.
pub fn number(of: &Parameters, name: &str) -> Result<f64, String> {
    of.get(name).and_then(Value::as_float).ok_or_else(missing(name))
}

/// A truth value.
///
/// # Errors
/// It is missing.
pub fn flag(of: &Parameters, name: &str) -> Result<bool, String> {
    of.get(name).and_then(Value::as_bool).ok_or_else(missing(name))
}

/// A text, such as the name of a choice.
///
/// # Errors
/// It is missing.
pub fn text<'p>(of: &'p Parameters, name: &str) -> Result<&'p str, String> {
    of.get(name).and_then(Value::as_text).ok_or_else(missing(name))
}

/// A number of things, of whichever whole type a library counts in.
///
/// # Errors
/// It is missing, or the type does not hold it.
pub fn count<T: TryFrom<i64>>(of: &Parameters, name: &str) -> Result<T, String> {
    let value = of.get(name).and_then(Value::as_int).ok_or_else(missing(name))?;
    T::try_from(value)
        .map_err(|_| format!("`{name}` is {value}, which {} does not hold", std::any::type_name::<T>()))
}

/// A number of things, or none where it is the text `none`.
///
/// # Errors
/// As [`count`].
pub fn count_or_none(of: &Parameters, name: &str) -> Result<Option<usize>, String> {
    if text(of, name) == Ok("none") { Ok(None) } else { count(of, name).map(Some) }
}

/// A number of things as a receipt has it.
pub fn counted(count: impl TryInto<i64>) -> Value {
    Value::Int(count.try_into().unwrap_or(i64::MAX))
}

/// The same; the text `none` where there is no limit.
pub fn counted_or_none(count: Option<usize>) -> Value {
    count.map_or(Value::Text("none".to_owned()), counted)
}
