"""What trees and forests of both tasks share: their raw outputs, and what the fitted estimators tell.

scikit-learn sends rows at or below a threshold to its left child, and compares features in float32.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from benchrun_kit import ReadBack, Request
from estimator import EstimatorModel

#: scikit-learn's words for all features.
ALL = {"all": None}


class Tree(EstimatorModel):
    """A single tree, whose draws decide between splits that are as good."""

    def dtype(self) -> str:
        """The type of the thresholds. Features are compared in float32."""
        return self.estimator.tree_.threshold.dtype.name

    def layout(self) -> Literal["row-major"]:
        """It converts X to float32 in C order."""
        return "row-major"

    def work(self, converged: bool) -> dict[str, Any]:
        """The size of the tree."""
        return {"leaves": self.estimator.get_n_leaves()}

    @abstractmethod
    def values(self) -> np.ndarray:
        """What the nodes say [nodes]: labels or numbers."""

    def outputs(self, features: np.ndarray) -> Mapping[str, np.ndarray]:
        """Predictions [m] and the tree's nodes; -1 where a leaf has no feature and no children."""
        tree = self.estimator.tree_
        leaf = tree.children_left < 0
        return {
            "predictions": self.predict(features),
            "tree_features": np.where(leaf, -1, tree.feature),
            "tree_thresholds": np.where(leaf, 0.0, tree.threshold),
            "tree_below": tree.children_left,
            "tree_above": tree.children_right,
            "tree_values": np.where(leaf, self.values(), 0.0),
        }


class Forest(EstimatorModel):
    """A forest. The threads that grow its trees are those that were allowed."""

    def __init__(self, request: Request) -> None:
        """Translate the task's word for all features, and take the allowance of threads."""
        super().__init__(request)
        drawn = self.parameters["max_features"]
        self.parameters["max_features"] = ALL.get(drawn, drawn)
        self.parameters["n_jobs"] = request.threads
        self.training: Any = None

    def fit(self, *arrays: np.ndarray) -> None:
        """Fit, and keep the rows, of which the scorer wants predictions."""
        self.training = arrays[0]
        super().fit(*arrays)

    def dtype(self) -> str:
        """The type of the thresholds. Features are compared in float32."""
        return self.estimator.estimators_[0].tree_.threshold.dtype.name

    def layout(self) -> Literal["row-major"]:
        """It converts X to float32 in C order."""
        return "row-major"

    def work(self, converged: bool) -> dict[str, Any]:
        """The trees that were grown, and the features that each split drew."""
        trees = self.estimator.estimators_
        return {"trees": len(trees), "features_drawn": trees[0].max_features_}

    def read_back(self, warned: Sequence[Warning]) -> ReadBack:
        """What the fitted estimator says of itself, under the task's words."""
        read = super().read_back(warned)
        drawn = read.hyperparameters["max_features"]
        words = {"max_features": "all" if drawn is None else drawn}
        return replace(read, hyperparameters={**read.hyperparameters, **words}, pool=self.estimator.n_jobs)

    def outputs(self, features: np.ndarray) -> Mapping[str, np.ndarray]:
        """Predictions for test rows [m] and training rows [n], and leaves and depths of the trees."""
        trees = self.estimator.estimators_
        return {
            "predictions": self.predict(features),
            "train_predictions": self.predict(self.training),
            "leaves": np.array([tree.get_n_leaves() for tree in trees]),
            "depths": np.array([tree.get_depth() for tree in trees]),
        }
