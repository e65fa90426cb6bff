"""Chosen samples of tar shards (WebDataset), as tar shards."""

from __future__ import annotations

import contextlib
import tarfile
import zlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from thinset.data.export.chosen import Wanted
from thinset.data.export.outputs import name_of_target, named, targets_of
from thinset.files.regular import require_regular
from thinset.progress import ProgressBar

try:
    from lzma import LZMAError
except ImportError:  # some builds of Python come without it
    LZMAError = EOFError  # type: ignore[assignment, misc]

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from thinset.data.export.chosen import By, Chosen

_COMPRESSIONS = {".tar": "", ".tgz": "gz", ".tar.gz": "gz", ".tar.bz2": "bz2", ".tar.xz": "xz"}
SUFFIXES = tuple(_COMPRESSIONS)


def write_tar_shards(
    files: Sequence[Path],
    out: Path,
    chosen: Chosen,
    by: By,
    *,
    overwrite: bool,
    show_progress: bool,
) -> None:
    """Write the chosen samples of `files`, numbered through in the given order, member by member.

    A sample is consecutive files with one key: the path up to the first dot of the name, which is
    also its id. Folders, links, and names that start with "__" are no samples and are left out, as
    WebDataset does. Samples come in file order. Members are copied with their names, times and
    modes; nothing is unpacked.

    Raises ValueError, naming file and member, for names with ".." or from the root, for a damaged
    or truncated archive, for a key that is there twice, and if the files do not have the chosen
    rows or ids.
    """
    wanted = Wanted(chosen, by, named(files))
    with (
        targets_of(
            files, out, suffixes=SUFFIXES, overwrite=overwrite, form="webdataset", chosen=chosen
        ) as targets,
        ProgressBar("samples", len(chosen), unit="samples", enabled=show_progress) as bar,
        contextlib.ExitStack() as stack,
    ):
        is_one_file = len(set(targets)) == 1
        target: tarfile.TarFile | None = None
        row = 0
        for file, path in zip(files, targets, strict=True):
            if target is None or not is_one_file:
                mode: Any = f"w:{_compression(name_of_target(file, out, SUFFIXES))}"
                stack.close()
                target = stack.enter_context(tarfile.open(path, mode))
            with _opened(file) as source:
                key, number, is_chosen = None, -1, False
                # Each member is copied before the next one is read: compressed files can only be
                # read forwards, and going back means to decompress them from the start.
                for member, key_of_member in _members(source, file):
                    if key_of_member != key:
                        key, number = key_of_member, number + 1
                        place = f"{file}, sample {number} ({key!r})"
                        is_chosen = wanted.position(row, key, place) is not None
                        bar.update(int(is_chosen))
                        row += 1
                    if is_chosen:
                        target.addfile(member, source.extractfile(member))
                        _forget(target)  # or they would fill memory
        wanted.require_complete(row)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    require_regular(path)
    try:
        with tarfile.open(path, "r:*") as source:
            yield source
    except (tarfile.TarError, EOFError, zlib.error, OSError, LZMAError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the system
        # tarfile lists on further lines what each kind of compression failed with.
        reason = str(error).partition("\n")[0].rstrip(":")
        raise ValueError(f"{path} is damaged, truncated or no tar archive: {reason}") from error


def _members(source: tarfile.TarFile, path: Path) -> Iterator[tuple[tarfile.TarInfo, str]]:
    """The members that belong to a sample, and its key."""
    while (member := source.next()) is not None:
        _forget(source)  # or they would fill memory
        key = _key(member, path)
        if key is not None:
            yield member, key
    _require_end(source, path)


def _key(member: tarfile.TarInfo, path: Path) -> str | None:
    """The key of a member; None for one that is no part of a sample."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise ValueError(
            f"{path} has a member named {member.name!r}, which would leave the folder that the "
            "archive is unpacked in; make the archive anew with paths inside of it"
        )
    if member.issparse():
        raise ValueError(f"{path}: the member {member.name!r} is sparse; make the archive anew")
    if not member.isreg() or name.name.startswith("__"):
        return None
    folder, _, base = member.name.rpartition("/")
    stem, dot, _ = base.partition(".")
    if not dot or not stem:
        return None
    return f"{folder}/{stem}" if folder else stem


def _forget(archive: tarfile.TarFile) -> None:
    """Drop the list of members seen so far, which would grow with the archive."""
    members: list[tarfile.TarInfo] = archive.__dict__["members"]
    members.clear()


def _require_end(source: tarfile.TarFile, path: Path) -> None:
    """Refuse an archive in which neither a header nor the end mark follows the last member.

    tarfile takes a damaged header for the end, and ignores everything after it.
    """
    assert source.fileobj is not None
    source.fileobj.seek(source.offset)
    rest = source.fileobj.read(tarfile.BLOCKSIZE)
    if not rest or rest.strip(b"\0"):
        what = "no header" if rest else "no end mark, so that it may be truncated,"
        raise ValueError(
            f"{path} is damaged: there is {what} at byte {source.offset:,}; fetch the file again"
        )
    # Checksums of compressed files are at their end.
    while source.fileobj.read(2**20):
        pass


def _compression(name: str) -> str:
    return next(kind for suffix, kind in sorted(_COMPRESSIONS.items()) if name.endswith(suffix))
