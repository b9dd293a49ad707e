pub mod data;
pub mod files;
pub mod task;
pub mod worker;
