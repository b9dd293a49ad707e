"""Architectures of torchvision, with its own names of tensors and its own initial values.

Where images have other than three channels the first convolution is replaced by one that takes them, with
initial values by the same rule. The number of outputs is the data's, the rate of dropout the request's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from torch import nn
from torchvision import models

from benchrun_kit import Data, Unsupported

#: The least height and width of images: below it a pooling layer would have nothing left.
LEAST = {"resnet18": 1, "resnet34": 1, "vgg16": 32, "alexnet": 63, "mobilenet_v2": 1}
#: The place of the first convolution.
FIRST = {
    "resnet18": "conv1",
    "resnet34": "conv1",
    "vgg16": "features.0",
    "alexnet": "features.0",
    "mobilenet_v2": "features.0.0",
}


def make(name: str, data: Data, **hyperparameters: float) -> nn.Module:
    """Torchvision's model `name` for these images."""
    channels, height, width = data.example_shape
    if min(height, width) < LEAST[name]:
        least = LEAST[name]
        raise Unsupported(f"{name} takes images from {least}×{least}, not of {height}×{width}")
    model = getattr(models, name)(weights=None, num_classes=data.outputs, **hyperparameters)
    if channels != 3:
        take_channels(model, FIRST[name], channels, name != "alexnet")
    return model


def take_channels(model: nn.Module, place: str, channels: int, kaiming: bool) -> None:
    """Replace the convolution at `place`, of three channels, by one of `channels`."""
    old = model.get_submodule(place)
    new = nn.Conv2d(
        channels, old.out_channels, old.kernel_size, old.stride, old.padding, bias=old.bias is not None
    )
    if kaiming:
        nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
        if new.bias is not None:
            nn.init.zeros_(new.bias)
    model.set_submodule(place, new)


ARCHITECTURES: Mapping[str, Callable[..., nn.Module]] = {name: partial(make, name) for name in LEAST}
