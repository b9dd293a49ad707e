"""A model from its folder: what encoders and decoders of transformers have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import safe_open
from tokenizers import Tokenizer
from torch import Tensor
from transformers import AutoConfig, PreTrainedModel

from benchrun_kit import ReadBack, Request, Unsupported, on_torch

if TYPE_CHECKING:
    from benchrun_kit.model_files import ModelFiles


class Pretrained:
    """The folder, its tokenizer, and the model that was built last.

    Args:
        request: The request.
        dtype: The type of parameters and activations.
    """

    #: transformers' class that chooses the model's by its configuration, and the types of models known here.
    auto: Any
    known: tuple[str, ...]

    def __init__(self, request: Request, dtype: torch.dtype) -> None:
        self.hyperparameters, self.settings = request.hyperparameters, request.settings
        self.device, self.dtype = torch.device(request.device), dtype

    def load(self, files: ModelFiles, length: int) -> None:
        """Read configuration and tokenizer, and import the model's module."""
        config = AutoConfig.from_pretrained(files.folder, local_files_only=True)
        if config.model_type not in self.known:
            raise Unsupported(f"the model is {config.model_type}, but must be one of {', '.join(self.known)}")
        if length > (most := self.positions(config)):
            raise Unsupported(f"rows have {length} tokens, but this model takes {most}")
        # Looking the class up imports its module, which is no part of `build`.
        self.auto._model_mapping[type(config)]
        self.files, self.options = files, self.options_of(config)
        self.tokenizer = Tokenizer.from_file(str(files.folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        if files.truncate is None:
            self.tokenizer.no_truncation()
        else:
            self.tokenizer.enable_truncation(files.truncate)

    def positions(self, config: Any) -> int:  # noqa: ANN401, every model has a class of its own
        """The length of the longest row that the model takes."""
        return config.max_position_embeddings

    def options_of(self, config: Any) -> dict[str, Any]:  # noqa: ANN401, as above
        """What the model's constructor is to be given."""
        return {}

    def build(self) -> None:
        """The model as `from_pretrained` makes it, on the device, in evaluation mode."""
        model, told = self.auto.from_pretrained(
            self.files.folder,
            dtype=self.dtype,
            attn_implementation=self.settings["attention"],
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            **self.options,
        )
        # transformers draws what it does not find.
        for what in ("missing_keys", "mismatched_keys", "error_msgs"):
            if odd := sorted(map(str, told[what])):
                raise ValueError(f"the file of weights has {what.replace('_', ' ')}: {odd[0]}")
        self.model: PreTrainedModel = model.to(self.device)
        self._wait()

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """By the tokenizer's own batch call."""
        batch = self.tokenizer.encode_batch(texts, add_special_tokens=self.files.special_tokens)
        return [encoding.ids for encoding in batch]

    def weights(self) -> dict[str, np.ndarray]:
        """The parameters under the file's names: one that is shared once, and no buffers."""
        with safe_open(self.files.folder / "model.safetensors", framework="np") as file:
            names = set(file.keys())
        prefix = f"{self.model.base_model_prefix}."
        # A parameter that is tied is told by the first of its names.
        return {
            name_in_file(name, prefix, names): parameter.detach().float().cpu().numpy()
            for name, parameter in self.model.named_parameters()
        }

    def read_back(self, warned: Sequence[Warning]) -> ReadBack:
        """What model and libraries hold."""
        (dtype,) = {parameter.dtype for parameter in self.model.parameters()}
        attention = self.model.config._attn_implementation
        return ReadBack(
            hyperparameters=self.held(),
            settings={"attention": attention},
            dtype=str(dtype).removeprefix("torch."),
            layout="row-major",
            work=self.work(),
            device=self.model.device.type,
            pool=torch.get_num_threads(),
            build={**on_torch.libraries(), "attention": attention},
        )

    def held(self) -> dict[str, Any]:
        """The hyperparameters that were used."""
        return {}

    def work(self) -> dict[str, Any]:
        """What is told of the work beside what the kit counts."""
        return {}

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self.device)

    def _wait(self) -> None:
        """Until the device has done all that it was told; answers wait by reading their results."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def name_in_file(name: str, prefix: str, names: set[str]) -> str:
    """What a file calls a parameter: files of bare models and of those with a head differ by a prefix.

    Files that were converted from TensorFlow call the gain and the bias of a layer norm gamma and beta.
    """
    for candidate in (name, prefix + name, name.removeprefix(prefix)):
        old = candidate.replace("LayerNorm.weight", "LayerNorm.gamma")
        old = old.replace("LayerNorm.bias", "LayerNorm.beta")
        for found in (candidate, old):
            if found in names:
                return found
    raise ValueError(f"the file of weights has no tensor for the parameter {name}")
