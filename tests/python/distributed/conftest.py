from __future__ import annotations

import pytest

from sharded_rows import rows_with_ties, save_shards


@pytest.fixture(scope="session")
def X():
    return rows_with_ties()


@pytest.fixture
def shards(X, tmp_path):
    """The rows in .npy files."""
    return save_shards(X, tmp_path / "shards")
