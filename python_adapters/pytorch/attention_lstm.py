"""An LSTM with attention over its outputs: Yang et al. 2016, "Hierarchical attention networks", eqs. 5 to 7.

The scores are additive (Bahdanau, Cho, Bengio 2015, §A.1.2), with a learnt vector in place of a decoder's
state: u_t = tanh(W h_t + b), α = softmax over t of v·u_t, and the row is Σ α_t h_t.

Embedding and LSTM are those of `recurrent.py`, with the same names, and D as there. Then:

| layer | tensor | shape |
| --- | --- | --- |
| W and b | `attention.weight`, `attention.bias` | [D, D], [D] |
| v | `context.weight` | [1, D] |
| dropout on the row, and logits | `head.weight`, `head.bias` | [outputs, D], [outputs] |

Initial values: those of `recurrent.py`, and U(±1/√D) for these five.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

import sequences
from benchrun_kit import Data
from recurrent import recurrent_used


class AttentionLSTM(nn.Module):
    """The network."""

    def __init__(
        self, data: Data, hidden: int, layers: int, bidirectional: bool, embedding: int, dropout: float
    ) -> None:
        super().__init__()
        width = hidden * (2 if bidirectional else 1)
        self.embedding = sequences.embedding(data, embedding)
        self.recurrent = nn.LSTM(
            embedding if self.embedding else data.example_shape[1],
            hidden,
            layers,
            batch_first=True,
            dropout=dropout if layers > 1 else 0.0,
            bidirectional=bidirectional,
        )
        self.attention = nn.Linear(width, width)
        self.context = nn.Linear(width, 1, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, data.outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [b, outputs] of rows [b, L] or [b, L, channels]."""
        x = self.embedding(x) if self.embedding else x
        outputs, _ = self.recurrent(x)
        scores = self.context(self.attention(outputs).tanh())
        row = (scores.softmax(1) * outputs).sum(1)
        return self.head(self.dropout(row))

    def used(self) -> dict[str, Any]:
        """The hyperparameters that the modules hold."""
        return recurrent_used(self.recurrent, self.embedding)


def make(data: Data, **hyperparameters: int | float) -> AttentionLSTM:
    """The network for these rows."""
    return AttentionLSTM(data, **hyperparameters)


ARCHITECTURES = {"attention_lstm": make}
