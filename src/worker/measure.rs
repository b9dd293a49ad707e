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

/// Repeats `call` as [`Repeat`] says. It gets the number of the call, so that it can rotate over inputs.
///
/// # Errors
/// The first error of a call ends the phase.
pub fn measure<E>(
    clock: &impl Clock,
    repeat: &Repeat,
    mut call: impl FnMut(u64) -> Result<(), E>,
) -> Result<Samples, E> {
    let mut number = 0;
    let mut run = |calls: u64| -> Result<(u64, u64), E> {
        let (wall, cpu) = (clock.wall_ns(), clock.cpu_ns());
        for i in number..number + calls {
            call(i)?;
        }
        let (cpu, wall) = (clock.cpu_ns() - cpu, clock.wall_ns() - wall);
        number += calls;
        Ok((wall, cpu))
    };
    for _ in 0..repeat.warmup {
        run(1)?;
    }
    let mut calls = 1;
    while repeat.min_sample_ns > 0 {
        let (wall, _) = run(calls)?;
        if wall >= repeat.min_sample_ns {
            break;
        }
        // Aims a tenth above the wanted time, and at most doubles tenfold a step, since a first call can be slow.
        let wanted = (calls * (repeat.min_sample_ns + repeat.min_sample_ns / 10)).div_ceil(wall.max(1));
        calls = wanted.clamp(calls + 1, calls * 10);
    }
    let mut samples = Samples::default();
    let began = clock.wall_ns();
    for taken in 0..repeat.max_samples {
        if taken >= repeat.min_samples && clock.wall_ns() - began >= repeat.max_time_ns {
            break;
        }
        let (wall, cpu) = run(calls)?;
        samples.calls.push(calls);
        samples.wall_ns.push(wall);
        samples.cpu_ns.push(cpu);
    }
    Ok(samples)
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
        let samples = measure::<Infallible>(&&clock, &repeat, |number| {
            clock.now.set(clock.now.get() + cost);
            last = number;
            Ok(())
        });
        (samples.unwrap(), last + 1)
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
        assert_eq!(calls, 2 + 1 + 3, "two warm-up calls, one to find the batch, three samples");
    }

    #[test]
    fn one_call_is_one_call() {
        let once = Repeat { warmup: 0, min_samples: 1, max_samples: 1, max_time_ns: 0, min_sample_ns: 0 };
        let (samples, calls) = run(10, once);
        assert_eq!((samples.wall_ns, calls), (vec![10], 1));
    }

    #[test]
    fn the_largest_number_bounds_quick_phases() {
        let (samples, _) = run(1_000, Repeat { max_time_ns: u64::MAX, ..REPEAT });
        assert_eq!(samples.calls.len(), 8);
    }
}
