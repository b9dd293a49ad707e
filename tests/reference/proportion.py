"""Reference values for src/stats/proportion.rs. Run: python proportion.py

Made with Python 3.11.7, NumPy 2.4.6, statsmodels 0.15.0.
"""

from reference import write
from statsmodels.stats.proportion import proportion_confint

SHARES = [
    (0, 1),
    (1, 1),
    (0, 20),
    (1, 20),
    (10, 20),
    (19, 20),
    (20, 20),
    (10, 200),
    (23, 240),
    (4999, 100_000),
]
cases = []
for successes, trials in SHARES:
    for alpha in (0.05, 0.01, 0.3):
        low, high = proportion_confint(successes, trials, alpha=alpha, method="wilson")
        name = f"{successes} of {trials}, alpha {alpha}"
        cases.append(
            {"name": name, "successes": successes, "trials": trials, "alpha": alpha, "low": low, "high": high}
        )
write(__file__, cases)
