"""A trial of a language model: built from its folder, given texts to cut into tokens, then rows of tokens.

The phases begin with `build` and `tokenize`. Then a model tells of rows as they are (`predict`: embeddings,
or what it makes of each next token), or goes on with them (`generate`, in `generation.py`).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from .bundle import Bundle, BundleError
from .draws import digest
from .evaluation import Tokens
from .generation import Generation
from .interface import Data, NextTokens, ReadBack
from .language_interface import KEPT, Decoder, Encoder
from .model_files import ModelFiles, documents, tokens_digest
from .phases import TEST, Work, batch_rows, measured, predict
from .request import PhaseRequest, Request

#: The first test rows whose embeddings are computed in float64, and the first tokens of the first row whose
#: logits are.
REFERENCE_ROWS, REFERENCE_TOKENS = 4, 8
NO_PLACES = np.empty(0, np.int64)


class LanguageTrial:
    """The trial of one language model."""

    def __init__(self, request: Request, model: Encoder | Decoder) -> None:
        self.request, self.model = request, model
        #: The rows of a batch of the last `predict`.
        self.rows = 1
        self.generation: Generation | None = None

    def load(self) -> None:
        """Read tokens and texts, check the model's files, and let the model read its tokenizer."""
        self.bundle = Bundle.open(Path(self.request.bundle))
        files = ModelFiles.of(self.bundle)
        self.arrays = self.bundle.load((TEST, "texts", "text_offsets"), self.request.dtype)
        self.texts = documents(self.arrays["texts"], self.arrays["text_offsets"])
        self.test = self.arrays[TEST]
        self.vocabulary = int(self.bundle.says("vocabulary"))
        self._check_tokens()
        if self.request.algorithm in ("greedy", "sample"):
            self.generation = Generation.of(self.request, self.model, self.test, self.vocabulary)
        length = self.test.shape[1]
        if self.generation is not None:
            length = max(length, self.generation.prompt_tokens + self.generation.new_tokens)
        self.model.load(files, length)

    def _check_tokens(self) -> None:
        test = self.test
        if (test.dtype, test.ndim) != (np.int64, 2) or 0 in test.shape:
            raise BundleError(f"{TEST} is {test.dtype} {list(test.shape)}, but must be int64 [rows, tokens]")
        if test.min() < 0 or test.max() >= self.vocabulary:
            raise BundleError(f"{TEST} holds tokens that are none of a vocabulary of {self.vocabulary}")
        if self.request.algorithm == "perplexity" and test.shape[1] < 2:
            raise BundleError(f"rows of {TEST} have one token, but perplexity needs two")

    @property
    def features(self) -> np.ndarray:
        """No training rows, of the length of the test rows."""
        return self.test[:0]

    def work(self, phase: PhaseRequest) -> Work:
        """A model from its files, tokens of all documents, answers for test rows, or generations."""
        if phase.kind == "build":
            calls = itertools.repeat(())
            return Work(measured(self.request, phase, self.model.build, calls), self._note_weights)
        if phase.kind == "tokenize":
            texts = itertools.repeat((self.texts,))
            return Work(measured(self.request, phase, self.model.tokenize, texts), self._note_tokens)
        if self.generation is not None:
            return self.generation.work(phase)
        self.rows = batch_rows(phase, self.test)
        if self.request.task == "embedding":
            return predict(self.request, phase, self.model.encode, self.test, check_embeddings)
        call = partial(self.model.next_tokens, shown=NO_PLACES)
        check = partial(check_told, steps=self.test.shape[1] - 1)
        return predict(self.request, phase, call, self.test, check)

    def _note_weights(self) -> None:
        self.weights = digest(self.model.weights())

    def _note_tokens(self) -> None:
        tokens = self.model.tokenize(self.texts)
        if len(tokens) != len(self.texts):
            raise ValueError(
                f"tokenize must return {len(self.texts)} texts' tokens, but returned {len(tokens)}"
            )
        self.tokens = tokens_digest(tokens)

    def read(self) -> dict[str, str]:
        """The bundle, and the draws of a sampler."""
        uniforms = self.generation and self.generation.uniforms
        return {"bundle": self.bundle.sha256, **({"draws": uniforms.sha256} if uniforms else {})}

    def read_back(self, warned: Sequence[Warning]) -> ReadBack:
        """What the model says, what the loop used, and the work that was done."""
        asked = self.request.hyperparameters
        kept = {name: asked[name] for name in KEPT if name in asked}
        if self.generation is not None:
            kept |= {"prompt_tokens": self.generation.prompt_tokens, "new_tokens": self.generation.new_tokens}
        read = self.model.read_back(warned)
        work = {
            "weights": self.weights,
            "tokens": self.tokens,
            "produced": 0 if self.generation is None else self.generation.produced,
        }
        return replace(read, hyperparameters={**read.hyperparameters, **kept}, work={**read.work, **work})

    def check_unchanged(self) -> None:
        """The arrays are still the bundle's, and the uniform numbers those of the draws."""
        self.bundle.check_unchanged(self.arrays)
        if self.generation is not None and self.generation.uniforms is not None:
            self.generation.uniforms.check_unchanged()

    def outputs(self) -> Mapping[str, np.ndarray]:
        """What the task's scorer wants, and what shows how it was computed."""
        if self.request.task == "embedding":
            return self._embeddings()
        if self.generation is not None:
            return {**self.generation.outputs(), **self._first_logits()}
        columns = self.test.shape[1]
        data = Data(self.test, None, (columns,), "next", 0, self.vocabulary)
        told = Tokens(self.model, data, self.test)
        told.evaluate(self.rows)
        told.check()
        return {**told.outputs(), **self._first_logits()}

    def _embeddings(self) -> dict[str, np.ndarray]:
        starts = range(0, len(self.test), self.rows)
        batches = [self.model.encode(self.test[start : start + self.rows]) for start in starts]
        embeddings = np.concatenate(batches)
        check_embeddings(embeddings, len(self.test))
        first = self.test[:REFERENCE_ROWS]
        exact = checked(self.model.reference(first), (len(first), embeddings.shape[1]))
        return {"embeddings": embeddings, **exact}

    def _first_logits(self) -> dict[str, np.ndarray]:
        """Logits after the first tokens of the first row."""
        first = self.test[:1, :REFERENCE_TOKENS]
        count = first.shape[1]
        # A row tells of all tokens but its last, which may be any: none before it can depend on it.
        told = self.model.next_tokens(np.append(first, [[0]], 1), np.arange(count))
        exact = self.model.reference(first)
        shape = (1, count, self.vocabulary)
        return {
            "first_logits": told.logits,
            **{name: logits[0] for name, logits in checked(exact, shape).items()},
        }


def checked(reference: np.ndarray | None, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """The raw output `reference`, where there is one."""
    if reference is None:
        return {}
    if (reference.dtype.name, reference.shape) != ("float64", shape):
        found = f"{reference.dtype} {reference.shape}"
        raise ValueError(f"reference must return float64 {shape}, but returned {found}")
    return {"reference": reference}


def check_embeddings(embeddings: object, rows: int) -> None:
    """Refuse embeddings that are no float32 array [rows, d]."""
    if not isinstance(embeddings, np.ndarray):
        raise TypeError(f"encode must return a NumPy array, but returned {type(embeddings).__name__}")
    if embeddings.dtype != np.float32 or embeddings.ndim != 2 or len(embeddings) != rows:
        found = f"{embeddings.dtype} {embeddings.shape}"
        raise ValueError(f"encode must return float32 [{rows}, d], but returned {found}")


def check_told(told: NextTokens, rows: int, steps: int) -> None:
    """Refuse what does not tell of every next token of so many rows."""
    found = [(array.dtype.name, array.shape) for array in (told.log_probabilities, told.answers)]
    wanted = [("float32", (rows * steps,)), ("int64", (rows * steps,))]
    if found != wanted:
        raise ValueError(f"next_tokens must return {wanted}, but returned {found}")
