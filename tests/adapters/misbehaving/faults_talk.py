"""It breaks the protocol, or libraries write where they may."""

from __future__ import annotations

import ctypes
import os
import subprocess

from wire import MIB, Wire, at

# It breaks the protocol.


@at("before phase_begin")
def no_json(wire: Wire) -> None:
    wire.write(b"this is no event\n")


@at("before phase_begin")
def unknown_event(wire: Wire) -> None:
    wire.write(b'{"event":"teapot"}\n')


@at("before ready")
def unknown_field(wire: Wire) -> None:
    wire.fields["flavour"] = "vanilla"


@at("before phase_begin")
def missing_field(wire: Wire) -> None:
    del wire.fields["monotonic_ns"]


@at("before phase_begin")
def wrong_type(wire: Wire) -> None:
    wire.fields["monotonic_ns"] = -1


@at("before phase_begin")
def empty_line(wire: Wire) -> None:
    wire.write(b"\n")


@at("before phase_begin")
def binary(wire: Wire) -> None:
    wire.write(bytes(range(128, 256)) * 16 + b"\n")


@at("before phase_begin")
def zeros(wire: Wire) -> None:
    wire.write(bytes(4096) + b"\n")


@at("before phase_begin")
def deep_nesting(wire: Wire) -> None:
    wire.write(b'{"event":' + b"[" * 100_000 + b"\n")


@at("before phase_begin")
def long_line(wire: Wire) -> None:
    wire.write(b"x" * (100 * MIB) + b"\n")


@at("before phase_begin")
def endless_line(wire: Wire) -> None:
    wire.write(b"x" * (100 * MIB))


@at("before done")
def half_a_line(wire: Wire) -> None:
    wire.write(b'{"event":"do')
    os._exit(0)


@at("before ready")
def samples_before_ready(wire: Wire) -> None:
    wire.kit_send("samples", phase="fit", calls=[1], wall_ns=[1], cpu_ns=[1])


@at("after ready")
def ready_twice(wire: Wire) -> None:
    wire.kit_send("ready", **wire.fields)


@at("before ready")
def wrong_protocol(wire: Wire) -> None:
    wire.fields["protocol"] = 999


@at("before ready")
def wrong_build(wire: Wire) -> None:
    wire.fields["build"] = "0" * 64


@at("before ready")
def wrong_name(wire: Wire) -> None:
    wire.fields["implementation"] = "python/another"


@at("instead of phase_begin")
def end_without_begin(wire: Wire) -> None:
    pass


@at("instead of phase_end")
def no_end(wire: Wire) -> None:
    pass


@at("before phase_end")
def time_runs_back(wire: Wire) -> None:
    wire.fields["monotonic_ns"] = 1


@at("after phase_begin")
def begin_twice(wire: Wire) -> None:
    wire.kit_send("phase_begin", **wire.fields)


@at("before phase_begin")
def unknown_phase(wire: Wire) -> None:
    wire.fields["phase"] = "nap"


@at("before samples")
def samples_of_another_phase(wire: Wire) -> None:
    wire.fields["phase"] = "fit"


@at("before samples")
def samples_of_unequal_lengths(wire: Wire) -> None:
    wire.fields["calls"] = [1, 1, 1, 1]


@at("before samples")
def samples_of_no_calls(wire: Wire) -> None:
    wire.fields["calls"] = [0]


@at("instead of samples")
def no_samples(wire: Wire) -> None:
    pass


@at("instead of receipt")
def no_receipt(wire: Wire) -> None:
    pass


@at("after receipt")
def receipt_twice(wire: Wire) -> None:
    wire.kit_send("receipt", **wire.fields)


@at("instead of outputs")
def done_without_outputs(wire: Wire) -> None:
    pass


@at("after ready")
def done_at_once(wire: Wire) -> None:
    wire.kit_send("done")


@at("after done")
def more_after_done(wire: Wire) -> None:
    wire.kit_send("phase_begin", phase="fit", monotonic_ns=1)


# Libraries write to standard output and error.


@at("fit", name="print")
def print_(wire: Wire) -> None:
    print("printed", flush=True)


@at("fit")
def write_to_1(wire: Wire) -> None:
    os.write(1, b'{"event":"done"}\n')


@at("fit")
def printf(wire: Wire) -> None:
    ctypes.CDLL(None).printf(b"printed by C\n")


@at("fit")
def child_prints(wire: Wire) -> None:
    subprocess.run(["/bin/sh", "-c", "echo printed by a child"], check=True)


@at("fit")
def long_log(wire: Wire) -> None:
    for _ in range(200):
        os.write(2, b"noise, noise\n" * (MIB // 13))


@at("fit")
def long_log_then_exit(wire: Wire) -> None:
    long_log(wire)
    os.write(2, b"last words\n")
    os._exit(3)
