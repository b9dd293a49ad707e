"""The first steps of a network, shown after the timed training: that it computes what others compute.

The first step alone tells logits, loss and gradients. The first K steps from weights that are moved by one
unit in the last place tell how far rounding alone leads: the envelope.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from .draws import Batch, Draws, moved
from .interface import Network

#: The first test rows whose logits are shown before training.
INITIAL_ROWS = 16
#: Entries that are shown of one gradient, and tokens of which the logits are.
ENTRIES = 64
#: Trainings from moved weights, and the steps of each.
MOVED, STEPS = 3, 10
#: One unit in the last place of a type, in those of float32.
ULPS = {"float32": 1, "bfloat16": 1 << 16}


def first_steps(
    network: Network, draws: Draws, batches: Sequence[Batch], test: np.ndarray, dtype: str, seed: int
) -> dict[str, np.ndarray]:
    """The raw outputs `initial_logits`, `first_…` and `envelope`.

    `batches` are those that the steps were given, and `test` are all test rows.
    """
    network.build(draws.weights)
    initial = few(network.predict(test[:INITIAL_ROWS]))
    logits, loss, gradients = network.first_step(*batches[0])
    shown = [entries(gradients[name]) for name in sorted(gradients)]
    norms = [norm(gradients[name]) for name in sorted(gradients)]
    del gradients
    return {
        "initial_logits": initial,
        "first_logits": few(logits),
        "first_loss": np.array([loss]),
        "first_gradients": np.concatenate(shown),
        "first_gradient_norms": np.array(norms),
        "envelope": envelope(network, draws, batches[:STEPS], dtype, seed),
    }


def few(logits: np.ndarray) -> np.ndarray:
    """The logits as they are; of tokens [b, L, outputs] those of some, because there are too many."""
    if logits.ndim == 2:
        return logits
    of_tokens = logits.reshape(-1, logits.shape[-1])
    return of_tokens[spread(len(of_tokens), ENTRIES)]


def entries(gradient: np.ndarray) -> np.ndarray:
    """Of the n entries of a gradient the s = min(n, 64) at ⌊j·n/s⌋, in the order of its rows."""
    flat = gradient.reshape(-1)
    return flat[spread(flat.size, ENTRIES)]


def spread(count: int, most: int) -> np.ndarray:
    """Of n places the s = min(n, most) at ⌊j·n/s⌋."""
    shown = min(count, most)
    return np.arange(shown) * count // max(shown, 1)


def norm(gradient: np.ndarray) -> float:
    """The Euclidean norm, summed in double precision."""
    flat = gradient.reshape(-1)
    return math.sqrt(np.einsum("i,i->", flat, flat, dtype=np.float64))


def envelope(network: Network, draws: Draws, batches: Sequence[Batch], dtype: str, seed: int) -> np.ndarray:
    """Losses [3, K] of the first K steps from weights moved by a unit in the last place of `dtype`."""
    losses = np.empty((MOVED, len(batches)))
    for draw in range(MOVED):
        weights: Mapping[str, np.ndarray] = moved(
            draws.weights, np.random.default_rng([seed, draw]), ULPS[dtype]
        )
        network.build(weights)
        losses[draw] = [
            network.step(rows, float(rate), moves)
            for (rows, moves), rate in zip(batches, draws.rates, strict=False)
        ]
    return losses
