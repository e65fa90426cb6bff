"""The native copying of rows: NumPy's bytes, whatever the type and wherever the rows are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from thinset import _core

if TYPE_CHECKING:
    from pathlib import Path

GENERATOR = np.random.default_rng(5)
SOURCES = {
    "labels": GENERATOR.integers(0, 10, 50_000),
    "big-endian": GENERATOR.standard_normal((2000, 130)).astype(">f8"),
    "complex": (GENERATOR.standard_normal((900, 3, 50)) * 1j).astype(np.complex64),
    "text": GENERATOR.integers(0, 10**9, (3000, 40)).astype("<U9"),
    "times": GENERATOR.integers(0, 10**9, (3000, 100)).astype("<M8[ns]"),
    "images": GENERATOR.integers(0, 256, (4000, 32, 32, 3), dtype=np.uint8),
    "long rows": GENERATOR.integers(0, 256, (9, 700_001), dtype=np.uint8),
    "no columns": np.empty((50, 0, 3), np.float32),
}


def evict(path: Path) -> None:
    """Drop the file from the page cache, where the system can."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("share", [0.02, 0.5, 1.0])
@pytest.mark.parametrize("name", SOURCES)
def test_the_bytes_that_numpy_saves(tmp_path: Path, name: str, share: float, on_disk: bool) -> None:
    rows = SOURCES[name]
    np.save(tmp_path / "source.npy", rows)
    indices = np.random.default_rng(7).integers(0, len(rows), max(1, int(share * len(rows))))
    np.save(tmp_path / "expected.npy", rows[indices])
    if on_disk:
        evict(tmp_path / "source.npy")
    for source in (str(tmp_path / "source.npy"), rows):
        _core.gather(source, indices, str(tmp_path / "rows.npy"))
        assert (tmp_path / "rows.npy").read_bytes() == (tmp_path / "expected.npy").read_bytes()


@pytest.mark.parametrize("on_disk", [False, True])
def test_what_the_progress_raises_stops_the_work(tmp_path: Path, on_disk: bool) -> None:
    np.save(tmp_path / "source.npy", SOURCES["images"])
    if on_disk:
        evict(tmp_path / "source.npy")
    seen: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        seen.append((done, total))
        raise RuntimeError("enough")

    # Rows enough for several reports, each of which is due after 50 ms.
    indices: Any = np.random.default_rng(7).integers(0, len(SOURCES["images"]), 200_000)
    with pytest.raises(RuntimeError, match="enough"):
        _core.gather(str(tmp_path / "source.npy"), indices, str(tmp_path / "o.npy"), progress=stop)
    assert len(seen) == 1
    assert 0 <= seen[0][0] <= seen[0][1]
    assert os.listdir(tmp_path) == ["source.npy"]
