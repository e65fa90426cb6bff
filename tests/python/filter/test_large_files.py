"""Gathering from files larger than anyone would load: the very rows, whole or not at all."""

from __future__ import annotations

import filecmp
import os
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest

import thinset

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

N, IMAGE_SHAPE = 50_000, (100, 200, 3)
K = 4320


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """embeddings.npy and an images.npy of 3 GB, removed after the tests."""
    folder = tmp_path_factory.mktemp("three_gigabytes")
    generator = np.random.default_rng(11)
    X = np.maximum(generator.standard_normal((N, 64)), 0).astype(np.float32)
    np.save(folder / "embeddings.npy", X)
    images = np.lib.format.open_memmap(
        folder / "images.npy", mode="w+", dtype=np.uint8, shape=(N, *IMAGE_SHAPE)
    )
    noise = generator.integers(0, 256, (1000, *IMAGE_SHAPE), dtype=np.uint8)
    for start in range(0, N, len(noise)):
        images[start : start + len(noise)] = noise
    # Rows differ from their likes in every chunk by their own number.
    images.reshape(N, -1)[:, :8] = np.arange(N, dtype=np.int64)[:, None].view(np.uint8)
    images.flush()
    del images
    yield folder
    shutil.rmtree(folder)


def numpy_rows(folder, indices, path):
    """Write the rows as NumPy's fancy indexing gives them."""
    np.save(path, np.load(folder / "images.npy", mmap_mode="r")[indices])


def test_filter_writes_the_bytes_that_numpy_writes(folder, binary, tmp_path):
    command = [binary, "filter", folder / "embeddings.npy", folder / "images.npy"]
    subprocess.run([*command, "-n", str(K), "-o", tmp_path / "out"], check=True)
    indices = np.load(tmp_path / "out" / "indices.npy")
    assert indices.tolist() == thinset.select(folder / "embeddings.npy", K).indices.tolist()
    numpy_rows(folder, indices, tmp_path / "numpy.npy")
    written = tmp_path / "out" / "images.npy"
    assert filecmp.cmp(written, tmp_path / "numpy.npy", shallow=False)
    shutil.rmtree(tmp_path)


def require_old_or_whole(target, old, whole):
    """Under the final name stands what stood there before, or every byte of the new file."""
    if not target.exists():
        assert old is None
    elif old is not None and target.stat().st_size == len(old):
        assert target.read_bytes() == old
    else:
        assert filecmp.cmp(target, whole, shallow=False)


@pytest.mark.parametrize("old", [None, b"what stood there before"])
def test_killed_gather_leaves_the_old_state_or_the_whole_file(folder, binary, tmp_path, old):
    indices = np.random.default_rng(3).integers(0, N, 8000)
    np.save(tmp_path / "rows.npy", indices)
    numpy_rows(folder, indices, tmp_path / "numpy.npy")
    out = tmp_path / "out"
    target = out / "images.npy"
    command = [binary, "gather", tmp_path / "rows.npy", folder / "images.npy", "-o", out]

    start = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    whole = time.monotonic() - start
    assert filecmp.cmp(target, tmp_path / "numpy.npy", shallow=False)

    killed_at_work = 0
    moments = np.random.default_rng(4).uniform(0, 1.2 * whole, 10)
    for moment in moments:
        shutil.rmtree(out)
        out.mkdir()
        if old is not None:
            target.write_bytes(old)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            time.sleep(moment)
            os.kill(process.pid, signal.SIGKILL)
        killed_at_work += len(list(out.glob(".*.partial")))
        require_old_or_whole(target, old, tmp_path / "numpy.npy")
    assert killed_at_work >= 3, "no kill came while the file was being written"
    shutil.rmtree(tmp_path)
