from __future__ import annotations

import numpy as np
import pytest

from thinset.files.shown import shown, shown_seconds


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\nb", r"'a\nb'"),
        (np.arange(4).reshape(2, 2), "array([[0, 1], [2, 3]])"),
        pytest.param(10**5000, "an integer of thousands of digits", id="long integer"),
        ("x" * 78, f"'{'x' * 78}'"),
        ("x" * 79, f"'{'x' * 76}..."),
    ],
)
def test_values_are_shown_on_one_line(value: object, text: str) -> None:
    assert shown(value) == text
    assert len(text) <= 80


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0001, "1 ms"),
        (2.345, "2.3 s"),
        (150, "150 s"),
        (5000, "83 min"),
        (40_000, "11.1 h"),
        (10**6, "12 days"),
        (10**9, "32 years"),
        (4e33, "more than 1,000 years"),
    ],
)
def test_times_are_shown_in_the_unit_that_fits(seconds: float, text: str) -> None:
    assert shown_seconds(seconds) == text
