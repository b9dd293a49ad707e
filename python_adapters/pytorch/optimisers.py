"""The optimisers of the tasks for networks: PyTorch's own classes, with PyTorch's defaults for all else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from benchrun_kit import Unsupported

#: Where a parameter group keeps each hyperparameter: the key, and the place where the value is a pair.
PLACES: dict[str, tuple[str, int | None]] = {
    "momentum": ("momentum", None),
    "nesterov": ("nesterov", None),
    "weight_decay": ("weight_decay", None),
    "beta1": ("betas", 0),
    "beta2": ("betas", 1),
    "alpha": ("alpha", None),
    "eps": ("eps", None),
}
CLASSES: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
}
#: What an optimiser's constructor takes of these.
TAKES = {
    "sgd": ("momentum", "nesterov", "weight_decay"),
    "adam": ("beta1", "beta2", "eps", "weight_decay"),
    "adamw": ("beta1", "beta2", "eps", "weight_decay"),
    "rmsprop": ("alpha", "eps", "weight_decay", "momentum"),
}
HYPERPARAMETERS = ("optimizer", "clip_norm", *PLACES)


def check(hyperparameters: Mapping[str, Any]) -> None:
    """Refuse what PyTorch's optimisers do not know."""
    name = hyperparameters["optimizer"]
    if name not in CLASSES:
        raise Unsupported(f"optimizer is {name}, but must be one of {', '.join(CLASSES)}")
    if name == "sgd" and hyperparameters.get("nesterov") and not hyperparameters.get("momentum"):
        raise Unsupported("nesterov needs a momentum above 0")


def make(
    hyperparameters: Mapping[str, Any], parameters: Iterable[torch.nn.Parameter]
) -> torch.optim.Optimizer:
    """The optimiser; its rate is set before every step."""
    name = hyperparameters["optimizer"]
    arguments: dict[str, Any] = {}
    for taken in TAKES[name]:
        if taken in hyperparameters:
            key, place = PLACES[taken]
            value = hyperparameters[taken]
            arguments[key] = value if place is None else (*arguments.get(key, ()), value)
    return CLASSES[name](parameters, lr=hyperparameters["learning_rate"], **arguments)


def used(optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """What the optimiser's parameter group holds, under the tasks' names."""
    (group,) = optimiser.param_groups
    held = {
        name: group[key] if place is None else group[key][place]
        for name, (key, place) in PLACES.items()
        if key in group
    }
    return {"optimizer": type(optimiser).__name__.lower(), **held}
