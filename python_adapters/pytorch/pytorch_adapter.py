"""PyTorch behind benchrun's adapter interface: which file holds which architecture."""

import torch

# The first optimiser would import it (1.2 s), within `build`; what is imported belongs before `ready`.
import torch._dynamo

import optimisers
from benchrun_kit import DRAWN, LOOP, Network, Request, Unsupported
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
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def create(request: Request) -> Network:
    """The network of one request. Only the modules that its architecture needs are imported."""
    if request.device not in ("cpu", "cuda"):
        raise Unsupported(f"this adapter computes on cpu or cuda, not on {request.device}")
    if request.device == "cuda":
        check_cuda()
    if request.dtype not in DTYPES:
        raise Unsupported(f"this adapter computes in {' or '.join(DTYPES)}, not in {request.dtype}")
    module, own = ARCHITECTURES[request.task][request.algorithm]
    known = {*own, *optimisers.HYPERPARAMETERS, *LOOP, *DRAWN}
    if unknown := sorted(request.hyperparameters.keys() - known):
        raise Unsupported(f"{request.algorithm} has no hyperparameter `{unknown[0]}`")
    optimisers.check(request.hyperparameters)
    allow(request)
    return TorchNetwork(request, module, own, DTYPES[request.dtype])


def check_cuda() -> None:
    """Refuse where there is no CUDA device; a first tensor on it tells why."""
    try:
        torch.zeros(1, device="cuda")
    # A build without CUDA says so by an assertion.
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0].rstrip(".")
        raise Unsupported(f"no CUDA device is there: {reason}") from error


def allow(request: Request) -> None:
    """Set what holds for the whole process: threads, and CUDA kernels that give the same bits every time."""
    torch.set_num_threads(request.threads)
    # It can be set but once.
    if torch.get_num_interop_threads() != 1:
        torch.set_num_interop_threads(1)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    # TensorFloat-32 is no float32: products would be rounded to ten bits of mantissa.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    if "fast_path" in request.settings:
        torch.backends.mha.set_fastpath_enabled(request.settings["fast_path"])
