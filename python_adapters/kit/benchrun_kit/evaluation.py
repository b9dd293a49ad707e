"""What a network says of all test rows, some rows at a time: logits, or what it makes of every next token."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .first_steps import ENTRIES, spread
from .interface import Data, Network, NextTokens
from .phases import check_predictions

#: The most places whose answers are kept of each epoch.
EPOCH_PLACES = 1 << 16


class Rows:
    """Logits or numbers [m, outputs]."""

    def __init__(self, network: Network, data: Data, test: np.ndarray) -> None:
        self.network, self.data, self.test = network, data, test

    def evaluate(self, rows: int) -> None:
        """Ask of all test rows, in batches of so many; the last may be smaller."""
        starts = range(0, len(self.test), rows)
        answers = [self.network.predict(self.test[start : start + rows]) for start in starts]
        self.logits = np.concatenate(answers)

    def check(self) -> None:
        """Refuse what is no answer to what was asked."""
        check_logits(self.logits, len(self.test), self.data)

    def answers(self) -> np.ndarray:
        """The class of every row, or its number."""
        return self.logits.argmax(1) if self.data.kind == "classes" else self.logits[:, 0]

    def outputs(self) -> Mapping[str, np.ndarray]:
        """The raw outputs."""
        return {"logits": self.logits}


class Tokens:
    """Log-probability and arg-max of every token that follows others, and the logits of some places."""

    def __init__(self, network: Network, data: Data, test: np.ndarray) -> None:
        self.network, self.data, self.test = network, data, test
        self.steps = data.answers[0]
        self.places = spread(len(test) * self.steps, ENTRIES)

    def evaluate(self, rows: int) -> None:
        """As of `Rows`."""
        told = []
        for start in range(0, len(self.test), rows):
            batch = self.test[start : start + rows]
            begin, end = np.searchsorted(self.places, np.array([start, start + len(batch)]) * self.steps)
            told.append(self.network.next_tokens(batch, self.places[begin:end] - start * self.steps))
        self.told = NextTokens(*(np.concatenate([getattr(t, f) for t in told]) for f in FIELDS))

    def check(self) -> None:
        """As of `Rows`."""
        tokens = len(self.test) * self.steps
        wanted = [
            ("float32", (tokens,)),
            ("int64", (tokens,)),
            ("float32", (len(self.places), self.data.outputs)),
        ]
        for name, (dtype, shape) in zip(FIELDS, wanted, strict=True):
            array = getattr(self.told, name)
            if (array.dtype.name, array.shape) != (dtype, shape):
                found = f"{array.dtype.name} {array.shape}"
                raise ValueError(f"next_tokens must return {name} of {dtype} {shape}, but returned {found}")

    def answers(self) -> np.ndarray:
        """The answers at some places."""
        return self.told.answers[spread(len(self.told.answers), EPOCH_PLACES)]

    def outputs(self) -> Mapping[str, np.ndarray]:
        """As of `Rows`."""
        shape = (len(self.test), self.steps)
        return {
            "logits": self.told.logits,
            "log_probabilities": self.told.log_probabilities.reshape(shape),
            "answers": self.told.answers.reshape(shape),
        }


FIELDS = ("log_probabilities", "answers", "logits")


def check_logits(logits: object, rows: int, data: Data) -> None:
    """Refuse logits that are no float32 array of the network's shape."""
    check_predictions(logits, rows)
    found, wanted = (logits.dtype.name, logits.shape), ("float32", (rows, *data.answers))
    if found != wanted:
        raise ValueError(f"predict must return {wanted[0]} {wanted[1]}, but returned {found[0]} {found[1]}")
