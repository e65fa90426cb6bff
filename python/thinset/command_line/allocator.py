"""How the C library keeps memory that is freed."""

from __future__ import annotations

import os

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of mallopt, in malloc.h
_MOST_KEPT = 2**31 - 1  # bytes; the largest that mallopt takes
_OWN_CHOICES = ("MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Let glibc keep up to 2 GiB of freed memory for the next step; whether it does.

    By default it returns each freed block above 32 MiB to the system, which clears all its pages
    when the next step asks for it again. That takes a third of the processor time of a network with
    feature maps of this size. Does nothing with another C library, and where the environment says
    how memory is kept.
    """
    import ctypes  # late, as platform: commands that do not train need neither
    import platform

    if platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in _OWN_CHOICES):
        return False
    library = ctypes.CDLL(None)
    kept = [library.mallopt(_TRIM_THRESHOLD, _MOST_KEPT), library.mallopt(_MMAP_MAX, 0)]
    return kept == [1, 1]
