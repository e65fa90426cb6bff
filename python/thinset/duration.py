"""Lengths of training, with units."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

SECONDS_PER_UNIT = {"s": 1.0, "min": 60.0, "h": 3600.0}
UNITS = ("st", "ep", "sa", *SECONDS_PER_UNIT)
"""Steps, epochs, samples, seconds, minutes, hours."""

_WHOLE_UNITS = ("st", "sa")
_PATTERN = re.compile(r"\s*(\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+)\s*([a-z]+)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Duration:
    """An amount of training: "10000st" steps, "200ep" epochs, "51200sa" samples, "7min" time.

    `amount` is finite and at least 0; steps and samples come whole. Time is in "s", "min" or "h".
    `str()` gives back what `parse` reads. Raises ValueError otherwise.
    """

    amount: float
    unit: str

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ValueError(f"unit must be one of {', '.join(UNITS)}, got {self.unit!r}")
        if not math.isfinite(self.amount) or self.amount < 0:
            raise ValueError(f"a duration must be finite and at least 0, got {self.amount}")
        if self.unit in _WHOLE_UNITS and self.amount != int(self.amount):
            raise ValueError(f"{self.unit!r} needs a whole number, got {self.amount}")

    @classmethod
    def parse(cls, text: str | Duration) -> Duration:
        """Read a number with a unit, such as "90s" or "1.5h"; a Duration is returned as it is."""
        if isinstance(text, Duration):
            return text
        match = _PATTERN.fullmatch(text)
        if match is None or match[2].lower() not in UNITS:
            raise ValueError(
                "a length is a number with a unit: st (steps), ep (epochs), sa (samples), s, min "
                f"or h, such as 10000st, 200ep or 7min; got {text!r}"
            )
        return cls(float(match[1]), match[2].lower())

    def __str__(self) -> str:
        return f"{self.amount!r}".removesuffix(".0") + self.unit

    def __mul__(self, share: float) -> Duration:
        """Return this share of the duration; steps and samples round to the nearest whole one."""
        amount = self.amount * share
        return Duration(float(round(amount)) if self.unit in _WHOLE_UNITS else amount, self.unit)

    __rmul__ = __mul__

    def __sub__(self, other: Duration) -> Duration:
        """Return what is left of this one; both in the same unit, `other` not longer."""
        if other.unit != self.unit:
            raise ValueError(f"cannot take {other} from {self}: the units differ")
        return Duration(self.amount - other.amount, self.unit)

    @property
    def is_time(self) -> bool:
        """Whether this is wall-clock time."""
        return self.unit in SECONDS_PER_UNIT

    @property
    def seconds(self) -> float:
        """The length in seconds; ValueError where it is not wall-clock time."""
        if not self.is_time:
            raise ValueError(f"{self} is not a time in s, min or h")
        return self.amount * SECONDS_PER_UNIT[self.unit]

    def n_samples(self, epoch_size: int, batch_size: int) -> int:
        """How many samples this is, rounded up; ValueError where it is wall-clock time.

        `epoch_size` is the number of samples in an epoch, `batch_size` that in a step.
        """
        samples_per_unit = {"sa": 1, "ep": epoch_size, "st": batch_size}
        if self.unit not in samples_per_unit:
            raise ValueError(f"{self} is a time; a number of samples needs st, ep or sa")
        # In exact fractions of the decimal as written: 0.07 of 100 is 7, not 7.000000000000001.
        return math.ceil(Fraction(repr(self.amount)) * samples_per_unit[self.unit])

    def n_steps(self, epoch_size: int, batch_size: int) -> int:
        """How many steps of `batch_size` samples this is, rounded up; ValueError for a time."""
        return -(-self.n_samples(epoch_size, batch_size) // batch_size)
