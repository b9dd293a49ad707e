"""Uses what it is told to use, so that what is measured can be held against it."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np

from benchrun_kit import ReadBack

CHILD = "import sys, time; held = bytes([1]) * (int(sys.argv[1]) << 20); print(flush=True); time.sleep(1000)"


def create(request):  # noqa: ANN001, ANN201 - a third party need not annotate
    """The model that the request asks for."""
    return Hungry(request.hyperparameters)


def touch(mib: int) -> bytes:
    """So much resident memory."""
    return bytes([1]) * (mib << 20)


class Hungry:
    """Predicts 0."""

    def __init__(self, parameters: dict[str, int]) -> None:
        self.parameters = dict(parameters)
        self.child = None
        self.fitted = False

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        """Touch and burn."""
        if not self.fitted:
            self.fitted = True
            early = touch(self.parameters["early_mib"])
            del early
            if self.parameters["child_mib"]:
                command = [sys.executable, "-c", CHILD, str(self.parameters["child_mib"])]
                self.child = subprocess.Popen(command, stdout=subprocess.PIPE)
                self.child.stdout.readline()
        self.held = touch(self.parameters["held_mib"])
        until = time.process_time_ns() + self.parameters["burn_ms"] * 1_000_000
        while time.process_time_ns() < until:
            pass

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Nothing but zeros."""
        return np.zeros(len(X))

    def read_back(self, warned: object) -> ReadBack:
        """What was used."""
        return ReadBack(hyperparameters=self.parameters, settings={}, dtype="float64", layout="row-major")

    def outputs(self, X: np.ndarray) -> dict[str, np.ndarray]:
        """What the task wants."""
        if self.child:
            self.child.kill()
            self.child.wait()
        return {"predictions": self.predict(X)}
