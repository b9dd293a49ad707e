"""Reference answers of classifiers, for src/task/classification/ and the backends.

Made with Python 3.11.7, NumPy 2.4.6, scikit-learn 1.9.1. Run: python classifiers.py
Writes classifiers.json beside itself. For each data set: what a fit sees, the rows that it is asked, and for each algorithm
answers that a parity contract must accept as that of the same problem, and others that it must refuse.
"""

import numpy as np
from reference import write
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.preprocessing import StandardScaler


def logistic(x, y, test, name, **options):
    m = LogisticRegression(max_iter=10_000, **options).fit(x, y)
    return {
        "name": name,
        "predictions": m.predict(test),
        "probabilities": np.round(m.predict_proba(test), 12),
        "coefficients": m.coef_,
        "intercept": np.broadcast_to(m.intercept_, len(m.coef_)),
    }


def bayes(x, y, test, name, tell=True, **options):
    m = GaussianNB(**options).fit(x, y)
    out = {
        "name": name,
        "predictions": m.predict(test),
        "joint_log_likelihood": m.predict_joint_log_proba(test),
    }
    if tell:
        out |= {"priors": m.class_prior_, "means": m.theta_, "variances": m.var_}
    return out


def neighbours(x, y, test, name, **options):
    m = KNeighborsClassifier(**options).fit(x, y)
    return {
        "name": name,
        "predictions": m.predict(test),
        "probabilities": np.round(m.predict_proba(test), 12),
    }


def discriminant(x, y, test):
    """Linear discriminant analysis: another linear classifier with probabilities."""
    m = LinearDiscriminantAnalysis().fit(x, y)
    return {
        "name": "linear discriminant analysis",
        "predictions": m.predict(test),
        "probabilities": np.round(m.predict_proba(test), 12),
        "coefficients": m.coef_,
        "intercept": m.intercept_,
    }


def only(answer, *names):
    return {name: answer[name] for name in ("name", "predictions", *names)}


def centroid(x, y, test):
    """The class of the nearest mean, under the name of whatever it stands in for."""
    m = NearestCentroid().fit(x, y)
    labels = m.predict(test)
    return {
        "name": "nearest centroid",
        "predictions": labels,
        "probabilities": (labels[:, None] == m.classes_).astype(float),
        "joint_log_likelihood": -0.5 * np.linalg.norm(test[:, None] - m.centroids_, axis=2) ** 2,
    }


def case(algorithm, hyperparameters, accepted, refused):
    return {
        "algorithm": algorithm,
        "hyperparameters": hyperparameters,
        "accepted": accepted,
        "refused": refused,
    }


def cases(x, y, test, several):
    back = (x[::-1], y[::-1], test)
    fewer = (x[: len(x) * 19 // 20], y[: len(x) * 19 // 20], test)
    same = (x, y, test)
    out = []
    for c, intercept in ((1.0, True), (0.1, False), (100.0, True)) if several else ((1.0, True),):
        o = {"C": c, "fit_intercept": intercept}
        accepted = [
            logistic(*same, "newton-cholesky", solver="newton-cholesky", tol=1e-12, **o),
            logistic(*same, "lbfgs", tol=1e-9, **o),
            logistic(*same, "newton-cg", solver="newton-cg", tol=1e-10, **o),
            logistic(*back, "reversed rows", solver="newton-cholesky", tol=1e-12, **o),
        ]
        refused = [
            logistic(*same, "another C", solver="newton-cholesky", tol=1e-12, **{**o, "C": 3 * c}),
            logistic(
                *same, "a C off by a thousandth", tol=1e-12, solver="newton-cholesky", **{**o, "C": 1.001 * c}
            ),
            logistic(*fewer, "fewer rows", solver="newton-cholesky", tol=1e-12, **o),
            logistic(*same, "a loose tolerance", tol=1e-2, **o),
            discriminant(*same),
        ]
        if intercept:
            refused.append(logistic(*same, "no intercept", tol=1e-9, **{**o, "fit_intercept": False}))
        out.append(case("logistic_regression", o, accepted, refused))
    for smoothing in (1e-9, 1e-3) if several else (1e-9,):
        o = {"var_smoothing": smoothing}
        accepted = [bayes(*same, "as it is", **o), bayes(*back, "reversed rows", **o)]
        refused = [
            bayes(*same, "another smoothing", tell=False, var_smoothing=10 * smoothing),
            bayes(*fewer, "fewer rows", tell=False, **o),
            bayes(*same, "equal priors", tell=False, priors=np.full(len(set(y)), 1 / len(set(y))), **o),
            only(centroid(*same), "joint_log_likelihood"),
        ]
        out.append(case("gaussian_nb", o, accepted, refused))
    for k, weights in ((1, "uniform"), (5, "uniform"), (5, "distance")):
        o = {"n_neighbors": k, "weights": weights}
        accepted = [neighbours(*same, a, algorithm=a, **o) for a in ("brute", "kd_tree", "ball_tree")]
        accepted.append(neighbours(*back, "reversed rows", **o))
        refused = [
            neighbours(*same, "another k", **{**o, "n_neighbors": k + 2}),
            neighbours(*fewer, "fewer rows", **o),
            neighbours(*same, "another metric", metric="manhattan", **o),
            only(centroid(*same), "probabilities"),
        ]
        if k > 1:
            other = "distance" if weights == "uniform" else "uniform"
            refused.append(neighbours(*same, "other weights", **{**o, "weights": other}))
        out.append(case("knn", o, accepted, refused))
    return out


def entry(name, x, y, scaled=True):
    if scaled:
        x = StandardScaler().fit_transform(x)
    order = np.random.default_rng(7).permutation(len(y))
    x, y = np.round(x[order], 2), y[order]
    n = len(y) * 4 // 5
    train, labels, test = x[:n], y[:n], x[n:][:24]
    return {
        "name": name,
        "train": train,
        "labels": labels,
        "test": test,
        "truth": y[n:][:24],
        "cases": cases(train, labels, test, several=x.shape[1] < 5),
    }


cancer, iris, wine = load_breast_cancer(), load_iris(), load_wine()
rng = np.random.default_rng(3)
# Points of a coarse grid: ties of distances and votes, and rows that coincide.
grid = rng.integers(0, 5, (120, 2)).astype(float)
grid_labels = (grid.sum(axis=1) + rng.normal(0.0, 1.5, 120) > 4).astype(int) + (grid[:, 0] > 3)
write(
    __file__,
    [
        entry("breast cancer", cancer.data, cancer.target),
        entry("iris", iris.data, iris.target, scaled=False),
        entry("wine", wine.data, wine.target),
        entry("grid", grid, grid_labels, scaled=False),
    ],
)
