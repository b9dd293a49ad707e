"""What tests of language models share: bundles with texts and models, requests, and a toy of NumPy alone."""

from __future__ import annotations

import hashlib
import json
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

import support
from support import ONCE, WorkerCase

from benchrun_kit.model_files import FILES  # isort: skip

BUILD = {"kind": "build", "name": "build", "repeat": ONCE}
TOKENIZE = {"kind": "tokenize", "name": "tokenize", "repeat": ONCE}
SAMPLING = {"temperature": 0.8, "top_k": 9, "top_p": 0.9, "repetition_penalty": 1.2}
TEXTS = ["to be or not to be", "that is", "", "ä question"]


def repeat(samples: int, warmup: int = 0) -> dict[str, int]:
    """So many calls."""
    return {**ONCE, "warmup": warmup, "min_samples": samples, "max_samples": samples}


def predict(name: str, rows: int, **changed: Any) -> dict[str, Any]:
    return {"kind": "predict", "name": f"{name}@{rows}", "batch_rows": rows, "repeat": ONCE, **changed}


def generate(rows: int, **changed: Any) -> dict[str, Any]:
    return {"kind": "generate", "name": f"generate@{rows}", "batch_rows": rows, "repeat": ONCE, **changed}


def generating(prompt_tokens: int = 3, new_tokens: int = 5, **sampling: float) -> dict[str, Any]:
    """Hyperparameters of `greedy`, or with a sampler's those of `sample`."""
    return {"prompt_tokens": prompt_tokens, "new_tokens": new_tokens, **sampling}


def write_texts(
    path: Path, model: Path, tokens: np.ndarray, vocabulary: int, texts: Sequence[str] = TEXTS, **says: Any
) -> Path:
    """A bundle with rows and texts, for the model in a folder beside it; `says` are keys of its model."""
    contents = [text.encode() for text in texts]
    arrays = {
        "test_features": tokens,
        "texts": np.frombuffer(b"".join(contents), np.uint8),
        "text_offsets": np.cumsum([0, *map(len, contents)]),
    }
    files = {name: hashlib.sha256((model / name).read_bytes()).hexdigest() for name in FILES}
    told = {
        "name": "tiny",
        "folder": f"../{model.name}",
        "files": files,
        "special_tokens": True,
        "truncate": None,
        **says,
    }
    return support.write_bundle(path, arrays, says={"model": told, "vocabulary": vocabulary})


def write_uniforms(path: Path, steps: int, rows: int, seed: int = 3) -> np.ndarray:
    """The draws of a sampler, and their file."""
    uniforms = np.random.default_rng(seed).random((steps, rows))
    save_file({"uniforms": uniforms}, path)
    return uniforms


#: Logits of what follows a token: its row of a table, and the mean of the rows of all before it. The mean is
#: what the cache holds. Embeddings are sums of rows. `{here}` marks are where tests plant behaviour.
TOY = """
import json
import numpy as np
from benchrun_kit import NextTokens, ReadBack, Unsupported
from benchrun_kit.sampling import Sampler
from safetensors.numpy import load_file
{top}


class Toy:
    def __init__(self, request):
        self.request = request
        self.own = {{k: v for k, v in request.hyperparameters.items()
                     if k not in ("prompt_tokens", "new_tokens", "context")}}
        self.sampler = Sampler.of(self.own) if request.algorithm == "sample" else None
        self.seen = []

    def load(self, files, length):
        {load}
        self.files = files

    def build(self):
        {build}
        self.table = load_file(self.files.folder / "model.safetensors")["table"]

    def tokenize(self, texts):
        {tokenize}
        tokens = [[1] * self.files.special_tokens + [ord(c) % 11 for c in text] for text in texts]
        return [found[: self.files.truncate] for found in tokens]

    def logits(self, rows):
        of_all = self.table[rows].cumsum(1) / np.arange(1, rows.shape[1] + 1)[:, None]
        return (self.table[rows] + of_all).astype(np.float32)

    def encode(self, tokens):
        {encode}
        kept = self.table[tokens] * (tokens != 0)[:, :, None]
        return kept.sum(1)

    def next_tokens(self, tokens, shown):
        {next_tokens}
        logits = self.logits(tokens[:, :-1]).reshape(-1, len(self.table))
        shares = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        told = np.take_along_axis(shares, tokens[:, 1:].reshape(-1, 1), 1)[:, 0]
        return NextTokens(told, logits.argmax(1), logits[shown])

    def choose(self, logits, uniforms):
        if self.sampler is None:
            return logits.argmax(1)
        rows = zip(logits, self.history, uniforms, strict=True)
        return np.array([self.sampler.choose(*row)[0] for row in rows])

    def prefill(self, prompts, uniforms):
        {prefill}
        self.history = prompts
        return self.choose(self.logits(prompts)[:, -1], uniforms)

    def decode(self, tokens, uniforms):
        {decode}
        self.history = np.concatenate([self.history, tokens[:, None]], 1)
        return self.choose(self.logits(self.history)[:, -1], uniforms)

    def reference(self, tokens):
        {reference}
        if self.request.task == "embedding":
            return (self.table.astype(float)[tokens] * (tokens != 0)[:, :, None]).sum(1)
        table = self.table.astype(float)
        return table[tokens] + table[tokens].cumsum(1) / np.arange(1, tokens.shape[1] + 1)[:, None]

    def weights(self):
        return {{"table": self.table}}

    def read_back(self, warned):
        {read_back}
        return ReadBack(self.own, {{}}, self.table.dtype.name, "row-major", {{"mine": 1}})


def create(request):
    {create}
    return Toy(request)
"""

MANIFEST = """
implementation = "python/toy"
module = "toy_adapter"
lock = "requirements.lock"
python = ">=3.11"
doc = "a toy"
""" + "".join(
    f'[[algorithms]]\ntask = "{task}"\nname = "{name}"\ndoc = "a table"\n'
    for task, names in {"embedding": ("mean",), "language_model": ("perplexity", "greedy", "sample")}.items()
    for name in names
)


def by_phase(outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Raw outputs of generations, each phase's by themselves: `tokens@4` are those of four rows."""
    split = {name: array for name, array in outputs.items() if name not in ("tokens", "answers", "margins")}
    ends = outputs["batches"].cumsum()
    for name in ("tokens", "answers", "margins"):
        parts = np.split(outputs[name], ends[:-1])
        split |= {f"{name}@{len(part)}": part for part in parts}
    return split


class LanguageCase(WorkerCase):
    """A test with a table of 11 tokens in a model's folder, and nine rows of 7 tokens."""

    def setUp(self) -> None:
        super().setUp()
        generator = np.random.default_rng(5)
        self.table = generator.standard_normal((11, 11), dtype=np.float32)
        self.model = self.folder / "model"
        self.model.mkdir()
        (self.model / "config.json").write_text(json.dumps({"table": 11}))
        (self.model / "tokenizer.json").write_text("{}")
        save_file({"table": self.table}, self.model / "model.safetensors")
        self.rows = generator.integers(1, 11, (9, 7))

    def texts(self, **says: Any) -> str:
        """A bundle of the table."""
        folder = self.folder / f"bundle{len(list(self.folder.iterdir()))}"
        return str(write_texts(folder, self.model, self.rows, 11, **says))

    def asked(self, which: str, *phases: dict[str, Any], **changed: Any) -> dict[str, Any]:
        """A request for one of the toy's algorithms, with these phases after `build` and `tokenize`."""
        own: dict[str, Any] = {
            "mean": {"normalize": False},
            "perplexity": {"context": 2},
            "greedy": generating(),
            "sample": generating(**SAMPLING),
        }[which]
        if which == "sample" and "draws" not in changed:
            path = self.folder / "uniforms.safetensors"
            self.uniforms = write_uniforms(path, own["new_tokens"], len(self.rows))
            changed["draws"] = str(path)
        request = self.request(
            task="embedding" if which == "mean" else "language_model",
            algorithm=which,
            hyperparameters=own,
            dtype="float32",
            phases=[BUILD, TOKENIZE, *phases],
        )
        changed.setdefault("bundle", self.texts())
        return {**request, **changed}

    def toy_model(self, **planted: str) -> Path:
        """The toy in a temporary folder, with code planted at the places that `TOY` names."""
        methods = ["load", "build", "tokenize", "encode", "next_tokens", "prefill", "decode", "reference"]
        places = dict.fromkeys([*methods, "top", "read_back", "create"], "pass")
        folder = self.folder / "language"
        folder.mkdir(exist_ok=True)
        (folder / "adapter.toml").write_text(MANIFEST)
        (folder / "toy_adapter.py").write_text(textwrap.dedent(TOY).format(**{**places, **planted}))
        return folder
