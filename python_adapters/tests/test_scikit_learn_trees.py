"""The adapter for scikit-learn: trees, forests and principal components end to end, and their raw outputs."""

from __future__ import annotations

import sys
import tomllib
import unittest
from importlib import import_module
from typing import Any

import numpy as np

from support import ADAPTERS, FIT, ONCE, Answer, WorkerCase, problem, write_bundle

ADAPTER = ADAPTERS / "scikit-learn"
TREE: dict[str, Any] = {"max_depth": "none", "min_samples_split": 2, "min_samples_leaf": 1}
FOREST: dict[str, Any] = {
    "n_estimators": 7,
    "max_features": "sqrt",
    "max_depth": "none",
    "min_samples_leaf": 1,
    "bootstrap": True,
}
HYPERPARAMETERS: dict[tuple[str, str], dict[str, Any]] = {
    ("classification", "decision_tree"): {"criterion": "gini", **TREE},
    ("classification", "random_forest"): {"criterion": "gini", **FOREST},
    ("regression", "decision_tree"): {"criterion": "squared_error", **TREE},
    ("regression", "random_forest"): {"criterion": "squared_error", **FOREST},
    ("decomposition", "pca"): {"n_components": 2},
}
MODULE = {
    "classification": "tree_classifiers",
    "regression": "tree_regressors",
    "decomposition": "decomposition",
}
OFFERED = {
    (entry["task"], entry["name"]): entry
    for entry in tomllib.loads((ADAPTER / "adapter.toml").read_text())["algorithms"]
    if (entry["task"], entry["name"]) in HYPERPARAMETERS
}


class TreeCase(WorkerCase):
    def setUp(self) -> None:
        super().setUp()
        self.arrays = problem()
        self.bundles = {"regression": self.bundle, "decomposition": self.bundle}
        classes = dict(self.arrays)
        for split in ("train", "test"):
            target = classes[f"{split}_target"]
            # Three classes, of which the middle one does not occur.
            classes[f"{split}_target"] = np.where(target > np.median(target), 2, 0).astype(np.int64)
        self.classes = classes
        self.bundles["classification"] = write_bundle(self.folder / "classes", classes)

    def sklearn(self, task: str, name: str, hyperparameters: dict[str, Any], **changed: Any) -> Answer:
        """One trial; settings that are not given have the manifest's defaults."""
        settings = changed.pop("settings", {})
        defaults = {s["name"]: s["default"] for s in OFFERED[task, name].get("settings", [])}
        self.bundle = self.bundles[task]
        for file in self.output_dir.iterdir():
            file.unlink()
        request = self.request(
            implementation="python/scikit-learn",
            task=task,
            algorithm=name,
            hyperparameters={**HYPERPARAMETERS[task, name], **hyperparameters},
            settings={**defaults, **settings},
            phases=[FIT, {"kind": "predict", "name": "apply@1", "batch_rows": 1, "repeat": ONCE}],
            **changed,
        )
        answer = self.answer(ADAPTER, request)
        self.assertEqual(answer.names[-1], "done", answer.events[-1])
        return answer


class AlgorithmTest(TreeCase):
    def test_every_algorithm_end_to_end(self) -> None:
        self.assertEqual(OFFERED.keys(), HYPERPARAMETERS.keys())
        for (task, name), hyperparameters in HYPERPARAMETERS.items():
            with self.subTest(task=task, name=name):
                receipt = self.sklearn(task, name, {}).one("receipt")
                self.assertEqual(receipt["hyperparameters"], hyperparameters)
                self.assertEqual((receipt["dtype"], receipt["layout"]), ("float64", "row-major"))
                self.assertEqual((receipt["train_rows"], receipt["features"]), (60, 4))
                self.assertEqual(receipt["threads"]["pool"], 1)

    def test_a_tree_says_what_it_predicts(self) -> None:
        for task in ("classification", "regression"):
            outputs = self.outputs(self.sklearn(task, "decision_tree", {"max_depth": 3}))
            self.assertEqual(outputs["tree_below"].dtype, np.int64)
            for row, said in zip(self.arrays["test_features"], outputs["predictions"], strict=True):
                node = 0
                while (feature := outputs["tree_features"][node]) >= 0:
                    below = np.float32(row[feature]) <= outputs["tree_thresholds"][node]
                    node = outputs["tree_below" if below else "tree_above"][node]
                self.assertEqual(outputs["tree_values"][node], said)
            if task == "classification":
                self.assertLessEqual(set(outputs["predictions"].tolist()), {0, 2})

    def test_a_forest_tells_its_trees(self) -> None:
        for task in ("classification", "regression"):
            answer = self.sklearn(task, "random_forest", {"max_depth": 4})
            outputs, work = self.outputs(answer), answer.one("receipt")["work"]
            self.assertEqual(work, {"trees": 7, "features_drawn": 2})
            self.assertEqual((outputs["leaves"].shape, outputs["depths"].shape), ((7,), (7,)))
            self.assertLessEqual(outputs["depths"].max(), 4)
            self.assertEqual(outputs["train_predictions"].shape, (60,))

    def test_forests_follow_the_seed_and_the_words_of_the_task(self) -> None:
        first, again, other = (
            self.outputs(self.sklearn("regression", "random_forest", {}, seed=seed))["predictions"].tolist()
            for seed in (5, 5 + 2**32, 6)
        )
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)
        receipt = self.sklearn("regression", "random_forest", {"max_features": "all"}).one("receipt")
        self.assertEqual(receipt["hyperparameters"]["max_features"], "all")
        self.assertEqual(receipt["work"]["features_drawn"], 4)

    def test_components_are_eigenvectors_of_the_covariance(self) -> None:
        x = self.arrays["train_features"]
        for solver in ("auto", "full", "covariance_eigh", "arpack"):
            answer = self.sklearn("decomposition", "pca", {}, settings={"svd_solver": solver})
            outputs = self.outputs(answer)
            components, variance = outputs["components"], outputs["explained_variance"]
            np.testing.assert_allclose(
                np.cov(x.T) @ components.T, components.T * variance, atol=1e-9 * variance[0]
            )
            own = (self.arrays["test_features"] - outputs["mean"]) @ components.T
            np.testing.assert_allclose(outputs["transformed"], own, atol=1e-10)
            method = answer.one("receipt")["work"]["method"]
            self.assertEqual(method, "covariance_eigh" if solver == "auto" else solver)


class DefaultsTest(unittest.TestCase):
    def test_the_manifests_defaults_are_scikit_learns_own(self) -> None:
        sys.path.insert(0, str(ADAPTER))
        self.addCleanup(sys.path.remove, str(ADAPTER))
        for (task, name), entry in OFFERED.items():
            parameters = import_module(MODULE[task]).MODELS[name].estimator_class().get_params()
            for setting in entry.get("settings", []):
                self.assertEqual(parameters[setting["name"]], setting["default"], f"{name}.{setting['name']}")


if __name__ == "__main__":
    unittest.main()
