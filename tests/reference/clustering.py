"""Answers of scikit-learn on which the contracts of src/task/clustering are calibrated.

Made with Python 3.11.7, NumPy 2.4.6, scikit-learn 1.9.1. Run: python clustering.py
Writes clustering.json beside itself: honest answers to the same problem, which a contract must accept, and planted faults, which it
must refuse.
"""

import numpy as np
from reference import write
from sklearn import cluster, datasets, mixture, preprocessing


def shuffled(x, seed, test):
    """Scaled rows with few digits, split after a shuffle."""
    x = preprocessing.StandardScaler().fit_transform(x)
    x = np.round(x[np.random.default_rng(seed).permutation(len(x))], 4)
    return x[test:], x[:test]


def scaled(x):
    return preprocessing.StandardScaler().fit_transform(x)


def back(labels, order):
    """Labels of permuted rows, in the rows' own order."""
    out = np.empty_like(labels)
    out[order] = labels
    return out


def order(n, seed):
    return np.random.default_rng(seed).permutation(n)


def kmeans_answer(model, test, labels=None):
    labels = model.labels_ if labels is None else labels
    return {"labels": labels, "centroids": model.cluster_centers_, "predictions": model.predict(test)}


def kmeans(name, x, k):
    train, test = shuffled(x, 4, 30)

    def fit(rows, start, **settings):
        return cluster.KMeans(
            len(start), init=start, n_init=1, **{"tol": 0.0, "max_iter": 10_000} | settings
        ).fit(rows)

    permutation = order(len(train), 5)
    other = fit(train[permutation], train[:k][::-1])
    half = fit(train[: len(train) // 2], train[:k])
    ward = cluster.AgglomerativeClustering(k).fit_predict(train)
    means = np.array([train[ward == c].mean(axis=0) for c in range(k)])
    fewer = fit(train, train[: k - 1])
    # k centroids, so that the shape is right: the last one belongs to no row.
    far = np.vstack([fewer.cluster_centers_, np.full((1, train.shape[1]), 50.0)])
    return {
        "algorithm": "kmeans",
        "name": name,
        "train": train,
        "test": test,
        "lloyd": kmeans_answer(fit(train, train[:k]), test),
        "elkan": kmeans_answer(fit(train, train[:k], algorithm="elkan"), test),
        "other order": kmeans_answer(other, test, back(other.labels_, permutation)),
        "another start": kmeans_answer(fit(train, train[k : 2 * k]), test),
        "three iterations": kmeans_answer(fit(train, train[:k], max_iter=3), test),
        "half the rows": kmeans_answer(half, test, half.predict(train)),
        "ward": {
            "labels": ward,
            "centroids": means,
            "predictions": np.argmin(((test[:, None] - means) ** 2).sum(axis=2), axis=1),
        },
        "fewer clusters": {"labels": fewer.labels_, "centroids": far, "predictions": fewer.predict(test)},
    }


def dbscan(name, train, eps, min_samples):
    def fit(rows, eps=eps, min_samples=min_samples, **settings):
        return cluster.DBSCAN(eps=eps, min_samples=min_samples, **settings).fit_predict(rows)

    permutation = np.arange(len(train))[::-1]
    half = fit(train[: len(train) // 2])
    return {
        "algorithm": "dbscan",
        "name": name,
        "train": train,
        "eps": eps,
        "min_samples": min_samples,
        "labels": fit(train, algorithm="kd_tree"),
        "brute": fit(train, algorithm="brute"),
        "ball_tree": fit(train, algorithm="ball_tree"),
        "other order": back(fit(train[permutation]), permutation),
        "another eps": fit(train, eps=eps * 0.9),
        "another min_samples": fit(train, min_samples=min_samples + 2),
        "itself not counted": fit(train, min_samples=min_samples + 1),
        "half the rows": np.concatenate([half, np.full(len(train) - len(half), -1)]),
    }


def agglomerative(name, train, k, linkage):
    def fit(rows, k=k, linkage=linkage, **settings):
        return cluster.AgglomerativeClustering(k, linkage=linkage, **settings).fit_predict(rows)

    n = len(train)
    other = {"ward": "average", "complete": "single", "average": "complete", "single": "ward"}[linkage]
    half = fit(train[: n // 2])
    nearest = np.argmin(((train[n // 2 :, None] - train[None, : n // 2]) ** 2).sum(axis=2), axis=1)
    return {
        "algorithm": "agglomerative",
        "name": f"{name}, {linkage}",
        "train": train,
        "linkage": linkage,
        "n_clusters": k,
        "labels": fit(train),
        "other order": back(fit(train[order(n, 8)]), order(n, 8)),
        "third order": back(fit(train[order(n, 9)]), order(n, 9)),
        "one cluster more": fit(train, k + 1),
        "half the rows": np.concatenate([half, half[nearest]]),
        "another linkage": fit(train, linkage=other),
        "k-means": cluster.KMeans(k, n_init=10, random_state=0).fit_predict(train),
        "manhattan": fit(train * np.r_[3.0, np.ones(train.shape[1] - 1)])
        if linkage == "ward"
        else fit(train, metric="manhattan"),
    }


def gaussian_mixture(name, x, k, covariance):
    train, test = shuffled(x, 6, 20)
    model = mixture.GaussianMixture(k, covariance_type=covariance, random_state=0).fit(train)
    return {
        "algorithm": "gaussian_mixture",
        "name": f"{name}, {covariance}",
        "train": train,
        "test": test,
        "weights": model.weights_,
        "means": model.means_,
        "covariances": model.covariances_,
        "labels": model.predict(train),
        "predictions": model.predict(test),
        "score": model.score(train),
        "test_score": model.score(test),
    }


DRAWS = 12


def parameters_of(x, labels, full, reg_covar):
    """A mixture in which every row belongs to its cluster alone, as the adapter starts."""
    groups = [x[labels == c] for c in range(labels.max() + 1)]
    means = np.array([group.mean(axis=0) for group in groups])
    if full:
        ridge = reg_covar * np.eye(x.shape[1])
        precisions = [
            np.linalg.inv((g - m).T @ (g - m) / len(g) + ridge) for g, m in zip(groups, means, strict=True)
        ]
    else:
        precisions = [1 / (g.var(axis=0) + reg_covar) for g in groups]
    weights = np.array([len(group) for group in groups]) / len(x)
    return {"weights_init": weights, "means_init": means, "precisions_init": np.array(precisions)}


def share(x, labels):
    """Inertia over the sum of squares about the mean of all rows."""
    inertia = sum(((x[labels == c] - x[labels == c].mean(axis=0)) ** 2).sum() for c in np.unique(labels))
    return inertia / ((x - x.mean(axis=0)) ** 2).sum()


def kmeans_quality(name, x, k, alike, faulty):
    """What k-means++ achieves over seeds, honestly and not. Easy rows forgive a bad start, hard ones show how starts are drawn."""

    def draws(first, k=k, **settings):
        return [
            share(x, cluster.KMeans(k, random_state=first + i, **{"n_init": 10} | settings).fit_predict(x))
            for i in range(DRAWS)
        ]

    def one_candidate(rows, k, random_state):
        return cluster.kmeans_plusplus(rows, k, n_local_trials=1, random_state=random_state)[0]

    def shuffles(seed):
        labels = cluster.KMeans(k, n_init=1, random_state=0).fit_predict(x)
        return share(x, labels[order(len(x), seed)])

    all_draws = {
        "other seeds": draws(100),
        "one candidate": draws(200, init=one_candidate),
        "Elkan's bounds": draws(300, algorithm="elkan"),
        "one cluster fewer": draws(400, k=k - 1),
        "one start drawn uniformly": draws(500, n_init=1, init="random"),
        "random labels": [shuffles(i) for i in range(DRAWS)],
    }
    return {
        "algorithm": "kmeans_plus_plus",
        "name": name,
        "scores": draws(0),
        "accepted": {key: all_draws[key] for key in ("other seeds", "Elkan's bounds", *alike)},
        "refused": {key: all_draws[key] for key in ("one cluster fewer", "random labels", *faulty)},
    }


def mixture_quality(name, x, k, covariance):
    """The mean log-likelihood that mixtures achieve over seeds, honestly and not."""

    def draws(first, k=k, rows=slice(None), covariance=covariance, n_init=10, **settings):
        scores = []
        for i in range(DRAWS):
            labels = cluster.KMeans(k, n_init=n_init, random_state=first + i).fit_predict(x[rows])
            start = parameters_of(x[rows], labels, covariance == "full", 1e-6)
            model = mixture.GaussianMixture(k, covariance_type=covariance, **start, **settings)
            scores.append(model.fit(x[rows]).score(x))
        return scores

    return {
        "algorithm": "gaussian_mixture_quality",
        "name": f"{name}, {covariance}",
        "scores": draws(0),
        "accepted": {"other seeds": draws(100)},
        "refused": {
            "one component fewer": draws(200, k=k - 1),
            "other covariances": draws(300, covariance="diag" if covariance == "full" else "full"),
            "half the rows": draws(400, rows=slice(0, None, 2)),
        },
    }


iris = datasets.load_iris().data
wine = datasets.load_wine().data
moons = np.round(datasets.make_moons(300, noise=0.09, random_state=0)[0], 4)
blobs = np.round(datasets.make_blobs(250, 3, centers=5, cluster_std=1.6, random_state=2)[0], 4)
plain = np.round(np.random.default_rng(7).normal(size=(160, 4)), 4)
overlapping = datasets.make_blobs(500, 5, centers=8, cluster_std=2.5, random_state=2)[0]
# Whole numbers have many equal distances.
lattice = np.random.default_rng(3).integers(0, 5, (60, 2)).astype(float)
# Two groups of four, and between them a row that the nearest of each group reaches and needs.
bridge = np.array([[0.0], [0.1], [0.2], [0.3], [1.0], [1.7], [1.8], [1.9], [2.0]])
doubled = np.repeat(plain[:40], 3, axis=0)[order(120, 1)]
out = [
    kmeans("iris", iris, 4),
    kmeans("wine", wine, 3 + 3),
    kmeans("blobs", blobs, 7),
    dbscan("iris", shuffled(iris, 4, 0)[0], 0.6, 5),
    dbscan("moons", moons, 0.11, 6),
    dbscan("blobs", blobs, 1.35, 6),
    dbscan("noise", plain, 0.95, 5),
    dbscan("bridge", bridge, 0.75, 5),
    *(
        agglomerative("iris", shuffled(iris, 4, 0)[0], 4, linkage)
        for linkage in ("ward", "complete", "average")
    ),
    *(agglomerative("noise", plain, 6, linkage) for linkage in ("ward", "complete", "average", "single")),
    *(
        agglomerative("equal rows", doubled, 5, linkage)
        for linkage in ("ward", "complete", "average", "single")
    ),
    *(agglomerative("whole numbers", lattice, 6, linkage) for linkage in ("ward", "complete", "average")),
    gaussian_mixture("iris", iris, 3, "full"),
    gaussian_mixture("wine", wine, 3, "diag"),
    kmeans_quality("wine", scaled(wine), 3, ["one candidate"], []),
    kmeans_quality(
        "digits", scaled(datasets.load_digits().data)[:900], 10, [], ["one start drawn uniformly"]
    ),
    kmeans_quality("blobs", scaled(overlapping), 8, ["one candidate"], ["one start drawn uniformly"]),
    *(
        mixture_quality(name, scaled(x), k, covariance)
        for name, x, k in (("iris", iris, 3), ("wine", wine, 3), ("blobs", overlapping, 8))
        for covariance in ("full", "diag")
    ),
]
write(__file__, out)
