//! Classification: predict a class for every row.

pub mod metrics;
