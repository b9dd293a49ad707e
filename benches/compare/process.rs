//! One process, its wall time and its largest resident set.

use std::fs::{self, File};
use std::io;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::Outcome;

/// A process that ended well.
#[derive(Debug)]
pub struct Ran {
    /// From its start to its end, in which it wrote its output to a file.
    pub wall: Duration,
    /// `VmHWM` as it was last seen. What `wait4` reports would begin with the memory of the process that started it.
    pub peak_bytes: u64,
    /// What it wrote to standard output.
    pub output: Vec<u8>,
}

/// Growth in the last moment of a process may go unseen for this long.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Outcome<Ran> {
    let output = tempfile::NamedTempFile::new()?;
    let begin = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::from(File::create(output.path())?)).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let ended = AtomicBool::new(false);
    let (exit, wall, peak_bytes) = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut peak = 0;
            while !ended.load(Ordering::Relaxed) {
                peak = high_water(&status).unwrap_or(peak);
                std::thread::sleep(LOOK_EVERY);
            }
            peak
        });
        let exit = child.wait();
        let wall = begin.elapsed();
        ended.store(true, Ordering::Relaxed);
        (exit, wall, watch.join())
    });
    let exit = exit?;
    if !exit.success() {
        return Err(format!("{} ended with {exit}", command.get_program().display()).into());
    }
    let peak_bytes = peak_bytes.map_err(|_| io::Error::other("the memory was not watched"))?;
    Ok(Ran { wall, peak_bytes, output: fs::read(output.path())? })
}

fn high_water(status: &str) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
