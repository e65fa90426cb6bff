"""Arguments that classifiers share."""

from __future__ import annotations

LARGEST_WIDTH = 1_000_000
"""Factor of the widths of a network; what fits into memory is far below it"""


def require_classes(n_classes: int) -> None:
    """Raise ValueError unless there are at least two classes."""
    if n_classes < 2:
        raise ValueError(f"n_classes must be at least 2, got {n_classes}")


def scaled_widths(defaults: tuple[int, ...], width: float) -> tuple[int, ...]:
    """The numbers of filters and hidden values times `width`, rounded, each at least 1.

    Raises ValueError unless `width` is above 0 and at most LARGEST_WIDTH.
    """
    if not 0 < width <= LARGEST_WIDTH:
        raise ValueError(f"width must be above 0 and at most {LARGEST_WIDTH:,}, got {width}")
    return tuple(max(1, round(width * default)) for default in defaults)
