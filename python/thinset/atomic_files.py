"""Files and folders that appear whole or not at all.

Everything thinset writes goes through here: the content is written beside the target, synced to
disk and renamed. Killed at any moment, what lies under the target's name is the old state or the
complete new one.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTIAL_SUFFIX = ".partial"


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_file(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def atomic_file(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `target`; on a clean exit it becomes `target`.

    On an exception the temporary file is removed and `target` is left as it was. Parent folders
    are created. Raises OSError where the folder cannot be written.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(
        prefix=f".{target.name}.", suffix=PARTIAL_SUFFIX, dir=target.parent
    )
    os.close(descriptor)
    partial = Path(name)
    try:
        yield partial
        partial.chmod(0o666 & ~_umask())
        _sync_file(partial)
        partial.replace(target)
        _sync_directory(target.parent)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(target: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary folder beside `target`; on a clean exit it becomes `target`.

    With `overwrite`, an existing folder is moved aside first and removed once the new one stands.
    Raises FileExistsError where `target` exists and `overwrite` is false, before any work is done.
    """
    target = Path(target)
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} already exists; choose another output or pass overwrite")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(
        tempfile.mkdtemp(prefix=f".{target.name}.", suffix=PARTIAL_SUFFIX, dir=target.parent)
    )
    try:
        yield partial
        partial.chmod(0o777 & ~_umask())
        for path in partial.rglob("*"):
            if path.is_file():
                _sync_file(path)
        _sync_directory(partial)
        if target.exists():
            replaced = Path(
                tempfile.mkdtemp(
                    prefix=f".{target.name}.", suffix=PARTIAL_SUFFIX, dir=target.parent
                )
            )
            target.rename(replaced / target.name)
            partial.rename(target)
            shutil.rmtree(replaced)
        else:
            partial.rename(target)
        _sync_directory(target.parent)
    finally:
        if partial.exists():
            shutil.rmtree(partial)


def write_json(target: str | os.PathLike[str], content: Any) -> None:
    """Write `content` as indented UTF-8 JSON, atomically; NaN and infinity are refused."""
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    # A file name that is not UTF-8 comes as lone surrogates; JSON writes them as \udcff.
    content_bytes = (text + "\n").encode("utf-8", errors="backslashreplace")
    with atomic_file(target) as partial:
        partial.write_bytes(content_bytes)


def _umask() -> int:
    # The umask can only be read by setting it.
    value = os.umask(0o022)
    os.umask(value)
    return value
