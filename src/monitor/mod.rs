//! What a run ran on.

pub mod machine;
