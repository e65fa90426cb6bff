"""What a piece of work takes at a size too large to try, from three smaller ones.

Seconds are taken to be a + b x^p: what any size takes, and what grows. Three sizes, each a quarter
of the one before, give the three numbers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STEP = 4
N_SIZES = 3
ROWS = (1.0, 1.2)
"""Powers of what grows with the rows: each is read, and more of them fit less into caches."""
PAIRS = (1.0, 2.2)
"""Of what grows with the rows and with the picks."""


def n_steps(times: float) -> float:
    """How many steps make a size so many times as large."""
    return math.log(times, STEP)


def grown(seconds: Sequence[float], steps: float, powers: tuple[float, float]) -> float:
    """Seconds at the size that is so many steps larger.

    seconds: at the largest size tried, a step before it, and two steps before it. powers: the
    least and the largest p, since short times say little about it.
    """
    largest, middle, least = seconds
    last, before = largest - middle, middle - least
    if last <= 0:
        return largest
    power = math.log(last / before, STEP) if before > 0 else 1.0
    power = min(max(powers[0], power), powers[1])
    if power == 0:
        return largest + steps * last
    return largest + float(last * (STEP ** (power * steps) - 1) / (1 - STEP**-power))


def measured_or_grown(
    measure: Callable[..., float], wanted: Sequence[int], most: Sequence[int]
) -> float:
    """measure(*wanted), or what it grows to from sizes of at most `most`, in proportion."""
    times = max(size / limit for size, limit in zip(wanted, most, strict=True))
    if times <= 1:
        return measure(*wanted)

    def at(scale: float) -> float:
        return measure(*(max(1, round(size / scale)) for size in wanted))

    return grown([at(times * STEP**n) for n in range(N_SIZES)], n_steps(times), PAIRS)
