//! Clustering: find groups of rows without being told their classes.

pub mod metrics;
