"""Prevents an output from overwriting an input, under any name or link."""

from __future__ import annotations

import bisect
import contextlib
import numbers
import os
import stat
import sys
from typing import TYPE_CHECKING, Any, TypeAlias

from thinset.files.uris import local_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Identity: TypeAlias = tuple[int, int]  # device and inode

_OUTPUT_DEPTH = 2  # folders below an output that hold its files: DIR/train/images.npy


class Inputs:
    """The inputs of a result, stored with it so that it is not saved over one of them.

    Arrays and tensors are not copied: a copied result has the same inputs, a pickled one has none.
    """

    def __init__(self, *values: Any) -> None:
        self._values = values

    def __deepcopy__(self, _memo: Any) -> Inputs:
        return self

    def __reduce__(self) -> tuple[type[Inputs], tuple[()]]:
        return Inputs, ()

    def require_apart(self, out: str | os.PathLike[str]) -> None:
        """Raise as the function of this name does."""
        require_apart(out, *self._values)


def require_apart(out: str | os.PathLike[str], *inputs: Any) -> None:
    """Raise ValueError if writing the file or folder `out` would overwrite one of `inputs`.

    `inputs`: paths of files and folders, arrays and tensors (those that are mapped from a file
    count), lists of these; anything else is ignored. Files are compared by device and inode, so
    hard links and symbolic links are recognised. A new `out` may be made inside an input folder.
    """
    from pathlib import Path  # imported late: it takes a fifth of the time of importing thinset

    origins = _paths(inputs)
    require_not_above(out, *origins)
    written = dict(_files_of_output(Path(os.path.realpath(out)))) if origins else {}
    if not written:
        return
    for origin in origins:
        for path, identity in _files_of_input(Path(origin), {inode for _, inode in written}):
            if identity in written:
                raise ValueError(_message(written[identity], path))


def require_not_above(out: str | os.PathLike[str], *inputs: str | os.PathLike[str]) -> None:
    """Raise ValueError if `out` is one of the paths `inputs`, or a folder above it."""
    from pathlib import Path  # imported late: it takes a fifth of the time of importing thinset

    target = Path(os.path.realpath(out))
    for origin in inputs:
        if Path(os.path.realpath(origin)).is_relative_to(target):
            raise ValueError(_message(Path(out), Path(origin)))


def require_not_inside(out: str | os.PathLike[str], folder: str | os.PathLike[str]) -> None:
    """Raise ValueError if `out` is in the folder `folder`, or in one below it."""
    from pathlib import Path  # imported late: it takes a fifth of the time of importing thinset

    target, origin = Path(os.path.realpath(out)), Path(os.path.realpath(folder))
    if target != origin and target.is_relative_to(origin):
        raise ValueError(
            f"the output {os.fspath(out)} is inside its source {os.fspath(folder)}, whose samples "
            "it would change; choose an output outside"
        )


def _message(out: Path, origin: Path) -> str:
    return f"the output {out} would replace its own source {origin}; choose another output"


def _files_of_output(target: Path, depth: int = _OUTPUT_DEPTH) -> Iterator[tuple[Identity, Path]]:
    """Every file that disappears with `target`, including links in it, but not their targets."""
    try:
        status = target.lstat()
    except OSError:
        return
    if not stat.S_ISDIR(status.st_mode):
        yield (status.st_dev, status.st_ino), target
    elif depth >= 0:
        for entry in _entries(target):
            yield from _files_of_output(target / entry.name, depth - 1)


def _files_of_input(origin: Path, inodes: set[int]) -> Iterator[tuple[Path, Identity]]:
    """The file `origin`, or the files below the folder `origin` whose inode is one of `inodes`."""
    paths = [origin]
    seen: set[Identity] = set()
    while paths:
        path = paths.pop()
        try:
            status = path.stat()
        except OSError:
            continue
        identity = (status.st_dev, status.st_ino)
        if not stat.S_ISDIR(status.st_mode):
            yield path, identity
        elif identity not in seen:
            seen.add(identity)
            # Only folders and links need a stat call; other entries provide their inode.
            paths += [
                path / entry.name
                for entry in _entries(path)
                if entry.is_symlink() or entry.is_dir() or entry.inode() in inodes
            ]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _paths(inputs: Any) -> list[str]:
    """The paths among `inputs`, and those of the files that arrays among them are mapped from."""
    paths: list[str] = []
    addresses: list[int] = []
    for value in _flattened(inputs):
        if isinstance(value, (str, os.PathLike)):
            paths += [_of_file_uri(os.fsdecode(value))] if os.fspath(value) else []
        elif (address := _address(value)) is not None:
            addresses.append(address)
            paths += _names_of_owners(value)
    return list(dict.fromkeys([*paths, *_files_mapped_at(addresses)]))


def _of_file_uri(path: str) -> str:
    """The path of a file:// URI; anything else as it is."""
    return local_path(path) if path.lower().startswith("file:") else path


def _flattened(values: Any) -> Iterator[Any]:
    for value in values:
        if not isinstance(value, (list, tuple)):
            yield value
        # A long list of numbers contains no path, not even in the middle.
        elif value and not isinstance(value[0], numbers.Number):
            yield from _flattened(value)


def _address(array: Any) -> int | None:
    if hasattr(type(array), "__array_interface__"):
        address: int = array.__array_interface__["data"][0]
        return address
    return int(array.data_ptr()) if hasattr(type(array), "data_ptr") else None


def _names_of_owners(array: Any) -> Iterator[str]:
    """The file of a numpy.memmap, which is the base of its views."""
    while array is not None:
        name = getattr(array, "filename", None)
        if isinstance(name, (str, os.PathLike)):
            yield os.fspath(name)
            return
        array = getattr(array, "base", None)


def _files_mapped_at(addresses: list[int]) -> Iterator[str]:
    """The files mapped at these addresses of this process, by their current names."""
    if not addresses or sys.platform != "linux":
        return
    starts, ends, names = [], [], []
    with contextlib.suppress(OSError), open("/proc/self/maps", "rb") as maps:
        for line in maps:
            bounds, *fields = line.rstrip(b"\n").split(maxsplit=5)
            start, end = bounds.split(b"-")
            starts.append(int(start, 16))
            ends.append(int(end, 16))
            names.append(fields[4] if len(fields) > 4 else b"")
    for address in addresses:
        place = bisect.bisect_right(starts, address) - 1
        if place >= 0 and address < ends[place] and names[place].startswith(b"/"):
            yield os.fsdecode(names[place].replace(b"\\012", b"\n"))
