"""Elman's network with tanh (1990), LSTM (Hochreiter, Schmidhuber 1997) and GRU (Cho et al. 2014).

PyTorch's `nn.RNN`, `nn.LSTM` and `nn.GRU`. h is `hidden`, g is h, 4h (gates i, f, g, o) or 3h (r, z, n), and
D is h, or 2h if `bidirectional`.

| layer | tensor | shape |
| --- | --- | --- |
| tokens alone: a vector e for each | `embedding.weight` | [vocabulary, `embedding`] |
| layer l = 0 …; above the first, e is D | `recurrent.weight_ih_l0`, `.weight_hh_l0` | [g, e], [g, h] |
| | `recurrent.bias_ih_l0`, `.bias_hh_l0` | [g], [g] |
| the same from the end of the row, if `bidirectional` | names end in `_reverse` | |
| dropout between layers, and before the last | | |
| logits, of the last layer's last state | `head.weight`, `head.bias` | [outputs, D], [outputs] |

Values come as [L, channels], of which e is the number of channels. The last state is that after the last
step, and, if `bidirectional`, beside it that after the first, of the layer that reads from the end. Where the
next token is predicted the head answers at every step. Initial values: U(±1/√h) for all recurrent tensors,
N(0, 1) for the embedding, U(±1/√D) for the head.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

import sequences
from benchrun_kit import Data, Unsupported

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class Recurrent(nn.Module):
    """The network of one kind of cell."""

    def __init__(
        self,
        cell: str,
        data: Data,
        hidden: int,
        layers: int,
        bidirectional: bool,
        embedding: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.every_step = data.every_step
        self.embedding = sequences.embedding(data, embedding)
        self.recurrent = CELLS[cell](
            embedding if self.embedding else data.example_shape[1],
            hidden,
            layers,
            batch_first=True,
            # It lies between layers, and PyTorch warns where there are none.
            dropout=dropout if layers > 1 else 0.0,
            bidirectional=bidirectional,
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden * (2 if bidirectional else 1), data.outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [b, outputs] of rows [b, L] or [b, L, channels]; of next tokens [b, L, outputs]."""
        x = self.embedding(x) if self.embedding else x
        outputs, state = self.recurrent(x)
        if self.every_step:
            return self.head(self.dropout(outputs))
        # An LSTM's state is a pair, of which this is the one that it shows. States: [layers · directions, b,
        # h].
        last = state[0] if isinstance(state, tuple) else state
        last = torch.cat([last[-2], last[-1]], 1) if self.recurrent.bidirectional else last[-1]
        return self.head(self.dropout(last))

    def used(self) -> dict[str, Any]:
        """The hyperparameters that the modules hold; there is no embedding of values."""
        return recurrent_used(self.recurrent, self.embedding)


def recurrent_used(recurrent: nn.RNNBase, embedding: nn.Embedding | None) -> dict[str, Any]:
    """What a recurrent layer and an embedding hold."""
    width = {} if embedding is None else {"embedding": embedding.embedding_dim}
    return {
        "hidden": recurrent.hidden_size,
        "layers": recurrent.num_layers,
        "bidirectional": recurrent.bidirectional,
        **width,
    }


def make(cell: str, data: Data, **hyperparameters: int | float) -> Recurrent:
    """The network for these rows."""
    if data.every_step and hyperparameters["bidirectional"]:
        raise Unsupported("a bidirectional network sees the token that it is to predict")
    return Recurrent(cell, data, **hyperparameters)


ARCHITECTURES = {cell: partial(make, cell) for cell in CELLS}
