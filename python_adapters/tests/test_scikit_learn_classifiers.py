"""The adapter for scikit-learn: the classifiers end to end, and their raw outputs against NumPy."""

from __future__ import annotations

import sys
import tomllib
import unittest
from typing import Any

import numpy as np

from support import ADAPTERS, FIT, ONCE, Answer, WorkerCase, problem, write_bundle

ADAPTER = ADAPTERS / "scikit-learn"
HYPERPARAMETERS: dict[str, dict[str, Any]] = {
    "logistic_regression": {"C": 0.5, "fit_intercept": True},
    "gaussian_nb": {"var_smoothing": 1e-9},
    "knn": {"n_neighbors": 3, "weights": "uniform"},
}
OFFERED = {
    entry["name"]: entry
    for entry in tomllib.loads((ADAPTER / "adapter.toml").read_text())["algorithms"]
    if entry["task"] == "classification" and entry["name"] in HYPERPARAMETERS
}
PHASES = [FIT, {"kind": "predict", "name": "predict@1", "batch_rows": 1, "repeat": ONCE}]


class ClassifierCase(WorkerCase):
    #: Rows of three classes, of which the middle one may be left out.
    classes: tuple[int, ...] = (0, 1, 2)

    def setUp(self) -> None:
        super().setUp()
        arrays = problem()
        for split in ("train", "test"):
            rank = np.argsort(np.argsort(arrays[f"{split}_target"])) * 3 // len(arrays[f"{split}_target"])
            arrays[f"{split}_target"] = np.array(self.classes)[rank].astype(np.int64)
        self.arrays = arrays
        self.bundle = write_bundle(self.folder / "classes", arrays)

    def sklearn(self, name: str, hyperparameters: dict[str, Any], **settings: Any) -> Answer:
        """One trial; settings that are not given have the manifest's defaults."""
        defaults = {s["name"]: s["default"] for s in OFFERED[name].get("settings", [])}
        request = self.request(
            implementation="python/scikit-learn",
            task="classification",
            algorithm=name,
            hyperparameters={**HYPERPARAMETERS[name], **hyperparameters},
            settings={**defaults, **settings},
            phases=PHASES,
        )
        answer = self.answer(ADAPTER, request)
        self.assertEqual(answer.names[-1], "done", answer.events[-1])
        return answer


class AlgorithmTest(ClassifierCase):
    def test_every_algorithm_end_to_end(self) -> None:
        self.assertEqual(OFFERED.keys(), HYPERPARAMETERS.keys())
        for algorithm, hyperparameters in HYPERPARAMETERS.items():
            with self.subTest(algorithm=algorithm):
                receipt = self.sklearn(algorithm, {}).one("receipt")
                self.assertEqual(receipt["hyperparameters"], hyperparameters)
                defaults = {s["name"]: s["default"] for s in OFFERED[algorithm].get("settings", [])}
                self.assertEqual(receipt["settings"], defaults)
                self.assertEqual((receipt["dtype"], receipt["layout"]), ("float64", "row-major"))
                self.assertEqual((receipt["train_rows"], receipt["features"]), (60, 4))
                self.assertEqual(receipt["threads"]["pool"], 1)

    def test_logistic_regression_is_stationary(self) -> None:
        x, y = self.arrays["train_features"], self.arrays["train_target"]
        answer = self.sklearn("logistic_regression", {}, tol=1e-10, max_iter=10_000)
        outputs = self.outputs(answer)
        w, b = outputs["coefficients"], outputs["intercept"]
        self.assertEqual((w.shape, b.shape), ((3, 4), (3,)))
        z = x @ w.T + b
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        residual = p - np.eye(3)[y]
        np.testing.assert_allclose(0.5 * residual.T @ x + w, 0.0, atol=1e-5)
        np.testing.assert_allclose(residual.sum(axis=0), 0.0, atol=1e-5)
        self.assertEqual(outputs["predictions"].dtype, np.int64)
        self.assertTrue(np.array_equal(outputs["probabilities"].argmax(axis=1), outputs["predictions"]))
        work = answer.one("receipt")["work"]
        self.assertIs(work["converged"], True)
        self.assertGreater(work["iterations"], 1)

    def test_a_cap_is_no_convergence(self) -> None:
        work = self.sklearn("logistic_regression", {}, max_iter=2).one("receipt")["work"]
        self.assertIs(work["converged"], False)

    def test_gaussian_bayes_tells_its_moments(self) -> None:
        x, y = self.arrays["train_features"], self.arrays["train_target"]
        outputs = self.outputs(self.sklearn("gaussian_nb", {"var_smoothing": 0.1}))
        smoothing = 0.1 * x.var(axis=0).max()
        for c in range(3):
            np.testing.assert_allclose(outputs["means"][c], x[y == c].mean(axis=0))
            np.testing.assert_allclose(outputs["variances"][c], x[y == c].var(axis=0) + smoothing)
            self.assertAlmostEqual(outputs["priors"][c], np.mean(y == c))
        self.assertEqual(outputs["joint_log_likelihood"].shape, (17, 3))

    def test_neighbours_vote(self) -> None:
        x, y = self.arrays["train_features"], self.arrays["train_target"]
        for method in ("brute", "kd_tree", "ball_tree", "auto"):
            answer = self.sklearn("knn", {}, algorithm=method)
            shares = self.outputs(answer)["probabilities"]
            for row, share in zip(self.arrays["test_features"], shares, strict=True):
                nearest = np.argsort(((x - row) ** 2).sum(axis=1))[:3]
                np.testing.assert_allclose(share, np.bincount(y[nearest], minlength=3) / 3)
            work = answer.one("receipt")["work"]
            self.assertEqual(work["metric"], "euclidean")
            self.assertIn(work["method"], ("brute", "kd_tree", "ball_tree"))
            self.outputs_again()

    def outputs_again(self) -> None:
        """Make room for the outputs of another trial."""
        for file in self.output_dir.iterdir():
            file.unlink()


class AbsentClassTest(ClassifierCase):
    classes = (0, 2, 2)

    def test_tables_have_a_column_for_each_class_that_occurs(self) -> None:
        for algorithm, table in [
            ("logistic_regression", "probabilities"),
            ("gaussian_nb", "joint_log_likelihood"),
            ("knn", "probabilities"),
        ]:
            with self.subTest(algorithm=algorithm):
                outputs = self.outputs(self.sklearn(algorithm, {}))
                self.assertEqual(outputs[table].shape, (17, 2))
                self.assertLessEqual(set(outputs["predictions"].tolist()), {0, 2})
            for file in self.output_dir.iterdir():
                file.unlink()


class DefaultsTest(unittest.TestCase):
    def test_the_manifests_defaults_are_scikit_learns_own(self) -> None:
        sys.path.insert(0, str(ADAPTER))
        self.addCleanup(sys.path.remove, str(ADAPTER))
        from classifiers import MODELS

        for name, entry in OFFERED.items():
            parameters = MODELS[name].estimator_class().get_params()
            for setting in entry.get("settings", []):
                self.assertEqual(parameters[setting["name"]], setting["default"], f"{name}.{setting['name']}")


if __name__ == "__main__":
    unittest.main()
