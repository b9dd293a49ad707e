"""The algorithms of the task `clustering`.

Their fits see the training rows alone, in the row-major layout that scikit-learn's code for them works in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from sklearn.cluster import DBSCAN, AgglomerativeClustering, KMeans
from sklearn.mixture import GaussianMixture

from benchrun_kit import ReadBack, Request
from estimator import EstimatorModel


def first_distinct_rows(features: np.ndarray, k: int) -> np.ndarray:
    """The first `k` rows that differ from each other: where the task starts `kmeans`."""
    start = features[:k]
    if len(np.unique(start, axis=0)) < k:
        _, places = np.unique(features, axis=0, return_index=True)
        start = features[np.sort(places)[:k]]
    if len(start) < k:
        raise ValueError(f"{len(start)} distinct rows are fewer than {k} clusters")
    return start


class Clusters(EstimatorModel):
    """What all of them share."""

    def layout(self) -> Literal["row-major"]:
        """scikit-learn converts to C order, which the rows have."""
        return "row-major"

    def dtype(self) -> str:
        """That of the rows: these estimators keep it, and some of them keep no number of it."""
        return self.features_dtype

    def fit(self, *arrays: np.ndarray) -> None:
        """Construct the estimator anew and fit it."""
        super().fit(*arrays)
        self.features_dtype = arrays[0].dtype.name


class CentroidModel(Clusters):
    """`KMeans`, whichever way it starts."""

    estimator_class = KMeans

    def dtype(self) -> str:
        """The type of the centroids."""
        return self.estimator.cluster_centers_.dtype.name

    def outputs(self, features: np.ndarray) -> Mapping[str, np.ndarray]:
        """Labels of the training rows [n], centroids [k, d] and predictions [m]."""
        return {
            "labels": self.estimator.labels_,
            "centroids": self.estimator.cluster_centers_,
            "predictions": self.predict(features),
        }

    def work(self, converged: bool) -> dict[str, Any]:
        """Iterations of the best run, and whether it ended before its cap."""
        iterations = self.estimator.n_iter_
        return {"iterations": iterations, "converged": iterations < self.estimator.max_iter}


class FirstRowsKMeans(CentroidModel):
    """From the first rows that differ. `tol = 0` runs until no label changes."""

    def fit(self, *arrays: np.ndarray) -> None:
        """The start is found in the rows, so it belongs to the fit."""
        start = first_distinct_rows(arrays[0], self.parameters["n_clusters"])
        self.estimator = KMeans(init=start, n_init=1, **self.parameters).fit(*arrays)


class PlusPlusKMeans(CentroidModel):
    """From starts drawn by k-means++, greedily: each new centroid is the best of several candidates."""


class DensityClusters(Clusters):
    """`DBSCAN`."""

    estimator_class = DBSCAN

    def __init__(self, request: Request) -> None:
        """Its search for neighbours may use the threads that are allowed."""
        super().__init__(request)
        self.parameters["n_jobs"] = request.threads

    def outputs(self, features: np.ndarray) -> Mapping[str, np.ndarray]:
        """Labels of the training rows [n], -1 for noise."""
        return {"labels": self.estimator.labels_}

    def work(self, converged: bool) -> dict[str, Any]:
        """Core rows; there are no iterations."""
        return {"core_rows": len(self.estimator.core_sample_indices_)}


class MergedClusters(Clusters):
    """`AgglomerativeClustering` of Euclidean distances."""

    estimator_class = AgglomerativeClustering

    def outputs(self, features: np.ndarray) -> Mapping[str, np.ndarray]:
        """Labels of the training rows [n]."""
        return {"labels": self.estimator.labels_}

    def work(self, converged: bool) -> dict[str, Any]:
        """Merges that were made; the tree may be built further than it is cut."""
        return {"merges": len(self.estimator.children_)}


class MixtureModel(Clusters):
    """`GaussianMixture`, which starts from one run of `KMeans`; from more runs where they are asked for."""

    estimator_class = GaussianMixture
    #: Hyperparameters under other names here. `init_runs` is the `n_init` of the `KMeans` before it.
    NAMES: Mapping[str, str] = {"covariance": "covariance_type"}

    def __init__(self, request: Request) -> None:
        """Take the parameters under scikit-learn's names."""
        super().__init__(request)
        self.init_runs = self.parameters.pop("init_runs")
        for name, here in self.NAMES.items():
            self.parameters[here] = self.parameters.pop(name)
        self.start: KMeans | None = None

    def fit(self, *arrays: np.ndarray) -> None:
        """Construct the estimator anew and fit it. With more runs the start is made as it makes its own."""
        self.start, start = None, {}
        if self.init_runs > 1:
            self.start = KMeans(
                self.parameters["n_components"],
                n_init=self.init_runs,
                random_state=self.parameters["random_state"],
            ).fit(*arrays)
            start = parameters_of(
                arrays[0],
                self.start.labels_,
                self.parameters["covariance_type"] == "full",
                self.parameters["reg_covar"],
            )
        self.estimator = GaussianMixture(**self.parameters, **start).fit(*arrays)
        # The task wants the rows' components, as `fit_predict` gives them.
        self.labels = self.estimator.predict(arrays[0])

    def dtype(self) -> str:
        """The type of the means."""
        return self.estimator.means_.dtype.name

    def outputs(self, features: np.ndarray) -> Mapping[str, np.ndarray]:
        """Labels [n], weights [k], means [k, d], covariances [k, d, d] or [k, d], and predictions [m]."""
        return {
            "labels": self.labels,
            "weights": self.estimator.weights_,
            "means": self.estimator.means_,
            "covariances": self.estimator.covariances_,
            "predictions": self.predict(features),
        }

    def work(self, converged: bool) -> dict[str, Any]:
        """Iterations, and whether the likelihood stood still before their cap."""
        return {"iterations": self.estimator.n_iter_, "converged": self.estimator.converged_}

    def read_back(self, warned: Sequence[Warning]) -> ReadBack:
        """What the fitted estimators say of themselves."""
        own = self.estimator.get_params()
        # Without a KMeans of ours, `init_params = "kmeans"` runs one: fixed in scikit-learn's source.
        runs = self.start.n_init if self.start is not None else 1
        values = {"init_runs": runs, **{name: own[here] for name, here in self.NAMES.items()}, **own}
        return ReadBack(
            hyperparameters={name: values[name] for name in self.hyperparameters},
            settings={name: own[name] for name in self.settings},
            dtype=self.dtype(),
            layout=self.layout(),
            work=self.work(converged=self.estimator.converged_),
            features=self.estimator.n_features_in_,
        )


def parameters_of(
    features: np.ndarray, labels: np.ndarray, full: bool, reg_covar: float
) -> dict[str, np.ndarray]:
    """A mixture in which every row belongs to its cluster alone: the start that `GaussianMixture` makes."""
    groups = [features[labels == c] for c in range(labels.max() + 1)]
    means = np.array([group.mean(axis=0) for group in groups])
    if full:
        ridge = reg_covar * np.eye(features.shape[1])
        centred = [group - mean for group, mean in zip(groups, means, strict=True)]
        precisions = np.array([np.linalg.inv(x.T @ x / len(x) + ridge) for x in centred])
    else:
        precisions = 1 / (np.array([group.var(axis=0) for group in groups]) + reg_covar)
    weights = np.array([len(group) for group in groups]) / len(features)
    return {"weights_init": weights, "means_init": means, "precisions_init": precisions}


MODELS = {
    "kmeans": FirstRowsKMeans,
    "kmeans_plus_plus": PlusPlusKMeans,
    "dbscan": DensityClusters,
    "agglomerative": MergedClusters,
    "gaussian_mixture": MixtureModel,
}
