//! The clocks that trials are timed with: monotonic wall time and the process's CPU time, in nanoseconds.

use rustix::time::{ClockId, clock_gettime};

/// Both clocks.
pub trait Clock {
    /// The monotonic clock. It is one clock for every process of a machine, so a worker's `ready` can be set against its parent's spawn.
    fn wall_ns(&self) -> u64;
    /// CPU time of all threads of this process.
    fn cpu_ns(&self) -> u64;
}

/// The system's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn wall_ns(&self) -> u64 {
        read(ClockId::Monotonic)
    }
    fn cpu_ns(&self) -> u64 {
        read(ClockId::ProcessCPUTime)
    }
}

/// CPU time of this thread, in nanoseconds.
pub fn thread_cpu_ns() -> u64 {
    read(ClockId::ThreadCPUTime)
}

fn read(id: ClockId) -> u64 {
    let time = clock_gettime(id);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}
