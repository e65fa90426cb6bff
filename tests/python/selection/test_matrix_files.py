"""Embeddings in files: every kind of path is read, and messages name the file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import thinset

X = np.random.default_rng(3).standard_normal((40, 6)).astype(np.float32)
EXPECTED = thinset.select(X, 9, "max_min").indices.tolist()


def chosen(embeddings):
    return thinset.select(embeddings, 9, "max_min").indices.tolist()


class FilePath(os.PathLike):
    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return self.path


@pytest.mark.parametrize("kind", [str, Path, FilePath])
def test_paths_of_every_kind(kind, tmp_path):
    np.save(tmp_path / "X.npy", X)
    assert chosen(kind(str(tmp_path / "X.npy"))) == EXPECTED
    assert chosen([kind(str(tmp_path / "X.npy"))]) == EXPECTED
    assert chosen(FilePath(os.fsencode(tmp_path / "X.npy"))) == EXPECTED


def test_a_file_whose_name_is_not_utf8(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.npy")
    np.save(path, X)
    assert chosen(path) == EXPECTED
    with open(path, "r+b") as file:
        file.truncate(200)
    with pytest.raises(thinset.FormatError, match="header states"):
        chosen(path)


def broken_files(folder):
    np.save(folder / "good.npy", X)
    whole = (folder / "good.npy").read_bytes()
    (folder / "short.npy").write_bytes(whole[:-100])
    (folder / "empty.npy").write_bytes(b"")
    (folder / "text.npy").write_text("1,2\n3,4\n")
    np.save(folder / "integers.npy", X.astype(int))
    np.save(folder / "row.npy", X[0])
    np.save(folder / "columns.npy", X[:, :4])
    np.save(folder / "double.npy", X.astype(np.float64))
    np.save(folder / "fortran.npy", np.asfortranarray(X))
    hole = X.copy()
    hole[17, 3] = np.nan
    np.save(folder / "hole.npy", hole)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("short", "states 960 bytes of data.*the file has 860"),
        ("empty", "magic"),
        ("text", "magic"),
        ("integers", "got int64"),
        ("row", r"shape \(6,\)"),
        ("fortran", "Fortran order"),
        ("hole", r"row \d+, column 3 is nan \(row 17 of '.*hole.npy'\)"),
    ],
)
def test_messages_name_the_file(name, message, tmp_path):
    broken_files(tmp_path)
    file, good = tmp_path / f"{name}.npy", tmp_path / "good.npy"
    for embeddings in (file, str(file), [file], [good, file], [X, file]):
        for use in (
            lambda: thinset.select(embeddings, 3, "max_min"),  # noqa: B023
            lambda: thinset.deduplicate(embeddings, 0.1),  # noqa: B023
        ):
            with pytest.raises(ValueError, match=message) as caught:
                use()
            assert f"{name}.npy'" in str(caught.value)
            assert "shard" not in str(caught.value)


def test_files_that_do_not_fit_together_are_named(tmp_path):
    broken_files(tmp_path)
    good = tmp_path / "good.npy"
    for embeddings, message in (
        ([good, tmp_path / "columns.npy"], r"columns.npy' has 4, '.*good.npy' has 6"),
        ([X, tmp_path / "double.npy"], r"double.npy' is float64, shard 0 is float32"),
        ([good, X.astype(np.float16)], r"shard 1 is float16, '.*good.npy' is float32"),
    ):
        with pytest.raises(ValueError, match=message):
            thinset.select(embeddings, 3)


def test_a_row_of_a_shard_in_memory_is_located_too():
    hole = X.copy()
    hole[5, 1] = np.inf
    located = rf"row {len(X) + 5}, column 1 is inf \(row 5 of shard 1\)"
    with pytest.raises(ValueError, match=located):
        thinset.select([X, hole], 3, "max_min")
    with pytest.raises(ValueError, match=r"row 5, column 1 is inf$"):
        thinset.select(hole, 3, "max_min")
