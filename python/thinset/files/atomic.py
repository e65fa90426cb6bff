"""Writes files and folders atomically.

All output of thinset goes through here: the content is written beside the target, synced to disk
and renamed. If the process is killed at any moment, the target is either the old state or the
complete new one. The next write removes leftovers of the killed process (see
thinset.files.partial).
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinset import _core
from thinset.files.partial import PARTIAL, REPLACED, lock, partial_of, remove_leftovers
from thinset.files.regular import require_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The errors of a full disk, for which Python's message does not name the file.
_IS_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}

# Errors of file systems that cannot sync a file or a folder; they decide how durable it is.
_CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF, errno.ENOSYS}


_MOST_LINKS = 40  # the limit of Linux


def first_entry(folder: Path) -> str | None:
    """The name of an entry of `folder`: `atomic_folder` treats every entry as foreign."""
    return min((path.name for path in folder.iterdir()), default=None)


@contextlib.contextmanager
def atomic_file(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `target`; on a clean exit it becomes `target`.

    On an exception the temporary file is removed and `target` is unchanged. Parent folders are
    created. If `target` is a symbolic link, the link is replaced, not its target.

    Raises ValueError if `target` is a pipe, device or socket, IsADirectoryError if it is a
    folder, before any work is done; OSError if the folder cannot be written.
    """
    target = Path(target).absolute()
    _require_target(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with naming(target), partial_of(target, is_folder=False) as partial:
        yield partial.path
        partial.path.chmod(0o666 & ~_umask())
        _sync(partial.path)
        partial.path.replace(target)
        _sync(target.parent)


@contextlib.contextmanager
def atomic_folder(
    target: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    foreign: Callable[[Path], str | None] = first_entry,
) -> Iterator[Path]:
    """Yield a temporary folder beside `target`; on a clean exit it becomes `target`.

    With `overwrite`, an existing folder is exchanged for the new one and then removed, if thinset
    wrote everything in it: `foreign` returns the name of an entry that it did not write, or None.
    If `target` is a symbolic link to a folder, the linked folder is replaced.

    Raises FileExistsError, before any work is done, if `target` exists and `overwrite` is false, is
    not a folder, or has a foreign entry.
    """
    target = Path(os.path.realpath(target))
    _require_folder_for(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(target)  # which may restore the target
    _require_replaceable(target, overwrite=overwrite, foreign=foreign)
    with naming(target), partial_of(target, is_folder=True) as partial:
        yield partial.path
        partial.path.chmod(0o777 & ~_umask())
        _sync_tree(partial.path)
        # Check again, because other processes may have written meanwhile.
        _require_replaceable(target, overwrite=overwrite, foreign=foreign)
        if os.path.lexists(target):
            _replace_folder(partial.path, target)
        else:
            partial.path.rename(target)
        _sync(target.parent)


def write_json(target: str | os.PathLike[str], content: Any) -> None:
    """Write `content` as indented UTF-8 JSON, atomically; NaN and infinity are refused."""
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    # A file name that is not UTF-8 contains lone surrogates; JSON writes them as \udcff.
    content_bytes = (text + "\n").encode("utf-8", errors="backslashreplace")
    with atomic_file(target) as partial:
        partial.write_bytes(content_bytes)


def require_file_target(target: str | os.PathLike[str]) -> None:
    """Raise as `atomic_file` does if `target` cannot be written; it leaves nothing behind.

    Long work checks its output first. Raises ValueError or IsADirectoryError if it exists and is
    not a regular file, and OSError, naming it or its folder, if its folder, or the one to make that
    in, cannot take it.
    """
    import tempfile

    _require_target(target)
    target = Path(target).absolute()
    try:
        with tempfile.TemporaryFile(dir=existing_folder(target)):
            pass
    except OSError as error:
        error.filename, error.filename2 = os.fspath(target), None
        raise


def _require_target(target: str | os.PathLike[str]) -> None:
    """The checks of `require_file_target` that do without a trial."""
    if _leads_to_open_file(Path(target)):
        raise ValueError(
            f"{target} is a link to a file that a process has open; name a regular file"
        )
    if Path(target).is_dir():
        raise IsADirectoryError(
            errno.EISDIR, "is a folder; name a file to write", os.fspath(target)
        )
    if Path(target).exists():
        require_regular(target)
    _require_folder_for(Path(target).absolute())


def _require_folder_for(target: Path) -> None:
    """Raise OSError unless the folder of `target`, or the one to make that in, can take it."""
    folder = existing_folder(target)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), os.fspath(folder))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(folder))


def existing_folder(target: Path) -> Path:
    """The folder of `target`, or the one to make that in."""
    return next(path for path in target.parents if os.path.lexists(path))


def _leads_to_open_file(path: Path) -> bool:
    """Whether `path` is a link in /dev or /proc, such as /dev/stdout, or a link to one.

    Replacing it would write to another place, and break it for every process.
    """
    for _ in range(_MOST_LINKS):
        if not path.is_symlink():
            return False
        with contextlib.suppress(OSError):
            folder, root, processes = (
                place.stat() for place in (path.parent, Path("/"), Path("/proc"))
            )
            is_process = processes.st_dev != root.st_dev and folder.st_dev == processes.st_dev
            if is_process or path.parent.samefile("/dev"):
                return True
        path = path.parent / path.readlink()
    return False


def _require_replaceable(
    target: Path, *, overwrite: bool, foreign: Callable[[Path], str | None]
) -> None:
    if not os.path.lexists(target):
        return
    if not overwrite:
        raise FileExistsError(
            f"{target} already exists; choose another output, or pass overwrite (--overwrite)"
        )
    if not target.is_dir():
        raise FileExistsError(
            f"{target} is not a folder and is not replaced; choose another output"
        )
    name = foreign(target)
    if name is not None:
        raise FileExistsError(
            f"{target} is not replaced: it holds {name!r}, which is not part of such an output; "
            "choose another output, or remove the folder yourself"
        )


def _replace_folder(new: Path, target: Path) -> None:
    """Exchange `new` and `target`; the old folder gets the name of `new`."""
    if _core.exchange_paths(os.fsencode(new), os.fsencode(target)):
        return
    # Two renames instead. After a kill between them, the next write to the target undoes the first.
    aside = new.with_name(new.name.removesuffix(PARTIAL) + REPLACED)
    descriptor = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        lock(descriptor)
        target.rename(aside)
        try:
            new.rename(target)
        except OSError:
            aside.rename(target)
            raise
        aside.rename(new)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def naming(target: Path) -> Iterator[None]:
    """Name `target` in the error of a full disk, and in place of its partial in any other."""
    try:
        yield
    except OSError as error:
        is_partial = str(error.filename).endswith(PARTIAL)
        if error.errno not in _IS_FULL and not is_partial:
            raise
        # Another error: setting filename2 to None would show "-> None".
        raise OSError(error.errno, error.strerror, os.fspath(target)) from error


def _sync_tree(folder: Path) -> None:
    for path, _, files in os.walk(folder, topdown=False):
        for name in files:
            # Not what a link leads to: it is not ours, and opening a pipe would wait for a writer.
            if not Path(path, name).is_symlink():
                _sync(Path(path, name))
        _sync(Path(path))


def _sync(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:
        return  # a folder that can be written to but not read
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(descriptor)


def _umask() -> int:
    # The umask can only be read by setting it.
    value = os.umask(0o022)
    os.umask(value)
    return value
