"""Shards: found, described, cut into parts, and read back."""

from __future__ import annotations

import numpy as np
import pytest

import thinset
from sharded_rows import CUTS, N, same
from thinset import distributed
from thinset.distributed.held_rows import HeldRows
from thinset.distributed.shards import list_shards

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def tables(X, tmp_path):
    """Parquet shards with ids, in row groups that no part ends with."""
    ids = np.array([f"sample {row}" for row in range(N)])
    for number, rows in enumerate(np.split(np.arange(N), CUTS)):
        lists = pyarrow.array(list(X[rows]), pyarrow.list_(pyarrow.float32()))
        if number % 2:
            lists = pyarrow.FixedSizeListArray.from_arrays(X[rows].ravel(), X.shape[1])
        table = pyarrow.table({"id": ids[rows], "vector": lists, "row": rows})
        parquet.write_table(table, tmp_path / f"part-{number}.parquet", row_group_size=40)
    return tmp_path / "part-*.parquet"


@pytest.mark.parametrize("n_parts", [1, 3, 8])
def test_parts_hold_all_rows_once_in_equal_shares(X, tables, n_parts):
    listed = list_shards(tables)
    assert listed.shape == X.shape
    parts = listed.parts(n_parts)
    assert max(part.n_rows for part in parts) - min(part.n_rows for part in parts) <= 1
    held = [HeldRows(part) for part in parts]
    found = np.concatenate([array for rows in held for array in rows.matrix.arrays])
    assert found.tobytes() == X.tobytes()
    some = np.array([2, 0, 1])
    assert held[-1].points(some)[0].tobytes() == X[parts[-1].first_row + some].tobytes()


def test_parquet_with_an_id_column_gives_the_rows_of_one_array(X, tables):
    found = distributed.select(tables, 30, n_workers=3, id_column="id")
    same(found, thinset.select(X, 30))
    assert found.ids.tolist() == [f"sample {row}" for row in found.indices]
    numbered = distributed.select(tables, 30, n_workers=3, id_column="row")
    assert numbered.ids.tolist() == found.indices.tolist()
    given = distributed.select(tables, 30, ids=np.arange(N) * 3)
    assert given.ids.tolist() == (3 * found.indices).tolist()


def test_files_arrays_and_patterns_may_be_mixed_and_are_in_order(X, shards, tables):
    mixed = [str(shards[0]), *shards[1:4], X[251:600], np.split(X, CUTS)[-1]]
    same(distributed.select(mixed, 30, n_workers=4), thinset.select(X, 30))
    pattern = shards[0].parent / "*.npy"
    same(distributed.select(pattern, 30), thinset.select(X, 30))
    assert distributed.files_of([pattern]) == [str(file) for file in shards]


def test_an_id_that_is_missing_or_there_twice_is_refused(X, tmp_path):
    for ids, message in (
        ([1, 2, 2, 3], "ids must all be different: rows 1 and 2 both have 2$"),
        ([1, None, 2, 3], "column 'id' has no entry in row 1"),
        ([0.5, 1.5, 2.5, 3.5], "column 'id' must hold integers or text, got double"),
        (["a", "a\0", "b", "c"], r"column 'id' must not end with null characters: row 1 has 'a"),
    ):
        lists = pyarrow.array(list(X[:4]), pyarrow.list_(pyarrow.float32()))
        parquet.write_table(pyarrow.table({"id": ids, "vector": lists}), tmp_path / "x.parquet")
        with pytest.raises(distributed.ShardError, match=message):
            distributed.select(tmp_path / "x.parquet", 4, "random", id_column="id")
    with pytest.raises(distributed.ShardError, match="must have one column 'name'; it has id"):
        distributed.select(tmp_path / "x.parquet", 4, id_column="name")
    with pytest.raises(distributed.ShardError, match="id_column applies to parquet shards"):
        distributed.select(X, 4, id_column="id")
    with pytest.raises(ValueError, match="give ids or id_column, not both"):
        distributed.select(X, 4, id_column="id", ids=np.arange(N))


def write_ids(X, path, ids, **options):
    lists = pyarrow.array(list(X[: len(ids)]), pyarrow.list_(pyarrow.float32()))
    parquet.write_table(pyarrow.table({"id": ids, "vector": lists}), path, **options)


def test_a_missing_id_is_named_in_any_row_group_before_the_rows_are_read(X, tmp_path):
    write_ids(X, tmp_path / "0.parquet", [1, 2, 3, 4, None, 6], row_group_size=2)
    with pytest.raises(distributed.ShardError, match="column 'id' has no entry in row 4"):
        distributed.select(tmp_path / "0.parquet", 6, "random", id_column="id")
    values = X[:6].copy()
    values[1, 1] = np.nan  # would be an error of its own
    write_ids(values, tmp_path / "0.parquet", [True] * 6)
    with pytest.raises(distributed.ShardError, match="must hold integers or text, got bool; cast"):
        distributed.select(tmp_path / "0.parquet", 6, "random", id_column="id")


def test_ids_of_shards_with_other_types_are_joined_without_loss_or_refused(X, tmp_path):
    def select(first, second, k=4):
        write_ids(X, tmp_path / "0.parquet", first)
        write_ids(X[2:], tmp_path / "1.parquet", second)
        return distributed.select(tmp_path / "*.parquet", k, "random", id_column="id")

    signed, unsigned = pyarrow.array([1, -2]), pyarrow.array([2**53 + 1, 2**53], pyarrow.uint64())
    found = select(signed, unsigned)
    assert sorted(found.ids.tolist()) == [-2, 1, 2**53, 2**53 + 1]
    large = pyarrow.array([2**63, 2**63 + 1], pyarrow.uint64())
    found = select(pyarrow.array([1, 2]), large)
    assert sorted(found.ids.tolist()) == [1, 2, 2**63, 2**63 + 1]
    distributed.write_table(found, tmp_path / "chosen" / "table.parquet")
    table = parquet.read_table(tmp_path / "chosen" / "table.parquet")
    assert table["id"].to_pylist() == found.ids.tolist()
    with pytest.raises(distributed.ShardError, match=f"must fit int64 .* from -2 to {2**63 + 1}"):
        select(signed, large)
    with pytest.raises(distributed.ShardError, match=r"or text in all: .*0\.parquet has integers"):
        select(signed, ["1", "2"])


@pytest.mark.parametrize("is_resumed", [False, True])
def test_no_output_replaces_a_shard(X, tmp_path, is_resumed):
    file = tmp_path / "rows.parquet"
    write_ids(X, file, np.arange(N))
    before = file.read_bytes()
    for _ in range(1 + is_resumed):
        found = distributed.select(file, 9, folder=tmp_path / "run")
    for write in (found.save, lambda path: distributed.write_table(found, path)):
        with pytest.raises(ValueError, match="would replace its own source"):
            write(file)
    assert file.read_bytes() == before


def test_a_column_that_does_not_apply_is_refused(X):
    for shards in (X, [X[:5], X[5:]]):
        with pytest.raises(distributed.ShardError, match="shard 0: column='v' does not apply to"):
            distributed.select(shards, 9, column="v")


def test_shards_that_do_not_fit_are_refused(X, shards, tmp_path):
    with pytest.raises(FileNotFoundError, match="no file matches the pattern"):
        distributed.select(tmp_path / "*.parquet", 4)
    with pytest.raises(ValueError, match="at least one file or array, got an empty list"):
        distributed.select([], 4)
    with pytest.raises(ValueError, match="must have at least one row; all 2 are empty"):
        distributed.select([X[:0], X[:0]], 4)
    with pytest.raises(distributed.ShardError, match="shard 0 must have at least one column, got"):
        distributed.select(X[:, :0], 4)
    np.save(shards[3], X[:4, :5])
    with pytest.raises(distributed.ShardError, match=r"3\.npy has 5 of float32, .*0\.npy has 9"):
        distributed.select(shards, 4)
    np.save(shards[3], X[:4].astype(np.float64))
    with pytest.raises(distributed.ShardError, match=r"3\.npy has 9 of float64"):
        distributed.select(shards, 4)


def test_uris_of_files_are_paths_and_others_are_refused(X, shards):
    expected = thinset.select(X, 9)
    same(distributed.select((shards[0].parent / "*.npy").as_uri().replace("%2A", "*"), 9), expected)
    # "?" is no query: it stands for one character, as in other patterns.
    same(distributed.select(f"file://localhost{shards[0].parent}/?.npy", 9), expected)
    for uri in ("s3://bucket/part-*.parquet", "gs:/bucket/part-0.npy", "file://other/part-0.npy"):
        with pytest.raises(ValueError, match=rf"got '{uri[:2]}.*; mount the bucket as a folder"):
            distributed.select([*shards, uri], 9)
