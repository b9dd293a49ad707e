"""The worker's loop: one request in, events out, from `ready` to `done`."""

from __future__ import annotations

import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from . import system
from .build import build
from .channel import Channel
from .interface import Model, Network, Unsupported
from .language_interface import LanguageModel
from .manifest import Manifest
from .request import PROTOCOL_VERSION, Request, read_request
from .warned import recorded

KIT = Path(__file__).resolve().parent.parent
#: Distributions that stand in every environment and compute nothing.
INSTALLERS = ("pip", "setuptools", "wheel")
#: The least time between two signs of life within a phase.
HEARTBEAT_NS = 1_000_000_000


def serve(channel: Channel, stdin: BinaryIO, folder: Path) -> None:
    """Answer the one request on `stdin` with the adapter in `folder`, also where the answer is `failed`."""
    try:
        _trial(channel, read_request(stdin), Manifest.read(folder))
    except Unsupported as refusal:
        channel.send("unsupported", reason=_printable(str(refusal)))
    # A library that calls `sys.exit` must not pass for a worker that finished.
    except (Exception, SystemExit) as error:
        told = _printable("".join(traceback.format_exception(error)))
        # Into the log too, among what libraries wrote before.
        print(told, end="", file=sys.stderr, flush=True)
        channel.send(
            "failed",
            kind=type(error).__name__,
            message=_printable(str(error) or type(error).__name__),
            traceback=told,
        )


def _trial(channel: Channel, request: Request, manifest: Manifest) -> None:
    # Only now, so that a missing library is an answer too.
    from .estimation import Estimation
    from .language import LanguageTrial
    from .phases import ESTIMATORS, NETWORKS, READERS, WRITERS, check
    from .training import Training

    trials = {ESTIMATORS: Estimation, NETWORKS: Training, READERS: LanguageTrial, WRITERS: LanguageTrial}
    family = check(request)
    made = _create(manifest, request)
    channel.send("ready", **_ready(manifest, imported_ns=time.monotonic_ns()))
    if isinstance(made, Unsupported):
        raise made

    trial = trials[family](request, made)
    with recorded() as warned:
        with _phase(channel, "load"):
            trial.load()
        for phase in request.phases:
            work = trial.work(phase)
            with _phase(channel, phase.name):
                series = work.run(_heartbeat(channel, phase.name))
            for name, samples in series.items():
                channel.send("samples", phase=name, **vars(samples))
            warned.show()
            work.check()

        # Only now, so that what they import counts neither as start nor as memory of a phase.
        from .outputs import write_outputs
        from .receipt import receipt

        read_back = trial.read_back(warned.all())
        channel.send("receipt", **receipt(request, read_back, trial.read(), trial.features, warned.all()))
        trial.check_unchanged()
        channel.send("outputs", **write_outputs(trial.outputs(), Path(request.output_dir)))
    channel.send("done")


def _create(manifest: Manifest, request: Request) -> Model | Network | LanguageModel | Unsupported:
    """What the adapter makes, or why not. A refusal waits for `ready`: the runner shall know who refuses."""
    try:
        return manifest.create(request)
    except Unsupported as refusal:
        return refusal


def _ready(manifest: Manifest, imported_ns: int) -> dict[str, Any]:
    # After the clock was read, because these imports are no part of the framework's start.
    import platform
    from importlib.metadata import distributions

    # Normalised as packages' names are (PEP 503).
    installed = {re.sub(r"[-_.]+", "-", dist.name).lower(): dist.version for dist in distributions()}
    computing = {name: version for name, version in installed.items() if name not in INSTALLERS}
    return {
        "protocol": PROTOCOL_VERSION,
        "implementation": manifest.implementation,
        "build": build(KIT, manifest.folder),
        "monotonic_ns": imported_ns,
        "versions": {**computing, "python": platform.python_version()},
        "cpu_set": system.cpu_set(),
        # Last, so that the kit's own needs do not count as the framework's growth.
        "memory": system.memory(),
    }


@contextmanager
def _phase(channel: Channel, name: str) -> Iterator[None]:
    """Announce a phase's begin and, unless it fails, its end. Memory is read after the clock."""
    channel.send("phase_begin", phase=name, monotonic_ns=time.monotonic_ns())
    yield
    ended_ns = time.monotonic_ns()
    channel.send("phase_end", phase=name, monotonic_ns=ended_ns, memory=system.memory())


def _heartbeat(channel: Channel, phase: str) -> Callable[[int, int], None]:
    """A listener of samples that passes one on whenever `HEARTBEAT_NS` went by in silence."""
    last = time.monotonic_ns()

    def progress(done: int, total: int) -> None:
        nonlocal last
        if (now := time.monotonic_ns()) - last >= HEARTBEAT_NS:
            last = now
            channel.send("progress", phase=phase, done=done, total=total)

    return progress


def _printable(text: str) -> str:
    """The text without lone surrogates (undecodable file names hold them), which JSON readers refuse."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
