"""The process ends, or does not get on."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time

from wire import Wire, at

# The process ends.


@at("create")
def exit_before_ready(wire: Wire) -> None:
    os._exit(4)


@at("fit")
def exit_3(wire: Wire) -> None:
    os._exit(3)


@at("fit")
def exit_0(wire: Wire) -> None:
    os._exit(0)


@at("fit")
def last_words(wire: Wire) -> None:
    print("first words\nlast words", file=sys.stderr, flush=True)
    os._exit(7)


@at("after done")
def exit_5_after_done(wire: Wire) -> None:
    os._exit(5)


@at("fit")
def segfault(wire: Wire) -> None:
    ctypes.string_at(0)


@at("fit")
def abort(wire: Wire) -> None:
    os.abort()


@at("fit")
def kill(wire: Wire) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@at("fit")
def terminate(wire: Wire) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


# It does not get on.


def forever() -> None:
    while True:
        time.sleep(3600)


@at("create")
def hang_before_ready(wire: Wire) -> None:
    forever()


@at("fit")
def hang_in_a_phase(wire: Wire) -> None:
    forever()


@at("fit")
def hang_ignoring_signals(wire: Wire) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    forever()


@at("fit")
def stopped(wire: Wire) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


@at("fit")
def busy(wire: Wire) -> None:
    while True:
        pass


@at("fit")
def babble(wire: Wire) -> None:
    while True:
        wire.kit_send("progress", phase="fit_first", done=1, total=2)


@at("after done")
def linger(wire: Wire) -> None:
    forever()


@at("fit")
def close_and_go_on(wire: Wire) -> None:
    os.close(wire.descriptor)
    forever()
