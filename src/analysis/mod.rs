//! From trials to verdicts: pairing, the parity gate, comparisons. Everything here is a pure function of what a run stored.

pub mod comparison;
pub mod parity;
pub mod summary;
