from __future__ import annotations

import numpy as np
import pytest

from thinset.files.shown import shown


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
