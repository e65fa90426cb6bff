"""What a process holds, by the system's own account."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import pytest

from thinset.data import write_subset
from thinset.experiments.plan.memory import forget_peak_memory, held_of_mapped, peak_memory

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="only Linux tells all of this"
)

MEBIBYTE = 1 << 20


def test_the_peak_is_forgotten_and_counted_anew() -> None:
    before = peak_memory()
    # Mapped, not allocated: commands that train let the allocator keep what is freed.
    held = mmap.mmap(-1, 256 * MEBIBYTE)
    np.frombuffer(held, np.uint8).fill(1)
    with_array = peak_memory()
    assert with_array >= before
    assert with_array >= 256 * MEBIBYTE
    held.close()
    assert peak_memory() > with_array - 2 * MEBIBYTE, "the system counts in batches"
    forget_peak_memory()
    assert peak_memory() < with_array - 200 * MEBIBYTE


def test_of_mapped_images_what_was_read_counts(tmp_path) -> None:
    images = np.zeros((1000, 64, 64, 3), np.uint8)
    data = write_subset(np.arange(1000), (images, None), tmp_path / "data")
    assert held_of_mapped(data) < MEBIBYTE
    assert int(np.asarray(data.images).sum()) == 0
    assert held_of_mapped(data) == pytest.approx(images.nbytes, abs=MEBIBYTE)
