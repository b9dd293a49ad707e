"""LeNet-5 by PyTorch's own adapter with one fault around it: what a gate must catch, or not mind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import numpy as np
import torch

import pytorch_adapter
from benchrun_kit import ReadBack


def create(request):  # noqa: ANN001, ANN201 - tests use it as a third party would
    """A network with the fault that the settings name."""
    return Suspect(request)


class Suspect:
    """An honest network, and a fault in what is done with it."""

    def __init__(self, request) -> None:  # noqa: ANN001
        self.settings = request.settings
        self.fault = request.settings["fault"]
        self.inner = pytorch_adapter.create(replace(request, settings={}))
        if self.fault == "no_mkldnn":
            torch.backends.mkldnn.enabled = False

    def load(self, data) -> None:  # noqa: ANN001
        """Take the data, all of it."""
        self.inner.load(data)

    def build(self, weights: Mapping[str, np.ndarray]) -> None:
        """Build from these weights, or from some near them."""
        self.given = weights
        self.steps, self.told = 0, 0.0
        if self.fault == "other_weights":
            weights = {name: values * np.float32(1.001) for name, values in weights.items()}
        self.inner.build(weights)
        module = self.inner.module
        if self.fault == "other_activation":
            module.tanh = torch.nn.Hardtanh()
        if self.fault == "channels_last":
            module.to(memory_format=torch.channels_last)
        if self.fault == "told_no_momentum":
            self.inner.optimiser.param_groups[0]["momentum"] = 0.0

    def step(self, rows: np.ndarray, rate: float, moves: np.ndarray | None) -> float:
        """Take a step, or what looks like one."""
        self.steps += 1
        module = self.inner.module
        match self.fault:
            case "skipped_steps" if self.steps % 2 == 0:
                return self.inner.loss(rows)
            case "simulated_losses":
                if self.steps == 1:
                    self.told = self.inner.loss(rows)
                return self.told * 0.97 ** (self.steps - 1)
            case "other_rate":
                rate *= 1.1
            case "other_rows" if self.steps > 1:
                rows = len(self.inner.features) - 1 - rows
            case "half_batch":
                rows = rows[: len(rows) // 2]
            case "frozen":
                kept = module.conv1.weight.detach().clone()
                loss = self.inner.step(rows, rate, moves)
                with torch.no_grad():
                    module.conv1.weight.copy_(kept)
                return loss
            case "no_momentum":
                with self.without_momentum():
                    return self.inner.step(rows, rate, moves)
        with torch.autocast("cpu", torch.bfloat16) if self.fault == "bfloat16" else nullcontext():
            return self.inner.step(rows, rate, moves)

    @contextmanager
    def without_momentum(self) -> Iterator[None]:
        """The optimiser forgets its momentum while it steps, and tells of it afterwards."""
        group = self.inner.optimiser.param_groups[0]
        momentum, group["momentum"] = group["momentum"], 0.0
        try:
            yield
        finally:
            group["momentum"] = momentum

    def loss(self, rows: np.ndarray) -> float:
        """The loss."""
        return self.inner.loss(rows)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """What the network answers, or something else."""
        logits = self.inner.predict(features)
        match self.fault:
            case "constant_logits":
                logits[:] = logits[0]
            case "noise":
                logits += np.random.default_rng(1).normal(scale=0.01, size=logits.shape).astype(np.float32)
            case "mean_of_batch":
                # As a normalisation does that is left in training mode: the answer depends on the other rows.
                logits -= logits.mean(axis=0)
        return logits

    def weights(self) -> Mapping[str, np.ndarray]:
        """What the network holds, or what was given."""
        return self.given if self.fault == "other_weights" else self.inner.weights()

    def first_step(
        self, rows: np.ndarray, moves: np.ndarray | None
    ) -> tuple[np.ndarray, float, Mapping[str, np.ndarray]]:
        """The first step, as it is."""
        return self.inner.first_step(rows, moves)

    def read_back(self, warned: object) -> ReadBack:
        """What the network says, and whether equal bits are promised."""
        read = self.inner.read_back(warned)
        build = dict(read.build)
        if not self.settings["promises"]:
            del build["kernels"]
        return replace(read, build=build, settings=self.settings)
