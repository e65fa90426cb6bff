"""Class numbers for the values of a label column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from thinset.data.sources.listing import first_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    LabelValue = int | str | bool

UNLABELLED = -1
"""What public datasets write where a test split has no labels."""

_ALWAYS_CLASSES = 20


@dataclass(frozen=True)
class LabelClasses:
    """The class number of each value that labels may have.

    `names` are those of class 0, 1, ..., None where the values are the class numbers and nothing
    names them. `note` says how values became classes, "" where they are the class numbers.
    """

    numbers: Mapping[LabelValue, int]
    names: tuple[str, ...] | None
    note: str = ""


def classes_of(
    values: Iterable[LabelValue], n_rows: int, *, names: tuple[str, ...] | None, is_given: bool
) -> LabelClasses:
    """Number the classes of a training split from the values that its labels have.

    With `names`, from the file itself, labels are their numbers or the names. Booleans are classes
    false and true. Strings become classes in sorted order. Integers 0..C-1 are class numbers; other
    integers from 0 become classes in their order, named by their digits.

    Raises ValueError if nearly every row has a value of its own, as identifiers do, unless
    the column was given by name (`is_given`).
    """
    found = set(values)
    if names is not None:
        is_text = any(isinstance(value, str) for value in found)
        numbers = {name if is_text else number: number for number, name in enumerate(names)}
        return LabelClasses(numbers, names)
    if found and all(isinstance(value, bool) for value in found):
        return LabelClasses({False: 0, True: 1}, ("false", "true"), "booleans: false, true")
    if len(found) > max(n_rows // 2, _ALWAYS_CLASSES) and not is_given:
        raise ValueError(
            f"it holds {len(found):,} different values in {n_rows:,} rows, as identifiers do "
            f"and classes do not ({first_of(sorted(map(str, found)))})"
        )
    if all(isinstance(value, int) for value in found):
        return _classes_of_integers(sorted(int(value) for value in found))
    ordered = sorted(str(value) for value in found)
    return LabelClasses(
        {name: number for number, name in enumerate(ordered)},
        tuple(ordered),
        f"strings, sorted: {len(ordered):,} classes, {first_of(ordered, 5)}",
    )


def with_gaps_filled(train: set[LabelValue], others: set[LabelValue]) -> set[LabelValue]:
    """The values of a training split, and the integers between them that other splits have.

    A class that only test data have samples of keeps its number.
    """
    if not all(isinstance(value, int) for value in train):
        return train
    last = max((int(value) for value in train), default=-1)
    between = {value for value in others if isinstance(value, int) and 0 <= value <= last}
    return train | between


def _classes_of_integers(ordered: list[int]) -> LabelClasses:
    numbers: dict[LabelValue, int] = {value: number for number, value in enumerate(ordered)}
    if ordered == list(range(len(ordered))):
        return LabelClasses(numbers, None)
    return LabelClasses(
        numbers,
        tuple(map(str, ordered)),
        f"the {len(ordered):,} integers {ordered[0]} to {ordered[-1]} become classes 0 to "
        f"{len(ordered) - 1}, named {first_of(ordered)}",
    )
