"""What an adapter of language models implements: an `Encoder` for embeddings, a `Decoder` for what follows.

The kit's loop is `language.py`. Hyperparameters in `KEPT` are the kit's to read back, all others the model's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from .interface import NextTokens, ReadBack

if TYPE_CHECKING:
    import numpy as np

    from .model_files import ModelFiles

#: Hyperparameters that the kit's loop honours, or that concern the scorer alone.
KEPT = ("prompt_tokens", "new_tokens", "context")


class LanguageModel(Protocol):
    """A pretrained model with the request's hyperparameters, as `create` made it."""

    def load(self, files: ModelFiles, length: int) -> None:
        """Part of `load`. Read the tokenizer, and refuse a model that this adapter does not know.

        `length` is the number of tokens of the longest row that the model will be given.
        """

    def build(self) -> None:
        """Timed. From the files of the folder to a model that can answer, from nothing, on every call.

        It is an error if a tensor is missing from the file.
        """

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Timed. The tokens of each text, in lists that belong to the caller."""

    def weights(self) -> Mapping[str, np.ndarray]:
        """The tensors that the model computes with, as float32, under the names in `model.safetensors`.

        Tensors of the file that no answer depends on (a pooler, a mask) are left out; a tensor that is used
        in two places has the name of the first.
        """

    def read_back(self, warned: Sequence[Warning]) -> ReadBack:
        """What was used, asked of the framework: every hyperparameter but those in `KEPT`."""


class Encoder(LanguageModel, Protocol):
    """A model of a text as a whole."""

    def encode(self, tokens: np.ndarray) -> np.ndarray:
        """Timed. Embeddings float32 [b, d] of rows of tokens int64 [b, L], padded at the right.

        The array that is returned belongs to the caller.
        """

    def reference(self, tokens: np.ndarray) -> np.ndarray | None:
        """The same embeddings, computed in float64 from the model's weights; `None` where that cannot be."""


class Decoder(LanguageModel, Protocol):
    """A model of what follows a text."""

    def next_tokens(self, tokens: np.ndarray, shown: np.ndarray) -> NextTokens:
        """Timed. What it makes of every token but the first of whole rows int64 [b, L], without a cache.

        `shown` are places among the b · (L - 1), int64, whose logits are wanted. The arrays that are returned
        belong to the caller.
        """

    def prefill(self, prompts: np.ndarray, uniforms: np.ndarray | None) -> np.ndarray:
        """Timed. Prompts int64 [b, P] through an empty cache of keys and values; the first tokens, int64 [b].

        `uniforms` are the numbers, float64 [b], by which a sampler chooses (`sampling.py`); a model that
        takes the likeliest token gets none.
        """

    def decode(self, tokens: np.ndarray, uniforms: np.ndarray | None) -> np.ndarray:
        """Timed. One more token of each row, int64 [b], through the cache; the next tokens, int64 [b]."""

    def reference(self, tokens: np.ndarray) -> np.ndarray | None:
        """Logits [b, L, vocabulary] after every token of rows [b, L], in float64; `None` as of `Encoder`."""
