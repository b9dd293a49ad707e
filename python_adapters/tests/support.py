"""What the tests share: small bundles, requests, adapters in temporary folders, and a runner of workers."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ADAPTERS = Path(__file__).resolve().parent.parent
KIT = ADAPTERS / "kit"
sys.path.insert(0, str(KIT))

import numpy as np  # noqa: E402
from safetensors.numpy import load_file, save_file  # noqa: E402

#: One untimed, one timed call.
ONCE = {"warmup": 0, "min_samples": 1, "max_samples": 1, "max_time_ns": 10**9, "min_sample_ns": 0}
FIT = {"kind": "fit", "name": "fit_first", "repeat": ONCE}

#: Least squares by NumPy alone, with one hyperparameter. `{here}` marks are where tests plant behaviour.
TOY = """
import numpy as np
from benchrun_kit import ReadBack, Request, Unsupported
{top}

class Toy:
    def __init__(self, request):
        self.alpha = request.hyperparameters["alpha"]

    def fit(self, X, y):
        {fit}
        self.w = np.linalg.solve(X.T @ X + self.alpha * np.eye(X.shape[1]), X.T @ y)

    def predict(self, X):
        {predict}
        return X @ self.w

    def read_back(self, warned):
        {read_back}
        return ReadBack({{"alpha": self.alpha}}, {{}}, self.w.dtype.name, "row-major", {{"iterations": 1}})

    def outputs(self, X):
        {outputs}
        return {{"predictions": self.predict(X)}}


def create(request):
    {create}
    return Toy(request)
"""

TOY_MANIFEST = """
implementation = "python/toy"
module = "toy_adapter"
lock = "requirements.lock"
python = ">=3.11"
doc = "a toy"
[[algorithms]]
task = "regression"
name = "ridge"
doc = "least squares with a squared penalty"
"""


@dataclass(frozen=True)
class Answer:
    """What one worker said."""

    events: list[dict[str, Any]]
    stderr: str
    status: int

    @property
    def names(self) -> list[str]:
        """The events' names, in order."""
        return [event["event"] for event in self.events]

    def one(self, name: str) -> dict[str, Any]:
        """The only event of this name."""
        (event,) = (event for event in self.events if event["event"] == name)
        return event


class WorkerCase(unittest.TestCase):
    """A test with a folder of its own, a small bundle in it, and workers that run there."""

    maxDiff = None

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()
        self.output_dir = self.folder / "outputs"
        self.output_dir.mkdir()
        self.arrays = problem()
        self.bundle = write_bundle(self.folder / "bundle", self.arrays)

    def request(self, **changed: Any) -> dict[str, Any]:
        """A request for the toy adapter with one fit, or with what was changed."""
        request = {
            "protocol": 1,
            "trial": "t1",
            "implementation": "python/toy",
            "task": "regression",
            "algorithm": "ridge",
            "hyperparameters": {"alpha": 1.5},
            "settings": {},
            "bundle": str(self.bundle),
            "output_dir": str(self.output_dir),
            "seed": 2**64 - 1,
            "threads": 1,
            "device": "cpu",
            "dtype": "float64",
            "phases": [FIT],
        }
        return {**request, **changed}

    def toy(self, manifest: str = TOY_MANIFEST, **planted: str) -> Path:
        """A toy adapter in a temporary folder, with code planted at the places that `TOY` names."""
        places = dict.fromkeys(["top", "fit", "predict", "read_back", "outputs", "create"], "pass")
        folder = self.folder / "toy"
        folder.mkdir(exist_ok=True)
        (folder / "adapter.toml").write_text(manifest)
        (folder / "toy_adapter.py").write_text(textwrap.dedent(TOY).format(**{**places, **planted}))
        return folder

    def answer(self, adapter: Path, request: dict[str, Any] | bytes) -> Answer:
        """Run one worker as the runner does; every line it says must be an event of the protocol."""
        line = request if isinstance(request, bytes) else json.dumps(request).encode() + b"\n"
        environment = {
            key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LD_LIBRARY_PATH")
        }
        threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
        worker = subprocess.run(
            [sys.executable, "-X", "utf8", str(KIT / "run.py"), str(adapter)],
            input=line,
            capture_output=True,
            cwd=self.folder,
            env={**environment, **threads, "PYTHONDONTWRITEBYTECODE": "1"},
            timeout=120,
            check=False,
        )
        events = [json.loads(line, parse_constant=_refuse) for line in worker.stdout.splitlines()]
        answer = Answer(events, worker.stderr.decode(), worker.returncode)
        check_protocol(self, answer)
        return answer

    def outputs(self, answer: Answer) -> dict[str, np.ndarray]:
        """The raw outputs, after a check of their hash."""
        event = answer.one("outputs")
        path = self.output_dir / event["path"]
        self.assertEqual(hashlib.sha256(path.read_bytes()).hexdigest(), event["sha256"])
        return load_file(path)

    def assert_failed(self, answer: Answer, kind: str, message: str) -> None:
        """The worker failed with this kind and a message that holds this text."""
        failed = answer.events[-1]
        self.assertEqual((failed["event"], failed.get("kind")), ("failed", kind), failed)
        self.assertIn(message, failed["message"])


def problem(
    rows: int = 60, test_rows: int = 17, features: int = 4, dtype: str = "float64"
) -> dict[str, np.ndarray]:
    """A linear problem with noise, an intercept and uncentred features."""
    draw = np.random.default_rng(7)
    x = draw.normal(1.0, 2.0, (rows + test_rows, features))
    y = x @ np.arange(1.0, features + 1) + 3.0 + draw.normal(0.0, 0.1, rows + test_rows)
    arrays = {
        "train_features": x[:rows],
        "train_target": y[:rows],
        "test_features": x[rows:],
        "test_target": y[rows:],
    }
    return {role: np.ascontiguousarray(array, dtype=dtype) for role, array in arrays.items()}


def write_bundle(
    folder: Path, arrays: dict[str, np.ndarray], says: dict[str, Any] | None = None, **changed: Any
) -> Path:
    """A bundle in the runner's format, with what it `says`; `changed` replaces keys of `train_features`."""
    folder.mkdir()
    roles = {}
    for role, array in arrays.items():
        file = folder / f"{role}.safetensors"
        save_file({"data": array}, file)
        roles[role] = {
            "file": file.name,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "tensor": "data",
            "dtype": array.dtype.name,
            "shape": list(array.shape),
        }
    roles.get("train_features", {}).update(changed)
    manifest = folder / "manifest.json"
    manifest.write_text(
        json.dumps({"version": 1, "roles": roles, "source": {"anything": []}, **(says or {})})
    )
    return manifest


#: Keys and types of every event, as in `src/worker/protocol.rs`; a question mark allows null.
COUNT, TEXT, LIST, MAP = int, str, list, dict
EVENTS: dict[str, dict[str, Any]] = {
    "ready": {
        "protocol": COUNT,
        "implementation": TEXT,
        "build": TEXT,
        "monotonic_ns": COUNT,
        "versions": MAP,
        "cpu_set": LIST | None,
        "memory": MAP,
    },
    "phase_begin": {"phase": TEXT, "monotonic_ns": COUNT},
    "phase_end": {"phase": TEXT, "monotonic_ns": COUNT, "memory": MAP},
    "samples": {"phase": TEXT, "calls": LIST, "wall_ns": LIST, "cpu_ns": LIST},
    "progress": {"phase": TEXT, "done": COUNT, "total": COUNT},
    "receipt": {
        "hyperparameters": MAP,
        "settings": MAP,
        "bundle": TEXT,
        "dtype": TEXT,
        "layout": TEXT,
        "train_rows": COUNT,
        "features": COUNT,
        "device": TEXT,
        "threads": MAP,
        "blas": LIST,
        "work": MAP,
        "build": MAP,
        "libraries": LIST | None,
    },
    "outputs": {"path": TEXT, "sha256": TEXT},
    "unsupported": {"reason": TEXT},
    "failed": {"kind": TEXT, "message": TEXT, "traceback": TEXT},
    "done": {},
}
#: Keys that an event may lack.
MAY = {"receipt": {"draws": TEXT}}
OBJECTS: dict[str, dict[str, Any]] = {
    "memory": {"rss_bytes": COUNT | None, "peak_rss_bytes": COUNT | None},
    "threads": {"allowed": COUNT, "pool": COUNT, "alive": COUNT | None},
}
BLAS = {"name": TEXT, "version": TEXT | None, "architecture": TEXT | None, "threads": COUNT}
LAST = ("done", "unsupported", "failed")


def check_protocol(test: unittest.TestCase, answer: Answer) -> None:
    """Check keys, types and order of all events, and the exit status."""
    for event in answer.events:
        may = {k: kind for k, kind in MAY.get(event["event"], {}).items() if k in event}
        check_object(
            test, {k: v for k, v in event.items() if k != "event"}, {**EVENTS[event["event"]], **may}
        )
        for name in OBJECTS.keys() & event.keys():
            check_object(test, event[name], OBJECTS[name])
        for library in event.get("blas", []):
            check_object(test, library, BLAS)
        for texts in (event.get("versions", {}), event.get("build") if event["event"] == "receipt" else {}):
            test.assertTrue(all(isinstance(text, str) for text in texts.values()), texts)
    # A worker that could say how it ended has succeeded as a process, and says nothing more.
    ends = [name for name in answer.names if name in LAST]
    test.assertEqual(ends, answer.names[-1:], answer.stderr)
    test.assertEqual(answer.status, 0, answer.stderr)
    # Phases do not overlap, and the clock never falls.
    clocks = [event["monotonic_ns"] for event in answer.events if "monotonic_ns" in event]
    test.assertEqual(clocks, sorted(clocks))
    for samples in (event for event in answer.events if event["event"] == "samples"):
        lengths = {len(samples[key]) for key in ("calls", "wall_ns", "cpu_ns")}
        test.assertEqual(len(lengths), 1)
        test.assertGreaterEqual(min(lengths), 1)
        test.assertTrue(all(calls >= 1 for calls in samples["calls"]))


def check_object(test: unittest.TestCase, found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Check that an object has exactly these keys with values of these types."""
    test.assertEqual(found.keys(), expected.keys())
    for key, kind in expected.items():
        test.assertIsInstance(found[key], kind, key)
        test.assertNotIsInstance(found[key], bool, key)


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
