"""The columns of measures of artificial images, for the tables of pages."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from thinset.report.cells import Cell, table
from thinset.results.arm import Arm
from thinset.results.wording import MINUS, spoken_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from thinset.report.cells import Table
    from thinset.results.measures import Measures

_MEASURES: tuple[tuple[str, Callable[[Measures], float], str], ...] = (
    ("FID[classifier]", lambda one: one.fid, ".3g"),
    ("KID[classifier] \N{MULTIPLICATION SIGN} 1000", lambda one: 1000 * one.kid, ".3g"),
    ("density", lambda one: one.density, ".2f"),
    ("coverage", lambda one: one.coverage, ".2f"),
    ("in the asked class (%)", lambda one: 100 * one.agreement, ".1f"),
    ("near-copies (%)", lambda one: 100 * one.near_copies, ".1f"),
)
_LEAST_IN_DIGITS = 1e-4  # Python writes smaller numbers with an exponent
MEASURE_COLUMNS = ("images", "seeds", *(name for name, *_ in _MEASURES), "time")


def measure_cells(found: Sequence[Measures], n_generators: int | None = None) -> list[Cell | str]:
    """The cells of MEASURE_COLUMNS: means over the seeds of one set, with their deviation.

    `n_generators`: which the seeds take turns through; None for images without a generator.
    """
    cells: list[Cell | str] = []
    for _, value, form in _MEASURES:
        values = [value(one) for one in found]
        deviation = f"± {_spoken(statistics.stdev(values), form)}" if len(values) > 1 else ""
        cells.append(Cell(_spoken(statistics.fmean(values), form), deviation))
    seconds = statistics.fmean(one.seconds for one in found)
    used = None if n_generators is None else len({one.seed % n_generators for one in found})
    shared = "" if used in (None, len(found)) else f"{used} generator{'s' if used != 1 else ''}"
    seeds = Cell(str(len(found)), shared)
    return [f"{found[0].n_artificial:,}", seeds, *cells, spoken_seconds(seconds)]


def _spoken(value: float, form: str) -> str:
    """A number in this format, but without an exponent."""
    if abs(value) >= 1000:
        form = ",.0f"
    elif form.endswith("g") and 0 < abs(value) < _LEAST_IN_DIGITS:
        form = ".6f"
    text = f"{value:{form}}"
    return f"{MINUS}{text[1:]}" if text.startswith("-") else text


def measures_of_sets(measures: Sequence[Measures], n_generators: int) -> Table | None:
    """A row for each set and number of images, in the order of the measures; None for none.

    `n_generators`: of each kind, which the seeds of sets of generated images take turns through.
    """
    rows = []
    for key in dict.fromkeys((one.augmentation, one.n_artificial) for one in measures):
        found = [one for one in measures if (one.augmentation, one.n_artificial) == key]
        is_generated = Arm.recorded(key[0]).generated is not None
        rows.append([key[0], *measure_cells(found, n_generators if is_generated else None)])
    return table(("set", *MEASURE_COLUMNS), rows) if rows else None
