"""A transformer's encoder for sequences (Vaswani et al. 2017, §3): PyTorch's `nn.TransformerEncoder`.

d is `hidden`, f is `feed_forward`; normalisation comes after each residual sum, as in the paper.

| layer | tensor | shape |
| --- | --- | --- |
| tokens: a vector for each | `embedding.weight` | [vocabulary, d] |
| values: an affine map of the channels | `input.weight`, `input.bias` | [d, channels], [d] |
| positions, added: columns 2i, 2i+1 are sin, cos of t/10000^(2i/d) | `positions`, a buffer | [L, d] |
| dropout | | |
| layer l = 0 …: `heads` heads | `encoder.layers.0.self_attn.in_proj_weight`, `…_bias` | [3d, d], [3d] |
| | `encoder.layers.0.self_attn.out_proj.weight`, `.bias` | [d, d], [d] |
| dropout, sum, normalisation (eps 1e-5) | `encoder.layers.0.norm1.weight`, `.bias` | [d], [d] |
| affine, ReLU, dropout | `encoder.layers.0.linear1.weight`, `.bias` | [f, d], [f] |
| affine, dropout | `encoder.layers.0.linear2.weight`, `.bias` | [d, f], [d] |
| sum, normalisation | `encoder.layers.0.norm2.weight`, `.bias` | [d], [d] |
| mean over the steps, and logits | `head.weight`, `head.bias` | [outputs, d], [outputs] |

Deviation from the paper: embeddings are not multiplied by √d, since theirs begin as N(0, 1/d) and ours as
N(0, 1). Where the next token is predicted each step attends to itself and earlier ones alone, and the head
answers at every step. Initial values: `in_proj_weight` Xavier-uniform on its whole [3d, d], that is
U(±√(6/4d)); its bias and that of `out_proj` are 0; all other weights and biases of linear layers
U(±1/√fan_in); normalisations 1 and 0; embedding N(0, 1). PyTorch copies one layer to make all of them; with
drawn tensors each has its own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import sequences
from benchrun_kit import Data, Unsupported


class TransformerEncoder(nn.Module):
    """The network."""

    def __init__(
        self, data: Data, hidden: int, layers: int, heads: int, feed_forward: int, dropout: float
    ) -> None:
        super().__init__()
        self.every_step = data.every_step
        self.embedding = sequences.embedding(data, hidden)
        self.input = None if self.embedding else nn.Linear(data.example_shape[1], hidden)
        self.register_buffer("positions", sinusoids(sequences.length(data), hidden))
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(hidden, heads, feed_forward, dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(hidden, data.outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [b, outputs] of rows [b, L] or [b, L, channels]; of next tokens [b, L, outputs]."""
        x = self.embedding(x) if self.embedding else self.input(x)
        x = self.dropout(x + self.positions)
        if not self.every_step:
            return self.head(self.encoder(x).mean(1))
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1], x.device, x.dtype)
        return self.head(self.encoder(x, mask, is_causal=True))

    def used(self) -> dict[str, Any]:
        """The hyperparameters that the modules hold."""
        layer = self.encoder.layers[0]
        return {
            "hidden": layer.self_attn.embed_dim,
            "layers": len(self.encoder.layers),
            "heads": layer.self_attn.num_heads,
            "feed_forward": layer.linear1.out_features,
        }


def sinusoids(length: int, width: int) -> Tensor:
    """Positions [length, width] as §3.5 has them, computed in float64."""
    columns = torch.arange(width, dtype=torch.float64)
    angles = torch.arange(length, dtype=torch.float64)[:, None] / 10_000 ** (columns // 2 * 2 / width)
    return torch.where(columns % 2 == 0, angles.sin(), angles.cos()).float()


def make(data: Data, **hyperparameters: int | float) -> TransformerEncoder:
    """The network for these rows."""
    hidden, heads = hyperparameters["hidden"], hyperparameters["heads"]
    if hidden % heads:
        raise Unsupported(f"hidden is {hidden}, but must be a multiple of the {heads} heads")
    return TransformerEncoder(data, **hyperparameters)


ARCHITECTURES = {"transformer_encoder": make}
