"""The adapter for scikit-learn: the algorithms of the task `clustering`, end to end."""

from __future__ import annotations

import shutil
import tomllib
from typing import Any

import numpy as np

from support import ADAPTERS, FIT, ONCE, Answer, WorkerCase, write_bundle

ADAPTER = ADAPTERS / "scikit-learn"
OFFERED = {
    entry["name"]: entry
    for entry in tomllib.loads((ADAPTER / "adapter.toml").read_text())["algorithms"]
    if entry["task"] == "clustering"
}
HYPERPARAMETERS: dict[str, dict[str, Any]] = {
    "kmeans": {"n_clusters": 3},
    "kmeans_plus_plus": {"n_clusters": 3, "n_init": 4},
    "dbscan": {"eps": 1.5, "min_samples": 4},
    "agglomerative": {"n_clusters": 3, "linkage": "average"},
    "gaussian_mixture": {"n_components": 3, "covariance": "full", "reg_covar": 1e-6, "init_runs": 5},
}
OUTPUTS = {
    "kmeans": {"labels": (60,), "centroids": (3, 4), "predictions": (17,)},
    "kmeans_plus_plus": {"labels": (60,), "centroids": (3, 4), "predictions": (17,)},
    "dbscan": {"labels": (60,)},
    "agglomerative": {"labels": (60,)},
    "gaussian_mixture": {
        "labels": (60,),
        "weights": (3,),
        "means": (3, 4),
        "covariances": (3, 4, 4),
        "predictions": (17,),
    },
}
PREDICT = {"kind": "predict", "name": "predict@all", "batch_rows": 17, "repeat": ONCE}


class ClusteringTest(WorkerCase):
    def setUp(self) -> None:
        """Three groups of rows, far from the origin."""
        super().setUp()
        draw = np.random.default_rng(3)
        groups = draw.integers(0, 3, 77)
        x = draw.normal(10.0 + 4.0 * groups[:, None], 0.5, (77, 4))
        self.groups = groups[:60]
        self.arrays = {"train_features": x[:60], "test_features": x[60:]}
        self.bundle = write_bundle(self.folder / "groups", self.arrays)

    def clusters(self, algorithm: str, changed: dict[str, Any] | None = None, **settings: Any) -> Answer:
        """One trial; settings that are not given have the manifest's defaults."""
        defaults = {setting["name"]: setting["default"] for setting in OFFERED[algorithm].get("settings", [])}
        request = self.request(
            implementation="python/scikit-learn",
            task="clustering",
            algorithm=algorithm,
            hyperparameters={**HYPERPARAMETERS[algorithm], **(changed or {})},
            settings={**defaults, **settings},
            phases=[FIT, PREDICT] if "predictions" in OUTPUTS[algorithm] else [FIT],
        )
        return self.answer(ADAPTER, request)

    def fresh(self) -> None:
        """Make room for the outputs of another trial."""
        shutil.rmtree(self.output_dir)
        self.output_dir.mkdir()

    def test_all_that_the_manifest_offers_is_tested_here(self) -> None:
        self.assertEqual(OFFERED.keys(), HYPERPARAMETERS.keys())

    def test_every_algorithm_end_to_end(self) -> None:
        for algorithm, hyperparameters in HYPERPARAMETERS.items():
            with self.subTest(algorithm=algorithm):
                answer = self.clusters(algorithm)
                self.assertEqual(answer.names[-1], "done", answer.events[-1])
                receipt = answer.one("receipt")
                self.assertEqual(receipt["hyperparameters"], hyperparameters)
                self.assertEqual((receipt["dtype"], receipt["layout"]), ("float64", "row-major"))
                self.assertEqual((receipt["train_rows"], receipt["features"]), (60, 4))
                self.assertEqual(receipt["threads"]["pool"], 1)
                outputs = self.outputs(answer)
                self.assertEqual({name: array.shape for name, array in outputs.items()}, OUTPUTS[algorithm])
                # The groups are far apart: every algorithm finds them.
                pairs = set(zip(self.groups.tolist(), outputs["labels"].tolist(), strict=True))
                self.assertEqual(len(pairs), 3, pairs)
            self.fresh()

    def test_k_means_starts_from_the_first_rows_that_differ(self) -> None:
        self.arrays["train_features"][1] = self.arrays["train_features"][0]
        self.bundle = write_bundle(self.folder / "equal", self.arrays)
        answer = self.clusters("kmeans", max_iter=1)
        self.assertFalse(answer.one("receipt")["work"]["converged"])
        x = self.arrays["train_features"]
        start = x[[0, 2, 3]]
        nearest = np.argmin(((x[:, None] - start) ** 2).sum(axis=2), axis=1)
        means = np.array([x[nearest == c].mean(axis=0) for c in range(3)])
        np.testing.assert_allclose(self.outputs(answer)["centroids"], means, rtol=1e-12)

    def test_too_few_distinct_rows(self) -> None:
        self.arrays["train_features"][:] = 1.0
        self.bundle = write_bundle(self.folder / "equal", self.arrays)
        self.assert_failed(self.clusters("kmeans"), "ValueError", "1 distinct rows are fewer than 3 clusters")

    def test_a_mixture_starts_as_scikit_learns_own(self) -> None:
        """The groups are clear, so one iteration from either start gives the same."""
        for covariance, shape in [("full", (3, 4, 4)), ("diag", (3, 4))]:
            found = []
            for runs in (1, 5):
                changed = {"init_runs": runs, "covariance": covariance}
                answer = self.clusters("gaussian_mixture", changed, max_iter=1)
                self.assertEqual(answer.one("receipt")["hyperparameters"]["init_runs"], runs)
                outputs = self.outputs(answer)
                self.assertEqual(outputs["covariances"].shape, shape)
                order = np.argsort(outputs["means"][:, 0])
                found.append((outputs["means"][order], outputs["covariances"][order]))
                self.fresh()
            for own, given in zip(*found, strict=True):
                np.testing.assert_allclose(given, own, rtol=1e-9, atol=1e-12)
