"""An adapter's folder: what its `adapter.toml` says, as far as a worker needs it.

The whole manifest is checked by the runner; its keys are documented in `python_adapters/README.md`.
"""

from __future__ import annotations

import importlib
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from .interface import Model, Network, Unsupported
from .language_interface import LanguageModel
from .request import Request, RequestError


class ManifestError(Exception):
    """The folder holds no manifest that a worker can use."""


@dataclass(frozen=True)
class Manifest:
    """What a worker needs to know of its adapter."""

    folder: Path
    implementation: str
    module: str
    #: Pairs of task and algorithm.
    offers: frozenset[tuple[str, str]]

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read `adapter.toml` in `folder`."""
        path = folder / "adapter.toml"
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
            offers = frozenset((entry["task"], entry["name"]) for entry in raw["algorithms"])
            return cls(folder, raw["implementation"], raw["module"], offers)
        except KeyError as error:
            raise ManifestError(f"{path} lacks the key {error}") from error
        except (OSError, ValueError) as error:
            raise ManifestError(f"cannot read {path}: {error}") from error

    def create(self, request: Request) -> Model | Network | LanguageModel:
        """Import the adapter's module and let it make the model or network that the request asks for.

        Raises:
            RequestError: the request is meant for another implementation.
            Unsupported: the adapter does not offer the algorithm, or cannot honour the request.
        """
        if request.implementation != self.implementation:
            raise RequestError(
                f"the request is for {request.implementation}, but this is {self.implementation}"
            )
        if (request.task, request.algorithm) not in self.offers:
            offered = sorted(name for task, name in self.offers if task == request.task)
            raise Unsupported(
                f"{self.implementation} has no algorithm `{request.algorithm}` of task `{request.task}`; "
                f"it offers {', '.join(offered) or 'none'}"
            )
        sys.path.insert(0, str(self.folder.resolve()))
        made: Model | Network | LanguageModel = importlib.import_module(self.module).create(request)
        return made
