"""Decision trees and random forests of the task `regression`, whose parameters are scikit-learn's own."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.tree import DecisionTreeRegressor

from trees import Forest, Tree


class RegressionTree(Tree):
    """`DecisionTreeRegressor`."""

    estimator_class = DecisionTreeRegressor

    def values(self) -> np.ndarray:
        """The mean of the rows."""
        return self.estimator.tree_.value[:, 0, 0]


class RegressionForest(Forest):
    """`RandomForestRegressor`, which averages its trees."""

    estimator_class = RandomForestRegressor


MODELS = {"decision_tree": RegressionTree, "random_forest": RegressionForest}
