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
    """Raise ShardError for a shard that has no such column, before any work is done."""
    for shard in listed.shards:
        if not (shard.is_file and shard.name.lower().endswith(_SUFFIXES)):
            raise ShardError(f"id_column applies to parquet shards, got {shard.name}; pass ids=")
        with naming(shard.name), open_parquet(shard.name) as file:
            names = file.schema_arrow.names
        if names.count(name) != 1:
            raise ShardError(
                f"{shard.name} must have one column {name!r}; it has {', '.join(names)}"
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
    values = np.concatenate(found)
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
                found.append(group.column(0).take(rows[begin:end] - first))
            first += n_rows
    types = pyarrow().types
    values = []
    for column in found:
        if column.null_count:
            missing = int(np.argmax(column.is_null().to_numpy()))
            raise ShardError(f"{path}: column {name!r} has no entry in row {rows[missing]}")
        if types.is_integer(column.type):
            values.append(column.to_numpy())
        elif types.is_string(column.type) or types.is_large_string(column.type):
            values.append(np.array(column.to_pylist(), np.str_))
        else:
            raise ShardError(
                f"{path}: column {name!r} must hold integers or text, got {column.type}"
            )
    return np.concatenate(values)


def _require_different(values: NDArray[Any], rows: NDArray[np.int64]) -> None:
    order = np.argsort(values, kind="stable")
    same = np.flatnonzero(values[order[1:]] == values[order[:-1]])
    if len(same):
        pair = sorted(rows[order[same[0] : same[0] + 2]].tolist())
        raise ShardError(
            f"ids must all be different: rows {pair[0]} and {pair[1]} both have "
            f"{values[order[same[0]]].item()!r}"
        )
