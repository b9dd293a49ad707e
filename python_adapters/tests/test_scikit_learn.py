"""The adapter for scikit-learn: every algorithm end to end, and its answers against the stated objectives."""

from __future__ import annotations

import shutil
import sys
import tomllib
import unittest
from pathlib import Path
from typing import Any

import numpy as np

from support import ADAPTERS, FIT, ONCE, Answer, WorkerCase, problem, write_bundle

ADAPTER = ADAPTERS / "scikit-learn"
OFFERED = {
    entry["name"]: entry
    for entry in tomllib.loads((ADAPTER / "adapter.toml").read_text())["algorithms"]
    if entry["task"] == "regression" and not entry["name"].endswith(("_tree", "_forest", "svr"))
}
HYPERPARAMETERS: dict[str, dict[str, Any]] = {
    "ols": {"fit_intercept": True},
    "ridge": {"alpha": 2.5, "fit_intercept": True},
    "lasso": {"alpha": 0.25, "fit_intercept": True},
    "elastic_net": {"alpha": 0.25, "l1_ratio": 0.75, "fit_intercept": True},
}
TIGHT = {"tol": 1e-12, "max_iter": 100_000}
LAYOUTS = {
    "ols": "column-major",
    "ridge": "row-major",
    "lasso": "column-major",
    "elastic_net": "column-major",
}
FEW = {**ONCE, "warmup": 1, "min_samples": 2, "max_samples": 2, "min_sample_ns": 1_000_000}
PHASES = [
    FIT,
    {"kind": "fit", "name": "fit", "repeat": FEW},
    {"kind": "predict", "name": "predict@1", "batch_rows": 1, "repeat": FEW},
    {"kind": "predict", "name": "predict@all", "batch_rows": 17, "repeat": FEW},
]


class ScikitLearnCase(WorkerCase):
    def sklearn(
        self, algorithm: str, hyperparameters: dict[str, Any], *, adapter: Path = ADAPTER, **settings: Any
    ) -> Answer:
        """One trial with all phases; settings that are not given have the manifest's defaults."""
        defaults = {setting["name"]: setting["default"] for setting in OFFERED[algorithm]["settings"]}
        request = self.request(
            implementation="python/scikit-learn",
            algorithm=algorithm,
            hyperparameters={**HYPERPARAMETERS[algorithm], **hyperparameters},
            settings={**defaults, **settings},
            phases=PHASES,
        )
        answer = self.answer(adapter, request)
        self.assertEqual(answer.names[-1], "done", answer.events[-1])
        return answer


class AlgorithmTest(ScikitLearnCase):
    def test_all_that_the_manifest_offers_is_tested_here(self) -> None:
        self.assertEqual(OFFERED.keys(), HYPERPARAMETERS.keys())

    def test_every_algorithm_end_to_end(self) -> None:
        for algorithm, hyperparameters in HYPERPARAMETERS.items():
            with self.subTest(algorithm=algorithm):
                answer = self.sklearn(algorithm, {})
                sampled = [event["phase"] for event in answer.events if event["event"] == "samples"]
                self.assertEqual(sampled, ["fit_first", "fit", "predict@1", "predict@all"])
                receipt = answer.one("receipt")
                self.assertEqual(receipt["hyperparameters"], hyperparameters)
                defaults = {setting["name"]: setting["default"] for setting in OFFERED[algorithm]["settings"]}
                self.assertEqual(receipt["settings"], defaults)
                self.assertEqual((receipt["dtype"], receipt["layout"]), ("float64", LAYOUTS[algorithm]))
                self.assertEqual((receipt["train_rows"], receipt["features"]), (60, 4))
                self.assertEqual(receipt["threads"]["pool"], 1)
                self.assertEqual(answer.one("ready")["versions"]["scikit-learn"], "1.9.1")

    def test_answers_minimise_the_stated_objective(self) -> None:
        x, y = self.arrays["train_features"], self.arrays["train_target"]
        for algorithm, hyperparameters in HYPERPARAMETERS.items():
            for intercept in (True, False):
                with self.subTest(algorithm=algorithm, intercept=intercept):
                    settings = TIGHT if algorithm in ("lasso", "elastic_net") else {}
                    outputs = self.outputs(self.sklearn(algorithm, {"fit_intercept": intercept}, **settings))
                    w, b = outputs["coefficients"], outputs["intercept"]
                    self.assertEqual((w.shape, b.shape), ((4,), (1,)))
                    self.check_stationary(algorithm, hyperparameters, x, y - x @ w - b, w)
                    if intercept:
                        self.assertLess(abs(np.mean(y - x @ w - b)), 1e-12)
                    else:
                        self.assertEqual(b[0], 0.0)
                    test = self.arrays["test_features"] @ w + b
                    np.testing.assert_allclose(outputs["predictions"], test, rtol=1e-12)
                shutil.rmtree(self.output_dir)
                self.output_dir.mkdir()

    def check_stationary(
        self,
        algorithm: str,
        hyperparameters: dict[str, float],
        x: np.ndarray,
        residual: np.ndarray,
        w: np.ndarray,
    ) -> None:
        """The subgradient of |r|²/2n + l1|w|₁ + l2|w|²/2 must hold zero."""
        n = len(x)
        alpha, ratio = hyperparameters.get("alpha", 0.0), hyperparameters.get("l1_ratio", 1.0)
        l1, l2 = {
            "ols": (0.0, 0.0),
            "ridge": (0.0, alpha / n),
            "lasso": (alpha, 0.0),
            "elastic_net": (alpha * ratio, alpha * (1 - ratio)),
        }[algorithm]
        gradient = x.T @ residual / n - l2 * w
        active = w != 0.0
        np.testing.assert_allclose(gradient[active], l1 * np.sign(w[active]), atol=1e-9)
        self.assertTrue(np.all(np.abs(gradient[~active]) <= l1 + 1e-9))

    def test_float32(self) -> None:
        self.bundle = write_bundle(self.folder / "single", problem(dtype="float32"))
        request = self.request(
            implementation="python/scikit-learn",
            algorithm="ols",
            hyperparameters={"fit_intercept": True},
            settings={"tol": 1e-6},
            dtype="float32",
        )
        answer = self.answer(ADAPTER, request)
        self.assertEqual(answer.one("receipt")["dtype"], "float32")
        self.assertEqual(self.outputs(answer)["coefficients"].dtype, np.float64)

    def test_what_it_cannot_do(self) -> None:
        request = self.request(implementation="python/scikit-learn", algorithm="ols", hyperparameters={})
        for changed, reason in [
            ({"device": "cuda"}, "scikit-learn computes on the CPU, not on cuda"),
            ({"dtype": "float16"}, "scikit-learn computes in float32 or float64, not in float16"),
        ]:
            answer = self.answer(ADAPTER, {**request, **changed})
            self.assertEqual(answer.names, ["ready", "unsupported"])
            self.assertEqual(answer.events[-1]["reason"], reason)

    def test_parameters_that_scikit_learn_does_not_know_are_never_dropped(self) -> None:
        request = self.request(
            implementation="python/scikit-learn",
            algorithm="ols",
            hyperparameters={"fit_intercept": True, "kernel": "rbf"},
        )
        self.assert_failed(self.answer(ADAPTER, request), "TypeError", "unexpected keyword argument 'kernel'")


class ReadBackTest(ScikitLearnCase):
    def planted(self, code: str) -> Path:
        """The adapter with code at the end of its module of linear models."""
        folder = self.folder / "planted"
        shutil.copytree(ADAPTER, folder)
        with (folder / "linear_models.py").open("a") as module:
            module.write(code)
        return folder

    def test_values_are_the_fitted_estimators(self) -> None:
        adapter = self.planted(
            "class Liar(Ridge):\n"
            "    def fit(self, X, y):\n"
            "        self.alpha, self.fit_intercept, self.solver = 99.5, False, 'svd'\n"
            "        return super().fit(X, y)\n"
            "RidgeRegression.estimator_class = Liar\n"
        )
        receipt = self.sklearn("ridge", {}, adapter=adapter).one("receipt")
        self.assertEqual(receipt["hyperparameters"], {"alpha": 99.5, "fit_intercept": False})
        self.assertEqual(receipt["settings"]["solver"], "svd")
        self.assertEqual((receipt["layout"], receipt["work"]["solver"]), ("column-major", "svd"))

    def test_settings_reach_the_solver(self) -> None:
        receipt = self.sklearn("ridge", {}, solver="sag", tol=1e-9, max_iter=5000).one("receipt")
        self.assertEqual(receipt["settings"], {"solver": "sag", "tol": 1e-9, "max_iter": 5000})
        self.assertEqual(receipt["work"]["solver"], "sag")
        self.assertGreater(receipt["work"]["iterations"], 1)
        self.assertIs(receipt["work"]["converged"], True)

    def test_direct_solvers_claim_no_convergence(self) -> None:
        work = self.sklearn("ridge", {}).one("receipt")["work"]
        self.assertEqual(work, {"solver": "cholesky"})
        work = self.sklearn("ols", {}).one("receipt")["work"]
        self.assertEqual(work, {"rank": 4})

    def test_convergence(self) -> None:
        for max_iter, converged in [(1, False), (1000, True)]:
            answer = self.sklearn("lasso", {"alpha": 0.01}, max_iter=max_iter, tol=1e-10)
            work = answer.one("receipt")["work"]
            self.assertIs(work["converged"], converged)
            self.assertLessEqual(work["iterations"], max_iter)
            self.assertEqual("ConvergenceWarning" in answer.stderr, not converged)
            self.assertEqual(
                any("ConvergenceWarning" in text for text in work.get("warnings", [])), not converged
            )
            self.assertEqual(work["duality_gap"] < 1e-8, converged)

    def test_random_orders_follow_the_trials_seed(self) -> None:
        def coefficients(seed: int) -> list[float]:
            settings = {"tol": 1e-4, "max_iter": 3, "selection": "random", "precompute": False}
            request = self.request(
                implementation="python/scikit-learn",
                algorithm="lasso",
                hyperparameters=HYPERPARAMETERS["lasso"],
                settings=settings,
                seed=seed,
            )
            return self.outputs(self.answer(ADAPTER, request))["coefficients"].tolist()

        first = coefficients(5)
        self.assertEqual(coefficients(5 + 2**32), first)
        self.assertNotEqual(coefficients(6), first)


class DefaultsTest(unittest.TestCase):
    def test_the_manifests_defaults_are_scikit_learns_own(self) -> None:
        sys.path.insert(0, str(ADAPTER))
        self.addCleanup(sys.path.remove, str(ADAPTER))
        from linear_models import MODELS

        self.assertEqual(MODELS.keys(), OFFERED.keys())
        for name, entry in OFFERED.items():
            parameters = MODELS[name].estimator_class().get_params()
            for setting in entry["settings"]:
                default = None if setting["default"] == "none" else setting["default"]
                self.assertEqual(parameters[setting["name"]], default, f"{name}.{setting['name']}")


if __name__ == "__main__":
    unittest.main()
