"""The repetition rules, on a clock that only the work moves."""

from __future__ import annotations

import itertools
import time
import unittest
from collections.abc import Callable

import support  # noqa: F401, it puts the kit on the path
from benchrun_kit import Repeat
from benchrun_kit.measure import Measurement, Samples, Stopwatch

MS = 1_000_000


class Machine:
    """Work whose every call takes a stated time, and the clocks that it moves."""

    def __init__(self, duration: Callable[[int], int]) -> None:
        self.duration = duration
        self.now = 0
        self.seen: list[object] = []

    def work(self, item: object) -> None:
        self.now += self.duration(len(self.seen))
        self.seen.append(item)

    def run(self, progress: Callable[[int, int], None] | None = None, **rules: int) -> Samples:
        listener = (progress,) if progress else ()
        measurement = Measurement(
            self.work, ((i,) for i in itertools.count()), wall=lambda: self.now, cpu=lambda: 2 * self.now
        )
        defaults = {
            "warmup": 0,
            "min_samples": 1,
            "max_samples": 5,
            "max_time_ns": 10**15,
            "min_sample_ns": 0,
        }
        return measurement.run(Repeat(**{**defaults, **rules}), *listener)


class SlowdownTest(unittest.TestCase):
    """On a clock that every reading moves by 1 ns, as real ones do: otherwise nobody could wait by it."""

    def samples(self, slowdown: float, cost: int, min_sample_ns: int) -> Samples:
        now = 0

        def wall() -> int:
            nonlocal now
            now += 1
            return now

        def work() -> None:
            nonlocal now
            now += cost

        measurement = Measurement(work, itertools.repeat(()), slowdown, wall=wall, cpu=lambda: now)
        return measurement.run(Repeat(2, 3, 3, 0, min_sample_ns))

    def test_every_sample_is_stretched_inside_both_clocks(self) -> None:
        for slowdown, expected in [(0.0, 10_001), (0.01, 10_101), (0.5, 15_002), (3.0, 40_004)]:
            samples = self.samples(slowdown, 10_000, 0)
            self.assertEqual(samples.wall_ns, [expected] * 3)
            self.assertTrue(all(c >= w for c, w in zip(samples.cpu_ns, samples.wall_ns, strict=True)))

    def test_a_sample_of_many_calls_is_stretched_as_a_whole(self) -> None:
        samples = self.samples(0.5, 7, 1000)
        for wall, calls in zip(samples.wall_ns, samples.calls, strict=True):
            self.assertGreater(calls, 1)
            self.assertAlmostEqual(wall, calls * 7 * 1.5, delta=3)


class StopwatchTest(unittest.TestCase):
    """Calls within calls, on a clock that every reading moves by 1 ns."""

    def series(self, slowdown: float) -> tuple[Samples, Samples, list[object]]:
        now = 0

        def wall() -> int:
            nonlocal now
            now += 1
            return now

        def inner(number: int) -> int:
            nonlocal now
            now += 10_000
            return number

        def outer() -> list[object]:
            nonlocal now
            # Three inner calls, and 5 µs of its own between them.
            now += 5_000
            return [watch.time(inners, inner, number) for number in range(3)]

        watch = Stopwatch(slowdown, wall=wall, cpu=lambda: now)
        inners, outers = Samples(), Samples()
        returned = watch.time(outers, outer)
        return inners, outers, returned

    def test_results_are_handed_on(self) -> None:
        inners, outers, returned = self.series(0.0)
        self.assertEqual(returned, [0, 1, 2])
        self.assertEqual((inners.calls, outers.calls), ([1, 1, 1], [1]))
        self.assertEqual(inners.wall_ns, [10_001] * 3)
        self.assertEqual(outers.wall_ns, [35_007])

    def test_waiting_within_a_call_is_not_its_own_time(self) -> None:
        for slowdown in (0.05, 1.0, 3.0):
            inners, outers, _ = self.series(slowdown)
            for found in inners.wall_ns:
                self.assertAlmostEqual(found, 10_001 * (1 + slowdown), delta=3)
            self.assertAlmostEqual(outers.wall_ns[0], 35_007 * (1 + slowdown), delta=30)
            for samples in (inners, outers):
                self.assertTrue(all(c >= w for c, w in zip(samples.cpu_ns, samples.wall_ns, strict=True)))


class RepetitionTest(unittest.TestCase):
    def test_every_call_alone_where_no_least_duration_is_asked(self) -> None:
        machine = Machine(lambda call: 10 + call)
        samples = machine.run(warmup=2)
        self.assertEqual(samples.calls, [1] * 5)
        self.assertEqual(samples.wall_ns, [12, 13, 14, 15, 16])
        self.assertEqual(samples.cpu_ns, [24, 26, 28, 30, 32])
        self.assertEqual(len(machine.seen), 7)

    def test_fit_first_is_one_cold_call(self) -> None:
        machine = Machine(lambda call: 999 if call == 0 else 1)
        self.assertEqual(machine.run(max_samples=1).wall_ns, [999])
        self.assertEqual(machine.seen, [0])

    def test_short_calls_are_batched_to_the_least_duration(self) -> None:
        machine = Machine(lambda call: 300)
        samples = machine.run(warmup=1, min_sample_ns=MS)
        self.assertEqual(samples.calls, [3667] * 5)
        self.assertEqual(samples.wall_ns, [3667 * 300] * 5)
        # one warm-up, one more single call, one batch that was tried
        self.assertEqual(len(machine.seen), 2 + 6 * 3667)

    def test_calibration_needs_no_warmup(self) -> None:
        samples = Machine(lambda call: 300).run(min_sample_ns=MS)
        self.assertEqual(samples.calls, [3667] * 5)

    def test_a_cold_start_does_not_make_short_work_look_long(self) -> None:
        for warmup in range(4):
            samples = Machine(lambda call: 20 * MS if call == 0 else 1000).run(
                warmup=warmup, min_sample_ns=MS
            )
            self.assertEqual(samples.calls, [1100] * 5, warmup)

    def test_a_hiccup_in_one_warm_call_does_not_either(self) -> None:
        samples = Machine(lambda call: 5 * MS if call == 1 else 1000).run(warmup=3, min_sample_ns=MS)
        self.assertEqual(samples.calls, [1100] * 5)

    def test_work_that_gets_faster_is_batched_by_its_last_speed(self) -> None:
        samples = Machine(lambda call: 1000 if call < 4 else 100).run(warmup=3, min_sample_ns=MS)
        self.assertGreaterEqual(min(samples.wall_ns), MS)

    def test_a_clock_too_coarse_for_one_call_still_finds_a_number(self) -> None:
        machine = Machine(lambda call: 10)
        measurement = Measurement(
            machine.work,
            ((i,) for i in itertools.count()),
            wall=lambda: machine.now // 1000 * 1000,
            cpu=lambda: 0,
        )
        samples = measurement.run(Repeat(1, 3, 3, 0, 20_000))
        self.assertGreaterEqual(min(samples.wall_ns), 20_000 - 1000)

    def test_long_calls_are_not_batched_and_not_repeated_in_vain(self) -> None:
        machine = Machine(lambda call: 2000 * MS)
        self.assertEqual(machine.run(warmup=1, min_sample_ns=MS, max_samples=3).calls, [1, 1, 1])
        self.assertEqual(len(machine.seen), 4)

    def test_no_sample_begins_after_the_time_is_up(self) -> None:
        samples = Machine(lambda call: 100).run(max_samples=50, max_time_ns=250)
        self.assertEqual(len(samples.calls), 3)

    def test_the_time_limit_yields_to_the_least_number_of_samples(self) -> None:
        samples = Machine(lambda call: 100).run(min_samples=7, max_samples=50, max_time_ns=0)
        self.assertEqual(len(samples.calls), 7)

    def test_time_starts_with_the_first_sample_and_not_with_the_warmup(self) -> None:
        samples = Machine(lambda call: 100).run(warmup=100, max_samples=4, max_time_ns=350)
        self.assertEqual(len(samples.calls), 4)

    def test_arguments_never_repeat_while_the_source_has_new_ones(self) -> None:
        machine = Machine(lambda call: 300)
        machine.run(warmup=3, min_sample_ns=3000)
        self.assertEqual(machine.seen, list(range(len(machine.seen))))

    def test_every_sample_is_reported(self) -> None:
        told: list[tuple[int, int]] = []
        Machine(lambda call: 1).run(lambda done, total: told.append((done, total)), max_samples=3)
        self.assertEqual(told, [(1, 3), (2, 3), (3, 3)])

    def test_making_and_freeing_values_is_not_timed(self) -> None:
        machine = Machine(lambda call: 100)

        class Result:
            def __del__(self) -> None:
                machine.now += 10_000

        def work(item: object) -> Result:
            machine.work(item)
            return Result()

        def arguments() -> object:
            while True:
                machine.now += 1_000
                yield (None,)

        measurement = Measurement(work, arguments(), wall=lambda: machine.now, cpu=lambda: 0)
        self.assertEqual(measurement.run(Repeat(1, 3, 3, 10**9, 0)).wall_ns, [100] * 3)

    def test_the_real_clocks_see_the_work_and_are_not_mixed_up(self) -> None:
        def work() -> None:
            time.sleep(0.02)

        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        samples = Measurement(work, itertools.repeat(())).run(Repeat(0, 2, 2, 10**9, 0))
        wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
        self.assertGreaterEqual(min(samples.wall_ns), 20 * MS)
        self.assertLessEqual(sum(samples.wall_ns), wall)
        # However busy the machine is: the samples took a part of what the process took of the processor.
        self.assertLessEqual(sum(samples.cpu_ns), cpu)


if __name__ == "__main__":
    unittest.main()
