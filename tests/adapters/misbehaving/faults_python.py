"""Python's own ways to fail, and memory."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import numpy as np
from faults_process import forever
from wire import MIB, Wire, at

# Python itself.


@at("fit")
def exception(wire: Wire) -> None:
    raise ValueError("planted")


@at("fit")
def chained_exception(wire: Wire) -> None:
    try:
        raise KeyError("the cause")
    except KeyError as error:
        raise RuntimeError("the effect") from error


@at("fit")
def exception_with_odd_text(wire: Wire) -> None:
    raise ValueError("\x1b[31m\udcff\u202e\x00 <script>|" + "long " * 20_000)


@at("create")
def import_error(wire: Wire) -> None:
    import no_such_module  # noqa: F401


@at("create")
def library_error(wire: Wire) -> None:
    ctypes.CDLL("libnosuchlibrary.so")


@at("fit")
def system_exit(wire: Wire) -> None:
    sys.exit("a library gave up")


@at("fit")
def keyboard_interrupt(wire: Wire) -> None:
    raise KeyboardInterrupt


@at("fit")
def recursion(wire: Wire) -> None:
    recursion(wire)


@at("fit")
def nan_in_an_event(wire: Wire) -> None:
    wire.kit_send("progress", phase="fit_first", done=float("nan"), total=1)


# Memory.


@at("fit")
def memory_error(wire: Wire) -> None:
    raise MemoryError


@at("fit")
def allocate(wire: Wire) -> None:
    np.ones(1 << 33)


@at("fit")
def allocate_bit_by_bit(wire: Wire) -> None:
    hoard = []
    while True:
        hoard.append(bytearray(os.urandom(MIB) * 16))


#: Allocates some MiB, touches them, tells, and waits.
HOARD = (
    "import sys, time; hoard = b'x' * (int(sys.argv[1]) << 20); print('there', flush=True); time.sleep(3600)"
)


def hoarder(mebibytes: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-S", "-c", HOARD, str(mebibytes)], stdout=subprocess.PIPE)


@at("fit")
def child_allocates(wire: Wire) -> None:
    child = hoarder(1 << 14)
    if child.stdout.readline() != b"there\n":
        raise RuntimeError(f"a child ended with code {child.wait()}")


@at("fit")
def children_allocate_together(wire: Wire) -> None:
    for child in [hoarder(256) for _ in range(8)]:
        child.stdout.readline()
    forever()
