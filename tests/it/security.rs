//! What hostile specs, adapters, workers and folders cannot do. `docs/design/security.md` lists it.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::adapters::adapter;
use crate::support::{Done, Place};

/// A variable that the runner has and no worker may see.
const SECRET: (&str, &str) = ("BENCHRUN_TEST_SECRET", "hunter2");

fn spec(name: &str, implementation: &str) -> String {
    format!(
        r#"
name = "{name}"
[protocol]
blocks = 2
timeout = "60s"
[protocol.fit]
max_samples = 2
[protocol.predict]
batch_sizes = ["all"]
max_samples = 2
[[experiment]]
name      = "security"
task      = "regression"
datasets  = ["diabetes"]
implementations = ["{implementation}"]
[experiment.algorithms]
ridge = {{}}
"#
    )
}

/// Runs the toy adapter with some more lines of Python.
fn run_adapter(place: &Place, name: &str, more: &str) -> Done {
    let folder = adapter(place, "toy");
    let path = place.path().join("adapters/toy/toy_adapter.py");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}\n{more}\n")).unwrap();
    place.write(&format!("{name}.toml"), &spec(name, "python/toy"));
    let mut command = place.command(&[&format!("{name}.toml"), "--quiet", "--adapters", &folder]);
    Done::from(command.env(SECRET.0, SECRET.1).output().unwrap())
}

fn logs(place: &Place, name: &str) -> Vec<String> {
    let logs = std::fs::read_dir(place.only_run(name).join("logs")).unwrap();
    logs.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
}

/// The environment and the descriptors of a worker, as lines.
fn is_clean(environment: &[&str], descriptors: &[&str]) {
    let allowed = |name: &str| {
        ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LC_CTYPE"].contains(&name)
            || ["PYTHONHASHSEED", "PYTHONNOUSERSITE", "PYTHONDONTWRITEBYTECODE"].contains(&name)
            || name.ends_with("_NUM_THREADS")
            || name == "VECLIB_MAXIMUM_THREADS"
    };
    for variable in environment {
        let name = variable.split('=').next().unwrap();
        assert!(allowed(name), "a worker sees the variable {name}");
    }
    assert!(environment.iter().any(|v| v.starts_with("OMP_NUM_THREADS")), "{environment:?}");
    // What this test was given itself is passed on: the runner cannot close descriptors that it knows nothing of.
    let given: Vec<String> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|fd| Some(std::fs::read_link(fd.unwrap().path()).ok()?.to_string_lossy().into_owned()))
        .collect();
    for path in descriptors.iter().filter(|path| !given.iter().any(|own| own == *path)) {
        let is_own = path.starts_with("pipe:")
            || path.ends_with(".log") && path.contains("/logs/")
            || path.starts_with("/proc/")
            // The loader has a library open for a moment, when the worker is seen as it starts.
            || path.contains(".so");
        assert!(is_own, "a worker has {path} open: {descriptors:?}");
    }
    assert!(descriptors.iter().any(|path| path.ends_with(".log")), "{descriptors:?}");
}

#[test]
fn a_python_worker_sees_no_secret_and_inherits_no_descriptor() {
    let place = Place::new();
    let more = r#"
import os, sys
for name in os.environ:
    print("VARIABLE", name, file=sys.stderr)
for fd in os.listdir("/proc/self/fd"):
    try:
        print("DESCRIPTOR", os.readlink(f"/proc/self/fd/{fd}"), file=sys.stderr)
    except OSError:
        pass
"#;
    run_adapter(&place, "python_view", more).success();
    let logs = logs(&place, "python_view");
    assert_eq!(logs.len(), 3, "a warm-up and two blocks");
    for log in logs {
        assert!(!log.contains(SECRET.0) && !log.contains(SECRET.1), "{log}");
        let lines =
            |of: &str| log.lines().filter_map(|l| l.strip_prefix(of)).map(str::trim).collect::<Vec<_>>();
        is_clean(&lines("VARIABLE"), &lines("DESCRIPTOR"));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_native_worker_sees_no_secret_and_inherits_no_descriptor() {
    let place = Place::new();
    let slow = spec("native_view", "rust/faer").replace(
        "[protocol.fit]\nmax_samples = 2",
        "[protocol.fit]\nmax_samples = 1_000_000\nmax_time = \"2s\"",
    );
    place.write("native_view.toml", &slow);
    let mut runner = place.command(&["native_view.toml", "--quiet"]);
    let mut runner =
        runner.env(SECRET.0, SECRET.1).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let parent = format!("PPid:\t{}", runner.id());
    let read = |path: PathBuf| {
        std::fs::read(path).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
    };
    let deadline = Instant::now() + Duration::from_secs(300);
    let (environment, descriptors) = loop {
        assert!(Instant::now() < deadline && runner.try_wait().unwrap().is_none(), "no worker was seen");
        let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let mut workers = processes.filter(|p| {
            read(p.join("status")).lines().any(|line| line == parent)
                && read(p.join("cmdline")).ends_with("\0worker\0")
        });
        if let Some(worker) = workers.next() {
            let descriptors: Vec<String> = std::fs::read_dir(worker.join("fd"))
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|fd| Some(std::fs::read_link(fd.path()).ok()?.to_string_lossy().into_owned()))
                .filter(|path| !path.ends_with(".safetensors") && !path.ends_with("/manifest.json"))
                .collect();
            let environment = read(worker.join("environ"));
            // A worker that has just ended shows neither.
            if !environment.is_empty() && descriptors.len() >= 3 {
                break (environment, descriptors);
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(!environment.contains(SECRET.1), "{environment}");
    let variables: Vec<&str> = environment.split('\0').filter(|v| !v.is_empty()).collect();
    is_clean(&variables, &descriptors.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(runner.wait().unwrap().success());
}

#[test]
fn outputs_that_are_links_or_pipes_are_refused_at_once() {
    let place = Place::new();
    place.write("secret", "s");
    let secret = place.path().join("secret").display().to_string();
    let hostile = [
        ("link", format!("(folder / FILE).symlink_to({secret:?})"), "it is a link"),
        ("pipe", "os.mkfifo(folder / FILE)".to_owned(), "it is not a plain file"),
        ("device", "(folder / FILE).symlink_to('/dev/zero')".to_owned(), "it is a link"),
        (
            "over",
            format!("(folder / 'up').symlink_to({:?}); path = 'up/secret'", place.path()),
            "cannot be read",
        ),
        ("folder", "(folder / FILE).mkdir()".to_owned(), "it is not a plain file"),
        ("climbs", "path = '../../../../../secret'".to_owned(), "leaves the trial's folder"),
        ("absolute", format!("path = {secret:?}"), "leaves the trial's folder"),
        ("huge", "open(folder / FILE, 'wb').truncate(1 << 40)".to_owned(), "File too large"),
    ];
    for (name, act, reason) in hostile {
        let more = format!(
            "
import hashlib, os
import benchrun_kit.outputs as kit
def hostile(outputs, folder):
    FILE = path = kit.FILE
    {act}
    return {{'path': path, 'sha256': hashlib.sha256(b's').hexdigest()}}
kit.write_outputs = hostile"
        );
        let done = run_adapter(&place, name, &more.replace("; path =", "\n    path ="));
        assert_eq!(done.code, Some(1), "{name}: {}{}", done.stdout, done.stderr);
        assert!(done.stdout.contains(reason), "{name}: {}", done.stdout);
        let events = place.events(name);
        let ended = events.iter().filter(|e| e["event"] == "trial_ended");
        assert_eq!(ended.filter(|e| e["status"] == "failed").count(), 3, "{name}: the run goes on");
    }
}

#[test]
fn what_workers_say_is_shown_and_not_obeyed() {
    let place = Place::new();
    let more = r#"
def create(request):
    raise ValueError("\x1b[2J\x1b]0;owned\x07|<img src=x>`\n# big\n" + "x" * 100_000)
"#;
    run_adapter(&place, "shown", more);
    for format in ["text", "markdown", "csv", "json"] {
        let told = place.run(&["compare", "shown", "--format", format]).stdout;
        assert!(told.chars().all(|c| !c.is_control() || c == '\n'), "{format}: {told:?}");
        if format == "text" || format == "markdown" {
            assert!(told.len() < 50_000, "{format} is cut");
            assert!(told.contains("\\u001b[2J"), "{told}");
            assert!(!told.lines().any(|line| line.starts_with("# ")), "{told}");
        }
        if format == "markdown" {
            assert!(told.contains("\\|\\<img src=x>\\`"), "{told}");
        }
    }
}

/// Such an event is journalled before its trial fails, and everything that is made of the journal must bear it.
#[test]
fn samples_that_do_not_fit_together_fail_their_trial_and_nothing_else() {
    let place = Place::new();
    let more = "
import benchrun_kit.channel as kit
send = kit.Channel.send
def cut(self, event, **fields):
    if event == 'samples':
        fields['cpu_ns'] = list(fields['cpu_ns'])[:-1]
    send(self, event, **fields)
kit.Channel.send = cut";
    let done = run_adapter(&place, "cut", more);
    assert_eq!(done.code, Some(1), "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("do not fit together"), "{}", done.stdout);
    assert_eq!(place.comparison("cut")["finished"], true);
}

/// A run that was killed, in the folder of a place.
fn killed_run(place: &Place) -> PathBuf {
    place.write("long.toml", &spec("long", "rust/faer").replace("blocks = 2", "blocks = 40"));
    let mut runner =
        place.command(&["long.toml", "--quiet"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(300);
    let has_begun = || {
        let runs = std::fs::read_dir(place.path().join("results/long")).into_iter().flatten().flatten();
        let journals = runs.filter_map(|run| std::fs::read_to_string(run.path().join("journal.jsonl")).ok());
        journals.map(|text| text.matches("\"trial_ended\"").count()).sum::<usize>() > 2
    };
    while !has_begun() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(10));
    }
    runner.kill().unwrap();
    runner.wait().unwrap();
    place.only_run("long")
}

#[test]
fn a_run_is_not_continued_over_links() {
    let place = Place::new();
    let run = killed_run(&place);
    let victim = place.write("victim", "precious");
    for name in ["logs/x.log", "journal.jsonl", "work"] {
        let path = run.join(name);
        let kept = run.join("kept");
        let was_there = std::fs::rename(&path, &kept).is_ok();
        symlink(if name == "work" { place.path() } else { victim.as_path() }, &path).unwrap();
        if name == "journal.jsonl" {
            // An honest journal, but elsewhere.
            std::fs::copy(&kept, &victim).unwrap();
        }
        let before = std::fs::read(&victim).unwrap();
        let done = place.run(&["long.toml", "--quiet"]);
        assert_eq!(done.code, Some(4), "{name}: {}", done.stderr);
        assert!(done.stderr.contains("neither a plain file nor a folder"), "{name}: {}", done.stderr);
        assert_eq!(std::fs::read(&victim).unwrap(), before, "{name}");
        std::fs::remove_file(&path).unwrap();
        if was_there {
            std::fs::rename(&kept, &path).unwrap();
        }
    }
    // What a worker left between the folders of trials goes; where it leads to stays.
    std::fs::create_dir_all(run.join("work")).unwrap();
    symlink(place.path(), run.join("work/stray")).unwrap();
    place.run(&["long.toml", "--quiet"]).success();
    assert!(victim.exists() && !run.join("work/stray").is_symlink());
}

#[test]
fn a_hostile_run_folder_neither_leads_away_nor_hangs() {
    let place = Place::new();
    place.write("long.toml", &spec("long", "rust/faer"));
    place.run(&["long.toml", "--quiet"]).success();
    let run = place.only_run("long");
    let manifest = std::fs::read_to_string(run.join("manifest.json")).unwrap();
    for (from, to) in [("\"spec\": \"long\"", "\"spec\": \"../../..\""), ("\"run\": \"2", "\"run\": \"/2")] {
        assert!(manifest.contains(from));
        std::fs::write(run.join("manifest.json"), manifest.replacen(from, to, 1)).unwrap();
        let done = place.run(&["compare", run.to_str().unwrap()]);
        assert_eq!(done.code, Some(4), "{}", done.stderr);
        assert!(done.stderr.contains("is no name of a folder"), "{}", done.stderr);
    }
    std::fs::write(run.join("manifest.json"), manifest).unwrap();
    for name in ["samples.parquet", "trials.parquet", "journal.jsonl", "parity.parquet"] {
        let (path, kept) = (run.join(name), run.join("kept"));
        std::fs::rename(&path, &kept).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        // It ends, one way or the other.
        let done = place.run(&["compare", run.to_str().unwrap()]);
        assert!([Some(0), Some(4)].contains(&done.code), "{name}: {}", done.stderr);
        std::fs::rename(&kept, &path).unwrap();
    }
    place.run(&["compare", run.to_str().unwrap()]).success();
}

/// A journal that was made to have another process killed.
#[test]
fn an_abandoned_trial_must_have_a_name() {
    let place = Place::new();
    let run = killed_run(&place);
    let mut bystander = Command::new("sleep").arg("1000").current_dir(place.path()).spawn().unwrap();
    let journal = run.join("journal.jsonl");
    let text = std::fs::read_to_string(&journal).unwrap();
    let whole = &text[..=text.rfind('\n').unwrap()];
    let trial = serde_json::json!({ "event": "trial_started", "unix_ms": 1, "trial": { "id": "/", "case": "c",
        "implementation": "i", "block": 1, "attempt": 0, "session": 0, "position": 0, "seed": 1 } });
    let spawned = serde_json::json!({ "event": "worker_spawned", "trial": "/", "pid": bystander.id(), "spawned_ns": 1, "cpus": null });
    std::fs::write(&journal, format!("{whole}{trial}\n{spawned}\n")).unwrap();
    let done = place.run(&["long.toml", "--quiet"]);
    assert!(bystander.try_wait().unwrap().is_none(), "a process that is none of ours was killed");
    bystander.kill().unwrap();
    bystander.wait().unwrap();
    assert!(done.code == Some(4) && done.stderr.contains("is no name of a file"), "{}", done.stderr);
}

#[test]
fn a_lock_with_options_is_refused_before_pip_runs() {
    let place = Place::new();
    let folder = adapter(&place, "toy");
    place.write("adapters/toy/requirements.lock", "--no-binary :all:\nnumpy==2.5.5 --hash=sha256:00\n");
    let done = place.run(&["env", "sync", "python/toy", "--adapters", &folder]);
    assert_eq!(done.code, Some(3), "{}", done.stderr);
    assert!(done.stderr.contains("line 1 ends `--no-binary :all:`"), "{}", done.stderr);
}

#[test]
fn names_of_specs_stay_in_the_results() {
    let place = Place::new();
    for name in ["../out", "/tmp/out", "..", ".", "-rf", "a/b", "\\u0000", ""] {
        place.write("s.toml", &spec(name, "rust/faer"));
        let done = place.run(&["s.toml", "--quiet"]);
        assert_eq!(done.code, Some(2), "{name}: {}", done.stderr);
        assert!(done.stderr.contains("must consist of letters"), "{name}: {}", done.stderr);
    }
    assert!(!place.path().join("results").exists());
}

#[test]
fn data_must_be_plain_files_of_a_size() {
    let place = Place::new();
    assert!(Command::new("mkfifo").arg(place.path().join("pipe.csv")).status().unwrap().success());
    std::fs::File::create(place.path().join("huge.csv")).unwrap().set_len(1 << 40).unwrap();
    symlink("/dev/zero", place.path().join("device.csv")).unwrap();
    for (name, reason) in [
        ("pipe", "there is no file"),
        ("device", "there is no file"),
        ("huge", "larger than the limit of 4.0 GiB"),
    ] {
        let source = format!("{{ path = \"{name}.csv\", target = \"y\" }}");
        place.write("s.toml", &spec("s", "rust/faer").replace("\"diabetes\"", &source));
        let done = place.run(&["s.toml", "--quiet"]);
        assert!(done.code == Some(2) || done.code == Some(3), "{name}: {}", done.stderr);
        assert!(done.stderr.contains(reason), "{name}: {}", done.stderr);
    }
}

#[test]
fn clean_removes_what_is_the_caches_and_nothing_else() {
    let place = Place::new();
    let cache = place.path().join("cache");
    let keep = |path: &Path| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "mine").unwrap();
    };
    let outside = place.path().join("outside/file");
    keep(&outside);
    keep(&cache.join("data/thesis.txt"));
    keep(&cache.join("data/thesis/chapter"));
    keep(&cache.join("data").join("0".repeat(64)));
    keep(&cache.join("bundles").join("1".repeat(64)).join("manifest.json"));
    symlink(place.path().join("outside"), cache.join("bundles").join("2".repeat(64))).unwrap();
    let clean = |cache: &Path| {
        Done::from(place.command(&["clean"]).env("BENCHRUN_CACHE", cache).output().unwrap()).success()
    };
    let told = clean(&cache).stdout;
    assert!(told.contains("left"), "{told}");
    assert!(!cache.join("bundles").exists() && !cache.join("data").join("0".repeat(64)).exists());
    for path in [outside, cache.join("data/thesis.txt"), cache.join("data/thesis/chapter")] {
        assert!(path.exists(), "{}", path.display());
    }
    // An empty variable is none: it does not mean the folder that one is in.
    keep(&place.path().join("data").join("3".repeat(64)));
    let mut command = place.command(&["clean", "--dry-run"]);
    let done = Done::from(
        command.env("BENCHRUN_CACHE", "").env("XDG_CACHE_HOME", place.path().join("none")).output().unwrap(),
    );
    assert_eq!(done.success().stdout.trim(), "");
}
