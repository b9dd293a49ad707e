//! What is wrong with a spec, and where: collected, then shown all at once.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::guard::text::{is_obeyed, line};

/// A step into a TOML document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Into a table.
    Key(String),
    /// Into an array.
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Step::Key(key.to_owned())
    }
}

impl From<&String> for Step {
    fn from(key: &String) -> Self {
        Step::Key(key.clone())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Step::Index(index)
    }
}

/// A place in a TOML document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place(pub Vec<Step>);

impl Place {
    /// The place one step further.
    #[must_use]
    pub fn at(&self, step: impl Into<Step>) -> Self {
        let mut steps = self.0.clone();
        steps.push(step.into());
        Self(steps)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) => write!(f, "{}{key}", if i == 0 { "" } else { "." })?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// Whether the key itself is wrong, not its value.
    pub at_key: bool,
    /// A known place in the text, for errors of syntax.
    pub span: Option<Range<usize>>,
    /// The thing, the value and what is allowed.
    pub message: String,
    /// The remedy.
    pub hint: Option<String>,
}

impl Problem {
    /// A wrong value.
    pub fn value(place: &Place, message: impl Into<String>) -> Self {
        Self { place: place.clone(), at_key: false, span: None, message: message.into(), hint: None }
    }

    /// A wrong key.
    pub fn key(place: &Place, message: impl Into<String>) -> Self {
        Self { at_key: true, ..Self::value(place, message) }
    }

    /// The same problem with a remedy.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// The most problems that are shown of one spec: each is shown with the text around it, and nobody reads more before mending these.
const MOST_SHOWN: usize = 100;

/// A text of this many bytes is no mistyped name.
const LONGEST_NAME: usize = 200;

/// The candidate that is closest to what was written, if one is close: at most a third of its letters differ.
pub fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .filter(|_| written.len() < LONGEST_NAME)
        .map(|c| (strsim::damerau_levenshtein(&written.to_lowercase(), &c.to_lowercase()), c))
        .filter(|(distance, c)| *distance <= 1.max(c.chars().count().max(written.chars().count()) / 3))
        .min()
        .map(|(_, c)| c)
}

/// Says that `written` is no known `what`: the nearest name if one is close, and every name.
pub fn unknown<'a>(what: &str, written: &str, known: impl IntoIterator<Item = &'a str>) -> (String, String) {
    let known: Vec<&str> = known.into_iter().collect();
    let listed = known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
    let hint = match (nearest(written, known.iter().copied()), known.is_empty()) {
        (_, true) => "none is allowed here".to_owned(),
        (Some(close), _) => format!("did you mean `{close}`? known: {listed}"),
        (None, _) => format!("known: {listed}"),
    };
    (format!("unknown {what} `{written}`"), hint)
}

/// Every problem of one spec, with the text that they mark.
#[derive(Debug)]
pub struct SpecError {
    path: String,
    text: String,
    problems: Vec<(Range<usize>, Problem)>,
}

impl SpecError {
    pub(super) fn new(path: &str, text: &str, mut problems: Vec<(Range<usize>, Problem)>) -> Self {
        problems.sort_by_key(|(span, _)| (span.start, span.end));
        problems.dedup();
        // The text is shown around each mark. What a terminal would obey gives way to as many bytes, so that the marks stay where they are.
        let text = text.chars().map(|c| match c {
            '\n' | '\t' | '\r' => c.to_string(),
            c if is_obeyed(c) => "?".repeat(c.len_utf8()),
            c => c.to_string(),
        });
        Self { path: line(path).into_owned(), text: text.collect(), problems }
    }

    /// The number of problems.
    pub fn count(&self) -> usize {
        self.problems.len()
    }

    /// The problems with the marked text, in the order of the file; `styled` adds colour.
    pub fn render(&self, styled: bool) -> String {
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        let mut rendered = String::new();
        for (span, problem) in self.problems.iter().take(MOST_SHOWN) {
            let (message, hint) = (line(&problem.message), problem.hint.as_deref().map(line));
            let snippet = Snippet::source(&self.text)
                .path(&self.path)
                .annotation(AnnotationKind::Primary.span(span.clone()));
            let mut report =
                vec![Group::with_title(Level::ERROR.primary_title(message.as_ref())).element(snippet)];
            if let Some(hint) = &hint {
                report.push(Group::with_title(Level::HELP.with_name("hint").secondary_title(hint.as_ref())));
            }
            rendered += &renderer.render(&report);
            rendered += "\n\n";
        }
        if let Some(more) = self.problems.len().checked_sub(MOST_SHOWN + 1) {
            rendered += &format!("and {} more\n\n", more + 1);
        }
        rendered
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.problems.len() == 1 { "" } else { "s" };
        write!(f, "{}: {} error{plural} in the spec", self.path, self.problems.len())
    }
}

impl std::error::Error for SpecError {}
