//! Clustering: find groups of rows without being told their classes.

pub mod linkage;
pub mod matching;
pub mod metrics;
pub mod neighbours;
