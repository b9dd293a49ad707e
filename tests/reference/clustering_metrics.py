"""Reference values for src/task/clustering/metrics.

Made with Python 3.11.7, NumPy 2.4.6, scikit-learn 1.9.1. Run: python clustering_metrics.py
Writes clustering_metrics.json beside itself; null stands for a value that the formula leaves undefined.
"""

import json
import warnings
from pathlib import Path

import numpy as np
from reference import plain
from sklearn import metrics

warnings.filterwarnings("ignore")  # the undefined cases are the point


def internal(x, labels):
    """scikit-learn's measures on the rows that are not noise; null where it refuses or has a number by convention."""
    kept = labels != -1
    noise = float(np.mean(~kept))
    x, labels = x[kept], labels[kept]
    names = np.unique(labels)
    values = {
        "clusters": float(len(names)),
        "noise_share": noise,
        "inertia": None,
        "inertia_share": None,
        "silhouette": None,
        "calinski_harabasz": None,
        "davies_bouldin": None,
    }
    if len(names) == 0:
        return values
    means = {name: x[labels == name].mean(axis=0) for name in names}
    inertia = sum(np.sum((x[labels == name] - means[name]) ** 2) for name in names)
    total = np.sum((x - x.mean(axis=0)) ** 2)
    values["inertia"] = inertia
    values["inertia_share"] = inertia / total if total > 0 else None
    if 1 < len(names) < len(x):
        values["silhouette"] = metrics.silhouette_score(x, labels)
        if inertia > 0:
            values["calinski_harabasz"] = metrics.calinski_harabasz_score(x, labels)
        pairs = [means[a] - means[b] for a in names for b in names if a < b]
        if all(np.any(difference != 0) for difference in pairs):
            values["davies_bouldin"] = metrics.davies_bouldin_score(x, labels)
    return values


def partition(classes, labels):
    return {
        "adjusted_rand": metrics.adjusted_rand_score(classes, labels),
        "normalised_mutual_info": metrics.normalized_mutual_info_score(classes, labels),
        "homogeneity": metrics.homogeneity_score(classes, labels),
        "completeness": metrics.completeness_score(classes, labels),
    }


rng = np.random.default_rng(31)
centres = np.array([[0.0, 0.0, 0.0], [6.0, 1.0, 0.0], [0.0, 7.0, 2.0]])
groups = np.arange(30) % 3
blobs = np.round(centres[groups] + rng.normal(0.0, 1.0, (30, 3)), 6)
spread = np.round(rng.normal(0.0, 1.0, (24, 10)), 6)
doubled = np.repeat(np.round(rng.normal(0.0, 1.0, (6, 2)), 6), 4, axis=0)
random_labels = rng.integers(0, 4, 30)
internal_cases = {
    "three groups": (blobs, groups),
    "names that are no numbers from 0": (blobs, groups * 7 + 3),
    "labels that have nothing to do with the rows": (blobs, random_labels),
    "ten features": (spread, np.arange(24) % 5),
    "a cluster of one row": (blobs, np.where(np.arange(30) == 4, 9, groups)),
    "noise": (blobs, np.where(np.arange(30) % 7 == 0, -1, groups)),
    "noise but for one cluster": (blobs, np.where(groups == 1, 0, -1)),
    "noise alone": (blobs, np.full(30, -1)),
    "one cluster": (blobs, np.zeros(30, dtype=int)),
    "as many clusters as rows": (blobs, np.arange(30)),
    "a large offset": (blobs + 1e4, groups),
    "a small scale": (blobs * 1e-5, groups),
    "a row four times": (doubled, np.arange(24) // 4 % 3),
    "clusters of equal rows": (doubled, np.arange(24) // 4),
    "all rows equal": (np.ones((6, 2)), np.arange(6) % 2),
    "two clusters with one mean": (
        np.array([[-1.0], [1.0], [-2.0], [2.0], [7.0]]),
        np.array([0, 0, 1, 1, 2]),
    ),
    "one row": (np.array([[1.0, 2.0]]), np.array([0])),
    "two rows": (np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([0, 1])),
}
many = np.arange(400)
partition_cases = {
    "equal": (groups, groups),
    "equal under other names": (groups, (groups + 1) % 3 * 10),
    "unrelated": (groups, random_labels),
    "independent": (np.arange(12) % 3, np.arange(12) // 3),
    "nearly equal": (groups, np.where(np.arange(30) == 5, 0, groups)),
    "finer": (groups, np.arange(30) % 6),
    "coarser": (np.arange(30) % 6, groups),
    "worse than chance": (np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])),
    "noise as a class of its own": (groups, np.where(np.arange(30) % 7 == 0, -1, groups)),
    "one cluster for three classes": (groups, np.zeros(30, dtype=int)),
    "one class, three clusters": (np.zeros(30, dtype=int), groups),
    "one of each": (np.zeros(5, dtype=int), np.full(5, 3)),
    "a cluster for each row": (groups, np.arange(30)),
    "a cluster and a class for each row": (np.arange(30), np.arange(30)[::-1]),
    "one row": (np.array([2]), np.array([5])),
    "400 rows": (many % 7, many * many % 11),
}
index = np.arange(5200)
first = np.stack([(index * 7919 + j * 104_729 + index * index * 31) % 1009 / 1009 for j in range(3)], axis=1)[
    :5000
]
out = {
    "internal": [
        {"name": name, "features": x, "labels": labels, "values": internal(x, labels)}
        for name, (x, labels) in internal_cases.items()
    ],
    "partition": [
        {"name": name, "classes": classes, "labels": labels, "values": partition(classes, labels)}
        for name, (classes, labels) in partition_cases.items()
    ],
    "first_rows": metrics.silhouette_score(first, (index * 31 % 97 % 5)[:5000]),
}
Path(__file__).with_suffix(".json").write_text(json.dumps(plain(out), allow_nan=False) + "\n")
