"""Children, daemons and threads, and an environment that breaks while the run is under way."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
from faults_process import forever
from wire import Wire, at

# Processes and threads.


@at("fit")
def children_stay(wire: Wire) -> None:
    for _ in range(4):
        subprocess.Popen(["/bin/sleep", "3600"], stdin=subprocess.DEVNULL)


def daemon(*, keeps_the_pipe: bool) -> None:
    """Fork twice into a session of its own, as daemons do."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.chdir("/")
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
                signal.signal(number, signal.SIG_IGN)
            if not keeps_the_pipe:
                os.closerange(0, write)
            os.write(write, b"!")
            os.closerange(write, write + 1)
            forever()
        os._exit(0)
    os.read(read, 1)


@at("fit")
def daemon_stays(wire: Wire) -> None:
    daemon(keeps_the_pipe=False)


@at("fit")
def daemon_and_exit(wire: Wire) -> None:
    daemon(keeps_the_pipe=False)
    os._exit(0)


@at("fit")
def daemon_with_pipe_and_exit(wire: Wire) -> None:
    daemon(keeps_the_pipe=True)
    os._exit(0)


@at("after done")
def thread_goes_on(wire: Wire) -> None:
    started = threading.Event()

    def work() -> None:
        started.set()
        forever()

    threading.Thread(target=work).start()
    started.wait()


@at("create")
def all_cpus(wire: Wire) -> None:
    os.sched_setaffinity(0, range(os.cpu_count() or 1))


@at("create")
def nice(wire: Wire) -> None:
    os.nice(10)


@at("create")
def own_group(wire: Wire) -> None:
    # A process that leads its group cannot leave it, but its child can.
    if child := os.fork():
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status))
    os.setsid()


@at("fit")
def alone(wire: Wire) -> None:
    """No fault: fails if anything of an earlier trial is still there."""
    marker = f"TMPDIR={os.environ['TMPDIR']}".encode()
    family = {os.getpid(), os.getppid()}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            is_other = entry.name.isdigit() and int(entry.name) not in family
            if is_other and marker in (entry / "environ").read_bytes().split(b"\0"):
                raise RuntimeError(f"process {entry.name} is there: {(entry / 'comm').read_text()}")


# The environment breaks while the run is under way.


def prefix() -> Path:
    """The environment, if it is one that a test may break."""
    found = Path(sys.prefix)
    if not found.is_relative_to(os.environ["TMPDIR"]):
        raise RuntimeError(f"{found} is not for breaking")
    return found


@at("fit")
def interpreter_vanishes(wire: Wire) -> None:
    (prefix() / "bin" / "python").unlink()


@at("fit")
def package_vanishes(wire: Wire) -> None:
    numpy = Path(np.__file__).parent
    numpy.relative_to(prefix())
    numpy.rename(numpy.with_name("numpy_gone"))
