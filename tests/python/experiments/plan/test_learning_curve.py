from __future__ import annotations

import pytest

from thinset.experiments.plan.learning_curve import extrapolate


def test_a_curve_that_is_a_power_law_is_found() -> None:
    steps = [50, 100, 200, 400]
    truth = [90 - 300 * n**-0.6 for n in steps]
    forecast = extrapolate(steps, truth, 10**6, 1600)
    assert forecast.mean == pytest.approx(90 - 300 * 1600**-0.6, abs=0.7)
    assert forecast.low < 90 - 300 * 1600**-0.6 < forecast.high
    # Twice the longest probe two times over.
    assert forecast.high - forecast.low == pytest.approx(2 * 2 * 1.5, abs=1)


def test_few_tests_and_far_forecasts_are_uncertain() -> None:
    def width(n_tested: int, at: int) -> float:
        forecast = extrapolate([50, 100, 200], [50.0, 60.0, 67.0], n_tested, at)
        return forecast.high - forecast.low

    assert width(500, 1000) > width(5000, 1000)
    assert width(5000, 10_000) > width(5000, 1000) > width(5000, 250)


def test_an_accuracy_is_from_0_to_100_percent() -> None:
    assert extrapolate([5, 10], [100.0, 100.0], 100, 1000).high <= 100
    assert extrapolate([5, 10], [0.0, 0.5], 100, 20).low >= 0
