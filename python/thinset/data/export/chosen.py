"""The samples that were chosen, by row number or by id, and where each comes in the selection."""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from thinset.data.arrays import as_row_indices
from thinset.data.sources.listing import count, first_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    Rows = np.ndarray[Any, np.dtype[np.int64]]

By: TypeAlias = Literal["rows", "ids"]


class Chosen:
    """What to take from a source, in selection order.

    rows: (k,) int64, distinct; None if only ids are known. ids: of the chosen samples, as text;
    None without ids. n_total: the number of samples chosen from; None if unknown. method, params:
    of the selection, for the record.
    """

    def __init__(self, selection: Any, ids: Any = None) -> None:
        self.method: str | None = getattr(selection, "method", None)
        self.params: dict[str, Any] = dict(getattr(selection, "params", None) or {})
        self.n_total: int | None = getattr(selection, "n_total", None)
        self.rows, self.ids = self._rows_and_ids(selection, ids)
        if self.rows is not None:
            _require_distinct(self.rows.tolist(), "row")
        if self.ids is not None:
            _require_distinct(self.ids, "id")

    def __len__(self) -> int:
        return len(self.rows if self.rows is not None else self.ids or ())

    def rows_of(self, n_rows: int, where: str) -> Rows:
        """The row numbers; ValueError unless they are of a source of `n_rows` samples."""
        if self.rows is None:
            raise ValueError(f"the selection holds ids; {where} needs row numbers, or an id column")
        if self.n_total is not None and self.n_total != n_rows:
            raise ValueError(
                f"the selection was made from {self.n_total:,} samples, but {where} has "
                f"{n_rows:,}; give the source that it was made from, or select by ids"
            )
        return as_row_indices(self.rows, n_rows)

    def _rows_and_ids(self, selection: Any, ids: Any) -> tuple[Rows | None, list[str] | None]:
        values: Any = getattr(selection, "indices", None)
        # Tensors and lists have methods of such names.
        values = selection if values is None or callable(values) else values
        if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
            raise ValueError(
                "the selection must be a Selection, row numbers, a mask or a list of ids, got "
                f"{reprlib.repr(values)}"
            )
        values = as_list(values)
        ids = None if ids is None else as_list(ids)
        if _are_texts(values):
            if ids is not None:
                raise ValueError("the selection holds ids already; leave out ids")
            return None, as_ids(values)
        if ids is not None:
            self.n_total = len(ids) if self.n_total is None else self.n_total
            if len(ids) != self.n_total:
                raise ValueError(
                    f"ids must have one entry for each of the {self.n_total:,} samples, got "
                    f"{len(ids):,}"
                )
        array = np.asarray(values)
        if array.dtype == np.bool_ and self.n_total is None:
            self.n_total = len(array)
        rows = as_row_indices(array, 2**63 - 1 if self.n_total is None else self.n_total)
        if ids is not None:
            return rows, as_ids([ids[row] for row in rows.tolist()])
        own = getattr(selection, "ids", None)
        return rows, None if own is None else as_ids(as_list(own))


class Wanted:
    """Finds the chosen samples while a source is read once, sample by sample."""

    def __init__(self, chosen: Chosen, by: By, where: str) -> None:
        self._chosen, self._by, self._where = chosen, by, where
        keys: Sequence[Any] = chosen.ids or () if by == "ids" else _list(chosen.rows)
        self._positions: dict[Any, int] = {key: place for place, key in enumerate(keys)}
        self._found: dict[str, str] = {}

    def position(self, row: int, sample_id: str | None, place: str) -> int | None:
        """Where in the selection this sample comes; None if it is not chosen.

        place: where the sample is, for messages. Raises ValueError for an id that is there twice.
        """
        if self._by == "rows":
            return self._positions.get(row)
        position = self._positions.get(sample_id)
        if position is not None:
            assert sample_id is not None
            before = self._found.setdefault(sample_id, place)
            if before != place:
                raise ValueError(
                    f"{place} has the id {sample_id!r}, as {before} has; ids must be unique"
                )
        return position

    def require_complete(self, n_rows: int) -> None:
        """Raise ValueError if the source of `n_rows` samples does not have all chosen ones."""
        if self._by == "rows":
            self._chosen.rows_of(n_rows, self._where)
            return
        missing = [key for key in self._positions if key not in self._found]
        if missing:
            raise ValueError(no_such_ids(missing, self._where))


def no_such_ids(missing: Sequence[str], where: str) -> str:
    """The message about chosen ids that a source does not have."""
    shown = first_of([repr(key) for key in missing])
    return (
        f"{where} does not have {count(len(missing), 'chosen id')}: {shown}; give the source that "
        "the ids are of, or select by row numbers (by='rows', on the command line --by rows)"
    )


def as_list(values: Any) -> Any:
    """A sequence in order of its positions, whatever the library of an array or series."""
    if isinstance(values, (list, tuple, range)):
        return values
    if isinstance(values, np.ndarray) and values.dtype != object:  # texts may be objects
        return values
    for method in ("to_pylist", "to_list", "tolist"):
        if hasattr(values, method):
            return getattr(values, method)()
    return list(values)


def as_ids(values: Any, name: str = "ids") -> list[str]:
    """Ids as text: strings, and integers in decimal digits; ValueError for any other."""
    return [as_id(value, place, name) for place, value in enumerate(values)]


def as_id(value: Any, place: object, name: str = "ids") -> str:
    """One id as text. place, name: used in messages."""
    if isinstance(value, np.generic) or type(value).__name__.endswith("Scalar"):
        value = value.item() if isinstance(value, np.generic) else value.as_py()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"{name} must be texts or integers: entry {place} is {value!r}")


def _are_texts(values: Any) -> bool:
    if isinstance(values, np.ndarray):
        return values.dtype.kind in "UST"
    return isinstance(values, (list, tuple)) and bool(values) and isinstance(values[0], str)


def _require_distinct(keys: Sequence[Any], thing: str) -> None:
    seen: set[Any] = set()
    for key in keys:
        if key in seen:
            raise ValueError(
                f"the selection holds the {thing} {key!r} twice; remove the repetition"
            )
        seen.add(key)


def _list(rows: Rows | None) -> list[int]:
    if rows is None:
        raise ValueError("the selection holds ids, not row numbers; select by ids")
    numbers: list[int] = rows.tolist()
    return numbers
