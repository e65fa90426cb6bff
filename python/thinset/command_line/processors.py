"""How many threads other people's libraries start."""

from __future__ import annotations

import os


def keep_to_cpu_quota() -> None:
    """Have torch and BLAS start no more threads than the CPU quota of a container allows.

    They count the processors of the affinity mask alone. Only before they are loaded, and unless
    OMP_NUM_THREADS is set already; processes started from this one do the same.
    """
    from thinset import _core

    if not hasattr(os, "sched_getaffinity"):
        return
    n_available = _core.available_processors()
    if n_available < len(os.sched_getaffinity(0)):
        os.environ.setdefault("OMP_NUM_THREADS", str(n_available))
