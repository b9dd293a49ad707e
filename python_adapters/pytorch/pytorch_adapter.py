"""PyTorch behind benchrun's adapter interface: which file holds which architecture."""

import torch

# The first optimiser would import it (1.2 s), within `build`; what is imported belongs before `ready`.
import torch._dynamo

import optimisers
from benchrun_kit import DRAWN, LOOP, Network, Request, Unsupported, on_torch
from network import TorchNetwork

RECURRENT = ("hidden", "layers", "bidirectional", "embedding", "dropout")
TRANSFORMER = ("hidden", "layers", "heads", "feed_forward", "dropout")
SEQUENCE = {
    "rnn": ("recurrent", RECURRENT),
    "lstm": ("recurrent", RECURRENT),
    "gru": ("recurrent", RECURRENT),
    "attention_lstm": ("attention_lstm", RECURRENT),
    "transformer_encoder": ("transformer_encoder", TRANSFORMER),
}
#: By task and algorithm: the module whose `ARCHITECTURES` has it, and the hyperparameters that are its own.
ARCHITECTURES: dict[str, dict[str, tuple[str, tuple[str, ...]]]] = {
    "image": {
        "lenet5": ("lenet5", ()),
        "simple_cnn": ("simple_cnn", ("dropout",)),
        "resnet18": ("torchvision_models", ()),
        "resnet34": ("torchvision_models", ()),
        "vgg16": ("torchvision_models", ("dropout",)),
        "alexnet": ("torchvision_models", ("dropout",)),
        "mobilenet_v2": ("torchvision_models", ("dropout",)),
        "se_resnet18": ("se_resnet18", ()),
    },
    "sequence": SEQUENCE,
    "forecast": SEQUENCE,
    "next_token": {name: way for name, way in SEQUENCE.items() if name != "attention_lstm"},
}


def create(request: Request) -> Network:
    """The network of one request. Only the modules that its architecture needs are imported."""
    dtype = on_torch.check(request)
    module, own = ARCHITECTURES[request.task][request.algorithm]
    known = {*own, *optimisers.HYPERPARAMETERS, *LOOP, *DRAWN}
    if unknown := sorted(request.hyperparameters.keys() - known):
        raise Unsupported(f"{request.algorithm} has no hyperparameter `{unknown[0]}`")
    optimisers.check(request.hyperparameters)
    allow(request)
    return TorchNetwork(request, module, own, dtype)


def allow(request: Request) -> None:
    """Set what holds for the whole process."""
    on_torch.allow(request)
    if "fast_path" in request.settings:
        torch.backends.mha.set_fastpath_enabled(request.settings["fast_path"])
