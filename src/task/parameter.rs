//! Parameters: their values, their declared types, and the check of one against the other.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Named values, in the order of their names so that they hash alike everywhere.
pub type Parameters = BTreeMap<String, Value>;

/// One value of a parameter. In JSON and TOML it is the plain value; an absent one is the text `"none"`.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite floating-point number.
    Float(f64),
    /// A text, such as the name of a choice.
    Text(String),
    /// A list of values.
    List(Vec<Value>),
}

impl Value {
    /// The value as a float, if it is a number.
    #[expect(clippy::cast_precision_loss, reason = "parameters are small numbers written by people")]
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Value::Float(x) => Some(*x),
            Value::Int(i) => Some(*i as f64),
            Value::Bool(_) | Value::Text(_) | Value::List(_) => None,
        }
    }

    /// The value as a whole number, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(i) => Some(*i),
            _ => None,
        }
    }

    /// The value as a truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// The value as a text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(s) => Some(s),
            _ => None,
        }
    }

    /// Whether two values say the same: equal, or numbers that differ only by rounding in their last places
    /// (a value read back from a library may have been converted and back).
    pub fn agrees_with(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::List(a), Value::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.agrees_with(b))
            }
            _ => match (self.as_float(), other.as_float()) {
                (Some(a), Some(b)) => (a - b).abs() <= 1e-12 * a.abs().max(b.abs()),
                _ => self == other,
            },
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(b) => write!(f, "{b}"),
            Value::Int(i) => write!(f, "{i}"),
            // Debug keeps the shortest digits that read back as the same number.
            Value::Float(x) if x.fract() == 0.0 && x.abs() < 1e15 => write!(f, "{x}"),
            Value::Float(x) => write!(f, "{x:?}"),
            Value::Text(s) => write!(f, "{s}"),
            Value::List(values) => {
                write!(f, "[")?;
                for (i, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if i == 0 { "" } else { ", " })?;
                }
                write!(f, "]")
            }
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Bool(b) => serializer.serialize_bool(*b),
            Value::Int(i) => serializer.serialize_i64(*i),
            Value::Float(x) => serializer.serialize_f64(*x),
            Value::Text(s) => serializer.serialize_str(s),
            Value::List(values) => values.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a truth value, a number, a text or a list of these")
            }
            fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
                Ok(Value::Bool(v))
            }
            fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
                Ok(Value::Int(v))
            }
            fn visit_u64<E: serde::de::Error>(self, v: u64) -> Result<Value, E> {
                i64::try_from(v).map(Value::Int).map_err(|_| E::custom(format!("{v} is too large")))
            }
            fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
                Ok(Value::Float(v))
            }
            fn visit_str<E>(self, v: &str) -> Result<Value, E> {
                Ok(Value::Text(v.to_owned()))
            }
            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Text("none".to_owned()))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                Ok(Value::List(values))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Value {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Value".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let item = generator.subschema_for::<Value>();
        schemars::json_schema!({
            "description": "a truth value, a number, a text or a list of these",
            "anyOf": [
                { "type": "boolean" }, { "type": "number" }, { "type": "string" },
                { "type": "array", "items": item }
            ]
        })
    }
}

/// The type of a parameter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A finite number.
    Float,
    /// One of the parameter's `choices`.
    Choice,
    /// A list of finite numbers. In a spec it is swept by a list of lists.
    FloatList,
}

/// What a parameter is: its name, type, default, and whether two implementations must agree on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterDef {
    /// The name in specs, requests and results.
    pub name: String,
    /// The type of its values.
    #[serde(rename = "type")]
    pub ty: Type,
    /// The smallest number allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<f64>,
    /// Numbers must be larger than this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclusive_minimum: Option<f64>,
    /// The largest number allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<f64>,
    /// Texts that are allowed: all values of a `choice`, and beside the numbers of an `int` or `float`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// The value where a spec gives none.
    pub default: Value,
    /// Whether the parity gate compares it. Solver tolerances and iteration caps are not binding.
    #[serde(default)]
    pub binding: bool,
    /// One sentence: meaning and unit.
    pub doc: String,
}

impl ParameterDef {
    /// A binding truth value.
    pub fn boolean(name: &str, default: bool, doc: &str) -> Self {
        Self::new(name, Type::Bool, Value::Bool(default), doc)
    }

    /// A binding float in `minimum..`.
    pub fn float_from(name: &str, minimum: f64, default: f64, doc: &str) -> Self {
        Self { minimum: Some(minimum), ..Self::new(name, Type::Float, Value::Float(default), doc) }
    }

    /// A binding whole number in `minimum..`.
    pub fn int_from(name: &str, minimum: u32, default: i64, doc: &str) -> Self {
        Self { minimum: Some(f64::from(minimum)), ..Self::new(name, Type::Int, Value::Int(default), doc) }
    }

    /// A binding float above 0.
    pub fn positive(name: &str, default: f64, doc: &str) -> Self {
        Self { exclusive_minimum: Some(0.0), ..Self::new(name, Type::Float, Value::Float(default), doc) }
    }

    /// A binding choice of names.
    pub fn choice(name: &str, choices: &[&str], default: &str, doc: &str) -> Self {
        Self::new(name, Type::Choice, Value::Text(default.to_owned()), doc).or(choices)
    }

    fn new(name: &str, ty: Type, default: Value, doc: &str) -> Self {
        Self {
            name: name.to_owned(),
            ty,
            minimum: None,
            exclusive_minimum: None,
            maximum: None,
            choices: Vec::new(),
            default,
            binding: true,
            doc: doc.to_owned(),
        }
    }

    /// The same definition with a largest value.
    #[must_use]
    pub fn up_to(self, maximum: f64) -> Self {
        Self { maximum: Some(maximum), ..self }
    }

    /// The same definition, with texts that are allowed too.
    #[must_use]
    pub fn or(self, choices: &[&str]) -> Self {
        Self { choices: choices.iter().map(|c| (*c).to_owned()).collect(), ..self }
    }

    /// The same definition with another default, such as one of its texts.
    #[must_use]
    pub fn by_default(self, text: &str) -> Self {
        Self { default: Value::Text(text.to_owned()), ..self }
    }

    /// The same definition, not compared by the parity gate.
    #[must_use]
    pub fn not_binding(self) -> Self {
        Self { binding: false, ..self }
    }

    /// Checks one value and brings it into its canonical form (a whole number given for a float becomes one).
    ///
    /// # Errors
    /// What is wrong and what is allowed, as one phrase such as `is -1, but must be at least 0`.
    pub fn check(&self, value: &Value) -> Result<Value, String> {
        if let Value::Text(text) = value
            && self.choices.contains(text)
        {
            return Ok(value.clone());
        }
        let checked = match (self.ty, value) {
            (Type::Bool, Value::Bool(_)) => return Ok(value.clone()),
            (Type::Int, Value::Int(_)) => value.clone(),
            (Type::Float, Value::Float(_) | Value::Int(_)) => {
                Value::Float(value.as_float().unwrap_or_default())
            }
            (Type::FloatList, Value::List(items)) => {
                let item = Self { ty: Type::Float, ..self.clone() };
                return items.iter().map(|v| item.check(v)).collect::<Result<_, _>>().map(Value::List);
            }
            _ => return Err(format!("is {value}, but must be {}", self.allowed())),
        };
        let x = checked.as_float().unwrap_or(f64::NAN);
        let inside = x.is_finite()
            && self.minimum.is_none_or(|m| x >= m)
            && self.exclusive_minimum.is_none_or(|m| x > m)
            && self.maximum.is_none_or(|m| x <= m);
        if inside { Ok(checked) } else { Err(format!("is {value}, but must be {}", self.allowed())) }
    }

    /// The allowed values in words.
    pub fn allowed(&self) -> String {
        let mut range = String::new();
        if let Some(m) = self.minimum {
            range += &format!(" of at least {m}");
        }
        if let Some(m) = self.exclusive_minimum {
            range += &format!(" larger than {m}");
        }
        if let Some(m) = self.maximum {
            range += &format!("{} at most {m}", if range.is_empty() { " of" } else { " and" });
        }
        let choices = self.choices.iter().map(|c| format!("`{c}`")).collect::<Vec<_>>().join(", ");
        let or_choices = if choices.is_empty() { String::new() } else { format!(", or {choices}") };
        match self.ty {
            Type::Bool => "true or false".to_owned(),
            Type::Int => format!("a whole number{range}{or_choices}"),
            Type::Float => format!("a number{range}{or_choices}"),
            Type::Choice => format!("one of {choices}"),
            Type::FloatList => format!("a list of numbers, each{range}"),
        }
    }
}
