"""The current and the peak memory of this process."""

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
    """The peak memory of this process in bytes, mapped files included."""
    with contextlib.suppress(OSError):
        status = (_PROCESS / "status").read_text(encoding="utf-8")
        if told := re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE):
            return 1024 * int(told[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def forget_peak_memory() -> None:
    """Reset the peak, if the system supports it; otherwise it stays that of the whole process."""
    with contextlib.suppress(OSError):
        (_PROCESS / "clear_refs").write_text("5", encoding="ascii")


def held_of_mapped(data: Dataset) -> int:
    """The bytes of images in mapped files that this process holds; 0 if unknown."""
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
