"""The adapter for scikit-learn: support vector machines end to end, and their raw outputs against NumPy."""

from __future__ import annotations

import sys
import tomllib
import unittest
from itertools import combinations
from typing import Any

import numpy as np

from support import ADAPTERS, FIT, ONCE, Answer, WorkerCase, problem, write_bundle

ADAPTER = ADAPTERS / "scikit-learn"
KERNEL = {"kernel": "rbf", "gamma": 0.25, "degree": 3, "coef0": 0.0}
HYPERPARAMETERS: dict[str, dict[str, Any]] = {
    "svc": {"C": 2.0, **KERNEL},
    "nu_svc": {"nu": 0.25, **KERNEL},
    "linear_svc": {"C": 0.5, "loss": "squared_hinge", "fit_intercept": True},
    "svr": {"C": 2.0, "epsilon": 0.25, **KERNEL},
}
OFFERED = {
    entry["name"]: entry
    for entry in tomllib.loads((ADAPTER / "adapter.toml").read_text())["algorithms"]
    if entry["name"] in HYPERPARAMETERS
}
PHASES = [FIT, {"kind": "predict", "name": "predict@1", "batch_rows": 1, "repeat": ONCE}]


class SupportVectorCase(WorkerCase):
    def with_classes(self, classes: tuple[int, ...]) -> None:
        """A bundle whose rows are of these classes."""
        arrays = problem()
        for split in ("train", "test"):
            target = arrays[f"{split}_target"]
            rank = np.argsort(np.argsort(target)) * len(classes) // len(target)
            arrays[f"{split}_target"] = np.array(classes)[rank].astype(np.int64)
        self.arrays = arrays
        self.bundle = write_bundle(self.folder / f"bundle-{len(list(self.folder.iterdir()))}", arrays)

    def sklearn(self, name: str, hyperparameters: dict[str, Any], **settings: Any) -> Answer:
        """One trial; settings that are not given have the manifest's defaults."""
        defaults = {s["name"]: s["default"] for s in OFFERED[name]["settings"]}
        request = self.request(
            implementation="python/scikit-learn",
            task=OFFERED[name]["task"],
            algorithm=name,
            hyperparameters={**HYPERPARAMETERS[name], **hyperparameters},
            settings={**defaults, **settings},
            phases=PHASES,
        )
        for file in self.output_dir.iterdir():
            file.unlink()
        answer = self.answer(ADAPTER, request)
        self.assertEqual(answer.names[-1], "done", answer.events[-1])
        return answer

    def rbf(self, gamma: float) -> np.ndarray:
        """Kernel values of all test rows with all training rows."""
        x, z = self.arrays["test_features"], self.arrays["train_features"]
        return np.exp(-gamma * ((x[:, None, :] - z[None, :, :]) ** 2).sum(axis=2))


class AlgorithmTest(SupportVectorCase):
    def test_every_algorithm_end_to_end(self) -> None:
        self.assertEqual(OFFERED.keys(), HYPERPARAMETERS.keys())
        for algorithm, hyperparameters in HYPERPARAMETERS.items():
            with self.subTest(algorithm=algorithm):
                if algorithm != "svr":
                    self.with_classes((0, 1, 2))
                receipt = self.sklearn(algorithm, {}).one("receipt")
                self.assertEqual(receipt["hyperparameters"], hyperparameters)
                defaults = {s["name"]: s["default"] for s in OFFERED[algorithm]["settings"]}
                self.assertEqual(receipt["settings"], defaults)
                self.assertEqual((receipt["dtype"], receipt["layout"]), ("float64", "row-major"))
                self.assertEqual((receipt["train_rows"], receipt["features"]), (60, 4))
                self.assertIs(receipt["work"]["converged"], True)

    def test_raw_outputs_are_one_machine(self) -> None:
        """Dual coefficients and intercepts give the decision values, and these the labels."""
        for algorithm in ("svc", "nu_svc"):
            for classes in ((0, 1), (0, 1, 2), (0, 2, 3, 5)):
                with self.subTest(algorithm=algorithm, classes=classes):
                    self.with_classes(classes)
                    outputs = self.outputs(self.sklearn(algorithm, {}))
                    pairs = list(combinations(range(len(classes)), 2))
                    self.assertEqual(outputs["dual"].shape, (len(pairs), 60))
                    implied = self.rbf(0.25) @ outputs["dual"].T + outputs["intercept"]
                    np.testing.assert_allclose(outputs["decision"], implied, atol=1e-12)
                    labels = self.arrays["train_target"]
                    votes = np.zeros((17, len(classes)))
                    for line, values, (i, j) in zip(outputs["dual"], implied.T, pairs, strict=True):
                        # Coefficients speak for the second class, and belong to rows of the two alone.
                        self.assertTrue(np.all(line[labels == classes[j]] >= 0))
                        self.assertTrue(np.all(line[labels == classes[i]] <= 0))
                        self.assertTrue(np.all(line[~np.isin(labels, [classes[i], classes[j]])] == 0))
                        self.assertAlmostEqual(line.sum(), 0.0, places=12)
                        votes[np.arange(17), np.where(values > 0, j, i)] += 1
                    expected = np.array(classes)[votes.argmax(axis=1)]
                    np.testing.assert_array_equal(outputs["predictions"], expected)

    def test_regression_is_its_expansion(self) -> None:
        outputs = self.outputs(self.sklearn("svr", {}))
        implied = self.rbf(0.25) @ outputs["dual"] + outputs["intercept"]
        np.testing.assert_allclose(outputs["predictions"], implied, atol=1e-12)
        self.assertLessEqual(np.abs(outputs["dual"]).max(), 2.0)

    def test_linear_machines_stand_against_the_rest(self) -> None:
        for classes, machines in (((0, 1), 1), ((0, 1, 2), 3)):
            for intercept in (True, False):
                with self.subTest(classes=classes, intercept=intercept):
                    self.with_classes(classes)
                    answer = self.sklearn(
                        "linear_svc", {"fit_intercept": intercept}, tol=1e-10, max_iter=100_000
                    )
                    outputs = self.outputs(answer)
                    w, b = outputs["coefficients"], outputs["intercept"]
                    self.assertEqual((w.shape, b.shape), ((machines, 4), (machines,)))
                    self.assertEqual(np.any(b != 0), intercept)
                    decision = self.arrays["test_features"] @ w.T + b
                    np.testing.assert_allclose(outputs["decision"], decision, atol=1e-12)
                    # The gradient of (|w|² + b²)/2 + C sum max(0, 1 - m)² is 0.
                    x, labels = self.arrays["train_features"], self.arrays["train_target"]
                    for k in range(machines):
                        y = np.where(labels == (1 if machines == 1 else k), 1.0, -1.0)
                        slack = y * np.maximum(0, 1 - y * (x @ w[k] + b[k]))
                        np.testing.assert_allclose(w[k] - x.T @ slack, 0.0, atol=1e-4)
                        if intercept:
                            self.assertAlmostEqual(b[k] - slack.sum(), 0.0, places=4)

    def test_gamma_that_follows_the_features_is_told(self) -> None:
        self.with_classes((0, 1))
        work = self.sklearn("svc", {"gamma": "scale"}).one("receipt")["work"]
        self.assertAlmostEqual(work["gamma"], 1 / (4 * self.arrays["train_features"].var()), places=12)
        work = self.sklearn("svc", {"gamma": "auto"}).one("receipt")["work"]
        self.assertEqual(work["gamma"], 0.25)

    def test_a_cap_is_no_convergence(self) -> None:
        self.with_classes((0, 1))
        for algorithm in ("svc", "linear_svc"):
            work = self.sklearn(algorithm, {}, max_iter=1, tol=1e-9).one("receipt")["work"]
            self.assertIs(work["converged"], False, algorithm)


class DefaultsTest(unittest.TestCase):
    def test_the_manifests_defaults_are_scikit_learns_own(self) -> None:
        sys.path.insert(0, str(ADAPTER))
        self.addCleanup(sys.path.remove, str(ADAPTER))
        from support_vectors import MODELS

        for name, entry in OFFERED.items():
            parameters = MODELS[name].estimator_class().get_params()
            for setting in entry["settings"]:
                self.assertEqual(parameters[setting["name"]], setting["default"], f"{name}.{setting['name']}")


if __name__ == "__main__":
    unittest.main()
