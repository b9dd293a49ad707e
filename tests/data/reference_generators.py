"""Properties of scikit-learn 1.9.1's generators: reference_generators.py > reference_generators.json.

The draws differ from ours, so noiseless points are compared one by one and everything else by moments: averages over
many seeds, each with the standard error of that average.
"""

import json

import numpy as np
from sklearn import datasets

SEEDS = 200


def moments(draw, measure):
    values = np.array([measure(*draw(seed)) for seed in range(SEEDS)])
    return {"mean": values.mean(), "error": values.std(ddof=1) / np.sqrt(SEEDS)}


def points(features, target):
    return sorted([*row, int(label)] for row, label in zip(features.tolist(), target, strict=False))


def mean_feature_variance(features, _):
    return features.var(axis=0).mean()


def target_deviation(_, target):
    return target.std()


def radius_deviation(features, target):
    return np.linalg.norm(features[target == 0], axis=1).std()


def within_class_deviation(features, target):
    return np.sqrt(np.mean([features[target == k].var(axis=0).mean() for k in np.unique(target)]))


def centre_spread(features, target):
    return np.mean([features[target == k].mean(axis=0) ** 2 for k in np.unique(target)])


def informative_fisher_ratio(features, target):
    """Squared distance of class means over pooled variance, for one cluster a class and no other features."""
    first, second = features[target == 0], features[target == 1]
    return np.mean((first.mean(axis=0) - second.mean(axis=0)) ** 2) / np.mean(
        (first.var(axis=0) + second.var(axis=0)) / 2
    )


def regression(informative, noise):
    return lambda seed: datasets.make_regression(
        500, 10, n_informative=informative, noise=noise, random_state=seed
    )


def classification(flip, features, redundant):
    return lambda seed: datasets.make_classification(
        500,
        features,
        n_informative=4,
        n_redundant=redundant,
        n_clusters_per_class=1,
        flip_y=flip,
        random_state=seed,
    )


print(
    json.dumps(
        {
            "moons_points": points(*datasets.make_moons(11, noise=None, random_state=0)),
            "circles_points": points(*datasets.make_circles(11, noise=None, factor=0.5, random_state=0)),
            "linear": moments(regression(10, 10.0), target_deviation),
            "sparse": moments(regression(3, 10.0), target_deviation),
            "nonlinear": moments(
                lambda seed: datasets.make_friedman1(500, 10, noise=1.0, random_state=seed), target_deviation
            ),
            "classification_informative": moments(classification(0.0, 4, 0), mean_feature_variance),
            "classification_redundant": moments(classification(0.0, 12, 4), mean_feature_variance),
            "classification_separation": moments(classification(0.0, 4, 0), informative_fisher_ratio),
            "classification_flipped_separation": moments(classification(0.5, 4, 0), informative_fisher_ratio),
            "blobs": moments(
                lambda seed: datasets.make_blobs(500, 3, centers=4, cluster_std=2.0, random_state=seed),
                within_class_deviation,
            ),
            "blobs_centres": moments(
                lambda seed: datasets.make_blobs(500, 3, centers=4, cluster_std=2.0, random_state=seed),
                centre_spread,
            ),
            "circles": moments(
                lambda seed: datasets.make_circles(500, noise=0.1, factor=0.5, random_state=seed),
                radius_deviation,
            ),
            "moons": moments(
                lambda seed: datasets.make_moons(500, noise=0.2, random_state=seed), mean_feature_variance
            ),
        },
        indent=1,
    )
)
