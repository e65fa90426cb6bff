"""The logarithmic fit against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from thinset.results.learning_curves import logarithmic_fit


@pytest.mark.parametrize("seed", range(5))
def test_the_fit_is_least_squares(seed):
    random = np.random.default_rng(seed)
    sizes = random.choice([425, 850, 2125, 4250, 42500], 12)
    scores = 40 + 5 * np.log(sizes) + random.normal(0, 3, 12)
    fit = logarithmic_fit(sizes.tolist(), scores.tolist())
    slope, intercept = np.polyfit(np.log(sizes), scores, 1)
    assert fit.slope == pytest.approx(slope, rel=1e-9)
    assert fit.intercept == pytest.approx(intercept, rel=1e-9)
    correlation = np.corrcoef(np.log(sizes), scores)[0, 1]
    assert fit.r_squared == pytest.approx(correlation**2, rel=1e-9)


def test_two_sizes_say_nothing():
    assert logarithmic_fit([1, 2, 2, 1], [1, 2, 3, 4]) is None
    assert logarithmic_fit([], []) is None
    assert logarithmic_fit([1, 2, 4], [5, 5, 5]) == (5, 0, 1)
