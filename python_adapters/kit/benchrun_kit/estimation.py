"""A trial of an estimator: fits and predictions are repeated and timed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from .bundle import Bundle
from .interface import Model, ReadBack
from .phases import TEST, Work, check_predictions, measured, predict
from .request import PhaseRequest, Request

#: By task: the roles of the arrays that a fit sees, in the order of its arguments.
TRAINING = {
    "regression": ("train_features", "train_target"),
    "classification": ("train_features", "train_target"),
    "clustering": ("train_features",),
    "decomposition": ("train_features",),
}


class Estimation:
    """The trial of one model."""

    def __init__(self, request: Request, model: Model) -> None:
        self.request, self.model = request, model

    def load(self) -> None:
        """Read the arrays that the task's fit sees and the rows to predict."""
        self.bundle = Bundle.open(Path(self.request.bundle))
        roles = TRAINING[self.request.task]
        self.arrays = self.bundle.load((*roles, TEST), self.request.dtype)
        self.training, self.test = tuple(self.arrays[role] for role in roles), self.arrays[TEST]

    @property
    def features(self) -> np.ndarray:
        """The training rows."""
        return self.training[0]

    def work(self, phase: PhaseRequest) -> Work:
        """A fit, from the row-major training arrays to a fitted model, or predictions."""
        if phase.kind == "fit":
            return Work(measured(self.request, phase, self.model.fit, itertools.repeat(self.training)))
        # Taken from the model once a phase, so that a model may hand out its estimator's own bound method.
        return predict(self.request, phase, self.model.predict, self.test, check_predictions)

    def read(self) -> dict[str, str]:
        """The bundle that was read."""
        return {"bundle": self.bundle.sha256}

    def read_back(self, warned: Sequence[Warning]) -> ReadBack:
        """What the last fit used."""
        return self.model.read_back(warned)

    def check_unchanged(self) -> None:
        """The arrays are still the bundle's."""
        self.bundle.check_unchanged(self.arrays)

    def outputs(self) -> Mapping[str, np.ndarray]:
        """What the model answers for all test rows."""
        outputs = self.model.outputs(self.test)
        if "predictions" in outputs:
            check_predictions(outputs["predictions"], len(self.test))
        return outputs
