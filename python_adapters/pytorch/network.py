"""A PyTorch module as a network: what a user's own training loop would do, one step at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import optimisers
from benchrun_kit import DRAWN, LOOP, Data, NextTokens, ReadBack, Request, on_torch

#: Counters that torchvision's normalisation layers hold and never use: not among the tensors that are handed
#: over.
COUNTERS = "num_batches_tracked"


class TorchNetwork:
    """One architecture with its optimiser.

    Args:
        request: The request.
        module: The name of the file whose `ARCHITECTURES` has the algorithm.
        own: The hyperparameters of the architecture.
        dtype: The type of parameters and activations; losses are computed in float32.
    """

    def __init__(self, request: Request, module: str, own: Sequence[str], dtype: torch.dtype) -> None:
        self.make = import_module(module).ARCHITECTURES[request.algorithm]
        self.own = {name: request.hyperparameters[name] for name in own}
        self.asked = {
            name: value for name, value in request.hyperparameters.items() if name not in (*LOOP, *DRAWN)
        }
        self.hyperparameters = request.hyperparameters
        self.settings = request.settings
        self.seed = request.seed
        self.device, self.dtype = torch.device(request.device), dtype
        clip = request.hyperparameters.get("clip_norm", "none")
        self.clip_norm = None if clip == "none" else float(clip)

    def load(self, data: Data) -> None:
        """Take the arrays to the device; on the CPU, tensors share the arrays' memory."""
        self.data = data
        # An architecture that cannot take these rows says so here.
        self._module()
        self.features = self._rows(data.features)
        if data.target is None:
            return
        target = torch.from_numpy(data.target).to(self.device)
        self.target = target if data.kind == "classes" else target.float()
        self._wait()

    def build(self, weights: Mapping[str, np.ndarray]) -> None:
        """The module with the tensors' values, and its optimiser. Nothing is drawn to be overwritten."""
        module = self._module()
        wanted = {name: t for name, t in module.state_dict().items() if not name.endswith(COUNTERS)}
        if odd := sorted(wanted.keys() ^ weights.keys()):
            problem = "lack" if odd[0] in wanted else "hold beside the network's"
            raise ValueError(f"the weights {problem} the tensor {odd[0]}")
        for name, tensor in wanted.items():
            if tensor.shape != weights[name].shape:
                found, needed = list(weights[name].shape), list(tensor.shape)
                raise ValueError(f"the tensor {name} has shape {found}, but the network's has {needed}")
        state = {
            name: torch.from_numpy(array).to(self.device, self.dtype, copy=True)
            for name, array in weights.items()
        }
        for name in module.state_dict().keys() - wanted.keys():
            state[name] = torch.zeros((), dtype=torch.int64, device=self.device)
        module.load_state_dict(state, assign=True)
        for part in module.modules():
            if isinstance(part, nn.RNNBase):
                # CUDA's kernels want the weights of all layers in one piece.
                part.flatten_parameters()
        self.module = module.train()
        self.parameters = list(module.parameters())
        self.optimiser = optimisers.make(self.hyperparameters, self.parameters)
        # In 63 bits, which both PyTorch and its C++ interface take alike.
        torch.manual_seed(self.seed % 2**63)
        self._wait()

    def step(self, rows: np.ndarray, rate: float, moves: np.ndarray | None = None) -> float:
        """Gather, move, forward, loss, backward, clip, update; reading the loss waits for the device."""
        self._set_training(True)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad()
        _, loss = self._forward(rows, moves)
        loss.backward()
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.clip_norm)
        self.optimiser.step()
        return loss.item()

    def loss(self, rows: np.ndarray) -> float:
        """The mean loss, in evaluation mode."""
        self._set_training(False)
        with torch.inference_mode():
            return self._forward(rows)[1].item()

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Logits or numbers, in evaluation mode; their memory is new."""
        self._set_training(False)
        with torch.inference_mode():
            rows = self._rows(features)
            rows = rows[:, :-1] if self.data.every_step else rows
            return self.module(rows).float().cpu().numpy()

    def next_tokens(self, features: np.ndarray, shown: np.ndarray) -> NextTokens:
        """What the network makes of the tokens that follow others, in evaluation mode."""
        self._set_training(False)
        with torch.inference_mode():
            rows = self._rows(features)
            logits = self.module(rows[:, :-1]).float().flatten(0, 1)
            log_probabilities = logits.log_softmax(1).gather(1, rows[:, 1:].flatten()[:, None])[:, 0]
            told = (
                log_probabilities,
                logits.argmax(1),
                logits.index_select(0, torch.from_numpy(shown).to(self.device)),
            )
            return NextTokens(*(tensor.cpu().numpy() for tensor in told))

    def weights(self) -> dict[str, np.ndarray]:
        """Parameters and buffers, as they are now."""
        state = self.module.state_dict()
        return {name: plain(t) for name, t in state.items() if not name.endswith(COUNTERS)}

    def first_step(
        self, rows: np.ndarray, moves: np.ndarray | None = None
    ) -> tuple[np.ndarray, float, dict[str, np.ndarray]]:
        """Logits, loss and gradients in training mode, with every dropout set to nothing."""
        for part in self.module.modules():
            if isinstance(part, nn.Dropout):
                part.p = 0.0
            elif isinstance(getattr(part, "dropout", None), int | float):
                part.dropout = 0.0
        self._set_training(True)
        logits, loss = self._forward(rows, moves)
        loss.backward()
        # Clones, because gradients of a recurrent layer may be parts of one piece.
        gradients = {name: plain(p.grad) for name, p in self.module.named_parameters()}
        return plain(logits), loss.item(), gradients

    def read_back(self, warned: Sequence[Warning]) -> ReadBack:
        """What optimiser, modules and libraries hold."""
        held = self._held()
        # What only another optimiser has, and an embedding of what are no tokens, has no part here: it stays
        # as asked.
        idle = {*optimisers.PLACES, *(() if self.data.vocabulary else ("embedding",))} - held.keys()
        used = {**{name: self.asked[name] for name in idle & self.asked.keys()}, **held}
        settings = {"fast_path": torch.backends.mha.get_fastpath_enabled()}
        return ReadBack(
            hyperparameters={name: value for name, value in used.items() if name in self.asked},
            settings={name: settings[name] for name in self.settings},
            dtype=str(self.parameters[0].dtype).removeprefix("torch."),
            layout="row-major",
            train_rows=len(self.features),
            device=self.parameters[0].device.type,
            pool=torch.get_num_threads(),
            build={**on_torch.libraries(), **self._kernels()},
        )

    def _kernels(self) -> dict[str, str]:
        """Kernels that give equal bits for equal inputs, whoever calls them."""
        if self.parameters[0].device.type != "cpu" or torch.get_num_threads() != 1:
            return {}
        dtype = str(self.parameters[0].dtype).removeprefix("torch.")
        return {"kernels": f"libtorch {torch.__version__}, {dtype}, one CPU thread"}

    def _held(self) -> dict[str, Any]:
        rates = {part.p for part in self.module.modules() if isinstance(part, nn.Dropout)}
        if len(rates) > 1:
            raise ValueError(f"the network has dropouts of different rates: {sorted(rates)}")
        return {
            **optimisers.used(self.optimiser),
            "clip_norm": self.clip_norm,
            **({"dropout": rates.pop()} if rates else {}),
            **(self.module.used() if hasattr(self.module, "used") else {}),
        }

    def _module(self) -> nn.Module:
        """The architecture without values: drawing some to replace them would only take time."""
        with torch.device("meta"):
            return self.make(self.data, **self.own)

    def _wait(self) -> None:
        """Until the device has done all that it was told; steps and answers wait by reading their results."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def _set_training(self, training: bool) -> None:
        # Only where it changes, because it walks over all modules.
        if self.module.training != training:
            self.module.train(training)

    def _rows(self, features: np.ndarray) -> Tensor:
        """Rows as the network takes them, on the device: tokens [b, L], or values in the rows' own shape."""
        rows = torch.from_numpy(features)
        if rows.dtype == torch.int64:
            return rows.to(self.device)
        return rows.to(self.device, self.dtype).view(len(rows), *self.data.example_shape)

    def _moved(self, images: Tensor, moves: np.ndarray) -> Tensor:
        """The images [b, c, h, w], each moved as it was drawn in a border of zeros. Nothing but copies."""
        count, channels, height, width = images.shape
        # The views of all images lie in a border that is as wide as the widest move.
        border = int(self.hyperparameters["shift"])
        mirrored, down, right = torch.from_numpy(moves).unsqueeze(2).unbind(1)
        rows = torch.arange(height) + down
        columns = torch.arange(width)
        columns = torch.where(mirrored == 1, columns.flip(0), columns) + right
        padded = functional.pad(images, [border] * 4)
        return padded[
            torch.arange(count).to(self.device)[:, None, None, None],
            torch.arange(channels).to(self.device)[None, :, None, None],
            (rows + border).to(self.device)[:, None, :, None],
            (columns + border).to(self.device)[:, None, None, :],
        ]

    def _forward(self, rows: np.ndarray, moves: np.ndarray | None = None) -> tuple[Tensor, Tensor]:
        """Logits and loss of some training rows."""
        index = torch.from_numpy(rows).to(self.device)
        features = self.features.index_select(0, index)
        if moves is not None:
            features = self._moved(features, moves)
        if self.data.every_step:
            logits = self.module(features[:, :-1])
            target = features[:, 1:].flatten()
            return logits, functional.cross_entropy(logits.float().flatten(0, 1), target)
        logits = self.module(features)
        target = self.target.index_select(0, index)
        if self.data.kind == "classes":
            return logits, functional.cross_entropy(logits.float(), target)
        return logits, functional.mse_loss(logits.float().squeeze(1), target)


def plain(tensor: Tensor) -> np.ndarray:
    """A copy as a float32 array."""
    return tensor.detach().float().cpu().contiguous().numpy().copy()
