"""What a trial of a language model reads: the model's folder, documents, and uniform numbers.

A bundle's manifest names a folder that transformers loads (`config.json`, `model.safetensors`,
`tokenizer.json`) by a path relative to its own, with the SHA-256 of each file, and says how the tokenizer is
used.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from .bundle import Bundle, BundleError
from .draws import DrawsError, read_tensors

FILES = ("config.json", "model.safetensors", "tokenizer.json")


@dataclass(frozen=True)
class ModelFiles:
    """The folder of a pretrained model, and the use of its tokenizer."""

    folder: Path
    #: Whether the tokenizer adds its special tokens.
    special_tokens: bool
    #: The number of tokens after which it cuts a document off.
    truncate: int | None

    @classmethod
    def of(cls, bundle: Bundle) -> ModelFiles:
        """The model of a bundle, whose files have the hashes that the manifest says."""
        says = bundle.says("model")
        try:
            folder, files = bundle.path.parent / says["folder"], says["files"]
            model = cls(folder, says["special_tokens"], says["truncate"])
        except KeyError as error:
            raise BundleError(f"the model of {bundle.path} lacks the key {error}") from error
        if sorted(files) != sorted(FILES):
            raise BundleError(f"the model of {bundle.path} has {sorted(files)}, but must have {list(FILES)}")
        if type(model.special_tokens) is not bool:
            raise BundleError(f"special_tokens is {model.special_tokens!r}, but must be true or false")
        if model.truncate is not None and (type(model.truncate) is not int or model.truncate < 1):
            raise BundleError(f"truncate is {model.truncate!r}, but must be a number from 1, or null")
        for name, sha256 in files.items():
            _check_file(folder / name, sha256)
        return model


def _check_file(path: Path, sha256: str) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(f"cannot read the model's file {path}: {error}") from error
    if found != sha256:
        raise BundleError(f"the SHA-256 of {path} is {found}, but the manifest says {sha256}")


def documents(content: np.ndarray, offsets: np.ndarray) -> list[str]:
    """The texts in UTF-8 whose bytes lie one after the other; text i is those from offset i to i + 1."""
    if content.dtype != np.uint8 or offsets.dtype != np.int64:
        raise BundleError(f"texts are {content.dtype} at {offsets.dtype}, but must be uint8 at int64")
    if offsets.size < 2 or offsets[0] != 0 or offsets[-1] != len(content) or (np.diff(offsets) < 0).any():
        raise BundleError("text_offsets must rise from 0 to the number of bytes, and hold one text at least")
    whole = content.tobytes()
    try:
        return [whole[begin:end].decode() for begin, end in pairwise(offsets)]
    except UnicodeDecodeError as error:
        raise BundleError(f"a text is no UTF-8: {error}") from error


def tokens_digest(documents: list[list[int]]) -> str:
    """SHA-256 over the tokens of each document, int64 little-endian, and -1 after each."""
    sha = hashlib.sha256()
    for tokens in documents:
        sha.update(np.array([*tokens, -1], dtype="<i8").data)
    return sha.hexdigest()


@dataclass(frozen=True)
class Uniforms:
    """The draws of a block of samplers: one number in [0, 1) for each step and row, float64 [steps, rows]."""

    path: Path
    #: SHA-256 of the file's bytes, for the receipt: which draws were really read.
    sha256: str
    numbers: np.ndarray

    @classmethod
    def read(cls, path: Path, steps: int, rows: int) -> Uniforms:
        """The numbers of so many steps and rows."""
        sha256, tensors = read_tensors(path)
        numbers = tensors.pop("uniforms", None)
        if tensors or numbers is None:
            problem = f"holds the unknown tensor {min(tensors)}" if tensors else "lacks the tensor uniforms"
            raise DrawsError(f"{path} {problem}")
        found, wanted = (numbers.dtype.name, numbers.shape), ("float64", (steps, rows))
        if found != wanted:
            raise DrawsError(f"uniforms is {found[0]} {found[1]} in {path}, but must be float64 {wanted[1]}")
        if not ((numbers >= 0) & (numbers < 1)).all():
            raise DrawsError(f"uniforms holds numbers outside of [0, 1) in {path}")
        return cls(path, sha256, numbers)

    def check_unchanged(self) -> None:
        """Fail if code under test wrote into the numbers, because later choices then saw others."""
        if not np.array_equal(self.numbers, read_tensors(self.path)[1]["uniforms"]):
            raise DrawsError("the uniform numbers were modified during the trial")
