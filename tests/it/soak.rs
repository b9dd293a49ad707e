//! Many tiny trials in one run: the runner's memory and descriptors do not grow, and nothing is left behind.
//!
//! `TRIALS` says how many (`make prove-soak`); CI makes a few.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use benchrun::worker::process::descendants;

use crate::faults::processes_of;
use crate::support::Place;

/// How much the runner may grow for each trial, in bytes. It keeps what the judge and the choice of blocks need of each, which takes some
/// 5 kilobytes; a leak of buffers, threads or children would be more.
const GROWTH: u64 = 8 << 10;

/// What the allocator keeps, and what the tables take while they are written, whatever the number of trials.
const SLACK: u64 = 8 << 20;

/// One look at the runner.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// Trials that had ended.
    trials: usize,
    /// Its resident set, in bytes.
    rss: u64,
    /// Its open descriptors.
    descriptors: usize,
    /// Its threads.
    threads: usize,
    /// Its children.
    children: usize,
}

impl Look {
    /// Looks at a process; nothing once it is gone.
    fn at(pid: u32, trials: usize) -> Option<Self> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let field = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        Some(Self {
            trials,
            rss: field("VmRSS:")? * 1024,
            descriptors: std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count(),
            threads: usize::try_from(field("Threads:")?).ok()?,
            children: descendants(pid).len(),
        })
    }
}

fn median(values: impl Iterator<Item = u64>) -> u64 {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values[values.len() / 2]
}

/// Trials that have ended, counted in the part of the journal that was not read yet.
struct Journal {
    run: Option<std::path::PathBuf>,
    read: usize,
    ended: usize,
}

impl Journal {
    fn ended(&mut self, results: &Path) -> usize {
        use std::io::{Read, Seek, SeekFrom};
        if self.run.is_none() {
            self.run =
                std::fs::read_dir(results).into_iter().flatten().flatten().map(|run| run.path()).next();
        }
        let Some(run) = &self.run else { return 0 };
        let Ok(mut file) = std::fs::File::open(run.join("journal.jsonl")) else { return 0 };
        let mut text = Vec::new();
        if file.seek(SeekFrom::Start(self.read as u64)).is_ok() && file.read_to_end(&mut text).is_ok() {
            let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
            self.read += whole;
            let text = String::from_utf8_lossy(&text[..whole]);
            self.ended += text.matches("{\"event\":\"trial_ended\"").count();
        }
        self.ended
    }
}

#[test]
fn many_tiny_trials_leave_memory_descriptors_and_processes_as_they_were() {
    let wanted: usize = std::env::var("TRIALS").map_or(80, |text| text.parse().expect("a number"));
    // Two implementations, two cases.
    let blocks = wanted.div_ceil(4).max(10);
    let place = Place::new();
    let spec = format!(
        r#"
name = "soak"
[protocol]
blocks = {blocks}
[protocol.fit]
max_samples = 2
max_time = "1ms"
min_sample = "0ms"
[protocol.predict]
batch_sizes = ["all"]
max_samples = 2
max_time = "1ms"
min_sample = "0ms"
[[experiment]]
name            = "soak"
task            = "regression"
datasets        = [{{ generator = "linear", rows = 20, features = 2 }}, {{ generator = "linear", rows = 25, features = 2 }}]
implementations = ["rust/faer", "rust/linfa"]
[experiment.algorithms]
ols = {{}}
"#
    );
    place.write("soak.toml", &spec);
    let mut child = place
        .command(&["soak.toml", "--quiet"])
        .env("TMPDIR", place.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let results = place.path().join("results/soak");
    let mut journal = Journal { run: None, read: 0, ended: 0 };
    let mut looks: Vec<Look> = Vec::new();
    let mut zombies: BTreeMap<u32, Instant> = BTreeMap::new();
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        let ended = journal.ended(&results);
        if ended > 0 {
            looks.extend(Look::at(child.id(), ended));
            // A worker that has exited is a zombie until the runner asks for its status, a moment later, which on a laden machine may be long; none
            // may stay one.
            let now = descendants(child.id()).into_iter().filter(|pid| is_zombie(*pid));
            zombies = now.map(|pid| (pid, zombies.get(&pid).copied().unwrap_or_else(Instant::now))).collect();
            let stayed = zombies.iter().find(|(_, since)| since.elapsed() > Duration::from_secs(30));
            assert!(stayed.is_none(), "a zombie stays: {stayed:?}");
        }
        std::thread::sleep(Duration::from_millis(if wanted > 500 { 200 } else { 50 }));
    };
    assert_eq!(status.code(), Some(0));
    let trials = journal.ended(&results);
    assert!(trials >= wanted, "{trials} trials");
    // The first tenth warms the runner up. The last look may fall into the writing of the tables.
    let while_running: Vec<Look> =
        looks.iter().copied().filter(|look| look.trials > trials / 10 && look.trials < trials).collect();
    let quarter = while_running.len() / 4;
    assert!(quarter > 0, "the run was looked at {} times", looks.len());
    let (early, late) = (&while_running[..quarter], &while_running[while_running.len() - quarter..]);
    let rss = |part: &[Look]| median(part.iter().map(|look| look.rss));
    let at = |part: &[Look]| median(part.iter().map(|look| look.trials as u64));
    let (early_rss, late_rss, between) = (rss(early), rss(late), at(late) - at(early));
    let most = |value: fn(&Look) -> usize, part: &[Look]| part.iter().map(value).max().unwrap_or_default();
    let least = |value: fn(&Look) -> usize, part: &[Look]| part.iter().map(value).min().unwrap_or_default();
    let run = journal.run.clone().unwrap();
    let journal_bytes = std::fs::metadata(run.join("journal.jsonl")).unwrap().len();
    let left = processes_of(place.path());
    let work = std::fs::read_dir(run.join("work")).into_iter().flatten().count();
    #[expect(clippy::print_stderr, reason = "`make prove-soak` shows what was seen")]
    {
        eprintln!(
            "{trials} trials in {:.0?}; resident {} KiB early, {} KiB late, {between} trials between; at least {} then {} descriptors, \
             at least {} then {} threads, children at most {}; journal {} bytes a trial; {} processes and {work} work folders left",
            began.elapsed(),
            early_rss >> 10,
            late_rss >> 10,
            least(|look| look.descriptors, early),
            least(|look| look.descriptors, late),
            least(|look| look.threads, early),
            least(|look| look.threads, late),
            most(|look| look.children, &while_running),
            journal_bytes / trials as u64,
            left.len(),
        );
    }
    let allowed = GROWTH * between + SLACK;
    assert!(
        late_rss <= early_rss + allowed,
        "grew from {early_rss} to {late_rss} bytes over {between} trials, allowed {allowed}"
    );
    // Pipes to a worker, files of `/proc` and threads come and go within a trial: what is left behind raises the least that a part shows.
    let first = &looks[..looks.len() / 2];
    assert!(least(|look| look.descriptors, late) <= least(|look| look.descriptors, first) + 1);
    assert!(least(|look| look.threads, late) <= least(|look| look.threads, first) + 1);
    assert!(most(|look| look.children, &looks) <= 2, "one worker at a time");
    assert_eq!(left.len(), 0, "{left:?}");
    assert_eq!(work, 0, "the work folder is empty");
}

fn is_zombie(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
}
