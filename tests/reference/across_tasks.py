"""Reference values for src/stats/across_tasks.rs. Run: python across_tasks.py

Made with Python 3.11.7, NumPy 2.4.6, SciPy 1.17.1, rliable 1.2.0 (with pandas below 3, which its arch needs).
rliable's probability of improvement is 0.5 for equal arrays of scores, which the tie rule gives anyway.
"""

import numpy as np
from reference import rounded, write
from rliable import library, metrics

THRESHOLDS = np.array([-0.5, 0.0, 0.25, 0.5, 1.0, 1.5, 3.0])


def intervals(x, y):
    """rliable's intervals, which it draws from NumPy's global generator."""
    np.random.seed(1)
    _, iqm = library.get_interval_estimates(
        {"x": x}, lambda s: np.array([metrics.aggregate_iqm(s)]), reps=20_000
    )
    _, improvement = library.get_interval_estimates(
        {"x,y": (x, y)}, lambda x, y: np.array([metrics.probability_of_improvement(x, y)]), reps=5_000
    )
    return {"interval": iqm["x"][:, 0], "improvement_interval": improvement["x,y"][:, 0]}


def case(name, x, y, resample=False):
    """Scores are runs by tasks, as rliable has them; in the file each task has its list of runs."""
    none = {"interval": None, "improvement_interval": None}
    return {
        "name": name,
        "x": x.T,
        "y": y.T,
        "thresholds": THRESHOLDS,
        "interquartile_mean": metrics.aggregate_iqm(x),
        "optimality_gap": metrics.aggregate_optimality_gap(x),
        "optimality_gap_2": metrics.aggregate_optimality_gap(x, 2.0),
        "improvement": metrics.probability_of_improvement(x, y),
        "performance_profile": [library.run_score_deviation(x, tau) for tau in THRESHOLDS],
    } | (intervals(x, y) if resample else none)


rng = np.random.default_rng(51)


def scores(draw, runs, tasks):
    return rounded(draw(size=runs * tasks)).reshape(runs, tasks)


write(
    __file__,
    [
        case("normal", scores(rng.normal, 6, 5), scores(rng.normal, 4, 5), resample=True),
        case("skewed", scores(rng.exponential, 5, 8), scores(rng.exponential, 5, 8)),
        case(
            "tied", np.round(2 * scores(rng.uniform, 4, 3)) / 2, np.round(2 * scores(rng.uniform, 4, 3)) / 2
        ),
        case("3 runs", scores(rng.uniform, 3, 2), scores(rng.uniform, 3, 2)),
        case("2 runs", scores(rng.uniform, 2, 1), scores(rng.uniform, 2, 1)),
        case("one run", scores(rng.uniform, 1, 3), scores(rng.uniform, 1, 3)),
        case("constant", np.full((3, 4), 0.5), np.full((3, 4), 0.5)),
    ],
)
