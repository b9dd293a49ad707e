"""scikit-learn behind benchrun's adapter interface: which module holds which task's algorithms."""

from importlib import import_module

from benchrun_kit import Model, Request, Unsupported

#: By task: the modules and the algorithms of each. A module has a dictionary `MODELS` from these to classes.
MODULES = {
    "regression": {
        "linear_models": ("ols", "ridge", "lasso", "elastic_net"),
        "support_vectors": ("svr",),
        "tree_regressors": ("decision_tree", "random_forest"),
    },
    "classification": {
        "classifiers": ("logistic_regression", "gaussian_nb", "knn"),
        "support_vectors": ("svc", "nu_svc", "linear_svc"),
        "tree_classifiers": ("decision_tree", "random_forest"),
    },
    "clustering": {
        "clusters": ("kmeans", "kmeans_plus_plus", "dbscan", "agglomerative", "gaussian_mixture"),
    },
    "decomposition": {"decomposition": ("pca",)},
}


def create(request: Request) -> Model:
    """The model for one request. Only the modules of scikit-learn that its algorithm needs are imported."""
    if request.device != "cpu":
        raise Unsupported(f"scikit-learn computes on the CPU, not on {request.device}")
    if request.dtype not in ("float32", "float64"):
        raise Unsupported(f"scikit-learn computes in float32 or float64, not in {request.dtype}")
    name = next(name for name, has in MODULES[request.task].items() if request.algorithm in has)
    return import_module(name).MODELS[request.algorithm](request)
