//! `benchrun list`: what this build and the adapters offer.

use super::workspace::Workspace;
use super::{Exit, Failure, Format, ListArgs, Listed, print, print_json};
use crate::report::list;

/// Prints a list.
pub fn list(args: &ListArgs) -> Result<Exit, Failure> {
    let workspace = Workspace::open(&args.places)?;
    let registry = &workspace.registry;
    match (args.what, args.format) {
        (Listed::Datasets, Format::Json) => print_json(&list::datasets())?,
        (Listed::Datasets, Format::Text) => print(&list::datasets_text()),
        (Listed::Algorithms, Format::Json) => print_json(&registry.tasks)?,
        (Listed::Algorithms, Format::Text) => print(&list::algorithms_text(registry)),
        (Listed::Implementations, Format::Json) => print_json(&registry.implementations)?,
        (Listed::Implementations, Format::Text) => print(&list::implementations_text(registry)),
    }
    Ok(Exit::Done)
}
