"""Embeddings of texts: the last hidden states of an encoder, pooled as sentence-transformers does.

Mean pooling is that of Reimers and Gurevych (2019, Sentence-BERT). The pooler of BERT, RoBERTa and ALBERT, a
layer on the first token's state, is not built: no embedding depends on it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoModel, PreTrainedModel

from benchrun_kit import Request
from double import double
from pretrained import Pretrained


class Encoder(Pretrained):
    """An encoder with one way to pool its states."""

    auto = AutoModel
    known = ("bert", "distilbert", "roberta", "albert")

    def __init__(self, request: Request, dtype: torch.dtype) -> None:
        super().__init__(request, dtype)
        self.pooling, self.normalize = request.algorithm, request.hyperparameters["normalize"]

    def positions(self, config: Any) -> int:  # noqa: ANN401, every model has a class of its own
        """RoBERTa's positions begin after that of padding."""
        before = config.pad_token_id + 1 if config.model_type == "roberta" else 0
        return config.max_position_embeddings - before

    def options_of(self, config: Any) -> dict[str, Any]:  # noqa: ANN401, as above
        """DistilBERT has no pooler to leave out."""
        return {} if config.model_type == "distilbert" else {"add_pooling_layer": False}

    def encode(self, tokens: np.ndarray) -> np.ndarray:
        """The embeddings; their memory is new."""
        return self._embed(self.model, tokens)

    def reference(self, tokens: np.ndarray) -> np.ndarray:
        """The embeddings by a copy in double precision."""
        return self._embed(double(self.model), tokens)

    @torch.inference_mode()
    def _embed(self, model: PreTrainedModel, tokens: np.ndarray) -> np.ndarray:
        rows = self._tensor(tokens)
        mask = rows != model.config.pad_token_id
        states = model(input_ids=rows, attention_mask=mask.long()).last_hidden_state
        # Sums in bfloat16 would lose what the states tell.
        states = states if states.dtype == torch.float64 else states.float()
        pooled = mean(states, mask) if self.pooling == "mean" else states[:, 0]
        if self.normalize:
            pooled = functional.normalize(pooled, dim=1)
        return pooled.cpu().numpy()

    def held(self) -> dict[str, Any]:
        """What no class of transformers holds."""
        return {"normalize": self.normalize}


def mean(states: Tensor, mask: Tensor) -> Tensor:
    """The mean of states [b, L, d] over the tokens that are no padding."""
    kept = mask.unsqueeze(2).to(states.dtype)
    return (states * kept).sum(1) / kept.sum(1)
