//! What several targets ask of an input.

/// Asserts that a terminal obeys nothing in a text.
#[track_caller]
pub fn is_printable(text: &str) {
    let found = text
        .chars()
        .find(|c| c.is_control() && !['\n', '\t'].contains(c) || ('\u{202a}'..='\u{202e}').contains(c));
    assert_eq!(found, None, "{text:?}");
}

/// An error and its sources, in one line.
pub fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
