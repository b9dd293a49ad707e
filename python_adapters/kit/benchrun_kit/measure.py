"""Repetition and timing of one phase's work: the rules of `Repeat` in `src/worker/protocol.rs`.

The clocks are the monotonic one (`time.perf_counter_ns`) and the CPU time of the whole process, all threads
(`time.process_time_ns`). The wall clock is read inside the CPU clock, since the latter needs a system call.
Garbage collection stays as Python sets it. What the loop adds to a call is in `python_adapters/README.md`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from math import ceil
from typing import Any

from .request import Repeat

Clock = Callable[[], int]
#: A single call that lasts this many times a sample's least duration needs no second opinion.
CLEARLY_LONG = 1000


@dataclass
class Samples:
    """Times of one phase; the three lists have equal lengths of at least one."""

    calls: list[int] = field(default_factory=list)
    wall_ns: list[int] = field(default_factory=list)
    cpu_ns: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Measurement:
    """Calls `work` with arguments in turn and times it by two clocks."""

    work: Callable[..., object]
    arguments: Iterator[tuple[object, ...]]
    #: The fraction of its own time by which every sample is slowed. For `benchrun calibrate` alone.
    slowdown: float = 0.0
    wall: Clock = time.perf_counter_ns
    cpu: Clock = time.process_time_ns

    def run(self, repeat: Repeat, progress: Callable[[int, int], None] = lambda done, total: None) -> Samples:
        """Warm up, find the number of calls a sample needs, and take the samples.

        `progress(done, total)` is told of every sample, between the samples.
        """
        singles = [self._time(1)[0] for _ in range(repeat.warmup)]
        calls = self._calls_per_sample(singles, repeat.min_sample_ns)
        samples = Samples()
        begin = self.wall()
        while (done := len(samples.calls)) < repeat.max_samples and (
            done < repeat.min_samples or self.wall() - begin < repeat.max_time_ns
        ):
            wall_ns, cpu_ns = self._time(calls)
            samples.calls.append(calls)
            samples.wall_ns.append(wall_ns)
            samples.cpu_ns.append(cpu_ns)
            progress(done + 1, repeat.max_samples)
        return samples

    def _calls_per_sample(self, singles: list[int], min_sample_ns: int) -> int:
        """How many calls in a row last `min_sample_ns`, given the times of the warm-up's single calls.

        The faster of at least two single calls is believed, so that neither a cold start nor one hiccup makes
        short work look long. The number found was tried: that many calls did last long enough. The search
        aims a tenth above, so that later samples last as long.
        """
        if min_sample_ns == 0:
            return 1
        singles = list(singles)
        while len(singles) < 2 and max(singles, default=0) < CLEARLY_LONG * min_sample_ns:
            singles.append(self._time(1)[0])
        calls, elapsed = 1, min(singles)
        while elapsed < min_sample_ns:
            calls = max(2 * calls, ceil(1.1 * calls * min_sample_ns / max(elapsed, 1)))
            elapsed, _ = self._time(calls)
        return calls

    def _time(self, calls: int) -> tuple[int, int]:
        """Wall and CPU nanoseconds of `calls` calls in a row, whose arguments are made ready beforehand."""
        work, wall, cpu = self.work, self.wall, self.cpu
        if calls == 1:
            arguments = next(self.arguments)
            cpu_begin = cpu()
            wall_begin = wall()
            result = work(*arguments)
            wall_end = wall()
            if self.slowdown:
                wall_end = self._spin(wall_begin, wall_end)
            cpu_end = cpu()
        else:
            batch = list(islice(self.arguments, calls))
            cpu_begin = cpu()
            wall_begin = wall()
            for arguments in batch:
                result = work(*arguments)
            wall_end = wall()
            if self.slowdown:
                wall_end = self._spin(wall_begin, wall_end)
            cpu_end = cpu()
        # The last result lives until here, so that freeing it is not timed with the call that made it.
        del result
        return wall_end - wall_begin, cpu_end - cpu_begin

    def _spin(self, begin: int, end: int) -> int:
        """Wait busily, inside the clocks, until the sample has taken `1 + slowdown` times its own time."""
        return _wait(self.wall, begin + round((end - begin) * (1 + self.slowdown)), end)


@dataclass
class Stopwatch:
    """Times single calls by the same two clocks, where what a call returns is needed, and calls lie in calls.

    A slowed call takes `1 + slowdown` times its own time. The time that slowed calls within it waited is not
    its own.
    """

    slowdown: float = 0.0
    wall: Clock = time.perf_counter_ns
    cpu: Clock = time.process_time_ns
    #: Nanoseconds waited so far.
    waited_ns: int = 0

    def time(self, samples: Samples, work: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401, as `work`
        """What `work` returns; its times are one sample more."""
        waited_before = self.waited_ns
        cpu_begin = self.cpu()
        wall_begin = self.wall()
        result = work(*arguments)
        wall_end = self.wall()
        if self.slowdown:
            own = wall_end - wall_begin - (self.waited_ns - waited_before)
            wall_end = _wait(self.wall, wall_begin + round(own * (1 + self.slowdown)), wall_end)
            self.waited_ns = waited_before + wall_end - wall_begin - own
        cpu_end = self.cpu()
        samples.calls.append(1)
        samples.wall_ns.append(wall_end - wall_begin)
        samples.cpu_ns.append(cpu_end - cpu_begin)
        return result


def _wait(wall: Clock, until: int, now: int) -> int:
    """Wait busily; returns the time at the end."""
    while now < until:
        now = wall()
    return now
