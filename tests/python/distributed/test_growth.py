"""What three sizes tell about a larger one."""

from __future__ import annotations

import pytest

from thinset.distributed.growth import PAIRS, ROWS, grown, measured_or_grown, n_steps


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
def test_a_constant_and_a_power_are_told_apart(power):
    tried = [0.3 + 0.2 * size**power for size in (16, 4, 1)]
    expected = 0.3 + 0.2 * 1000**power
    assert grown(tried, n_steps(1000 / 16), PAIRS) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("tried", "powers", "expected"),
    [
        ([2.0, 2.0, 2.0], PAIRS, 2.0),  # constant
        ([2.0, 2.1, 2.0], PAIRS, 2.0),  # noise
        ([3.0, 2.0, 1.0], (0.0, 1.0), 5.0),  # a logarithm
        # Rows are read: at least 1 + 3 / 16 x at x = 16, and at most as x^1.2.
        ([4.0, 3.25, 3.0], ROWS, 4.0 + 0.75 * 15 / 0.75),
        ([4.0, 3.25, 3.24], ROWS, 4.0 + 0.75 * (4**2.4 - 1) / (1 - 4**-1.2)),
        ([4.0, 3.25, 3.3], ROWS, 4.0 + 0.75 * 15 / 0.75),
    ],
)
def test_short_times_do_not_mislead(tried, powers, expected):
    assert grown(tried, 2.0, powers) == pytest.approx(expected)


def test_what_is_small_is_measured_itself():
    tried = []

    def pairs(n, k):
        tried.append((n, k))
        return 1.0 + 1e-6 * n * k

    assert measured_or_grown(pairs, (1000, 50), (1000, 100)) == 1.05
    assert tried == [(1000, 50)]
    tried.clear()
    found = measured_or_grown(pairs, (64_000, 1024), (4000, 100))
    assert found == pytest.approx(1.0 + 1e-6 * 64_000 * 1024)
    assert tried == [(4000, 64), (1000, 16), (250, 4)]
