"""scikit-learn behind benchrun's adapter interface: which module holds which task's algorithms."""

from importlib import import_module

from benchrun_kit import Model, Request, Unsupported

#: Modules by task; each has a dictionary `MODELS` from the task's algorithms to classes of models.
MODULES = {"regression": "linear_models"}


def create(request: Request) -> Model:
    """The model for one request. Only the modules of scikit-learn that its task needs are imported."""
    if request.device != "cpu":
        raise Unsupported(f"scikit-learn computes on the CPU, not on {request.device}")
    if request.dtype not in ("float32", "float64"):
        raise Unsupported(f"scikit-learn computes in float32 or float64, not in {request.dtype}")
    return import_module(MODULES[request.task]).MODELS[request.algorithm](request)
