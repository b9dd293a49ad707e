//! Generators: datasets of any size, drawn from a seed.
//!
//! A generator draws from four independent streams of one seed ([`Streams`]), so that, for example, another noise level
//! keeps the features. Each documents in which order it draws; see [`super::random`] for the draws themselves. Sums run
//! in the order of the columns and without fused operations, so that the same seed gives the same bytes on every
//! machine with the same mathematics library (only sines, cosines and the rare tails of the normal distribution use it).
//!
//! To add a generator, write one file and add one line to [`GENERATORS`].

mod blobs;
mod circles;
mod classification;
mod images;
mod linear;
mod moons;
mod nonlinear;
mod sine;
mod sparse;
mod tokens;

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;

use super::dataset::{Dataset, Layout, Target, TargetKind};
use super::error::DataError;
use super::random;
use super::source::Dimensions;
use crate::task::parameter::{ParameterDef, Parameters, Value};

/// The largest number of feature values, 32 GiB of float64.
const MAX_VALUES: usize = 1 << 32;

/// A family of generated datasets.
pub trait Generator: Sync {
    /// The name in specs and results.
    fn name(&self) -> &'static str;
    /// The model, its source and any deviation from it.
    fn doc(&self) -> &'static str;
    /// The kind of target.
    fn target(&self) -> TargetKind;
    /// Its parameters in the order of labels. `rows` and `seed` belong to all.
    fn parameters(&self) -> Vec<ParameterDef>;
    /// What the columns of a row are.
    fn layout(&self, arguments: &Arguments) -> Layout {
        Layout::of(&[arguments.count("features")])
    }
    /// Checks what concerns several parameters.
    ///
    /// # Errors
    /// The parameter at fault, and what is wrong as a phrase such as `is 3, but must be at most 2`.
    fn check(&self, _arguments: &Arguments) -> Result<(), (&'static str, String)> {
        Ok(())
    }
    /// Draws `rows` × `columns` features, row-major, and one target a row.
    fn draw(&self, arguments: &Arguments, streams: &Streams) -> (Vec<f64>, Target);
}

/// Every generator.
pub static GENERATORS: &[&dyn Generator] = &[
    &linear::Linear,
    &sparse::Sparse,
    &nonlinear::Nonlinear,
    &classification::Classification,
    &blobs::Blobs,
    &moons::Moons,
    &circles::Circles,
    &images::Images,
    &sine::Sine,
    &tokens::Tokens,
];

/// Finds a generator by its name.
///
/// # Errors
/// There is none; the error lists those that exist.
pub fn find(name: &str) -> Result<&'static dyn Generator, DataError> {
    GENERATORS
        .iter()
        .copied()
        .find(|generator| generator.name() == name)
        .ok_or_else(|| DataError::unknown("generator", name, GENERATORS.iter().map(|g| g.name())))
}

/// Checks parameters and fills in the defaults.
///
/// # Errors
/// There is no such generator or parameter, or a value is not allowed.
pub fn check(name: &str, parameters: &Parameters) -> Result<Arguments, DataError> {
    let generator = find(name)?;
    let defs = generator.parameters();
    let error = |parameter: &str, problem| DataError::Parameter {
        generator: name.to_owned(),
        parameter: parameter.to_owned(),
        problem,
    };
    if let Some(unknown) = parameters.keys().find(|key| defs.iter().all(|def| def.name != **key)) {
        return Err(DataError::unknown("parameter", unknown, defs.iter().map(|def| def.name.as_str())));
    }
    let checked = defs
        .iter()
        .map(|def| {
            let value = parameters.get(&def.name).unwrap_or(&def.default);
            Ok((def.name.clone(), def.check(value).map_err(|problem| error(&def.name, problem))?))
        })
        .collect::<Result<Parameters, DataError>>()?;
    let arguments = Arguments(checked);
    generator.check(&arguments).map_err(|(parameter, problem)| error(parameter, problem))?;
    let (rows, columns) = (arguments.count("rows"), generator.layout(&arguments).columns());
    if rows.checked_mul(columns).is_none_or(|values| values > MAX_VALUES) {
        let problem = format!("is {rows}, but with {columns} columns at most {} fit", MAX_VALUES / columns);
        return Err(error("rows", problem));
    }
    Ok(arguments)
}

/// The size of a generated dataset.
///
/// # Errors
/// As [`check`].
pub fn dimensions(name: &str, parameters: &Parameters) -> Result<Dimensions, DataError> {
    let arguments = check(name, parameters)?;
    Ok(Dimensions { rows: arguments.count("rows"), columns: find(name)?.layout(&arguments).columns() })
}

/// Draws a dataset called `label`.
///
/// # Errors
/// As [`check`].
pub fn generate(name: &str, parameters: &Parameters, label: &str) -> Result<Dataset, DataError> {
    let generator = find(name)?;
    let arguments = check(name, parameters)?;
    let (features, target) = generator.draw(&arguments, &Streams(arguments.seed()));
    let layout = generator.layout(&arguments);
    if layout != Layout::of(&[layout.columns()]) {
        return Dataset::examples(label, layout, features, target, BTreeMap::new());
    }
    let names = (0..layout.columns()).map(|column| format!("x{column}")).collect();
    Dataset::table(label, names, features, target, BTreeMap::new())
}

/// Checked parameters of a generator, defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Arguments(Parameters);

impl Arguments {
    /// The parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.0
    }

    /// The value of a parameter that is declared as a whole number.
    fn count(&self, name: &str) -> usize {
        let value = self.0.get(name).and_then(Value::as_int).and_then(|value| usize::try_from(value).ok());
        value.unwrap_or_else(|| panic!("`{name}` is declared as a whole number of at least 0"))
    }

    /// The value of a parameter that is declared as a number.
    fn number(&self, name: &str) -> f64 {
        let value = self.0.get(name).and_then(Value::as_float);
        value.unwrap_or_else(|| panic!("`{name}` is declared as a number"))
    }

    fn seed(&self) -> u64 {
        self.count("seed") as u64
    }
}

/// The independent streams of one seed.
#[derive(Debug)]
pub struct Streams(u64);

impl Streams {
    /// What the rows have in common: coefficients, centres.
    fn structure(&self) -> ChaCha8Rng {
        random::stream(self.0, 0)
    }

    /// Features, row by row.
    fn features(&self) -> ChaCha8Rng {
        random::stream(self.0, 1)
    }

    /// Noise, row by row.
    fn noise(&self) -> ChaCha8Rng {
        random::stream(self.0, 2)
    }

    /// The order of the rows.
    fn order(&self) -> ChaCha8Rng {
        random::stream(self.0, 3)
    }
}

fn rows(minimum: u32) -> ParameterDef {
    ParameterDef::int_from("rows", minimum, 1000, "number of rows").up_to(1e9)
}

fn features(minimum: u32, default: i64) -> ParameterDef {
    ParameterDef::int_from("features", minimum, default, "number of feature columns").up_to(1e6)
}

fn noise(default: f64, doc: &str) -> ParameterDef {
    ParameterDef::float_from("noise", 0.0, default, doc)
}

fn seed() -> ParameterDef {
    ParameterDef::int_from("seed", 0, 0, "seed of all draws")
}

/// `count` groups of nearly equal size over some rows, the larger ones first; the group of every row.
fn groups(rows: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).flat_map(move |group| {
        let size = rows / count + usize::from(group < rows % count);
        std::iter::repeat_n(group, size)
    })
}

/// A label from a place.
fn label(place: usize) -> i64 {
    i64::try_from(place).expect("a class's place is small")
}

/// The classes `0..count`, named by their places.
fn class_names(count: usize) -> Vec<String> {
    (0..count).map(|class| class.to_string()).collect()
}

#[cfg(test)]
mod tests;
