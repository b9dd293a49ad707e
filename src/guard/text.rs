//! Texts for a terminal, a page or a spreadsheet, made of names and messages that specs, adapters, workers and foreign files chose.
//!
//! A terminal obeys control characters, and letters that turn the direction of writing make a line read otherwise than it is. Both are shown
//! as `\u001b` instead, which JSON reads as the very same letter.

use std::borrow::Cow;
use std::fmt::Write;

/// The longest line of a report, in characters: a screenful. What is longer is cut and says so; JSON and Parquet hold it whole.
const LONGEST_LINE: usize = 4000;

/// Whether a terminal obeys a character or writes it in another order.
pub fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A text of any number of lines for a terminal or a file: of what terminals obey, only tabs and the ends of lines are left.
pub fn printable(text: &str) -> Cow<'_, str> {
    shown(text, |c| c == '\n' || c == '\t')
}

/// One line: printable, without an end of line, and not longer than a screen.
pub fn line(text: &str) -> Cow<'_, str> {
    match shown(text, |_| false) {
        Cow::Borrowed(text) => cut(text, LONGEST_LINE),
        Cow::Owned(text) => Cow::Owned(cut(&text, LONGEST_LINE).into_owned()),
    }
}

/// A text of at most so many characters; what was cut off is told.
pub fn cut(text: &str, longest: usize) -> Cow<'_, str> {
    match text.char_indices().nth(longest) {
        None => Cow::Borrowed(text),
        Some((end, _)) => {
            let more = text[end..].chars().count();
            Cow::Owned(format!("{}… ({more} more characters)", &text[..end]))
        }
    }
}

fn shown(text: &str, is_kept: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_shown = |c: char| is_obeyed(c) && !is_kept(c);
    if !text.contains(is_shown) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_shown(c) {
            // Every such character is in the basic plane, so that four digits are enough.
            let _ = write!(shown, "\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// One line of Markdown that shows the text as it is: no markup of its own, no HTML, no cell's end, no link.
pub fn markdown(text: &str) -> String {
    let text = line(text);
    let mut escaped = String::with_capacity(text.len());
    for (i, c) in text.char_indices() {
        let before = text[..i].chars().next_back();
        let is_markup = match c {
            '`' | '*' | '|' | '<' | '&' | '~' => true,
            // A backslash alone is itself; before what could be escaped it would vanish.
            '\\' => {
                text[i + 1..].starts_with(|next: char| next.is_ascii_punctuation()) || i + 1 == text.len()
            }
            '(' | '[' | ':' => before == Some(']'),
            '#' | '>' | '+' | '-' | '=' => i == 0,
            '_' => {
                !(before.is_some_and(char::is_alphanumeric)
                    && text[i + 1..].starts_with(char::is_alphanumeric))
            }
            _ => false,
        };
        if is_markup {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// A text as a cell of CSV. Spreadsheets compute what begins with `=`, `+`, `-` or `@`, also after blanks they strip: an apostrophe makes them show
/// it. Numbers are written as numbers and never come here.
pub fn csv(text: &str) -> Cow<'_, str> {
    let text = printable(text);
    if text.trim_start().starts_with(['=', '+', '-', '@']) { Cow::Owned(format!("'{text}")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_of_it() {
        let hostile = "a\u{1b}[2J\u{7}\r\nb\u{9b}31m\u{202e}c\0\u{2028}";
        assert_eq!(printable(hostile), "a\\u001b[2J\\u0007\\u000d\nb\\u009b31m\\u202ec\\u0000\\u2028");
        assert_eq!(line("a\nb\tc"), "a\\u000ab\\u0009c");
        assert!(matches!(line("R² ± 5 % — naïve 日本"), Cow::Borrowed(_)));
        // In a JSON text it is the same letter.
        let json = serde_json::to_string("\u{9b}\u{202e}").unwrap();
        assert_eq!(serde_json::from_str::<String>(&printable(&json)).unwrap(), "\u{9b}\u{202e}");
        assert_eq!(line(&"x".repeat(5000)).len(), 4000 + "… (1000 more characters)".len());
        assert_eq!(cut("äöü", 2), "äö… (1 more characters)");
    }

    #[test]
    fn markdown_shows_it_and_does_nothing_else() {
        assert_eq!(markdown("a | b\n# c"), "a \\| b\\u000a# c");
        assert_eq!(
            markdown("<script>alert(1)</script> &lt; `x` **y**"),
            "\\<script>alert(1)\\</script> \\&lt; \\`x\\` \\*\\*y\\*\\*"
        );
        assert_eq!(markdown("![p](http://x) [a]: b [c][d]"), "![p]\\(http://x) [a]\\: b [c]\\[d]");
        assert_eq!(markdown("# head"), "\\# head");
        assert_eq!(markdown("a\\|b\\"), "a\\\\\\|b\\\\");
        assert_eq!(
            markdown("fit 6.3× faster [5.9, 6.8], max_iter=_x_ ±5 %"),
            "fit 6.3× faster [5.9, 6.8], max_iter=\\_x\\_ ±5 %"
        );
    }

    #[test]
    fn spreadsheets_compute_nothing() {
        assert_eq!(csv("=HYPERLINK(\"http://x\")"), "'=HYPERLINK(\"http://x\")");
        assert_eq!(csv("  @SUM(A1)"), "'  @SUM(A1)");
        assert_eq!(csv("\t-1"), "'\t-1");
        assert!(matches!(csv("rust/linfa"), Cow::Borrowed("rust/linfa")));
    }
}
