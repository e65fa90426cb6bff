"""Limits on the threads of third-party libraries."""

from __future__ import annotations

import os


def keep_to_cpu_quota() -> None:
    """Limit the threads of torch and BLAS to the CPU quota of the container.

    By default they use every processor in the affinity mask. This works only before they are
    loaded, and does nothing if OMP_NUM_THREADS is set. Child processes inherit the limit.
    """
    from thinset import _core

    if not hasattr(os, "sched_getaffinity"):
        return
    n_available = _core.available_processors()
    if n_available < len(os.sched_getaffinity(0)):
        os.environ.setdefault("OMP_NUM_THREADS", str(n_available))
