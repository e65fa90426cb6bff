from __future__ import annotations

import pytest

from thinset.duration import Duration
from thinset.results.wording import (
    in_lines,
    shortened,
    spoken_length,
    spoken_points,
    spoken_seconds,
    spoken_share,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.25, "+1.2"),
        (-0.4, "\N{MINUS SIGN}0.4"),
        (12, "+12.0"),
        (0.049, "+0.05"),
        (-0.0049, "\N{MINUS SIGN}0.005"),
        (-0.0004, "0.0"),
        (0.0, "0.0"),
    ],
)
def test_points_carry_their_sign(value: float, text: str) -> None:
    assert spoken_points(value) == text


@pytest.mark.parametrize(
    ("total", "text"),
    [
        ("10000st", "10,000 steps"),
        ("200ep", "200 epochs"),
        ("51200sa", "51,200 samples"),
        ("7min", "7 min"),
        ("90s", "90 s"),
        ("1.5h", "1.5 h"),
    ],
)
def test_lengths_become_words(total: str, text: str) -> None:
    assert spoken_length(Duration.parse(total)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (0.00423, "0.004 s"),
        (0.0949, "0.09 s"),
        (0.0951, "0.10 s"),
        (2.477, "2.48 s"),
        (9.994, "9.99 s"),
        (9.996, "10.0 s"),
        (24.77, "24.8 s"),
        (99.96, "100 s"),
        (7664.5, "7,664 s"),
    ],
)
def test_seconds_keep_the_decimals_that_matter(seconds: float, text: str) -> None:
    assert spoken_seconds(seconds) == text


def test_a_small_share_is_not_written_as_none() -> None:
    percent = "\N{NO-BREAK SPACE}%"
    assert spoken_share(1, 10_000) == f"< 0.1{percent}"
    assert spoken_share(0, 10_000) == f"0.0{percent}"
    assert spoken_share(0, 0) == f"0.0{percent}"
    assert spoken_share(864, 10_000) == f"8.6{percent}"


def test_long_names_are_broken_at_spaces_and_after_colons():
    assert in_lines("ship", 4) == "ship"
    assert (
        in_lines("k-means per class, by cluster size", 14) == "k-means per\nclass, by\ncluster size"
    )
    assert in_lines("distilled:dd:start=fixed", 13) == "distilled:dd:\nstart=fixed"
    assert in_lines("ships", 4) == shortened("ships", 4)
    assert in_lines("a:" + 20 * "b", 9) == "a:\nbbbb\N{HORIZONTAL ELLIPSIS}bbbb"
    assert in_lines("one two three four", 5, most=2) == "one\ntw\N{HORIZONTAL ELLIPSIS}ur"


def test_long_names_are_cut_to_the_limit() -> None:
    assert shortened("ship", 4) == "ship"
    assert shortened("ships", 4) == "sh\N{HORIZONTAL ELLIPSIS}s"
