"""How much memory this process holds, and has held."""

from __future__ import annotations

import contextlib
import re
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thinset.data import Dataset

_PROCESS = Path("/proc/self")  # Linux


def peak_memory() -> int:
    """The most bytes that this process has held, mapped files included."""
    with contextlib.suppress(OSError):
        status = (_PROCESS / "status").read_text(encoding="utf-8")
        if told := re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE):
            return 1024 * int(told[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def forget_peak_memory() -> None:
    """Count the peak from here on, where the system can; elsewhere it stays the process's."""
    with contextlib.suppress(OSError):
        (_PROCESS / "clear_refs").write_text("5", encoding="ascii")


def held_of_mapped(data: Dataset) -> int:
    """How many bytes of images in a mapped file this process holds; 0 where nothing tells."""
    filename = data.images.filename
    try:
        mappings = (_PROCESS / "smaps").read_text(encoding="utf-8")
    except OSError:
        return 0
    total, counts = 0, False
    for line in mappings.splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            counts = filename is not None and line.endswith(str(Path(filename).resolve()))
        elif counts and line.startswith("Rss:"):
            total += 1024 * int(line.split()[1])
    return total
