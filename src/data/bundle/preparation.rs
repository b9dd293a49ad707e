//! How a dataset is made ready: split, scaling and number type.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a dataset is made ready. Both languages read what comes out; neither prepares anything itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Preparation {
    /// The share of rows to test on, between 0 and 1; the number of rows is rounded up.
    pub test_fraction: f64,
    /// Which fold of a cross-validation is tested on, of which [`Preparation::test_fraction`] is the share; none where one part is held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<Fold>,
    /// Whether the rows that were published to test on are tested on, all rows in their published order. The fraction is 0 then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub published: bool,
    /// How features are scaled, with statistics of the training rows alone.
    pub scale: Scale,
    /// The seed of the shuffle that splits.
    pub seed: u64,
    /// The type of features and continuous targets.
    pub dtype: Dtype,
    /// Whether both sides hold the classes in the same proportions.
    pub stratify: bool,
}

/// One fold of a cross-validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fold {
    /// Its place, from 0.
    pub index: usize,
    /// The number of folds.
    pub of: usize,
}

/// How features are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Not at all.
    None,
    /// To mean 0 and (population) standard deviation 1.
    Standard,
    /// To the interval from 0 to 1.
    MinMax,
    /// Each channel of images to mean 0 and (population) standard deviation 1.
    Channel,
}

/// A floating-point type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dtype {
    /// IEEE 754 double precision.
    Float64,
    /// IEEE 754 single precision: values are prepared in double precision and rounded at the end.
    Float32,
}
