//! Repetition and timing of one phase: how many calls make a sample, how many samples make a phase.

use super::clock::Clock;
use super::protocol::Repeat;

/// The samples of one phase; the lists have equal lengths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Samples {
    /// Calls that each sample timed together.
    pub calls: Vec<u64>,
    /// Wall nanoseconds of each sample, all its calls together.
    pub wall_ns: Vec<u64>,
    /// CPU nanoseconds of each sample, all its calls together.
    pub cpu_ns: Vec<u64>,
}

impl Samples {
    /// Adds one of so many calls.
    pub fn add(&mut self, calls: u64, (wall_ns, cpu_ns): (u64, u64)) {
        self.calls.push(calls);
        self.wall_ns.push(wall_ns);
        self.cpu_ns.push(cpu_ns);
    }
}

/// A single call that lasts this many times a sample's least duration needs no second opinion.
const CLEARLY_LONG: u64 = 1000;

/// Repeats `call` as [`Repeat`] says, and gives the last call's result. Each call gets its number, so that it can rotate over inputs.
///
/// `slowdown`, a fraction, is injected into every sample: after its calls the worker spins on the wall clock, inside the clocks, until the
/// sample has taken `1 + slowdown` times its own time, as if the work itself took longer. It serves `benchrun calibrate` alone and is 0 elsewhere.
///
/// The same rules as the Python kit's (`benchrun_kit/measure.py`): the wall clock is read inside the CPU clock, which needs a system call; the
/// last result of a sample is freed after the clocks are read.
///
/// # Errors
/// The first error of a call ends the phase.
pub fn measure<R, E>(
    clock: &impl Clock,
    repeat: &Repeat,
    slowdown: f64,
    call: impl FnMut(u64) -> Result<R, E>,
) -> Result<(Samples, Option<R>), E> {
    let mut measurement = Measurement { clock, slowdown, call, number: 0, last: None };
    let mut singles = Vec::new();
    for _ in 0..repeat.warmup {
        singles.push(measurement.time(1)?.0);
    }
    let calls = measurement.calls_per_sample(singles, repeat.min_sample_ns)?;
    let mut samples = Samples::default();
    let began = clock.wall_ns();
    for taken in 0..repeat.max_samples {
        if taken >= repeat.min_samples && clock.wall_ns() - began >= repeat.max_time_ns {
            break;
        }
        samples.add(calls, measurement.time(calls)?);
    }
    Ok((samples, measurement.last))
}

/// Times some work once: wall and CPU nanoseconds, stretched by `slowdown` as in [`measure`], and its result.
///
/// # Errors
/// The work's own.
pub fn timed<R, E>(
    clock: &impl Clock,
    slowdown: f64,
    work: impl FnOnce() -> Result<R, E>,
) -> Result<((u64, u64), R), E> {
    let cpu_began = clock.cpu_ns();
    let wall_began = clock.wall_ns();
    let result = work()?;
    let mut wall = clock.wall_ns() - wall_began;
    if slowdown > 0.0 {
        let until = slowed(wall, slowdown);
        while wall < until {
            std::hint::spin_loop();
            wall = clock.wall_ns() - wall_began;
        }
    }
    Ok(((wall, clock.cpu_ns() - cpu_began), result))
}

struct Measurement<'c, C, F, R> {
    clock: &'c C,
    slowdown: f64,
    call: F,
    number: u64,
    last: Option<R>,
}

impl<C: Clock, R, E, F: FnMut(u64) -> Result<R, E>> Measurement<'_, C, F, R> {
    /// Wall and CPU nanoseconds of some calls in a row.
    fn time(&mut self, calls: u64) -> Result<(u64, u64), E> {
        drop(self.last.take());
        let numbers = self.number..self.number + calls;
        self.number += calls;
        let Self { clock, slowdown, call, .. } = self;
        let (times, last) = timed(*clock, *slowdown, || {
            let mut last = None;
            for number in numbers {
                last = Some(call(number)?);
            }
            Ok(last)
        })?;
        self.last = last;
        Ok(times)
    }

    /// How many calls in a row last `min_sample_ns`, given the times of the warm-up's single calls.
    ///
    /// The faster of at least two single calls is believed, so that neither a cold start nor one hiccup makes short work look long. The
    /// number found was tried, and aims a tenth above, so that later samples last as long.
    fn calls_per_sample(&mut self, mut singles: Vec<u64>, min_sample_ns: u64) -> Result<u64, E> {
        if min_sample_ns == 0 {
            return Ok(1);
        }
        while singles.len() < 2 && singles.iter().all(|s| *s < CLEARLY_LONG * min_sample_ns) {
            singles.push(self.time(1)?.0);
        }
        let (mut calls, mut elapsed) = (1, singles.into_iter().min().unwrap_or(0));
        while elapsed < min_sample_ns {
            let wanted = (calls * (min_sample_ns + min_sample_ns / 10)).div_ceil(elapsed.max(1));
            calls = wanted.max(2 * calls);
            elapsed = self.time(calls)?.0;
        }
        Ok(calls)
    }
}

/// `1 + slowdown` times a time in nanoseconds.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times of less than 100 days; a cast to an integer saturates"
)]
fn slowed(wall_ns: u64, slowdown: f64) -> u64 {
    (wall_ns as f64 * (1.0 + slowdown)).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::convert::Infallible;

    /// A clock that only the work moves.
    struct Mock {
        now: Cell<u64>,
    }

    impl Clock for &Mock {
        fn wall_ns(&self) -> u64 {
            self.now.get()
        }
        fn cpu_ns(&self) -> u64 {
            self.now.get() / 2
        }
    }

    fn run(cost: u64, repeat: Repeat) -> (Samples, u64) {
        let clock = Mock { now: Cell::new(0) };
        let mut last = 0;
        let measured = measure::<_, Infallible>(&&clock, &repeat, 0.0, |number| {
            clock.now.set(clock.now.get() + cost);
            last = number;
            Ok(())
        });
        (measured.unwrap().0, last + 1)
    }

    const REPEAT: Repeat =
        Repeat { warmup: 2, min_samples: 3, max_samples: 8, max_time_ns: 5_000, min_sample_ns: 1_000 };

    #[test]
    fn short_calls_are_batched_to_the_least_sample() {
        let (samples, _) = run(7, REPEAT);
        assert!(samples.calls.iter().all(|c| c * 7 >= 1_000), "{samples:?}");
        assert!(samples.wall_ns.iter().zip(&samples.calls).all(|(w, c)| *w == c * 7));
        assert_eq!(samples.calls.len(), 5, "5 samples of a little more than 1 000 ns fill 5 000 ns");
    }

    #[test]
    fn long_calls_are_samples_of_their_own() {
        let (samples, calls) = run(100_000, REPEAT);
        assert_eq!(samples.calls, [1, 1, 1], "the least number is taken although the time is up");
        assert_eq!(calls, 2 + 3, "two warm-up calls tell how long one takes, then three samples");
    }

    #[test]
    fn one_call_is_one_call() {
        let once = Repeat { warmup: 0, min_samples: 1, max_samples: 1, max_time_ns: 0, min_sample_ns: 0 };
        let (samples, calls) = run(10, once);
        assert_eq!((samples.wall_ns, calls), (vec![10], 1));
    }

    /// A clock that every reading moves by 1 ns, as real ones do: otherwise nobody could wait by it.
    struct Ticking(Cell<u64>);

    impl Clock for &Ticking {
        fn wall_ns(&self) -> u64 {
            self.0.set(self.0.get() + 1);
            self.0.get()
        }
        fn cpu_ns(&self) -> u64 {
            self.0.get()
        }
    }

    fn walls(cost: u64, slowdown: f64, repeat: Repeat) -> Samples {
        let clock = Ticking(Cell::new(0));
        let work = |_| {
            clock.0.set(clock.0.get() + cost);
            Ok::<_, Infallible>(())
        };
        measure(&&clock, &repeat, slowdown, work).unwrap().0
    }

    #[test]
    fn a_slowdown_stretches_every_sample_inside_both_clocks() {
        let alone = Repeat { min_sample_ns: 0, ..REPEAT };
        let own = walls(10_000, 0.0, alone);
        assert!(own.wall_ns.iter().all(|w| *w == 10_001), "{own:?}");
        for (slowdown, wall) in [(0.01, 10_101), (0.5, 15_002), (3.0, 40_004)] {
            let slowed = walls(10_000, slowdown, alone);
            assert!(slowed.wall_ns.iter().all(|w| *w == wall), "{slowed:?}");
            assert!(
                slowed.cpu_ns.iter().zip(&slowed.wall_ns).all(|(c, w)| c >= w),
                "the spinning costs CPU time"
            );
        }
    }

    #[test]
    fn a_slowed_sample_of_many_calls_is_stretched_as_a_whole() {
        let samples = walls(7, 0.5, REPEAT);
        for (wall, calls) in samples.wall_ns.iter().zip(&samples.calls) {
            assert!(*calls > 1 && *wall >= 1_000, "{samples:?}");
            assert!((calls * 21 / 2..=calls * 21 / 2 + 3).contains(wall), "{samples:?}");
        }
    }

    #[test]
    fn the_largest_number_bounds_quick_phases() {
        let (samples, _) = run(1_000, Repeat { max_time_ns: u64::MAX, ..REPEAT });
        assert_eq!(samples.calls.len(), 8);
    }
}
