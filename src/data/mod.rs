//! Data: where it comes from, how it is decoded, and the bundles that every trial reads.
//!
//! ```text
//! Source ──► catalogue: fetch + verify ──► decode ──┐
//!        ──► generator: draw from a seed ───────────┼──► Dataset ──► bundle: split, scale, write ──► Bundle
//!        ──► a user's CSV or Parquet file ──► decode ┤
//!        ──► published: folder, or archive at a URL ─┤
//!        ──► language: texts as a model's tokens ────┘
//! ```
//!
//! A [`Source`] says what data is meant, a [`Dataset`] holds it in memory, and a [`bundle::Bundle`] is what both
//! languages load: the same bytes, named by their hashes.

pub mod bundle;
pub mod catalogue;
mod dataset;
mod decode;
mod error;
pub mod fetch;
pub mod generator;
pub mod language;
pub mod published;
pub mod random;
mod source;
mod table;

pub use dataset::{Dataset, Layout, Target, TargetKind};
pub use error::DataError;
pub use source::{Dimensions, Download, Form, Source};
