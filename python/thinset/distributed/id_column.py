"""The ids of chosen rows, from a column of parquet shards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.distributed.failures import ShardError
from thinset.distributed.shards import naming
from thinset.files.arrow import open_parquet, pyarrow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thinset.distributed.shards import ShardList

_SUFFIXES = (".parquet", ".pq")


def require_id_column(listed: ShardList, name: str) -> None:
    """Raise ShardError for a shard without such a column of ids, before any work is done."""
    kinds: dict[str, str] = {}
    for shard in listed.shards:
        if not (shard.is_file and shard.name.lower().endswith(_SUFFIXES)):
            raise ShardError(f"id_column applies to parquet shards, got {shard.name}; pass ids=")
        with naming(shard.name), open_parquet(shard.name) as file:
            schema = file.schema_arrow
        names = schema.names
        if names.count(name) != 1:
            raise ShardError(
                f"{shard.name} must have one column {name!r}; it has {', '.join(names)}"
            )
        if shard.n_rows:
            kinds.setdefault(_kind(shard.name, name, schema.field(name).type), shard.name)
    if len(kinds) > 1:
        raise ShardError(
            f"column {name!r} must hold integers in all shards, or text in all: "
            + ", ".join(f"{file} has {kind}" for kind, file in kinds.items())
        )


def _kind(path: str, name: str, column_type: Any) -> str:
    types = pyarrow().types
    if types.is_integer(column_type):
        return "integers"
    if types.is_string(column_type) or types.is_large_string(column_type):
        return "text"
    raise ShardError(
        f"{path}: column {name!r} must hold integers or text, got {column_type}; cast it to "
        "pyarrow.int64() or pyarrow.string()"
    )


def ids_of(listed: ShardList, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
    """The entries of the column for `rows`, in their order: integers or text.

    Only the row groups that hold these rows are read. Raises ShardError for a missing entry, and
    for one that two of the rows share.
    """
    order = np.argsort(rows, kind="stable")
    wanted = rows[order]
    found = []
    first = 0
    for shard in listed.shards:
        begin, end = np.searchsorted(wanted, [first, first + shard.n_rows])
        if begin < end:
            with naming(shard.name):
                found.append(_entries(shard.name, name, wanted[begin:end] - first))
        first += shard.n_rows
    values = _joined(found, name)
    _require_different(values, wanted)
    ids = np.empty_like(values)
    ids[order] = values
    return ids


def _entries(path: str, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
    """rows: numbers in the file, ascending."""
    found = []
    first = 0
    with open_parquet(path) as file:
        for number in range(file.metadata.num_row_groups):
            n_rows = file.metadata.row_group(number).num_rows
            begin, end = np.searchsorted(rows, [first, first + n_rows])
            if begin < end:
                group = file.read_row_group(number, columns=[name], use_threads=False)
                column = group.column(0).take(rows[begin:end] - first)
                found.append(_values(column, rows[begin:end], f"{path}: column {name!r}"))
            first += n_rows
    return np.concatenate(found)


def _values(column: Any, rows: NDArray[np.int64], where: str) -> NDArray[Any]:
    """rows: numbers in the file, for messages."""
    if column.null_count:
        missing = int(np.argmax(column.is_null().to_numpy()))
        raise ShardError(f"{where} has no entry in row {rows[missing]}")
    if pyarrow().types.is_integer(column.type):
        values: NDArray[Any] = column.to_numpy()
        return values
    texts = column.to_pylist()
    for row, text in zip(rows.tolist(), texts, strict=True):
        if text.endswith("\0"):  # numpy drops these: other ids would be equal
            raise ShardError(f"{where} must not end with null characters: row {row} has {text!r}")
    return np.array(texts, np.str_)


def _joined(found: list[NDArray[Any]], name: str) -> NDArray[Any]:
    """One array; of signed and unsigned integers, which numpy would join as rounded floats."""
    values = np.concatenate(found)
    if values.dtype.kind != "f":
        return values
    low = min(int(part.min()) for part in found)
    high = max(int(part.max()) for part in found)
    if low < 0 and high >= 2**63:
        raise ShardError(
            f"column {name!r} must fit int64 or uint64 in all shards, got from {low} to {high}"
        )
    return np.concatenate([part.astype(np.int64 if high < 2**63 else np.uint64) for part in found])


def _require_different(values: NDArray[Any], rows: NDArray[np.int64]) -> None:
    order = np.argsort(values, kind="stable")
    same = np.flatnonzero(values[order[1:]] == values[order[:-1]])
    if len(same):
        pair = sorted(rows[order[same[0] : same[0] + 2]].tolist())
        raise ShardError(
            f"ids must all be different: rows {pair[0]} and {pair[1]} both have "
            f"{values[order[same[0]]].item()!r}"
        )
