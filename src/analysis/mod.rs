//! From trials to verdicts. Everything here is a pure function of what runs stored.
//!
//! ```text
//! tables ─► evidence (lazy queries) ─► facts ─► parity (the gate) ─► pairing ─► comparison (the judge)
//!                                                                                 ├─ sensitivity: beside the verdict
//!                                                                                 ├─ groups, trend, scaling: over cases, over runs, over sizes
//!                                                                                 └─ regression: the CI gate
//! pairing ─► calibration: what the judge's promises are worth on a machine
//! ```

pub mod calibration;
pub mod comparison;
pub mod evidence;
#[cfg(test)]
pub(crate) mod example;
pub mod facts;
pub mod groups;
mod pairing;
mod parallel;
pub mod parity;
pub mod regression;
pub mod scaling;
pub mod selection;
pub mod sensitivity;
mod sentence;
pub mod summary;
pub mod trend;
mod warning;
