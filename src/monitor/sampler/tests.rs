//! Figures held against what a process is known to have used: by the bytes that it was told to touch and by its own clocks.

use std::path::PathBuf;
use std::time::Instant;

use super::*;
use crate::monitor::usage::Usage;
use crate::worker::handle::{Handle, Message, Start};
use crate::worker::interrupt::Interrupt;

const MIB: u64 = 1 << 20;

/// Huge pages, arenas and buffers of pipes may round what a process touches up.
const SLACK: u64 = 6 * MIB;

/// A watched process, and what it said.
struct Watched {
    sampler: Arc<Sampler>,
    handle: Handle,
    lines: Vec<String>,
    over_memory: Option<u64>,
    _folder: tempfile::TempDir,
}

impl Watched {
    /// Runs a program that says its lines, the last one `done`, and then waits to be killed.
    fn start(program: PathBuf, arguments: &[&str], memory_bytes: u64, interval_ms: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let monitor = Arc::new(Monitor::open(Some(Duration::from_millis(interval_ms)), None));
        let sampler = Sampler::new(&monitor, "cpu", memory_bytes);
        let start = Start {
            program,
            arguments: arguments.iter().map(|a| (*a).to_owned()).collect(),
            folder: folder.path().to_owned(),
            environment: vec![("PATH".to_owned(), std::env::var("PATH").unwrap())],
            cpus: Vec::new(),
            memory_bytes,
            cgroup: None,
            log: folder.path().join("log"),
        };
        let handle = Handle::start(&start, "{}".to_owned(), &Interrupt::default(), sampler.clone()).unwrap();
        let mut watched = Self { sampler, handle, lines: Vec::new(), over_memory: None, _folder: folder };
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            match watched.handle.next(deadline) {
                Message::Line(line) => {
                    let last = line.contains("\"done\"");
                    watched.lines.push(line);
                    if last {
                        return watched;
                    }
                }
                Message::OverMemory { bytes } => {
                    watched.over_memory = Some(bytes);
                    return watched;
                }
                other => {
                    let log = std::fs::read_to_string(&start.log).unwrap();
                    panic!("{other:?}: {:?} {log}", watched.lines);
                }
            }
        }
    }

    /// The same for a Python script, which has `phase(name)`, `done()` and `MIB`.
    fn python(script: &str) -> Self {
        Self::python_within(script, 4096 * MIB, 100)
    }

    fn python_within(script: &str, memory_bytes: u64, interval_ms: u64) -> Self {
        let prelude = "
import contextlib, json, os, subprocess, sys, time
MIB = 1 << 20
def say(event, **fields):
    print(json.dumps({'event': event, **fields}), flush=True)
@contextlib.contextmanager
def phase(name):
    say('phase_begin', phase=name, monotonic_ns=time.monotonic_ns())
    yield
    say('phase_end', phase=name, monotonic_ns=time.monotonic_ns())
def done():
    say('receipt')
    say('done')
    time.sleep(1000)
def touch(mib):
    return bytes([1]) * (mib * MIB)
";
        Self::start(interpreter(), &["-c", &format!("{prelude}{script}")], memory_bytes, interval_ms)
    }

    /// A number that the process said.
    fn told(&self, key: &str) -> u64 {
        let lines = self.lines.iter().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.filter_map(|line| line[key].as_u64()).next_back().unwrap()
    }

    fn resources(&self) -> Resources {
        self.sampler.finish().unwrap()
    }
}

/// The interpreter itself: what is called `python3` may be a script that starts it.
fn interpreter() -> PathBuf {
    let asked = ["-c", "import sys; print(sys.executable, end='')"];
    let told = std::process::Command::new("python3").args(asked).output().unwrap().stdout;
    String::from_utf8(told).unwrap().into()
}

#[track_caller]
fn about(bytes: Option<u64>, expected: u64) {
    let bytes = bytes.unwrap();
    let range = expected.saturating_sub(MIB)..=expected + SLACK;
    assert!(range.contains(&bytes), "{:.1} MiB, not {:.1}", to_mib(bytes), to_mib(expected));
}

/// What was touched is the process's alone; the pages of its programs are shared by whoever else runs them at the moment.
#[track_caller]
fn proportional(total: &Usage, touched_mib: u64) {
    let (pss, rss) = (total.peak_pss_bytes.unwrap(), total.peak_rss_bytes.unwrap());
    let range = touched_mib * MIB..=rss + SLACK;
    assert!(range.contains(&pss), "{:.1} MiB of {:.1}", to_mib(pss), to_mib(rss));
}

#[expect(clippy::cast_precision_loss, reason = "for a message")]
fn to_mib(bytes: u64) -> f64 {
    bytes as f64 / MIB as f64
}

/// Fills this process's own resident set, as long as the answer is held: `ru_maxrss` of its children would show it.
#[must_use]
fn fill_this_process() -> Vec<u8> {
    let filled = vec![1_u8; 500 << 20];
    assert_eq!(
        std::hint::black_box(&filled).iter().step_by(4096).map(|b| u64::from(*b)).sum::<u64>(),
        500 * 256
    );
    let (own, _) = proc::read(std::process::id(), false).unwrap();
    assert!(own.rss_bytes.unwrap() > 500 * MIB);
    filled
}

#[test]
fn memory_of_python_is_what_it_touched_whatever_its_parent_holds() {
    let _held = fill_this_process();
    let peak = |mib: u64| {
        let script =
            format!("with phase('fit'):\n    held = touch({mib})\nwith phase('predict'):\n    pass\ndone()");
        Watched::python(&script).resources()
    };
    let empty = peak(0).total;
    let base = empty.peak_rss_bytes.unwrap();
    assert!(base < 50 * MIB, "the parent's 500 MiB colour it: {:.1} MiB", to_mib(base));
    for mib in [64, 256] {
        let Resources { total, phases, .. } = peak(mib);
        about(total.peak_rss_bytes, base + mib * MIB);
        about(phases[0].usage.peak_rss_bytes, base + mib * MIB);
        assert!(!phases[0].usage.peak_rss_sampled, "the high-water mark rose in this phase");
        // It is still held in the next phase.
        about(phases[1].usage.mean_rss_bytes, base + mib * MIB);
        proportional(&total, mib);
    }
}

/// Not a test: the native process that the next one starts. It touches so many MiB in a phase.
#[test]
#[ignore = "is started by another test"]
fn native_child() {
    let mib: usize = std::env::args().next_back().unwrap().parse().unwrap();
    let say = |line: &str| {
        use std::io::Write;
        // Past the test harness, which captures what is printed.
        let mut out = std::fs::File::options().write(true).open("/proc/self/fd/1").unwrap();
        out.write_all(format!("{line}\n").as_bytes()).unwrap();
    };
    say(r#"{"event":"phase_begin","phase":"fit"}"#);
    let held = std::hint::black_box(vec![1_u8; mib << 20]);
    say(r#"{"event":"phase_end","phase":"fit"}"#);
    say(r#"{"event":"receipt"}"#);
    say(r#"{"event":"done"}"#);
    std::thread::sleep(Duration::from_secs(1000));
    assert_eq!(std::hint::black_box(held).len(), mib << 20);
}

#[test]
fn memory_of_a_native_process_is_what_it_touched_whatever_its_parent_holds() {
    let _held = fill_this_process();
    let peak = |mib: u64| {
        let name = "monitor::sampler::tests::native_child";
        let arguments = ["--ignored", "--exact", "--nocapture", name, "--skip", &mib.to_string()];
        Watched::start(std::env::current_exe().unwrap(), &arguments, 4096 * MIB, 100).resources().total
    };
    let empty = peak(0);
    let base = empty.peak_rss_bytes.unwrap();
    assert!(base < 200 * MIB, "the parent's 500 MiB colour it: {:.1} MiB", to_mib(base));
    for mib in [64, 256] {
        let total = peak(mib);
        about(total.peak_rss_bytes, base + mib * MIB);
        proportional(&total, mib);
    }
}

#[test]
fn a_peak_that_an_early_phase_freed_stays_the_trials() {
    let script = "
with phase('early'):
    held = touch(192)
    del held
with phase('late'):
    held = touch(16)
done()";
    let Resources { total, phases, .. } = Watched::python(script).resources();
    let [early, late] = &phases[..] else { panic!("{phases:#?}") };
    assert!(total.peak_rss_bytes.unwrap() >= 192 * MIB && !total.peak_rss_sampled);
    assert_eq!(early.usage.peak_rss_bytes, total.peak_rss_bytes);
    assert!(late.usage.peak_rss_sampled && late.usage.peak_rss_bytes.unwrap() < 100 * MIB, "{late:#?}");
}

#[test]
fn cpu_time_is_what_the_process_says_of_itself() {
    let script = "
with phase('idle'):
    pass
with phase('busy'):
    began = time.process_time_ns()
    while (used := time.process_time_ns() - began) < 300_000_000:
        pass
say('note', used=used, total=time.process_time_ns())
done()";
    let watched = Watched::python(script);
    let Resources { total, phases, .. } = watched.resources();
    let tolerance = 50_000_000;
    let near = |found: u64, told: u64| assert!(found.abs_diff(told) < tolerance, "{found} ns, not {told} ns");
    near(phases[1].usage.counters.cpu_ns.unwrap(), watched.told("used"));
    near(total.counters.cpu_ns.unwrap(), watched.told("total"));
    assert!(phases[0].usage.counters.cpu_ns.unwrap() < 100_000_000);
    let parts = total.counters.cpu_user_ns.unwrap() + total.counters.cpu_system_ns.unwrap();
    near(parts, total.counters.cpu_ns.unwrap());
    assert!(total.cpu_utilisation().unwrap() > 0.0);
    assert!(total.counters.minor_faults.unwrap() > 100 && total.counters.read_bytes.unwrap() > 1000);
    assert!(total.counters.voluntary_switches.is_some() && total.peak_threads.unwrap() >= 1);
}

#[test]
fn what_a_process_reads_and_writes_is_counted() {
    let script = "
with phase('fit'):
    with open('file', 'wb') as file:
        file.write(touch(8))
    with open('file', 'rb') as file:
        assert len(file.read()) == 8 * MIB
done()";
    let phase = &Watched::python(script).resources().phases[0];
    about(phase.usage.counters.written_bytes, 8 * MIB);
    about(phase.usage.counters.read_bytes, 8 * MIB);
}

#[test]
fn memory_and_time_of_children_are_counted() {
    let script = "
with phase('fit'):
    child = subprocess.Popen([sys.executable, '-c', '''
import time
held = bytes([1]) * (96 << 20)
while time.process_time() < 0.2:
    pass
print(flush=True)
time.sleep(1000)
'''], stdout=subprocess.PIPE)
    child.stdout.readline()
    time.sleep(1)  # to be looked at
with phase('alone'):
    time.sleep(1)  # the look at the end of fit comes a moment after it
    child.kill()
    child.wait()
done()";
    let Resources { total, phases, .. } = Watched::python(script).resources();
    let fit = &phases[0].usage;
    assert_eq!((total.peak_processes, fit.peak_processes), (2, 2));
    assert!(fit.peak_pss_bytes.unwrap() >= 96 * MIB && fit.peak_rss_bytes.unwrap() >= 96 * MIB);
    assert!(fit.peak_rss_sampled, "the worker's own high-water mark says nothing of its child");
    assert!(fit.counters.cpu_ns.unwrap() >= 200_000_000, "{fit:#?}");
    let waited = "a child that was waited for stays counted, in ticks";
    assert!(total.counters.cpu_ns.unwrap() >= 180_000_000, "{waited}: {total:#?}");
}

#[test]
fn processes_that_hold_too_much_together_raise_the_alarm() {
    let script = "
code = 'import time; held = bytes([1]) * (150 << 20); time.sleep(1000)'
children = [subprocess.Popen([sys.executable, '-c', code]) for _ in range(3)]
time.sleep(1000)";
    let watched = Watched::python_within(script, 300 * MIB, 20);
    let bytes = watched.over_memory.unwrap();
    assert!(bytes > 300 * MIB && bytes < 700 * MIB, "{:.1} MiB", to_mib(bytes));
    // The limit is on what is held together: one process that stays below it may go on.
    let watched = Watched::python_within("with phase('fit'):\n    held = touch(250)\ndone()", 300 * MIB, 20);
    assert_eq!(watched.over_memory, None);
    assert!(watched.resources().total.peak_rss_bytes.unwrap() >= 250 * MIB);
}

#[test]
fn time_causes_readings_too_and_their_cost_is_told() {
    let watched =
        Watched::python_within("with phase('fit'):\n    say('done')\n    time.sleep(1000)", 4096 * MIB, 10);
    let deadline = Instant::now() + Duration::from_secs(120);
    while watched.sampler.timeline().len() < 10 {
        assert!(Instant::now() < deadline, "nothing is sampled");
        std::thread::sleep(Duration::from_millis(10));
    }
    let resources = watched.resources();
    assert!(resources.samples >= 8 && resources.sampling_cpu_ns > 0, "{resources:#?}");
    // A reading takes system calls, and no second.
    assert!(resources.sampling_cpu_ns / (resources.samples + resources.marks) < 1_000_000_000);
    let timeline = watched.sampler.timeline();
    assert_eq!(timeline.len() as u64, resources.samples + resources.marks);
    assert!(timeline.is_sorted_by_key(|reading| reading.t_ns));
    assert_eq!(timeline.last().unwrap().phase.as_deref(), Some("fit"));
    assert_eq!(timeline[0].phase, None, "before the first phase");
    let count = watched.sampler.timeline().len();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(watched.sampler.timeline().len(), count, "a watch that has ended reads no more");
}

#[test]
fn without_an_interval_events_alone_cause_readings() {
    let monitor = Arc::new(Monitor::open(None, None));
    let sampler = Sampler::new(&monitor, "cpu", u64::MAX);
    sampler.spawned(std::process::id(), 0, Alarm::unheard());
    for line in [
        r#"{"event":"phase_begin","phase":"fit","monotonic_ns":1}"#,
        r#"{"event":"samples","phase":"fit"}"#,
        "no JSON",
    ] {
        sampler.line(line);
    }
    sampler.line(r#"{"event":"phase_end","monotonic_ns":2,"phase":"fit"}"#);
    sampler.line(r#"{"event":"done"}"#);
    let resources = sampler.finish().unwrap();
    assert_eq!((resources.samples, resources.marks), (1, 3));
    assert_eq!(resources.phases.len(), 1);
}

#[test]
fn what_is_absent_says_why() {
    let resources = Watched::python("done()").resources();
    assert_eq!(resources.absent["gpu"], "the trial's device is the CPU");
    assert!(resources.total.gpu.is_none());
    assert_eq!(resources.absent.contains_key("energy"), resources.total.counters.energy_uj.is_none());
    assert!(!resources.absent.contains_key("process") && !resources.absent.contains_key("pss"));
    if let Some(why) = resources.absent.get("energy") {
        assert!(why.contains(energy::FOLDER), "{why}");
    }
    // A worker that never came so far was not looked at for longer.
    let cut = Watched::python("with phase('fit'):\n    say('done')\n    time.sleep(1000)");
    let monitor = Arc::new(Monitor::open(None, None));
    assert!(Sampler::new(&monitor, "cpu", 1).finish().is_none(), "nothing was started");
    drop(cut);
    let sampler = Sampler::new(&monitor, "cuda", u64::MAX);
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let pid = child.id();
    child.wait().unwrap();
    sampler.spawned(pid, 0, Alarm::unheard());
    let resources = sampler.finish().unwrap();
    assert_eq!(resources.total.mean_rss_bytes, None);
    assert_eq!(resources.total.counters.cpu_ns.unwrap_or(0), 0);
    for figures in ["process", "io", "counters", "pss"] {
        assert!(resources.absent[figures].contains("/proc/"), "{:?}", resources.absent);
    }
    // Without a driver the library is named; with one, nobody was seen on its devices.
    let why = &resources.absent["gpu"];
    assert!(why.contains("nvidia") || why.contains("device"), "{why}");
}

#[test]
fn events_are_marks_whatever_the_order_of_their_keys() {
    let begin = mark(r#"{"monotonic_ns":7,"phase":"fit","event":"phase_begin","more":[1,2]}"#);
    assert_eq!(begin, Some((MarkKind::Begin("fit".to_owned()), Some(7))));
    assert_eq!(mark(r#"{"event":"failed","kind":"x","message":"y"}"#), Some((MarkKind::Last, None)));
    for line in
        [r#"{"event":"phase_begin"}"#, r#"{"event":"samples","phase":"fit"}"#, "", "[]", "phase_begin"]
    {
        assert_eq!(mark(line), None, "{line}");
    }
    let long = format!(r#"{{"event":"done","x":"{}"}}"#, "x".repeat(LONGEST_MARK));
    assert_eq!(mark(&long), None, "a flood is not parsed twice");
}
