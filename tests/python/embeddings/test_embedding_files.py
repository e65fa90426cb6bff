"""Embeddings are written by ordinary calls: a full disk is an error, and the old ones stay."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from thinset.embeddings import activation_scores, encode, pca
from thinset.embeddings.store import stored_embeddings, write_embeddings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MATRIX = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)


def batches() -> Iterator[np.ndarray[Any, Any]]:
    yield MATRIX[:20]
    yield MATRIX[20:].astype(np.float64)


def test_no_map_is_written_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memmap = np.memmap.__new__

    def read_only(cls: type, *arguments: Any, **options: Any) -> Any:
        assert options.get("mode", arguments[2:3]) in ("r", ("r",))
        return memmap(cls, *arguments, **options)

    monkeypatch.setattr(np.memmap, "__new__", read_only)
    matrix = write_embeddings(tmp_path, batches(), n_samples=30, identity={"of": "me"})
    np.testing.assert_array_equal(matrix, MATRIX)


def test_a_full_disk_keeps_the_old_embeddings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_embeddings(tmp_path, batches(), n_samples=30, identity={"of": "me"})

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match=r"No space left on device.*embeddings\.npy"):
        write_embeddings(tmp_path, batches(), n_samples=30, identity={"of": "another"})
    stored = stored_embeddings(tmp_path, {"of": "me"}, 30)
    assert stored is not None
    np.testing.assert_array_equal(stored, MATRIX)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["embeddings.json", "embeddings.npy"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "30 rows of embeddings were expected, got 0"),
        ([MATRIX[:29]], "30 rows of embeddings were expected, got 29"),
        ([MATRIX, MATRIX[:1]], "more than the expected 30 rows"),
        ([MATRIX[:, :3], MATRIX[:0]], "rows must be float32 of shape"),
        ([MATRIX[:20], np.full((10, 4), 1e39)], "row 20 contains NaN or infinity"),
    ],
)
def test_rows_that_do_not_fit(tmp_path: Path, rows: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_embeddings(tmp_path, rows, n_samples=30, identity={})
    assert list(tmp_path.iterdir()) == []


def test_embeddings_are_not_computed_onto_their_input(tmp_path: Path) -> None:
    matrix = write_embeddings(tmp_path, batches(), n_samples=30, identity={"of": "me"})
    before = (tmp_path / "embeddings.npy").read_bytes()
    for compute in (lambda: pca(matrix, 2, tmp_path), lambda: activation_scores(matrix, tmp_path)):
        with pytest.raises(ValueError, match="would replace its own source"):
            compute()
    assert (tmp_path / "embeddings.npy").read_bytes() == before


def test_images_are_not_encoded_onto_themselves(tmp_path: Path) -> None:
    from types import SimpleNamespace

    from torch import nn

    np.save(tmp_path / "embeddings.npy", np.zeros((3, 4, 4, 1), np.uint8))
    images = np.load(tmp_path / "embeddings.npy", mmap_mode="r")
    dataset: Any = SimpleNamespace(images=images, labels=None)
    with pytest.raises(ValueError, match="would replace its own source"):
        encode(nn.Flatten(), dataset, tmp_path, device="cpu")
    assert np.load(tmp_path / "embeddings.npy").shape == (3, 4, 4, 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_embed_on_a_full_disk_ends_with_an_error(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a file system cannot be mounted here")
    try:
        command = [sys.executable, "-m", "thinset", "embed", "digits", "-o", str(disk / "e")]
        result = subprocess.run(
            [*command, "--encoder", "pca"], capture_output=True, text=True, timeout=120
        )
        assert result.returncode == 4
        assert "No space left on device" in result.stderr.splitlines()[-1]
        assert "Traceback" not in result.stderr
    finally:
        subprocess.run(["umount", str(disk)], check=True)
