pub mod parameter;
pub mod regression;
