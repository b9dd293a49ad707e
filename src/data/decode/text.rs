//! Texts as rows of tokens.
//!
//! [`characters`] cuts texts into windows that do not overlap, of which each character is to be predicted from those before it.
//! [`sentences`] makes one row of words of every sentence, which has a class.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::data::dataset::{Layout, Target};
use crate::data::decode::File;
use crate::data::error::DataError;
use crate::data::language::RawTexts;

/// The token that fills a row before its sentence.
const PADDING: f64 = 0.0;
/// The token of a word that is not in the vocabulary.
const UNKNOWN: f64 = 1.0;
/// How often a word must occur to be in the vocabulary.
const LEAST_COUNT: usize = 2;

/// Rows of `length` + 1 characters of the texts, each window within one of them; what is left at a text's end is dropped. The tokens are places
/// among the characters that occur, in the order of their code points.
///
/// # Errors
/// No text is as long as a window.
pub fn characters(
    name: &str,
    texts: &[&str],
    length: usize,
) -> Result<(Layout, Vec<f64>, Target), DataError> {
    let distinct: BTreeSet<char> = texts.iter().flat_map(|text| text.chars()).collect();
    let ids: HashMap<char, f64> = distinct.into_iter().zip((0..).map(f64::from)).collect();
    let mut values = Vec::new();
    for text in texts {
        let characters: Vec<char> = text.chars().collect();
        let windows = characters.chunks_exact(length + 1);
        values.extend(windows.flatten().map(|character| ids[character]));
    }
    let rows = values.len() / (length + 1);
    if rows == 0 {
        let longest = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
        let problem = format!("its longest text has {longest} characters, but a row needs {}", length + 1);
        return Err(DataError::Malformed { file: name.to_owned(), problem });
    }
    Ok((Layout::tokens(length + 1, ids.len()), values, Target::Next { rows }))
}

/// A sentence and the place of its class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// The words.
    pub text: String,
    /// The place of its class among the names.
    pub class: i64,
}

/// One row of `length` tokens for each sentence, which stands at the row's end and keeps its first words where it is longer. The vocabulary is made of
/// the first `known` sentences: the words that occur twice in them, from the most frequent on, equally frequent ones in the order of their code
/// points. 0 is padding and 1 any other word.
pub fn sentences(
    sentences: &[Sentence],
    classes: Vec<String>,
    length: usize,
    known: usize,
) -> (Layout, Vec<f64>, Target) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for word in sentences[..known].iter().flat_map(|sentence| words(&sentence.text)) {
        *counts.entry(word).or_default() += 1;
    }
    let mut frequent: Vec<(String, usize)> = counts.into_iter().filter(|(_, n)| *n >= LEAST_COUNT).collect();
    frequent.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let ids: HashMap<String, f64> =
        frequent.into_iter().map(|(word, _)| word).zip((2..).map(f64::from)).collect();
    let mut values = Vec::with_capacity(sentences.len() * length);
    for sentence in sentences {
        let mut tokens: Vec<f64> =
            words(&sentence.text).iter().map(|word| ids.get(word).copied().unwrap_or(UNKNOWN)).collect();
        tokens.truncate(length);
        values.extend(std::iter::repeat_n(PADDING, length - tokens.len()));
        values.extend(tokens);
    }
    let labels = sentences.iter().map(|sentence| sentence.class).collect();
    (Layout::tokens(length, ids.len() + 2), values, Target::Classes { labels, names: classes })
}

/// Long texts as they are.
///
/// # Errors
/// One is not UTF-8.
pub fn running(files: &[File]) -> Result<RawTexts, DataError> {
    let texts = files.iter().map(|file| file.text().map(str::to_owned)).collect::<Result<_, _>>()?;
    Ok(RawTexts { texts, classes: None })
}

/// Sentences as they are, with their classes.
pub fn classified(sentences: Vec<Sentence>, names: Vec<String>) -> RawTexts {
    let (texts, labels) = sentences.into_iter().map(|sentence| (sentence.text, sentence.class)).unzip();
    RawTexts { texts, classes: Some((labels, names)) }
}

/// The words of a text in lower case: runs of letters and digits, with single apostrophes inside, and every other character but white
/// space by itself.
fn words(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.to_lowercase().chars().collect();
    let is_word = |place: usize| characters.get(place).is_some_and(|c| c.is_alphanumeric());
    let (mut words, mut place) = (Vec::new(), 0);
    while place < characters.len() {
        let begin = place;
        place += 1;
        while is_word(begin) && (is_word(place) || characters.get(place) == Some(&'\'') && is_word(place + 1))
        {
            place += 1;
        }
        if !characters[begin].is_whitespace() {
            words.push(characters[begin..place].iter().collect());
        }
    }
    words
}

/// Lines of a number, a mean rating and a sentence, separated by tabs: `negative` below 0 and `positive` above. What is rated 0 has no class and
/// is left out, and so is what came before: the same text on both sides of a split would be known already.
///
/// # Errors
/// A line has other parts, or its rating is no number.
pub fn rated(file: &str, text: &str) -> Result<Vec<Sentence>, DataError> {
    let mut sentences = Vec::new();
    let mut seen = HashSet::new();
    for (line, number) in text.lines().zip(1..) {
        let malformed = |problem: String| DataError::Malformed { file: file.to_owned(), problem };
        let parts: Vec<&str> = line.split('\t').collect();
        let &[_, rating, text] = parts.as_slice() else {
            let found = parts.len();
            return Err(malformed(format!(
                "line {number} has {found} parts instead of number, rating and text"
            )));
        };
        let rating: f64 = rating.parse().map_err(|_| {
            malformed(format!("the rating in line {number} is `{rating}`, which is no number"))
        })?;
        if rating != 0.0 && seen.insert(text) {
            sentences.push(Sentence { text: text.to_owned(), class: i64::from(rating > 0.0) });
        }
    }
    Ok(sentences)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_characters_do_not_overlap() {
        let (layout, values, target) = characters("t", &["abcabca", "b", "cab!"], 2).unwrap();
        // ! a b c, and windows abc abc (a) and cab (!).
        assert_eq!(layout, Layout::tokens(3, 4));
        assert_eq!(values, [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 3.0, 1.0, 2.0]);
        assert_eq!(target, Target::Next { rows: 3 });
        let short = characters("t", &["ab", "é"], 2).unwrap_err().to_string();
        assert_eq!(short, "t is malformed: its longest text has 2 characters, but a row needs 3");
    }

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        let expected = ["don't", "''", "go", "'", ",", "émile", "2x", "_", "!", "!", "o'n'e"];
        let found = words("Don't \u{27}\u{27}go' , \u{c9}mile\t2x_!! O'N'E");
        let split: Vec<&str> =
            expected.iter().flat_map(|w| if *w == "''" { vec!["'", "'"] } else { vec![*w] }).collect();
        assert_eq!(found, split);
        assert_eq!(words("  \n"), Vec::<String>::new());
    }

    #[test]
    fn sentences_stand_at_the_end_of_their_rows() {
        let all = ["b a", "A b a", "c", "a d d"].map(|text| Sentence { text: text.to_owned(), class: 0 });
        let (layout, values, _) = sentences(&all, vec!["x".into(), "y".into()], 2, 3);
        // a three times, b twice; c once; d only in the row that is not counted.
        assert_eq!(layout, Layout::tokens(2, 4));
        assert_eq!(values, [3.0, 2.0, 2.0, 3.0, 0.0, 1.0, 2.0, 1.0]);
    }

    #[test]
    fn ratings_give_classes_by_their_sign() {
        let found = rated("f", "1\t2.5\tgood\r\n2\t-0.1\tbad\n3\t0\tso so\n4\t-1\tgood\n").unwrap();
        let sentence = |text: &str, class| Sentence { text: text.to_owned(), class };
        assert_eq!(found, [sentence("good", 1), sentence("bad", 0)]);
        let message = |text: &str| rated("f", text).unwrap_err().to_string();
        assert_eq!(
            message("1\t2\ta\n2\tb\n"),
            "f is malformed: line 2 has 2 parts instead of number, rating and text"
        );
        assert_eq!(message("1\tx\ta\n"), "f is malformed: the rating in line 1 is `x`, which is no number");
    }
}
