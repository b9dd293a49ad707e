//! The loop: mutate, execute under a watch, keep what is new, save what is wrong.
//!
//! Variables: `BENCHRUN_FUZZ_SECONDS` and `BENCHRUN_FUZZ_EXECUTIONS` bound each target, `BENCHRUN_FUZZ_SEED` begins the random numbers (one seed and
//! one number of executions are the same inputs), `BENCHRUN_FUZZ_FINDINGS` is the folder for inputs that are wrong; `executing` in a target's folder
//! is the one that the process was ended by.

use std::collections::HashSet;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::ROOT;
use crate::mutate::{Documents, mutate};

/// The slice that every test run takes, of each target.
const EXECUTIONS: u64 = 2500;
/// No slice takes longer than this, so that all of them together stay below a minute on any machine.
const SECONDS: u64 = 7;
/// An execution that takes longer hangs. Ordinary ones take milliseconds.
const HANG: Duration = Duration::from_secs(60);
/// Inputs that are kept for what they made happen.
const LARGEST_POOL: usize = 4000;
/// The search ends after so many different findings.
const MOST_FINDINGS: usize = 10;

thread_local! {
    /// The words of the last panic of this thread.
    static PANIC: std::cell::RefCell<Option<String>> = const { std::cell::RefCell::new(None) };
    static IS_EXECUTING: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Runs one target. `execute` says in a word what happened to an input; it panics where an oracle is hurt.
#[expect(clippy::print_stdout, reason = "the figures are what a long run is for")]
pub fn fuzz(
    target: &str,
    tokens: &[&str],
    documents: Documents,
    more: Vec<Vec<u8>>,
    mut execute: impl FnMut(&[u8]) -> String,
) {
    catch_words();
    let number =
        |name: &str, usual: u64| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(usual);
    let is_slice = std::env::var_os("BENCHRUN_FUZZ_SECONDS").is_none();
    let limit = Duration::from_secs(number("BENCHRUN_FUZZ_SECONDS", SECONDS));
    let executions = number("BENCHRUN_FUZZ_EXECUTIONS", if is_slice { EXECUTIONS } else { u64::MAX });
    let seed = number("BENCHRUN_FUZZ_SEED", 1);
    let findings = std::env::var_os("BENCHRUN_FUZZ_FINDINGS")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz"), PathBuf::from);

    let mut pool = corpus(target);
    assert!(!pool.is_empty(), "{target} has no corpus");
    pool.extend(more);
    let watch = Watch::start(target, seed, &findings);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (began, seeds) = (Instant::now(), pool.len());
    let (mut done, mut seen, mut wrong) = (0_u64, HashSet::new(), Vec::new());
    let mut known = HashSet::new();
    while done < executions.max(seeds as u64)
        && (done < seeds as u64 || began.elapsed() < limit)
        && wrong.len() < MOST_FINDINGS
    {
        // The corpus itself comes first, as it is.
        let input = match usize::try_from(done).ok().filter(|i| *i < seeds) {
            Some(i) => pool[i].clone(),
            None => mutate(&mut random, &pool, tokens, documents),
        };
        watch.begins(&input);
        IS_EXECUTING.set(true);
        let happened = catch_unwind(AssertUnwindSafe(|| execute(&input)));
        IS_EXECUTING.set(false);
        watch.ends();
        done += 1;
        match happened {
            Ok(what) => {
                if seen.insert(class(&what)) && done > seeds as u64 && pool.len() < LARGEST_POOL {
                    pool.push(input);
                }
            }
            Err(_) => {
                let words = PANIC.take().unwrap_or_default();
                // One fault is found by many inputs; its place tells it.
                if known.insert(class(&words)) {
                    let path = save(&findings, target, &input);
                    wrong
                        .push(format!("{words}\n  input {} (seed {seed}, execution {done})", path.display()));
                }
            }
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "fuzz {target}: {done} executions in {seconds:.1} s, seed {seed}, {} kinds of outcome, {} findings",
        seen.len(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "{target}: {} findings\n{}", wrong.len(), wrong.join("\n"));
}

/// The inputs of a target that are in the repository.
pub fn corpus(target: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(Path::new(ROOT).join("tests/fuzz/corpus").join(target))
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// What happened without its numbers and names: two inputs of one class say nothing new.
fn class(what: &str) -> u64 {
    let mut in_quotes = false;
    let plain: String = what
        .chars()
        .filter(|c| {
            if *c == '`' || *c == '"' {
                in_quotes = !in_quotes;
            }
            !in_quotes && !c.is_ascii_digit()
        })
        .take(1000)
        .collect();
    let mut hasher = DefaultHasher::new();
    plain.hash(&mut hasher);
    hasher.finish()
}

fn save(folder: &Path, target: &str, input: &[u8]) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let path = folder.join(target).join(format!("{:016x}", hasher.finish()));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, input).unwrap();
    path
}

/// Panics of executions are kept, all others are told as ever.
fn catch_words() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if IS_EXECUTING.get() { PANIC.set(Some(panic.to_string())) } else { usual(panic) }
        }));
    });
}

/// Ends the process where one execution takes too long: nothing else ends a loop. The input of the moment is in a file, so that it is left behind
/// also where the process is aborted: by an allocation that fails, or a stack that is full.
struct Watch {
    began: Arc<Mutex<Option<Instant>>>,
    input: File,
    path: PathBuf,
}

impl Watch {
    #[expect(clippy::print_stderr, reason = "the process ends here, and nobody else can say why")]
    fn start(target: &str, seed: u64, findings: &Path) -> Self {
        let path = findings.join(target).join("executing");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let (input, began) = (File::create(&path).unwrap(), Arc::new(Mutex::new(None::<Instant>)));
        let (watched, target, left) = (Arc::downgrade(&began), target.to_owned(), path.clone());
        std::thread::spawn(move || {
            while let Some(began) = watched.upgrade() {
                if began.lock().unwrap().is_some_and(|began| began.elapsed() > HANG) {
                    eprintln!("fuzz {target}: an execution hangs; input {} (seed {seed})", left.display());
                    std::process::exit(101);
                }
                drop(began);
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        Self { began, input, path }
    }

    fn begins(&self, input: &[u8]) {
        self.input.set_len(input.len() as u64).unwrap();
        self.input.write_all_at(input, 0).unwrap();
        *self.began.lock().unwrap() = Some(Instant::now());
    }

    fn ends(&self) {
        *self.began.lock().unwrap() = None;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}
