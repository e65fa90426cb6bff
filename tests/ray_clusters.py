"""A cluster of Ray in this process, for tests."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# Ray closes sockets and files late.
CLOSES_LATE = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@contextlib.contextmanager
def cluster_of(n_cpus: int) -> Iterator[Any]:
    """The module; `n_cpus` is what Ray counts, whatever the machine has."""
    ray = pytest.importorskip("ray", reason="needs the extra 'ray'")
    ray.init(num_cpus=n_cpus, include_dashboard=False, log_to_driver=False, logging_level="error")
    try:
        yield ray
    finally:
        ray.shutdown()
