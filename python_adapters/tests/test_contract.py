"""What every algorithm of every adapter here must do, so that a new one is tested by being registered.

The tasks' definitions come from `benchrun list algorithms --format json`, in a file that the environment
variable BENCHRUN_ALGORITHMS names; `tests/it/python_kit.rs` sets it. All runs in this process: an error is a
failed trial, but a crash of the process or a hang fails the tests.
"""

from __future__ import annotations

import io
import json
import os
import tomllib
import unittest
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from support import ADAPTERS, FIT, KIT  # noqa: F401, importing it makes the kit importable

from benchrun_kit import Model  # isort: skip
from benchrun_kit.manifest import Manifest  # isort: skip
from benchrun_kit.estimation import TRAINING  # isort: skip
from benchrun_kit.receipt import plain  # isort: skip
from benchrun_kit.request import read_request  # isort: skip

DEFINITIONS = os.environ.get("BENCHRUN_ALGORITHMS")
ROWS, FEATURES = 60, 4


def definitions() -> dict[tuple[str, str], dict[str, Any]]:
    """The tasks' algorithms by task and name."""
    tasks = json.loads(Path(DEFINITIONS or "").read_text())
    return {(task["name"], a["name"]): a for task in tasks for a in task["algorithms"]}


def registered() -> Iterator[tuple[Path, dict[str, Any], dict[str, Any]]]:
    """Every estimator that an adapter here offers: the adapter's folder, its entry, the task's definition."""
    known = definitions()
    for manifest in sorted(ADAPTERS.glob("*/adapter.toml")):
        for entry in tomllib.loads(manifest.read_text())["algorithms"]:
            # Networks are trained otherwise: `test_pytorch.py`.
            if entry["task"] not in TRAINING:
                continue
            yield manifest.parent, entry, known[entry["task"], entry["name"]]


def usable(entry: dict[str, Any], definition: dict[str, Any]) -> dict[str, Any]:
    """The defaults, or another choice where the adapter cannot honour a default."""
    values = {parameter["name"]: parameter["default"] for parameter in definition["parameters"]}
    for cannot in entry.get("cannot", []):
        if values[cannot["parameter"]] in cannot["values"]:
            (parameter,) = (p for p in definition["parameters"] if p["name"] == cannot["parameter"])
            values[cannot["parameter"]] = next(c for c in parameter["choices"] if c not in cannot["values"])
    return values


def create(folder: Path, entry: dict[str, Any], hyperparameters: dict[str, Any], threads: int = 1) -> Model:
    """The model of a request with the manifest's default settings."""
    manifest = Manifest.read(folder)
    request = {
        "protocol": 1,
        "trial": "t1",
        "implementation": manifest.implementation,
        "task": entry["task"],
        "algorithm": entry["name"],
        "hyperparameters": hyperparameters,
        "settings": {s["name"]: s["default"] for s in entry.get("settings", [])},
        "bundle": "/nowhere",
        "output_dir": "/nowhere",
        "seed": 7,
        "threads": threads,
        "device": "cpu",
        "dtype": "float64",
        "phases": [FIT],
    }
    return manifest.create(read_request(io.BytesIO(json.dumps(request).encode() + b"\n")))


def data(rows: int = ROWS, features: int = FEATURES) -> dict[str, np.ndarray]:
    """Three groups of rows, far from the origin; features have means of their own."""
    rng = np.random.default_rng(3)
    group = np.arange(rows) % 3
    widths = np.arange(1, features + 1)
    x = rng.random((rows, features)) * widths + 5.0 + group[:, None] * widths
    return {"x": x, "numbers": x.sum(axis=1) + 2.0 + rng.random(rows), "classes": group.astype(np.int64)}


def training(task: str, arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    """What a fit of this task sees."""
    target = arrays["classes" if task == "classification" else "numbers"]
    return (arrays["x"], target)[: len(TRAINING[task])]


def degenerate() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Training arrays on which no model may exist."""
    plain_data = data()
    yield "one row", data(1)
    yield "two rows", data(2)
    yield "fewer rows than features", data(6, 20)
    yield "no rows", {name: array[:0] for name, array in plain_data.items()}
    yield "no features", {**plain_data, "x": plain_data["x"][:, :0]}
    yield "constant features", {**plain_data, "x": np.ones((ROWS, FEATURES))}
    yield (
        "a single class",
        {**plain_data, "classes": np.zeros(ROWS, np.int64), "numbers": np.ones(ROWS)},
    )
    yield "a class that is absent", {**plain_data, "classes": plain_data["classes"] % 2 * 2}
    yield "equal rows of different classes", {**plain_data, "x": np.repeat(plain_data["x"][:3], 20, axis=0)}
    for hole in (np.nan, np.inf):
        x = plain_data["x"].copy()
        x[3, 1] = hole
        yield "a value that is no number", {**plain_data, "x": x}


@unittest.skipUnless(DEFINITIONS, "BENCHRUN_ALGORITHMS names no file of definitions")
class ContractTest(unittest.TestCase):
    def setUp(self) -> None:
        warnings.simplefilter("ignore")
        self.addCleanup(warnings.resetwarnings)

    def test_what_was_used_is_read_back_and_rows_are_answered_alike_in_any_batch(self) -> None:
        arrays, seen = data(), 0
        for folder, entry, definition in registered():
            with self.subTest(task=entry["task"], algorithm=entry["name"]):
                asked = usable(entry, definition)
                model = create(folder, entry, asked)
                model.fit(*training(entry["task"], arrays))
                read = model.read_back([])
                self.assertEqual({k: plain(v) for k, v in read.hyperparameters.items()}, asked)
                self.assertEqual(set(read.settings), {s["name"] for s in entry.get("settings", [])})
                self.assertLessEqual(set(definition.get("work", [])), set(read.work))
                self.assertTrue(model.outputs(arrays["x"]))
                if not definition.get("transductive"):
                    whole = model.predict(arrays["x"])
                    self.assertEqual(len(whole), ROWS)
                    parts = [model.predict(arrays["x"][i : i + 7]) for i in range(0, ROWS, 7)]
                    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-9, atol=1e-9)
                seen += 1
        self.assertGreaterEqual(seen, 4)

    def test_the_same_seed_gives_the_same_outputs(self) -> None:
        arrays = data()
        for folder, entry, definition in registered():
            with self.subTest(task=entry["task"], algorithm=entry["name"]):
                outputs = []
                for _ in range(2):
                    model = create(folder, entry, usable(entry, definition))
                    model.fit(*training(entry["task"], arrays))
                    outputs.append(model.outputs(arrays["x"]))
                first, second = outputs
                self.assertEqual(list(first), list(second))
                for name, array in first.items():
                    np.testing.assert_array_equal(array, second[name], name)

    def test_degenerate_rows_end_in_an_error_or_a_model(self) -> None:
        for folder, entry, definition in registered():
            for what, arrays in degenerate():
                with self.subTest(task=entry["task"], algorithm=entry["name"], rows=what):
                    model = create(folder, entry, usable(entry, definition))
                    self.end(model, entry["task"], arrays)

    def end(self, model: Model, task: str, arrays: dict[str, np.ndarray]) -> None:
        """Fit and answer; an error must tell what it is."""
        try:
            model.fit(*training(task, arrays))
            outputs = model.outputs(data(10, arrays["x"].shape[1])["x"])
        except Exception as error:
            self.assertTrue(str(error), type(error))
        else:
            self.assertTrue(outputs)


if __name__ == "__main__":
    unittest.main()
