from __future__ import annotations

from typing import Any

import pytest

from thinset.files.byte_sizes import parse_bytes, shown_bytes


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5), (2.5, 2.5), ("7", 7), ("512MB", 512e6), ("2 gib", 2 * 2**30), (" 1.5kB ", 1500),
        ("3B", 3), (True, None), (None, None), ("", None), ("1 parsec", None), ("-1MB", None),
        (b"1MB", None), ("1e3", None),
    ],
)  # fmt: skip
def test_bytes_are_read_as_people_write_them(value: Any, expected: float | None) -> None:
    assert parse_bytes(value) == expected


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (46_384, "46.4 kB"),
        (7_680_000_000, "7.68 GB"),
        (36 * 10**15, "36 PB"),
    ],
)
def test_bytes_are_shown_in_three_digits(size: int, text: str) -> None:
    assert shown_bytes(size) == text
