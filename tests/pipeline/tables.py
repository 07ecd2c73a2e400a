"""A small table with columns of many kinds, for the tests that read and write files."""

import numpy as np
import pandas as pd

OF_ALL_KINDS = pd.DataFrame({
    "whole": range(9), "gaps": [1, None, 3] * 3, "gaps later": [1, 2, 3] * 2 + [None] * 3, "real": np.arange(9) / 7,
    "words": ["1", "x", None] * 3, "late": ["1"] * 8 + ["x"], "nothing": [None] * 9,
    "nothing yet": [None] * 7 + ["1", "2"], "never": pd.array([None] * 9, "str"), "flag": [True, False, True] * 3,
    "short": np.arange(9, dtype="int8"),
    "single": np.arange(9, dtype="float32") / 7, "day": pd.date_range("2024-01-31", periods=9),
    "code": ["01"] * 4 + ["2"] * 5, "mixed": [1, 2, 3] * 2 + [0.5, 1e300, -1],
})  # fmt: skip
