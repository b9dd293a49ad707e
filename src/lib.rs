pub mod data;
pub mod files;
pub mod stats;
pub mod task;
pub mod worker;
