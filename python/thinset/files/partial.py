"""Temporary files and folders beside a target, and the leftovers of killed processes.

A partial is named `.NAME.RANDOM.partial`. Its writer holds an exclusive `flock` on it while it
runs. A partial whose lock is free is a leftover, and the next write to the same target removes it.
The native core follows the same rules. A child process made by `fork` shares the lock: a partial
then stays until the last of these processes ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTIAL = ".partial"
REPLACED = ".replaced"
"""A folder moved aside for its successor, if the system cannot exchange two folders."""

_MOST_NAME_BYTES = 200  # of the 255 that a file name may have


class Partial(NamedTuple):
    """A temporary file or folder, and the open descriptor that holds its lock."""

    path: Path
    descriptor: int


@contextlib.contextmanager
def partial_of(target: Path, *, is_folder: bool) -> Iterator[Partial]:
    """Make a locked partial beside `target`; anything with its name is removed afterwards."""
    remove_leftovers(target)
    partial = _claim(target, is_folder=is_folder)
    try:
        yield partial
    finally:
        _remove(partial.path)
        os.close(partial.descriptor)


def remove_leftovers(target: Path) -> None:
    """Remove the partials of `target` that no living process holds.

    A folder that was moved aside is restored if its successor never replaced it.
    """
    for path in _leftovers(target, REPLACED):
        with _locked_if_free(path) as is_leftover:
            if not is_leftover:
                continue
            if os.path.lexists(target):
                _remove(path)
            else:
                path.rename(target)
    for path in _leftovers(target, PARTIAL):
        with _locked_if_free(path) as is_leftover:
            if is_leftover:
                _remove(path)


def lock(descriptor: int) -> None:
    """Lock an open file or folder while it is open, if the file system has locks."""
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _claim(target: Path, *, is_folder: bool) -> Partial:
    while True:
        path, descriptor = _create(target, is_folder=is_folder)
        lock(descriptor)
        # Before it was locked, another process may have treated it as a leftover.
        if _is_same(path, descriptor):
            return Partial(path, descriptor)
        os.close(descriptor)


def _create(target: Path, *, is_folder: bool) -> tuple[Path, int]:
    prefix = f".{_shortened(target.name)}."
    if not is_folder:
        descriptor, name = tempfile.mkstemp(PARTIAL, prefix, target.parent)
        return Path(name), descriptor
    while True:
        name = tempfile.mkdtemp(PARTIAL, prefix, target.parent)
        try:
            return Path(name), os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # removed as a leftover
        except OSError:
            _remove(Path(name))
            raise


def _shortened(name: str) -> str:
    return os.fsdecode(os.fsencode(name)[:_MOST_NAME_BYTES])


def _leftovers(target: Path, suffix: str) -> list[Path]:
    form = re.compile(
        rf"\.{re.escape(_shortened(target.name))}\.[A-Za-z0-9_]{{6,8}}{re.escape(suffix)}"
    )
    try:
        with os.scandir(target.parent) as entries:
            return [target.parent / entry.name for entry in entries if form.fullmatch(entry.name)]
    except OSError:
        return []  # a folder that can be written to but not listed


@contextlib.contextmanager
def _locked_if_free(path: Path) -> Iterator[bool]:
    """Yield whether `path` is an unlocked file or folder; it is locked inside the block."""
    descriptor = _open_without_waiting(path)
    if descriptor is None:
        yield False
        return
    try:
        yield _is_free(path, descriptor)
    finally:
        os.close(descriptor)


def _open_without_waiting(path: Path) -> int | None:
    # Some network file systems lock only what is open for writing; folders can only be read.
    for access in (os.O_RDWR, os.O_RDONLY):
        with contextlib.suppress(OSError):
            return os.open(path, access | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    return None


def _is_free(path: Path, descriptor: int) -> bool:
    try:
        kind = os.fstat(descriptor).st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
            return False
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False  # held by its writer, or the file system has no locks
    return _is_same(path, descriptor)


def _is_same(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _remove(path: Path) -> None:
    # The next write to the same target removes what cannot be removed now.
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()
