from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinset.duration import UNITS
from thinset.training import Duration


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("10000st", 10000, "st"),
        ("200ep", 200, "ep"),
        ("0.5ep", 0.5, "ep"),
        ("51200sa", 51200, "sa"),
        ("7min", 7, "min"),
        ("90s", 90, "s"),
        (" 1.5 H ", 1.5, "h"),
        ("1e3st", 1000, "st"),
        (".5h", 0.5, "h"),
    ],
)
def test_parse(text: str, amount: float, unit: str) -> None:
    assert Duration.parse(text) == Duration(amount, unit)


@pytest.mark.parametrize(
    "text", ["", "7", "min", "7 minutes", "-1st", "nanep", "infs", "1_000st", "7min 3s", "0x1st"]
)
def test_parse_refuses_other_texts(text: str) -> None:
    with pytest.raises(ValueError, match="a length is a number with a unit"):
        Duration.parse(text)


@pytest.mark.parametrize("amount", [-1.0, float("nan"), float("inf")])
def test_amounts_are_finite_and_not_negative(amount: float) -> None:
    with pytest.raises(ValueError, match="finite and at least 0"):
        Duration(amount, "s")


@pytest.mark.parametrize("unit", UNITS)
def test_amounts_are_bounded(unit: str) -> None:
    with pytest.raises(ValueError, match=f"at most 1e\\+15{unit}, got 1e\\+30{unit}"):
        Duration.parse(f"1e30{unit}")


@pytest.mark.parametrize("unit", UNITS)
def test_numbers_of_numpy_are_numbers(unit: str) -> None:
    duration = Duration(np.float64(4.0), unit)
    assert str(duration) == str(np.float64(0.5) * Duration(8, unit)) == f"4{unit}"
    if not duration.is_time:
        assert duration.n_samples(10, 3) == {"st": 12, "ep": 40, "sa": 4}[unit]


def test_steps_and_samples_come_whole() -> None:
    with pytest.raises(ValueError, match="'st' needs a whole number, got 1.5"):
        Duration.parse("1.5st")


@given(st.sampled_from(UNITS), st.integers(0, 10**12), st.floats(0, 1e9))
def test_text_round_trips(unit: str, whole: int, fraction: float) -> None:
    amount = whole if unit in {"st", "sa"} else fraction
    duration = Duration(amount, unit)
    assert Duration.parse(str(duration)) == duration


@given(st.integers(0, 10**9), st.floats(0, 1))
def test_the_two_parts_of_a_number_of_steps_add_up(n_steps: int, share: float) -> None:
    total = Duration(n_steps, "st")
    part = share * total
    assert part.amount + (total - part).amount == n_steps
    assert abs(part.amount - share * n_steps) <= 0.5


def test_text_is_short() -> None:
    assert [str(Duration.parse(text)) for text in ("10000st", "1.50h")] == ["10000st", "1.5h"]


def test_subtraction_needs_one_unit() -> None:
    with pytest.raises(ValueError, match="cannot subtract 1s from 1min: the units differ"):
        Duration.parse("1min") - Duration.parse("1s")


def test_seconds() -> None:
    assert [Duration.parse(text).seconds for text in ("90s", "7min", "1.5h")] == [90, 420, 5400]
    with pytest.raises(ValueError, match="3ep is not a time"):
        _ = Duration.parse("3ep").seconds


@pytest.mark.parametrize(
    ("text", "n_samples", "n_steps"),
    [
        ("5st", 160, 5),
        ("100sa", 100, 4),
        ("1ep", 100, 4),
        ("0.07ep", 7, 1),
        ("0.071ep", 8, 1),
        ("0st", 0, 0),
    ],
)
def test_samples_and_steps_round_up(text: str, n_samples: int, n_steps: int) -> None:
    duration = Duration.parse(text)
    assert duration.n_samples(epoch_size=100, batch_size=32) == n_samples
    assert duration.n_steps(epoch_size=100, batch_size=32) == n_steps


def test_time_is_no_number_of_samples() -> None:
    with pytest.raises(ValueError, match="7min is a time"):
        Duration.parse("7min").n_steps(100, 32)
