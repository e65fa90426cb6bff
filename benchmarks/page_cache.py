"""Whether a file's pages are in memory, and how to have them there or not (Linux)."""

from __future__ import annotations

import ctypes
import mmap
import os
from pathlib import Path

import numpy as np

_BLOCK = 2**24
_libc = ctypes.CDLL(None, use_errno=True)


def resident_share(path):
    """The share of a file's pages that are in the page cache, by mincore(2)."""
    size = Path(path).stat().st_size
    n_pages = -(-size // mmap.PAGESIZE)
    resident = np.empty(n_pages, dtype=np.uint8)
    with open(path, "rb") as file, mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ) as pages:
        view = np.frombuffer(pages, dtype=np.uint8)
        address = ctypes.c_void_p(view.ctypes.data)
        status = _libc.mincore(
            address, ctypes.c_size_t(size), ctypes.c_void_p(resident.ctypes.data)
        )
        del view
    if status != 0:
        raise OSError(ctypes.get_errno(), "mincore failed", str(path))
    return float((resident & 1).mean())


def fill(path):
    """Read a file that is not in the page cache altogether."""
    if resident_share(path) < 1.0:
        with open(path, "rb", buffering=0) as file:
            block = bytearray(_BLOCK)
            while file.readinto(block):
                pass


def evict(path):
    """Ask for a file's pages to be dropped. Pages that a process maps stay; needs no root."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())  # Pages that are not on the disk yet stay, too.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
