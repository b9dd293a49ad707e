//! Why outputs cannot be scored, or a problem cannot be posed.

/// Outputs that cannot be scored.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The file is missing or is not safetensors.
    #[error("the outputs {path} cannot be read: {message}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        message: String,
    },
    /// A tensor is missing.
    #[error("the outputs hold no tensor `{name}`")]
    Missing {
        /// The tensor's name.
        name: &'static str,
    },
    /// A tensor has another shape or type.
    #[error("the output `{name}` is {found}, but must be {expected}")]
    Shape {
        /// The tensor's name.
        name: &'static str,
        /// What it is.
        found: String,
        /// What it must be.
        expected: String,
    },
    /// A value is none that the output can have.
    #[error("the output `{name}` holds {value} at index {index}, but must hold {expected}")]
    Value {
        /// The tensor's name.
        name: &'static str,
        /// The value.
        value: String,
        /// Its place.
        index: usize,
        /// What is allowed.
        expected: String,
    },
    /// A value is NaN or infinite.
    #[error("the output `{name}` holds {count} values that are not finite, the first at index {index}")]
    NotFinite {
        /// The tensor's name.
        name: &'static str,
        /// How many.
        count: usize,
        /// The first one's place.
        index: usize,
    },
    /// Two things that were handed in contradict each other.
    #[error("{0}")]
    Contradiction(String),
    /// The bundle cannot be read.
    #[error(transparent)]
    Data(#[from] crate::data::DataError),
    /// The metrics refuse the values.
    #[error(transparent)]
    Metric(#[from] super::metric::MetricError),
    /// The problem cannot be posed.
    #[error("{0}")]
    Impossible(String),
    /// The converged reference could not be computed.
    #[error("no converged reference: {0}")]
    Reference(String),
}
