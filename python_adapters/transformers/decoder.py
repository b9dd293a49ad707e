"""What follows a text: whole rows at once, or one token after another through transformers' own cache.

The loop is what `generate` of transformers does, step by step, so that each can be timed. The choice of a
sampler is made by transformers' processors, in their order and in float32 as there, and then by a given
uniform number through the cumulative distribution, where `generate` calls `torch.multinomial`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, DynamicCache
from transformers.generation.logits_process import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from benchrun_kit import NextTokens, Request
from double import double
from pretrained import Pretrained

#: In the order in which transformers applies them: the processor, what its argument is called there, and the
#: value that is off, for which `generate` has no processor.
PROCESSORS = {
    "repetition_penalty": (RepetitionPenaltyLogitsProcessor, "penalty", 1.0),
    "temperature": (TemperatureLogitsWarper, "temperature", 1.0),
    "top_k": (TopKLogitsWarper, "top_k", 0),
    "top_p": (TopPLogitsWarper, "top_p", 1.0),
}
SAMPLING = tuple(PROCESSORS)


class Decoder(Pretrained):
    """A decoder with its cache, and a sampler where one is asked for."""

    auto = AutoModelForCausalLM
    known = ("gpt2", "llama")

    def __init__(self, request: Request, dtype: torch.dtype) -> None:
        super().__init__(request, dtype)
        asked = request.hyperparameters
        self.sampler = processors(asked) if request.algorithm == "sample" else None
        self.cache: DynamicCache | None = None

    @torch.inference_mode()
    def next_tokens(self, tokens: np.ndarray, shown: np.ndarray) -> NextTokens:
        """What is made of every token but the first of each row."""
        rows = self._tensor(tokens)
        logits = self.model(input_ids=rows[:, :-1], use_cache=False).logits.float().flatten(0, 1)
        following = rows[:, 1:].flatten()[:, None]
        told = (
            logits.log_softmax(1).gather(1, following)[:, 0],
            logits.argmax(1),
            logits.index_select(0, self._tensor(shown)),
        )
        return NextTokens(*(tensor.cpu().numpy() for tensor in told))

    @torch.inference_mode()
    def prefill(self, prompts: np.ndarray, uniforms: np.ndarray | None) -> np.ndarray:
        """An empty cache, and the prompts through it."""
        rows = self._tensor(prompts)
        self.cache, self.history = DynamicCache(config=self.model.config), rows
        return self._next(rows, uniforms)

    @torch.inference_mode()
    def decode(self, tokens: np.ndarray, uniforms: np.ndarray | None) -> np.ndarray:
        """One more token of each row."""
        rows = self._tensor(tokens)[:, None]
        if self.sampler is not None:
            self.history = torch.cat([self.history, rows], 1)
        return self._next(rows, uniforms)

    def _next(self, rows: Tensor, uniforms: np.ndarray | None) -> np.ndarray:
        """The tokens that are chosen after these; reading them waits for the device."""
        told = self.model(input_ids=rows, past_key_values=self.cache, use_cache=True, logits_to_keep=1)
        logits = told.logits[:, -1]
        if self.sampler is None:
            return logits.argmax(1).cpu().numpy()
        return choose(self.sampler(self.history, logits.float()), self._tensor(uniforms)).cpu().numpy()

    @torch.inference_mode()
    def reference(self, tokens: np.ndarray) -> np.ndarray:
        """Logits by a copy in double precision."""
        return double(self.model)(input_ids=self._tensor(tokens), use_cache=False).logits.cpu().numpy()

    def held(self) -> dict[str, Any]:
        """The sampler's parameters, as its processors hold them; one that is not there is off."""
        if self.sampler is None:
            return {}
        used = {name: off for name, (_, _, off) in PROCESSORS.items()}
        for processor in self.sampler:
            for name, (kind, attribute, _) in PROCESSORS.items():
                if type(processor) is kind:
                    used[name] = getattr(processor, attribute)
        return used

    def work(self) -> dict[str, Any]:
        """What keys and values take at the end of a generation."""
        if self.cache is None:
            return {}
        return {"cache_bytes": sum(layer.keys.nbytes + layer.values.nbytes for layer in self.cache.layers)}


def processors(asked: dict[str, Any]) -> LogitsProcessorList:
    """Those that `generate` makes of these parameters."""
    wanted = LogitsProcessorList()
    for name, (kind, _, off) in PROCESSORS.items():
        if asked[name] != off:
            # Two of them take no whole number for a float.
            wanted.append(kind(type(off)(asked[name])))
    return wanted


def choose(scores: Tensor, uniforms: Tensor) -> Tensor:
    """Of each row of scores [b, V] the first token whose cumulative probability exceeds its number."""
    cumulative = scores.softmax(1).cumsum(1, dtype=torch.float64)
    total = cumulative[:, -1:].contiguous()
    tokens = torch.searchsorted(cumulative, uniforms[:, None] * total, right=True)
    # The last token that has a probability, where rounding leaves none above the number.
    return torch.minimum(tokens, torch.searchsorted(cumulative, total))[:, 0]
