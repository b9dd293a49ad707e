//! `benchrun env sync`: makes the Python environment of an implementation.

use super::workspace::Workspace;
use super::{Exit, Failure, Places, print, say};
use crate::implementation::Launch;
use crate::implementation::environment::Python;
use crate::spec::problem::unknown;

/// Makes an environment, and prints its interpreter.
pub fn sync(name: &str, places: &Places) -> Result<Exit, Failure> {
    let workspace = Workspace::open(places)?;
    let python = workspace.registry.implementations.iter().filter_map(|i| match &i.launch {
        Launch::Python(adapter) => Some((i.id.as_str(), adapter)),
        Launch::Native | Launch::External(_) => None,
    });
    let python: Vec<_> = python.collect();
    let Some((_, adapter)) = python.iter().find(|(id, _)| *id == name) else {
        let (message, hint) = unknown("Python implementation", name, python.iter().map(|(id, _)| *id));
        return Err(Failure::usage(message).hint(Some(hint)));
    };
    let environment = Python::find()?.sync(adapter, &workspace.cache, &mut |line| say(line))?;
    print(&environment.interpreter.display().to_string());
    Ok(Exit::Done)
}
