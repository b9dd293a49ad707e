"""A trial of a network: built once, trained once, asked many times. The loop is the same for all frameworks.

The steps are given by the draws (`draws.py`): epoch e takes the slices of `batch_size` of row e of `order`,
and step s has the learning rate `rates[s]`. Training ends after `epochs`, or after `steps` where that is less
(the epoch under way counts, and is evaluated), or when the loss on the validation rows has not fallen for
`patience` epochs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .bundle import Bundle, BundleError
from .draws import Batch, Draws, DrawsError, digest, order_digest
from .evaluation import Rows, Tokens, check_logits
from .first_steps import first_steps
from .interface import DRAWN, LOOP, Data, Network, ReadBack
from .measure import Samples, Stopwatch
from .phases import TEST, Progress, Work, batch_rows, measured, predict
from .request import PhaseRequest, Request, RequestError

#: The series of a training, in the order of their events.
STEP, EPOCH, EVALUATE = SERIES = ("train_step", "epoch", "evaluate")


@dataclass(frozen=True)
class Limits:
    """When a training ends, and the size of its batches."""

    batch_size: int
    epochs: int
    steps: int | None
    patience: int | None

    @classmethod
    def of(cls, hyperparameters: Mapping[str, Any]) -> Limits:
        """Those of a request; a limit that is absent is the text `none`."""
        values = {name: hyperparameters.get(name) for name in LOOP}
        for name in ("steps", "patience"):
            values[name] = None if values[name] == "none" else values[name]
        for name, value in values.items():
            absent = value is None and name in ("steps", "patience") and name in hyperparameters
            if not absent and (type(value) is not int or value < 1):
                raise RequestError(f"{name} is {hyperparameters.get(name)!r}, but must be a number from 1")
        return cls(**values)

    def total(self, rows: int) -> int:
        """The number of steps on so many rows where nothing ends it early."""
        steps = self.epochs * math.ceil(rows / self.batch_size)
        return steps if self.steps is None else min(steps, self.steps)


class Training:
    """The trial of one network."""

    def __init__(self, request: Request, network: Network) -> None:
        self.request, self.network = request, network
        self.limits = Limits.of(request.hyperparameters)
        self.series = {name: Samples() for name in SERIES}
        #: The rows that each step was given with the moves of their images, and the loss that it returned.
        self.batches: list[Batch] = []
        self.losses: list[float] = []
        #: After each epoch the class of every test row, or its number, or the answers at some places.
        self.answers: list[np.ndarray] = []

    def load(self) -> None:
        """Read bundle and draws, and hand the training rows over."""
        self.bundle = Bundle.open(Path(self.request.bundle))
        self.draws = Draws.read(Path(self.request.draws or ""))
        kind = self.bundle.says("target")
        # What follows a token is in the same row.
        targets = () if kind == "next" else ("train_target",)
        # Whatever a network computes in, its bundle is in single precision.
        self.arrays = self.bundle.load(("train_features", *targets, TEST), "float32")
        self.data = Data(
            features=self.features,
            target=self.arrays.get("train_target"),
            # A manifest says it only where a row is more than its columns.
            example_shape=tuple(self.bundle.manifest.get("example_shape", self.features.shape[1:])),
            kind=kind,
            classes=len(self.bundle.says("class_names")),
            vocabulary=self.bundle.manifest.get("vocabulary"),
        )
        self.test = self.arrays[TEST]
        rows, columns = self.features.shape
        if math.prod(self.data.example_shape) != columns:
            shape = list(self.data.example_shape)
            raise BundleError(f"example_shape is {shape}, but a row has {columns} values")
        apart = 0 if self.draws.validation is None else len(self.draws.validation)
        self.total = self.limits.total(rows - apart)
        self.draws.check(rows, self.limits.epochs, self.total, self.limits.patience)
        asked = self.request.hyperparameters
        self.draws.check_moves(bool(asked.get("flip", False)), int(asked.get("shift", 0)))
        if self.request.hyperparameters.get("schedule") == "none" and np.ptp(self.draws.rates) > 0:
            raise DrawsError(f"schedule is none, but the rates of {self.draws.path} vary")
        self.evaluation = (Tokens if self.data.every_step else Rows)(self.network, self.data, self.test)
        self.network.load(self.data)

    @property
    def features(self) -> np.ndarray:
        """The training rows, validation rows among them."""
        return self.arrays["train_features"]

    def work(self, phase: PhaseRequest) -> Work:
        """From tensors to a network, the whole training, or logits of test rows."""
        if phase.kind == "build":
            build = measured(self.request, phase, self.network.build, itertools.repeat((self.draws.weights,)))
            return Work(build, self._note_weights)
        if phase.kind == "train":
            if (phase.repeat.warmup, phase.repeat.max_samples) != (0, 1):
                raise RequestError(
                    f"phase {phase.name} must have no warm-up and one sample: a network is trained once"
                )
            rows = batch_rows(phase, self.test)
            return Work(lambda progress: self._train(rows, progress))
        check = partial(check_logits, data=self.data)
        return predict(self.request, phase, self.network.predict, self.test, check)

    def _note_weights(self) -> None:
        self.weights = digest(self.network.weights())

    def _train(self, rows: int, progress: Progress) -> Mapping[str, Samples]:
        watch = Stopwatch(self.request.slowdown)
        best, since = math.inf, 0
        for batches in self.draws.batches(self.limits.batch_size):
            watch.time(self.series[EPOCH], self._epoch, batches, watch, progress)
            watch.time(self.series[EVALUATE], self.evaluation.evaluate, rows)
            self.evaluation.check()
            self.answers.append(self.evaluation.answers())
            if len(self.losses) == self.total:
                break
            if self.limits.patience is not None:
                loss = self._validation_loss(rows)
                best, since = (loss, 0) if loss < best else (best, since + 1)
                if since == self.limits.patience:
                    break
        return self.series

    def _epoch(self, batches: Iterator[Batch], watch: Stopwatch, progress: Progress) -> None:
        """One pass over the rows in these batches, as far as steps are left."""
        step, samples = self.network.step, self.series[STEP]
        for rows, moves in batches:
            if (done := len(self.losses)) == self.total:
                break
            self.losses.append(watch.time(samples, step, rows, float(self.draws.rates[done]), moves))
            self.batches.append((rows, moves))
            progress(done + 1, self.total)

    def _validation_loss(self, rows: int) -> float:
        """The mean loss of the rows set apart: that of batches of so many rows, weighted by their rows."""
        apart = self.draws.validation
        batches = [apart[start : start + rows] for start in range(0, len(apart), rows)]
        return sum(self.network.loss(batch) * len(batch) for batch in batches) / len(apart)

    def read(self) -> dict[str, str]:
        """The bundle and the draws that were read."""
        return {"bundle": self.bundle.sha256, "draws": self.draws.sha256}

    def read_back(self, warned: Sequence[Warning]) -> ReadBack:
        """What the network says, what the loop used, and the work that was done."""
        asked = self.request.hyperparameters
        # Rates and validation rows were used as the draws have them; the runner made these from the request's
        # values.
        drawn = {name: asked[name] for name in DRAWN if name in asked}
        if "learning_rate" in drawn:
            drawn["learning_rate"] = float(self.draws.rates[0])
        read = self.network.read_back(warned)
        work = {
            "steps": len(self.losses),
            "epochs": len(self.answers),
            "weights": self.weights,
            "order": order_digest([rows for rows, _ in self.batches]),
        }
        return replace(
            read,
            hyperparameters={**read.hyperparameters, **drawn, **vars(self.limits)},
            work={**read.work, **work},
        )

    def check_unchanged(self) -> None:
        """The arrays are still the bundle's, and the weights those of the draws."""
        self.bundle.check_unchanged(self.arrays)
        self.draws.check_unchanged()

    def outputs(self) -> Mapping[str, np.ndarray]:
        """What was timed, and the first steps again, which show how it was computed."""
        request = self.request
        return {
            "losses": np.array(self.losses),
            **self.evaluation.outputs(),
            "epoch_answers": np.stack(self.answers),
            "epoch_ns": np.array(self.series[EPOCH].wall_ns),
            **first_steps(self.network, self.draws, self.batches, self.test, request.dtype, request.seed),
        }
