"""Ridge that misbehaves on command: each fault is one function here, named by the setting `fault`.

A fault acts at a moment of the trial. The moments `create` and `fit` are the adapter's own; the others bypass
the kit and act on the wire: before, after or instead of an event.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save

from benchrun_kit import ReadBack

#: By name: when it acts, and what it does.
FAULTS: dict[str, tuple[str, Callable[[Wire], None]]] = {}
MIB = 1 << 20


def at(moment: str) -> Callable[[Callable[[Wire], None]], Callable[[Wire], None]]:
    """Register a fault for a moment."""

    def register(fault: Callable[[Wire], None]) -> Callable[[Wire], None]:
        FAULTS[fault.__name__] = (moment, fault)
        return fault

    return register


class Wire:
    """The kit's channel, on which one fault acts. Each acts once, at the first event that fits."""

    def __init__(self, request) -> None:  # noqa: ANN001
        # The kit's entry point made it before it imported anything else.
        self.channel = sys.modules["__main__"].channel
        self.descriptor = self.channel._file.fileno()
        self.outputs = Path(request.output_dir)
        self.place, self.fault = FAULTS[request.settings["fault"]]
        self.fields: dict[str, object] = {}
        self.kit_send = self.channel.send
        self.channel.send = self.send
        self.armed = True
        self.act("create")

    def act(self, place: str) -> bool:
        """Do what was commanded if this is its moment."""
        if self.armed and self.place == place:
            self.armed = False
            self.fault(self)
            return True
        return False

    def send(self, event: str, **fields: object) -> None:
        """What the kit calls."""
        self.fields = fields
        self.act(f"before {event}")
        if not self.act(f"instead of {event}"):
            self.kit_send(event, **fields)
        self.act(f"after {event}")

    def write(self, raw: bytes) -> None:
        """Bytes that no kit would write."""
        while raw:
            raw = raw[os.write(self.descriptor, raw[:MIB]) :]

    @property
    def file(self) -> Path:
        """The file that holds the raw outputs."""
        return self.outputs / str(self.fields["path"])

    @contextlib.contextmanager
    def tensors(self) -> Iterator[dict[str, np.ndarray]]:
        """The raw outputs, to be changed behind the kit's back."""
        tensors = load_file(self.file)
        yield tensors
        self.replace(save(tensors))

    def replace(self, content: bytes) -> None:
        """Replace the file of raw outputs and report its true hash."""
        self.file.write_bytes(content)
        self.fields["sha256"] = hashlib.sha256(content).hexdigest()


def create(request):  # noqa: ANN001, ANN201 - tests use it as a third party would
    """A model, or the end."""
    return Ridge(request, Wire(request))


class Ridge:
    """Ridge by the normal equations on centred rows."""

    def __init__(self, request, wire: Wire) -> None:  # noqa: ANN001
        self.fault, self.wire = request.settings["fault"], wire
        self.parameters = request.hyperparameters

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        """Solve, after the fault."""
        self.wire.act("fit")
        x_mean, y_mean = X.mean(axis=0), y.mean()
        centred = X - x_mean
        gram = centred.T @ centred + self.parameters["alpha"] * np.eye(X.shape[1])
        self.coefficients = np.linalg.solve(gram, centred.T @ (y - y_mean))
        self.intercept = y_mean - x_mean @ self.coefficients

    def predict(self, X: np.ndarray) -> np.ndarray:
        """One product."""
        return X @ self.coefficients + self.intercept

    def read_back(self, warned: object) -> ReadBack:
        """What was used."""
        return ReadBack(
            hyperparameters=self.parameters,
            settings={"fault": self.fault},
            dtype=self.coefficients.dtype.name,
            layout="row-major",
        )

    def outputs(self, X: np.ndarray) -> dict[str, np.ndarray]:
        """What the task wants."""
        return {
            "predictions": self.predict(X),
            "coefficients": self.coefficients,
            "intercept": np.array([self.intercept]),
        }


@at("never")
def none(wire: Wire) -> None:
    """Nothing."""


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
    wire.write(bytes(range(256)) * 16 + b"\n")


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


@at("fit")
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


# The raw outputs are not what was reported.


@at("before outputs")
def no_file(wire: Wire) -> None:
    wire.file.unlink()


@at("before outputs")
def directory(wire: Wire) -> None:
    wire.file.unlink()
    wire.file.mkdir()


@at("before outputs")
def empty_file(wire: Wire) -> None:
    wire.file.write_bytes(b"")


@at("before outputs")
def empty_file_told(wire: Wire) -> None:
    wire.replace(b"")


@at("before outputs")
def truncated(wire: Wire) -> None:
    wire.file.write_bytes(wire.file.read_bytes()[:-8])


@at("before outputs")
def truncated_told(wire: Wire) -> None:
    wire.replace(wire.file.read_bytes()[:-8])


@at("before outputs")
def wrong_hash(wire: Wire) -> None:
    wire.fields["sha256"] = "0" * 64


@at("after outputs")
def tampered_later(wire: Wire) -> None:
    time.sleep(0.5)
    told = dict(wire.fields)
    with wire.tensors() as tensors:
        tensors["predictions"][0] += 1.0
    assert told != wire.fields


@at("before outputs")
def link_out(wire: Wire) -> None:
    outside = Path(os.environ["TMPDIR"]) / "outside.safetensors"
    wire.file.replace(outside)
    wire.file.symlink_to(outside)


@at("before outputs")
def folder_link_out(wire: Wire) -> None:
    outside = Path(os.environ["TMPDIR"]) / "outside"
    outside.mkdir(exist_ok=True)
    wire.file.replace(outside / "outputs.safetensors")
    (wire.outputs / "inner").symlink_to(outside)
    wire.fields["path"] = "inner/outputs.safetensors"


@at("before outputs")
def link_to_zero(wire: Wire) -> None:
    wire.file.unlink()
    wire.file.symlink_to("/dev/zero")


@at("before outputs")
def fifo(wire: Wire) -> None:
    wire.file.unlink()
    os.mkfifo(wire.file)


@at("before outputs")
def huge_file(wire: Wire) -> None:
    # A hole takes no space on the disk, but the time to read it.
    os.truncate(wire.file, 1 << 40)


@at("before outputs")
def absolute_path(wire: Wire) -> None:
    wire.fields["path"] = str(wire.file)


@at("before outputs")
def parent_path(wire: Wire) -> None:
    wire.fields["path"] = "../outputs/" + str(wire.fields["path"])


# They are, but they are no answer.


@at("before outputs")
def garbage(wire: Wire) -> None:
    wire.replace(bytes(range(256)) * 16)


@at("before outputs")
def huge_header(wire: Wire) -> None:
    wire.replace((1 << 60).to_bytes(8, "little") + b"{}")


@at("before outputs")
def overlapping(wire: Wire) -> None:
    header = {
        name: {"dtype": "F64", "shape": [1 << 40], "data_offsets": [0, 8]}
        for name in ("predictions", "coefficients", "intercept")
    }
    text = json.dumps(header).encode()
    wire.replace(len(text).to_bytes(8, "little") + text + bytes(8))


@at("before outputs")
def nan(wire: Wire) -> None:
    with wire.tensors() as tensors:
        tensors["predictions"][0] = np.nan


@at("before outputs")
def infinity(wire: Wire) -> None:
    with wire.tensors() as tensors:
        tensors["predictions"][[1, 2]] = np.inf, -np.inf


@at("before outputs")
def nan_coefficient(wire: Wire) -> None:
    with wire.tensors() as tensors:
        tensors["coefficients"][0] = np.nan


@at("before outputs")
def fewer_rows(wire: Wire) -> None:
    with wire.tensors() as tensors:
        tensors["predictions"] = tensors["predictions"][:-1].copy()


@at("before outputs")
def more_rows(wire: Wire) -> None:
    with wire.tensors() as tensors:
        tensors["predictions"] = np.append(tensors["predictions"], 0.0)


@at("before outputs")
def one_more_axis(wire: Wire) -> None:
    with wire.tensors() as tensors:
        tensors["predictions"] = tensors["predictions"][:, None].copy()


@at("before outputs")
def single_precision(wire: Wire) -> None:
    with wire.tensors() as tensors:
        tensors["predictions"] = tensors["predictions"].astype(np.float32)


@at("before outputs")
def whole_numbers(wire: Wire) -> None:
    with wire.tensors() as tensors:
        tensors["predictions"] = tensors["predictions"].astype(np.int64)


@at("before outputs")
def no_predictions(wire: Wire) -> None:
    with wire.tensors() as tensors:
        del tensors["predictions"]


@at("before outputs")
def no_coefficients(wire: Wire) -> None:
    with wire.tensors() as tensors:
        del tensors["coefficients"]


@at("before outputs")
def one_more_tensor(wire: Wire) -> None:
    with wire.tensors() as tensors:
        tensors["diary"] = np.zeros(3)


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


FAULTS["print"] = FAULTS.pop("print_")
