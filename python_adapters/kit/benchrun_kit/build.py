r"""The build of a worker: one digest over the text that it runs.

The runner computes the same digest from the same files and refuses a worker that answers another one. It is
the SHA-256, in lower-case hexadecimal, of the concatenation of one line pair per file,

    <prefix>/<relative path>\n<SHA-256 of the file in lower-case hexadecimal>\n

in UTF-8: first the files of the kit's folder with prefix `kit`, then those of the adapter's folder with
prefix `adapter`; within each folder in the order of the bytes of their relative paths, whose separator is
`/`. Counted is every regular file, at any depth, with the suffix `.py`, `.toml`, `.lock` or `.txt`. Folders
named `__pycache__` or `tests` are left out, and so are symbolic links, to files as to folders.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = (".py", ".toml", ".lock", ".txt")
LEFT_OUT = ("__pycache__", "tests")


def build(kit: Path, adapter: Path) -> str:
    """The digest over the kit's and one adapter's folder, as this module's header specifies it."""
    digest = hashlib.sha256()
    for prefix, folder in (("kit", kit), ("adapter", adapter)):
        for relative, path in sorted(_files(folder, "")):
            content = hashlib.sha256(Path(path).read_bytes()).hexdigest()
            digest.update(f"{prefix}/{relative}\n{content}\n".encode())
    return digest.hexdigest()


def _files(folder: str | Path, prefix: str) -> Iterator[tuple[str, str]]:
    """Relative and full path of every file that counts."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in LEFT_OUT:
                    yield from _files(entry.path, f"{prefix}{entry.name}/")
            elif entry.is_file(follow_symlinks=False) and Path(entry.name).suffix in SUFFIXES:
                yield f"{prefix}{entry.name}", entry.path
