//! The circuit breaker: what has failed alike several times in a row is not tried again in this session.
//!
//! A case is given up for an implementation after `limit` equal failures in a row on it. The implementation itself is given up when
//! `limit` equal failures in a row came before any trial of it worked in this session, and it was not ready (a broken environment says
//! nothing of a case) or the failures cover as many algorithms as two, or all that it is asked for. Any failure removes the ratio of its
//! case, so that giving up loses no comparison.

use std::collections::{BTreeSet, HashMap};

use super::event::Status;
use super::local::Ended;

/// Counts failures and says what is given up.
#[derive(Debug)]
pub struct Breaker {
    /// Equal failures in a row; 0 for never.
    limit: u32,
    /// How many algorithms each implementation is asked for.
    algorithms: HashMap<String, usize>,
    by_case: HashMap<(String, String), Streak>,
    by_implementation: HashMap<String, Streak>,
    /// Implementations of which a trial worked.
    worked: BTreeSet<String>,
}

/// Equal failures in a row.
#[derive(Debug)]
struct Streak {
    /// What is equal about them.
    cause: String,
    /// How the last one ended, for people.
    shown: String,
    count: u32,
    was_ready: bool,
    algorithms: BTreeSet<String>,
}

/// What a trial was of.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The case.
    pub case: &'a str,
    /// Its algorithm.
    pub algorithm: &'a str,
    /// The implementation.
    pub implementation: &'a str,
}

impl Breaker {
    /// Gives up after `limit` equal failures in a row; never where it is 0. `asked` are the trials of one block of every case.
    pub fn new<'a>(limit: u32, asked: impl Iterator<Item = Asked<'a>>) -> Self {
        let mut algorithms: HashMap<String, BTreeSet<&str>> = HashMap::new();
        for asked in asked {
            algorithms.entry(asked.implementation.to_owned()).or_default().insert(asked.algorithm);
        }
        Self {
            limit,
            algorithms: algorithms.into_iter().map(|(id, set)| (id, set.len())).collect(),
            by_case: HashMap::new(),
            by_implementation: HashMap::new(),
            worked: BTreeSet::new(),
        }
    }

    /// Takes note of how a trial ended.
    pub fn record(&mut self, asked: Asked<'_>, ended: &Ended) {
        let of_case = (asked.case.to_owned(), asked.implementation.to_owned());
        match ended.outcome.status {
            Status::Interrupted | Status::Skipped => {}
            Status::Ok | Status::Unsupported => {
                self.by_case.remove(&of_case);
                self.by_implementation.remove(asked.implementation);
                self.worked.insert(asked.implementation.to_owned());
            }
            Status::Failed | Status::Crashed | Status::TimedOut | Status::OutOfMemory => {
                Streak::extend(self.by_case.entry(of_case), asked, ended);
                Streak::extend(self.by_implementation.entry(asked.implementation.to_owned()), asked, ended);
            }
        }
    }

    /// Why a trial is not run; none where it is.
    pub fn given_up(&self, asked: Asked<'_>) -> Option<String> {
        let full = |streak: &&Streak| self.limit > 0 && streak.count >= self.limit;
        let of_case = (asked.case.to_owned(), asked.implementation.to_owned());
        if let Some(streak) = self.by_case.get(&of_case).filter(full) {
            return Some(streak.say("this case"));
        }
        let streak = self.by_implementation.get(asked.implementation).filter(full)?;
        let all = self.algorithms.get(asked.implementation).copied().unwrap_or(0);
        let broken = !streak.was_ready || streak.algorithms.len() >= all.min(2);
        (broken && !self.worked.contains(asked.implementation)).then(|| streak.say(asked.implementation))
    }
}

impl Streak {
    fn extend<K>(entry: std::collections::hash_map::Entry<'_, K, Self>, asked: Asked<'_>, ended: &Ended) {
        let reason = ended.outcome.reason.as_deref().unwrap_or_default();
        let shown = format!("{}: {reason}", ended.outcome.status.word());
        let cause = cause(&shown);
        let streak = entry.or_insert_with(|| Self::new(&cause));
        if streak.cause != cause {
            *streak = Self::new(&cause);
        }
        streak.count += 1;
        streak.shown = shown;
        streak.was_ready |= ended.was_ready;
        streak.algorithms.insert(asked.algorithm.to_owned());
    }

    fn new(cause: &str) -> Self {
        Self {
            cause: cause.to_owned(),
            shown: String::new(),
            count: 0,
            was_ready: false,
            algorithms: BTreeSet::new(),
        }
    }

    fn say(&self, what: &str) -> String {
        format!("{what} is given up after {} equal failures in a row, {}", self.count, self.shown)
    }
}

/// What is equal about failures: everything but numbers, which may be process ids, sizes and times, and the ids of trials.
fn cause(shown: &str) -> String {
    let words = shown.split_whitespace().map(|word| {
        let numeric = word.chars().any(|c| c.is_ascii_digit());
        if numeric { "#" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::outcome::Outcome;
    use super::*;

    const A: Asked<'_> = Asked { case: "a", algorithm: "ols", implementation: "rust/x" };
    const B: Asked<'_> = Asked { case: "b", algorithm: "ols", implementation: "rust/x" };
    const C: Asked<'_> = Asked { case: "c", algorithm: "ridge", implementation: "rust/x" };
    const OTHER: Asked<'_> = Asked { case: "a", algorithm: "ols", implementation: "rust/y" };

    fn ended(status: Status, reason: &str, was_ready: bool) -> Ended {
        Ended { outcome: Outcome::new(status, reason.to_owned()), was_ready, handed: None }
    }

    fn after(events: &[(Asked<'_>, Ended)]) -> Breaker {
        let mut breaker = Breaker::new(3, [A, B, C, OTHER].into_iter());
        for (asked, ended) in events {
            breaker.record(*asked, ended);
        }
        breaker
    }

    fn failed<'a>(asked: Asked<'a>, reason: &str) -> (Asked<'a>, Ended) {
        (asked, ended(Status::Failed, reason, true))
    }

    #[test]
    fn a_case_is_given_up_after_equal_failures_in_a_row() {
        let breaker = after(&[failed(A, "pid 7 died"), failed(A, "pid 8 died"), failed(A, "pid 9 died")]);
        let reason = breaker.given_up(A).unwrap();
        assert_eq!(reason, "this case is given up after 3 equal failures in a row, failed: pid 9 died");
        assert_eq!(breaker.given_up(OTHER), None);
        let breaker = after(&[failed(A, "one"), failed(A, "one"), failed(A, "two")]);
        assert_eq!(breaker.given_up(A), None, "they are not equal");
        let worked = (A, ended(Status::Ok, "", true));
        let breaker = after(&[failed(A, "one"), failed(A, "one"), worked, failed(A, "one")]);
        assert_eq!(breaker.given_up(A), None, "they are not in a row");
    }

    #[test]
    fn failures_of_one_algorithm_do_not_give_up_the_others() {
        let breaker = after(&[failed(A, "no"), failed(B, "no"), failed(A, "no")]);
        assert_eq!(breaker.given_up(C), None);
        let breaker = after(&[failed(A, "no"), failed(B, "no"), failed(C, "no")]);
        assert!(breaker.given_up(A).unwrap().starts_with("rust/x is given up after 3 equal failures"));
    }

    #[test]
    fn a_broken_environment_is_given_up_whatever_was_asked() {
        let unready = |asked| (asked, ended(Status::Crashed, "no module named x", false));
        let breaker = after(&[unready(A), unready(A), unready(B)]);
        assert!(breaker.given_up(C).is_some());
        let worked = (C, ended(Status::Ok, "", true));
        let breaker = after(&[worked, unready(A), unready(B), unready(A)]);
        assert_eq!(breaker.given_up(C), None, "it has worked before");
    }

    #[test]
    fn without_a_limit_nothing_is_given_up() {
        let mut breaker = Breaker::new(0, [A].into_iter());
        for _ in 0..100 {
            breaker.record(A, &ended(Status::TimedOut, "not done", true));
        }
        assert_eq!(breaker.given_up(A), None);
    }
}
