"""Tensors of every architecture of `python_adapters/pytorch`, for the tests of `src/task/network/`.

Run with the environment of `python_adapters/pytorch`; writes `networks.json` beside itself. A case has for every tensor its
name, its shape, the rule of its initial values and what one draw of PyTorch's own (seed 0) looks like. The script fails where
draw and rule do not agree. Rules: ["constant", value], ["uniform", bound], ["normal", deviation], ["sinusoidal"].

It also has the logits of two rows, computed in float64, from values that need no file. Let u(i, k) be the finaliser of
MurmurHash3 of 2654435761·(i + 1) + 40503·k in 32 bits, over 2³². Entry i (from 0, in the order of rows) of tensor k (from 1, by
name) is the float32 nearest to scale·(2u - 1), where scale is the bound of its rule, or √3 times the deviation, or a tenth, which is
added to a constant; positions are what they are. Entry j of the two rows is 2u(j, 0) - 1 as float32, or the token (7·j + 3)
mod vocabulary. `logits` are those of evaluation, `training_logits` of training without dropout; where the next token is predicted
(`every_step`), of all steps of the first row and then of those of the second.
"""

import math
import sys
from pathlib import Path

import numpy as np
import torch
from reference import write
from torch import nn

ADAPTERS = Path(__file__).resolve().parents[2] / "python_adapters"
sys.path[:0] = [str(ADAPTERS / "kit"), str(ADAPTERS / "pytorch")]

from importlib import import_module  # noqa: E402

from benchrun_kit import Data  # noqa: E402
from pytorch_adapter import ARCHITECTURES  # noqa: E402

OUTPUTS = 3
#: Models of torchvision whose constructors draw anew what the layers drew.
KAIMING = ("resnet18", "resnet34", "se_resnet18", "vgg16", "mobilenet_v2")
NORMAL_LINEAR = ("vgg16", "mobilenet_v2")


def images(*shape):
    return Data(np.zeros((1, math.prod(shape)), np.float32), None, shape, "classes", OUTPUTS, None)


def tokens(length, vocabulary, kind="classes"):
    return Data(np.zeros((1, length), np.int64), None, (length,), kind, OUTPUTS, vocabulary)


def values(length, channels):
    features = np.zeros((1, length * channels), np.float32)
    return Data(features, None, (length, channels), "continuous", 0, None)


def u(n, k):
    """The first n of the sequence k, in float64."""
    h = np.arange(1, n + 1, dtype=np.uint32) * np.uint32(2654435761) + np.uint32(40503 * k)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = (h ^ (h >> np.uint32(shift))) * np.uint32(factor)
    return (h ^ (h >> np.uint32(16))) / 2**32


def rule(name, module, tensor, kind):
    """The rule of one tensor of a module, by what PyTorch's layers and torchvision's constructors do."""
    if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
        return ["constant", float(kind in ("weight", "running_var"))]
    if isinstance(module, nn.Embedding):
        return ["normal", 1.0]
    if isinstance(module, nn.RNNBase):
        return ["uniform", 1 / math.sqrt(module.hidden_size)]
    if isinstance(module, nn.MultiheadAttention):
        return (
            ["uniform", math.sqrt(6 / sum(tensor.shape))] if kind == "in_proj_weight" else ["constant", 0.0]
        )
    if isinstance(module, nn.modules.linear.NonDynamicallyQuantizableLinear) and kind == "bias":
        return ["constant", 0.0]
    if kind == "positions":
        return ["sinusoidal"]
    if isinstance(module, nn.Conv2d) and name in KAIMING:
        if kind == "weight":
            return ["normal", math.sqrt(2 / (module.out_channels * math.prod(module.kernel_size)))]
        if name != "se_resnet18":
            return ["constant", 0.0]
    if isinstance(module, nn.Linear) and name in NORMAL_LINEAR:
        return ["normal", 0.01] if kind == "weight" else ["constant", 0.0]
    return ["uniform", 1 / math.sqrt(math.prod(module.weight.shape[1:]))]


def agree(name, tensor, law):
    """Fails where a draw does not follow its rule."""
    n, x = tensor.numel(), tensor.double()
    match law:
        case ["constant", value]:
            assert bool((x == value).all()), name
        case ["uniform", bound]:
            assert float(x.abs().max()) <= bound * (1 + 1e-6), name
            assert n < 100 or float(x.abs().max()) > 0.9 * bound, name
            assert n < 100 or abs(float(x.std()) * math.sqrt(3) / bound - 1) < 5 / math.sqrt(n), name
        case ["normal", deviation]:
            assert n < 100 or abs(float(x.std()) / deviation - 1) < 5 / math.sqrt(2 * n), name
            assert n < 1000 or float(x.abs().max()) > 2.5 * deviation, name


def filled(tensor, k, law):
    if law == ["sinusoidal"]:
        return tensor
    scale = {"constant": 0.1, "uniform": law[1], "normal": math.sqrt(3) * law[1]}[law[0]]
    array = scale * (2 * u(tensor.numel(), k) - 1) + (law[1] if law[0] == "constant" else 0.0)
    return torch.from_numpy(array.astype(np.float32)).reshape(tensor.shape)


def logits(module, data):
    """Of two rows, in evaluation and in training, in float64."""
    columns = data.features.shape[1]
    if data.vocabulary:
        rows = torch.from_numpy((7 * np.arange(2 * columns) + 3) % data.vocabulary).view(2, columns)
    else:
        rows = torch.from_numpy((2 * u(2 * columns, 0) - 1).astype(np.float32))
        rows = rows.double().view(2, *data.example_shape)
    rows = rows[:, :-1] if data.every_step else rows
    module.double()
    with torch.no_grad():
        return [module.train(training)(rows).flatten(0, -2).tolist() for training in (False, True)]


def shown(value):
    return float(f"{value:.3g}")


def case(name, data, hyperparameters):
    torch.manual_seed(0)
    task = "image" if name in ARCHITECTURES["image"] else "sequence"
    module_name, own = ARCHITECTURES[task][name]
    needed = {key: hyperparameters[key] for key in own if key != "dropout"}
    dropout = {"dropout": 0.0} if "dropout" in own else {}
    module = import_module(module_name).ARCHITECTURES[name](data, **needed, **dropout)
    state = {n: t for n, t in module.state_dict().items() if not n.endswith("num_batches_tracked")}
    tensors, fill = [], {}
    for k, (tensor_name, tensor) in enumerate(sorted(state.items()), 1):
        place, _, kind = tensor_name.rpartition(".")
        law = rule(name, module.get_submodule(place), tensor, kind)
        agree(tensor_name, tensor, law)
        facts = [tensor.mean(), tensor.std(correction=0), tensor.min(), tensor.max()]
        drawn = [] if law[0] in ("constant", "sinusoidal") else [shown(float(fact)) for fact in facts]
        tensors.append([tensor_name, list(tensor.shape), law, *drawn])
        fill[tensor_name] = filled(tensor, k, law)
    module.load_state_dict(fill, strict=False)
    evaluation, training = logits(module, data)
    return {
        "architecture": name,
        "example_shape": data.example_shape,
        "vocabulary": data.vocabulary,
        "outputs": data.outputs,
        "every_step": data.every_step,
        "hyperparameters": needed,
        "trainable": sum(p.numel() for p in module.parameters()),
        "logits": evaluation,
        "training_logits": training,
        "tensors": tensors,
    }


# In float64, as all else here: the fused layer of evaluation is another order of additions.
torch.backends.mha.set_fastpath_enabled(False)
cases = [
    case(name, images(*shape), {})
    for name in ("lenet5", "simple_cnn")
    for shape in ((1, 28, 28), (3, 32, 32))
]
cases += [
    case(name, images(*shape), {})
    for name, shape in [
        ("resnet18", (1, 28, 28)),
        ("resnet34", (3, 32, 32)),
        ("vgg16", (3, 32, 32)),
        ("alexnet", (3, 64, 64)),
        ("mobilenet_v2", (1, 28, 28)),
        ("se_resnet18", (3, 32, 32)),
    ]
]
one = {"hidden": 8, "layers": 1, "bidirectional": False, "embedding": 6, "heads": 2, "feed_forward": 12}
two = {**one, "hidden": 6, "layers": 2, "bidirectional": True}
for name in ARCHITECTURES["sequence"]:
    cases += [case(name, tokens(9, 11), one), case(name, values(7, 2), two)]
stacked = {**two, "bidirectional": False}
cases += [case(name, tokens(9, 11, "next"), stacked) for name in ARCHITECTURES["next_token"]]
write(__file__, cases)
