"""The choice of a token by a uniform number, in double precision.

The order of the steps, and what each does at equal values, are those of transformers' logits processors: the
repetition penalty of CTRL (Keskar et al. 2019, section 4.1), temperature, top-k (Fan et al. 2018) and top-p
(nucleus sampling, Holtzman et al. 2020). Where those leave the order of equal logits open, in top-p, it is
that of tokens. A token is then chosen by the inverse of the cumulative distribution, where transformers draws
from it by a generator of its own: two implementations can share numbers, but no generator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .request import RequestError

#: By parameter: whether a value is allowed, and what is.
ALLOWED = {
    "temperature": (lambda value: value > 0, "a number above 0"),
    "top_k": (lambda value: type(value) is int and value >= 0, "a whole number from 0"),
    "top_p": (lambda value: 0 < value <= 1, "above 0 and at most 1"),
    "repetition_penalty": (lambda value: value > 0, "a number above 0"),
}


@dataclass(frozen=True)
class Sampler:
    """The parameters; `top_k` 0, `top_p` 1 and `repetition_penalty` 1 are off."""

    temperature: float
    top_k: int
    top_p: float
    repetition_penalty: float

    @classmethod
    def of(cls, hyperparameters: Mapping[str, Any]) -> Sampler:
        """Those of a request."""
        for name, (allows, what) in ALLOWED.items():
            value = hyperparameters.get(name)
            if type(value) not in (int, float) or not allows(value):
                raise RequestError(f"{name} is {value!r}, but must be {what}")
        return cls(**{name: hyperparameters[name] for name in ALLOWED})

    def distribution(self, logits: np.ndarray, history: np.ndarray) -> tuple[np.ndarray, float]:
        """The probability of each token [V], given raw logits [V] and the tokens so far, and the nearest cut.

        A cut is near where other roundings would leave another token: the gap of the k-th logit to the next,
        or the distance of a cumulative sum to where top-p cuts.
        """
        nearest = np.inf
        z = logits.astype(np.float64)
        seen = np.unique(history)
        z[seen] = np.where(z[seen] > 0, z[seen] / self.repetition_penalty, z[seen] * self.repetition_penalty)
        z /= self.temperature
        if 0 < self.top_k < len(z):
            below, least = np.partition(z, [-self.top_k - 1, -self.top_k])[-self.top_k - 1 :][:2]
            nearest = least - below
            z[z < least] = -np.inf
        if self.top_p < 1:
            ascending = np.argsort(z, kind="stable")
            sums = softmax(z[ascending]).cumsum()
            left = np.isfinite(z[ascending])
            nearest = min(nearest, np.abs(sums[left] - (1 - self.top_p)).min())
            few = sums <= 1 - self.top_p
            few[-1] = False
            z[ascending[few]] = -np.inf
        return softmax(z), nearest

    def choose(self, logits: np.ndarray, history: np.ndarray, u: float) -> tuple[int, float]:
        """The first token whose cumulative probability exceeds `u`, and how far the choice is from another.

        That is the distance of `u` to the nearer end of the token's interval, or to the nearest cut.
        """
        probabilities, nearest = self.distribution(logits, history)
        cumulative = probabilities.cumsum()
        cumulative /= cumulative[-1]
        # The last token that has a probability, where rounding leaves none above `u`.
        last = np.searchsorted(cumulative, 1.0, side="left")
        token = int(min(np.searchsorted(cumulative, u, side="right"), last))
        begin = cumulative[token - 1] if token else 0.0
        return token, float(min(u - begin, cumulative[token] - u, nearest))


def softmax(z: np.ndarray) -> np.ndarray:
    """The shares of the exponentials."""
    odds = np.exp(z - z.max())
    return odds / odds.sum()
