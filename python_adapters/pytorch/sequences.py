"""What the architectures for sequences share: how a row of tokens or of values comes in."""

from __future__ import annotations

from torch import nn

from benchrun_kit import Data


def embedding(data: Data, width: int) -> nn.Embedding | None:
    """A vector for each token, N(0, 1) at first; `None` where a row holds values, [L, channels]."""
    return None if data.vocabulary is None else nn.Embedding(data.vocabulary, width)


def length(data: Data) -> int:
    """The number of steps that the network reads of a row."""
    if data.every_step:
        return data.features.shape[1] - 1
    return data.features.shape[1] if data.vocabulary is not None else data.example_shape[0]
