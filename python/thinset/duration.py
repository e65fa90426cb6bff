"""Lengths of training, with units."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any, NoReturn, final

SECONDS_PER_UNIT = {"s": 1.0, "min": 60.0, "h": 3600.0}
UNITS = ("st", "ep", "sa", *SECONDS_PER_UNIT)
"""Steps, epochs, samples, seconds, minutes, hours."""

_WHOLE_UNITS = ("st", "sa")
_LONGEST = 1e15  # whole numbers up to it, and sums of them, are exact
_PATTERN = re.compile(r"\s*(\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+)\s*([a-z]+)\s*", re.IGNORECASE)


@final
class Duration:
    """An amount of training: "10000st" steps, "200ep" epochs, "51200sa" samples, "7min" time.

    `amount` is from 0 to 1e15; steps and samples are whole numbers. Time is in "s", "min" or
    "h". `str()` returns text that `parse` reads. Immutable and hashable. Raises ValueError
    otherwise.
    """

    # Not a dataclass: in files a duration is one text, not a table of fields.
    __slots__ = ("amount", "unit")
    amount: float
    unit: str

    def __init__(self, amount: float, unit: str) -> None:
        if unit not in UNITS:
            raise ValueError(f"unit must be one of {', '.join(UNITS)}, got {unit!r}")
        amount = float(amount)  # numbers of numpy have another text
        if not math.isfinite(amount) or amount < 0:
            raise ValueError(f"a duration must be finite and at least 0, got {amount}")
        if amount > _LONGEST:
            raise ValueError(f"a duration must be at most {_LONGEST:g}{unit}, got {amount:g}{unit}")
        if unit in _WHOLE_UNITS and amount != int(amount):
            raise ValueError(f"{unit!r} needs a whole number, got {amount}")
        object.__setattr__(self, "amount", amount)
        object.__setattr__(self, "unit", unit)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a Duration is immutable: cannot set {name!r}")

    def __reduce__(self) -> tuple[type[Duration], tuple[float, str]]:
        return Duration, (self.amount, self.unit)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Duration):
            return NotImplemented
        return (self.amount, self.unit) == (other.amount, other.unit)

    def __hash__(self) -> int:
        return hash((self.amount, self.unit))

    def __repr__(self) -> str:
        return f"Duration({self.amount!r}, {self.unit!r})"

    @classmethod
    def parse(cls, text: str | Duration) -> Duration:
        """Read a number with a unit, such as "90s" or "1.5h"; a Duration is returned as it is."""
        if isinstance(text, Duration):
            return text
        match = _PATTERN.fullmatch(str(text))  # anything else than text matches nothing
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
        """Return this minus `other`; both in the same unit, `other` not longer."""
        if other.unit != self.unit:
            raise ValueError(f"cannot subtract {other} from {self}: the units differ")
        return Duration(self.amount - other.amount, self.unit)

    @property
    def is_time(self) -> bool:
        """Whether this is wall-clock time."""
        return self.unit in SECONDS_PER_UNIT

    @property
    def seconds(self) -> float:
        """The length in seconds; ValueError if it is not wall-clock time."""
        if not self.is_time:
            raise ValueError(f"{self} is not a time in s, min or h")
        return self.amount * SECONDS_PER_UNIT[self.unit]

    def n_samples(self, epoch_size: int, batch_size: int) -> int:
        """How many samples this is, rounded up; ValueError if it is wall-clock time.

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


def as_length(name: str, text: str) -> Duration:
    """The length that a setting stands for; ValueError, naming it, for any other text."""
    try:
        return Duration.parse(text)
    except ValueError as error:
        raise ValueError(f"{name} must be a length: {error}") from None
