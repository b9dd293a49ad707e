//! Guards at the borders: names, files and texts that somebody else wrote. `docs/design/security.md` says against whom.

pub mod environment;
pub mod file;
pub mod name;
pub mod text;
