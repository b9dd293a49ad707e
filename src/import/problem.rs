//! What is wrong with files of foreign results: collected, then told at once.

use std::fmt;

use crate::spec::problem::nearest;

/// More problems than this are counted, not shown: one slip of a converter is in every record.
const SHOWN: usize = 20;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, and the record in it.
    pub place: String,
    /// The thing, the value and what is allowed.
    pub message: String,
    /// The remedy.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem at a place.
    pub fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into(), hint: None }
    }

    /// The same problem with a remedy.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// A value of a wrong type, or a key that is unknown or missing.
    pub fn shape(file: &str, place: &str, error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        // The path of an unknown key ends with that key, which the message names.
        let path = error.path().to_string();
        let message = error.inner().to_string();
        let path = match path.as_str() {
            "." | "" => place.to_owned(),
            path if place.is_empty() => path.to_owned(),
            path if path.starts_with('[') => format!("{place}{path}"),
            path => format!("{place}.{path}"),
        };
        let hint = suggestion(&message);
        Self {
            place: if path.is_empty() { file.to_owned() } else { format!("{file}: {path}") },
            message,
            hint,
        }
    }
}

/// The known name that is nearest to the one that a message calls unknown.
fn suggestion(message: &str) -> Option<String> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut names = message.split('`').skip(1).step_by(2);
    let written = names.next()?;
    nearest(written, names).map(|close| format!("did you mean `{close}`?"))
}

/// Everything that is wrong with the files; nothing was written.
#[derive(Debug, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in self.0.iter().take(SHOWN) {
            writeln!(f, "error: {}: {}", problem.place, problem.message)?;
            if let Some(hint) = &problem.hint {
                writeln!(f, "  hint: {hint}")?;
            }
        }
        if self.0.len() > SHOWN {
            writeln!(f, "error: and {} more", self.0.len() - SHOWN)?;
        }
        writeln!(f, "nothing was imported")
    }
}
