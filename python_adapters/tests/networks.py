"""A toy network of NumPy alone, and what tests of networks share: problems, draws and requests."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

import support
from support import ONCE, WorkerCase

BUILD = {"kind": "build", "name": "build", "repeat": ONCE}
TRAIN = {"kind": "train", "name": "train", "batch_rows": 4, "repeat": ONCE}
PREDICT = {"kind": "predict", "name": "predict@5", "batch_rows": 5, "repeat": ONCE}

#: Softmax regression with the exact gradient, or least squares where the target is a number.
SOFTMAX = """
import numpy as np
from benchrun_kit import ReadBack, Unsupported
{top}


class Softmax:
    def __init__(self, request):
        self.seen = []

    def load(self, data):
        {load}
        self.data = data

    def build(self, weights):
        {build}
        self.state = {{name: array.copy() for name, array in weights.items()}}

    def forward(self, x):
        return x @ self.state["w"].T + self.state["b"]

    def backward(self, rows):
        x, y = self.data.features[rows], self.data.target[rows]
        logits = self.forward(x)
        if self.data.kind == "continuous":
            off = logits - y[:, None]
            return logits, float(np.mean(off**2)), x, 2 * off / len(rows)
        odds = np.exp(logits - logits.max(1, keepdims=True))
        shares = odds / odds.sum(1, keepdims=True)
        loss = float(-np.log(shares[np.arange(len(rows)), y]).mean())
        shares[np.arange(len(rows)), y] -= 1
        return logits, loss, x, shares / len(rows)

    def step(self, rows, rate, moves):
        {step}
        _, loss, x, off = self.backward(rows)
        self.state["w"] -= np.float32(rate) * (off.T @ x)
        self.state["b"] -= np.float32(rate) * off.sum(0)
        return loss

    def loss(self, rows):
        {loss}
        return self.backward(rows)[1]

    def predict(self, features):
        {predict}
        return self.forward(features)

    def weights(self):
        return dict(reversed(self.state.items()))

    def first_step(self, rows, moves):
        logits, loss, x, off = self.backward(rows)
        return logits, loss, {{"w": off.T @ x, "b": off.sum(0)}}

    def read_back(self, warned):
        {read_back}
        return ReadBack({{"optimizer": "sgd"}}, {{}}, self.state["w"].dtype.name, "row-major", {{"mine": 1}})


def create(request):
    {create}
    return Softmax(request)
"""

MANIFEST = """
implementation = "python/toy"
module = "toy_adapter"
lock = "requirements.lock"
python = ">=3.11"
doc = "a toy"
[[algorithms]]
task = "image"
name = "softmax"
doc = "softmax regression"
[[algorithms]]
task = "next_token"
name = "softmax"
doc = "softmax regression on the token before"
"""


class NetworkCase(WorkerCase):
    """A test with a bundle of 20 training and 9 test images of 1×2×3 in 3 classes, and draws for them."""

    def setUp(self) -> None:
        super().setUp()
        self.hyperparameters = {
            "optimizer": "sgd",
            "learning_rate": 0.5,
            "schedule": "none",
            "batch_size": 8,
            "epochs": 2,
            "steps": "none",
            "patience": "none",
        }
        generator = np.random.default_rng(5)
        self.images = {
            "train_features": generator.standard_normal((20, 6), dtype=np.float32),
            "train_target": generator.integers(0, 3, 20),
            "test_features": generator.standard_normal((9, 6), dtype=np.float32),
            "test_target": generator.integers(0, 3, 9),
        }
        self.says = {"target": "classes", "class_names": ["a", "b", "c"], "example_shape": [1, 2, 3]}
        self.weights = {
            "w": generator.standard_normal((3, 6), dtype=np.float32),
            "b": np.array([0.5, 0.0, -0.25], np.float32),
        }
        self.order = np.stack([generator.permutation(20) for _ in range(2)])
        self.rates = np.full(6, 0.5)

    def write(self, **arrays: np.ndarray) -> dict[str, Any]:
        """Write bundle and draws; returns the keys of the request that name them."""
        names = len(list(self.folder.iterdir()))
        bundle = support.write_bundle(self.folder / f"bundle{names}", self.images, says=self.says)
        draws = {f"weights/{name}": array for name, array in self.weights.items()}
        draws |= {"order": self.order, "rates": self.rates, **arrays}
        path = self.folder / f"draws{names}.safetensors"
        save_file({name: np.ascontiguousarray(array) for name, array in draws.items()}, path)
        return {"bundle": str(bundle), "draws": str(path)}

    def asked(self, files: dict[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
        """A request for the toy network: built, trained and asked."""
        request = self.request(
            task="image",
            algorithm="softmax",
            hyperparameters=self.hyperparameters,
            dtype="float32",
            seed=7,
            phases=[BUILD, TRAIN, PREDICT],
        )
        return {**request, **(files or self.write()), **changed}

    def network(self, manifest: str = MANIFEST, **planted: str) -> Path:
        """The toy network in a temporary folder, with code planted at the places that `SOFTMAX` names."""
        places = dict.fromkeys(
            ["top", "load", "build", "step", "loss", "predict", "read_back", "create"], "pass"
        )
        folder = self.folder / "network"
        folder.mkdir(exist_ok=True)
        (folder / "adapter.toml").write_text(manifest)
        (folder / "toy_adapter.py").write_text(textwrap.dedent(SOFTMAX).format(**{**places, **planted}))
        return folder
