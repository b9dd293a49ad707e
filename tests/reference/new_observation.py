"""Reference values for `new_observation` in src/stats/t_test.rs. Run: python new_observation.py

Made with statsmodels 0.15 (OLS on a constant; `get_prediction(1).summary_frame`, the columns obs_ci_*). The interval of the new value
is turned into that of the difference from the mean.
"""

import numpy as np
import statsmodels.api as sm
from reference import is_constant, one_sample_cases, write

cases = []
for name, earlier in one_sample_cases():
    if len(earlier) < 2 or is_constant(earlier):
        continue
    now = float(earlier[0]) + 1.25
    fit = sm.OLS(earlier, np.ones(len(earlier))).fit()
    case = {"name": name, "now": now, "earlier": earlier, "difference": now - earlier.mean()}
    for level, alpha in (("", 0.05), ("_family", 0.05 / 40)):
        frame = fit.get_prediction(np.ones((1, 1))).summary_frame(alpha=alpha)
        # A new value is expected within mean ± half width; the difference from the mean is known to the same half width.
        half_width = float(frame["obs_ci_upper"].iloc[0] - frame["mean"].iloc[0])
        case[f"low{level}"] = case["difference"] - half_width
        case[f"high{level}"] = case["difference"] + half_width
    cases.append(case)
write(__file__, cases)
