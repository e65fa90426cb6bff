"""Opens only regular files; refuses pipes, devices and sockets.

Opening a named pipe waits until another process writes to it, possibly forever. A device may
deliver bytes without end.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading bytes; errors as in `require_regular`."""
    require_regular(path)
    # It may have been replaced since, so neither opening nor reading may block.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _require_regular_mode(path, os.fstat(descriptor).st_mode)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_text(path: str | os.PathLike[str]) -> str:
    """Read a UTF-8 text file; errors as in `require_regular`, ValueError for other encodings."""
    with open_regular(path) as file:
        content = file.read()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{os.fspath(path)} is not UTF-8 text: {error}") from error


def require_regular(path: str | os.PathLike[str]) -> None:
    """Check that `path`, or what it links to, is a regular file, for libraries that open it.

    Raises ValueError for pipes, devices and sockets, IsADirectoryError for folders, and OSError if
    its type is unknown.
    """
    _require_regular_mode(path, os.stat(path).st_mode)  # noqa: PTH116 - takes any path


def _require_regular_mode(path: str | os.PathLike[str], mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    for is_kind, kind in _KINDS:
        if is_kind(mode):
            raise ValueError(
                f"{os.fspath(path)} is {kind}, not a regular file; copy its content to a file first"
            )
