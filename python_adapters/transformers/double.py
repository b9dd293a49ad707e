"""A copy of a model that computes in double precision throughout.

`model.double()` alone does not: transformers' root-mean-square norm and its rotary angles go through single
precision whatever the model's type is, and so does the softmax of its `eager` attention in Llama. The copy
has parts of its own for the first two, and attends by `sdpa`, which keeps the type. Its rotary frequencies
are those of the formula (Su et al. 2021, RoFormer, section 3.2.2), not rounded to single precision first.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaRMSNorm, LlamaRotaryEmbedding


class Norm(nn.Module):
    """Root-mean-square normalisation (Zhang, Sennrich 2019), in the type of what comes in."""

    def __init__(self, norm: LlamaRMSNorm) -> None:
        super().__init__()
        self.weight, self.epsilon = norm.weight, norm.variance_epsilon

    def forward(self, states: Tensor) -> Tensor:
        """The states [b, L, hidden], divided by the root of their mean square."""
        return self.weight * (states * torch.rsqrt(states.pow(2).mean(-1, keepdim=True) + self.epsilon))


class Rotary(nn.Module):
    """Cosines and sines of the rotary embedding."""

    def __init__(self, rotary: LlamaRotaryEmbedding) -> None:
        super().__init__()
        if rotary.rope_type != "default":
            raise ValueError(f"rotary embeddings of type {rotary.rope_type} are not known")
        config = rotary.config
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        powers = torch.arange(0, width, 2, dtype=torch.float64, device=rotary.inv_freq.device) / width
        self.frequencies = config.rope_parameters["rope_theta"] ** -powers

    def forward(self, states: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Of each position [b, L, width of a head]; the states tell nothing here."""
        angles = (position_ids[..., None] * self.frequencies).repeat(1, 1, 2)
        return angles.cos(), angles.sin()


def double(model: PreTrainedModel) -> PreTrainedModel:
    """The copy."""
    made = copy.deepcopy(model).double()
    made.set_attn_implementation("sdpa")
    for parent in list(made.modules()):
        for name, part in list(parent.named_children()):
            if isinstance(part, LlamaRMSNorm):
                setattr(parent, name, Norm(part))
            elif isinstance(part, LlamaRotaryEmbedding):
                setattr(parent, name, Rotary(part))
    return made
