"""What all adapters on PyTorch share: devices, types, what holds for the whole process, how it was built.

It is in the kit because a worker's build covers the kit and the adapter's own folder. The kit itself never
imports it.
"""

from __future__ import annotations

import os

import torch

from .interface import Unsupported
from .request import Request

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def check(request: Request) -> torch.dtype:
    """The type to compute in; refuses devices and types that these adapters do not have."""
    if request.device not in ("cpu", "cuda"):
        raise Unsupported(f"this adapter computes on cpu or cuda, not on {request.device}")
    if request.device == "cuda":
        check_cuda()
    if request.dtype not in DTYPES:
        raise Unsupported(f"this adapter computes in {' or '.join(DTYPES)}, not in {request.dtype}")
    return DTYPES[request.dtype]


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


def libraries() -> dict[str, str]:
    """Which libtorch computed, and with what."""
    backends = torch.backends
    facts = {
        "libtorch": torch.__version__,
        "libtorch_git": torch.version.git_version,
        "cpu_capability": backends.cpu.get_cpu_capability(),
        "mkl": backends.mkl.is_available(),
        "mkldnn": backends.mkldnn.is_available() and backends.mkldnn.enabled,
        "openmp": backends.openmp.is_available(),
        "interop_threads": torch.get_num_interop_threads(),
        "cuda": torch.version.cuda,
        "cudnn": backends.cudnn.version(),
        "cudnn_deterministic": backends.cudnn.deterministic,
        "cudnn_benchmark": backends.cudnn.benchmark,
        "cudnn_tf32": backends.cudnn.allow_tf32,
        "matmul_tf32": backends.cuda.matmul.allow_tf32,
        "cublas_workspace_config": os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
        "nvidia_tf32_override": os.environ.get("NVIDIA_TF32_OVERRIDE"),
    }
    if torch.cuda.is_available():
        facts["gpu"] = torch.cuda.get_device_name()
    return {name: "none" if value is None else str(value).lower() for name, value in facts.items()}
