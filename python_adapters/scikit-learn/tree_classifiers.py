"""Decision trees and random forests of the task `classification`, whose parameters are scikit-learn's own."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from trees import Forest, Tree


class ClassificationTree(Tree):
    """`DecisionTreeClassifier`."""

    estimator_class = DecisionTreeClassifier

    def values(self) -> np.ndarray:
        """The label with the largest share; the smaller of two that are as large."""
        return self.estimator.classes_[self.estimator.tree_.value[:, 0, :].argmax(axis=1)].astype(np.float64)


class ClassificationForest(Forest):
    """`RandomForestClassifier`, which averages the shares in the leaves of its trees."""

    estimator_class = RandomForestClassifier


MODELS = {"decision_tree": ClassificationTree, "random_forest": ClassificationForest}
