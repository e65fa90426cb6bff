"""A lock on a folder: one process writes into it at a time, and its death releases the lock."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOCK_FILE = ".lock"

# Of file systems without this kind of lock.
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}


class FolderLock:
    """The lock of one folder; held until the object is collected or the process ends.

    See `lock_folder`.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder.resolve() / LOCK_FILE
        self._descriptor = _locked(self._file)
        weakref.finalize(self, _release, self._file, self._descriptor, os.getpid())

    @property
    def is_valid(self) -> bool:
        """Whether the folder still has this lock file; the folder may have been removed."""
        return _is_file_at(self._file, self._descriptor)


_held: weakref.WeakValueDictionary[Path, FolderLock] = weakref.WeakValueDictionary()


def lock_folder(folder: Path) -> FolderLock:
    """Lock `folder`, made if it is missing, against other processes; the same process shares it.

    The lock lasts as long as the returned object. It is a file lock (flock) on the file ".lock" in
    the folder, so that the system releases it however the process ends. File systems without such
    locks are used without. Raises BlockingIOError if another process holds the lock, and
    FileNotFoundError for a link that leads nowhere.
    """
    if folder.is_symlink() and not folder.exists():
        raise FileNotFoundError(
            f"{folder} is a link to {folder.readlink()}, which does not exist; remove the link, or "
            "make the folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    key = folder.resolve()
    held = _held.get(key)
    if held is None or not held.is_valid:
        held = _held[key] = FolderLock(folder)
    return held


def _locked(file: Path) -> int:
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                return descriptor
            holder = _holder(descriptor)
            os.close(descriptor)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise OSError(error.errno, error.strerror, str(file)) from None
            raise BlockingIOError(
                f"{file.parent} is in use by another thinset process{holder}; wait for it or "
                "choose another output"
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        # The process that held the lock may have removed the file before this one locked it.
        if _is_file_at(file, descriptor):
            break
        os.close(descriptor)
    with contextlib.suppress(OSError):  # the number only serves the message of others
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _holder(descriptor: int) -> str:
    """The process that holds the lock, in words; empty where the file does not name it."""
    with contextlib.suppress(OSError):
        text = os.pread(descriptor, 20, 0).strip()
        if text.isdigit():
            return f" (pid {int(text)})"
    return ""


def _release(file: Path, descriptor: int, owner: int) -> None:
    if os.getpid() != owner:
        return  # a forked child shares the lock of its parent
    with contextlib.suppress(OSError):
        if _is_file_at(file, descriptor):
            file.unlink()
    with contextlib.suppress(OSError):
        os.close(descriptor)


def _is_file_at(file: Path, descriptor: int) -> bool:
    try:
        there = file.lstat()
    except OSError:
        return False
    return os.path.samestat(there, os.fstat(descriptor))
