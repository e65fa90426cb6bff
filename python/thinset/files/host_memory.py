"""How much memory of the machine this process may still take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path("/")
# By version of control groups: the files with the limit and the use, and the entry of memory.stat
# with files that the kernel drops when memory is short.
_FILES = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    2: ("memory.max", "memory.current", "inactive_file"),
}


def available_host_memory(*, root: Path = _ROOT) -> int | None:
    """The bytes that are free; None if the system does not say.

    The least of what Linux counts as available and of what the limits of the control groups of this
    process leave. `root`: where /proc and /sys are.
    """
    found = [*_of_machine(root), *_of_groups(root)]
    return min(found) if found else None


def _of_machine(root: Path) -> Iterator[int]:
    available = re.search(r"^MemAvailable:\s+(\d+) kB$", _text(root / "proc/meminfo"), re.MULTILINE)
    if available:
        yield 1024 * int(available[1])


def _of_groups(root: Path) -> Iterator[int]:
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            version, top = 2, root / "sys/fs/cgroup"
        elif "memory" in controllers.split(","):
            version, top = 1, root / "sys/fs/cgroup/memory"
        else:
            continue
        # In a container, the group may be named as the host sees it: then only the top is there.
        folder = top / group.lstrip("/")
        for place in (folder, *folder.parents):
            if place.is_relative_to(top):
                yield from _of_group(place, *_FILES[version])


def _of_group(folder: Path, limit: str, use: str, dropped: str) -> Iterator[int]:
    most, used = _text(folder / limit).strip(), _text(folder / use).strip()
    if not (most.isdigit() and used.isdigit()):
        return  # "max", or the top group, which has no limit
    droppable = re.search(rf"^{dropped} (\d+)$", _text(folder / "memory.stat"), re.MULTILINE)
    yield max(0, int(most) - int(used) + (int(droppable[1]) if droppable else 0))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
