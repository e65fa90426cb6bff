"""Metrics of trainings, each with its unit and direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec


@dataclass(frozen=True)
class Metric:
    """A metric of finished trainings.

    Attributes:
        label: its name on pages.
        unit: of a value, such as "%"; empty if it has none.
        difference_unit: of a difference of two values.
        better: which of two values is better.
        decimals: shown on pages.
    """

    label: str
    unit: str = ""
    difference_unit: str = ""
    better: Literal["higher", "lower"] = "higher"
    decimals: Annotated[int, msgspec.Meta(ge=0, le=20)] = 2

    @property
    def sign(self) -> int:
        """1 where higher is better, -1 where lower is."""
        return 1 if self.better == "higher" else -1

    @property
    def few_decimals(self) -> int:
        """Decimals of a score beside its spread: a second one of a percentage is noise."""
        return 1 if self.unit == "%" else self.decimals

    @property
    def axis_label(self) -> str:
        """The label of an axis."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def spoken(self, value: float | None, decimals: int | None = None) -> str:
        """The value with its unit, "71.25 %"; None is "not finite"."""
        if value is None:
            return "not finite"
        number = f"{value:.{self.decimals if decimals is None else decimals}f}"
        return f"{number}\N{NO-BREAK SPACE}{self.unit}" if self.unit else number


METRICS = {
    "accuracy": Metric(label="test accuracy", unit="%", difference_unit="points"),
    "loss": Metric(label="test loss", better="lower", decimals=4),
    "validation accuracy": Metric(label="validation accuracy", unit="%", difference_unit="points"),
    "validation loss": Metric(label="validation loss", better="lower", decimals=4),
    "fid": Metric(label="FID", better="lower"),
    "kid": Metric(label="KID", better="lower", decimals=4),
    "kendall_tau": Metric(label="Kendall's tau", decimals=3),
}
"""Metrics known by name; records may hold others, described in the record."""


def described(*names: str) -> dict[str, Metric]:
    """The metrics of these names, as a record holds them; unknown ones have no unit."""
    return {name: METRICS.get(name, Metric(name)) for name in names}
