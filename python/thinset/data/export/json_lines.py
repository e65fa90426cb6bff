"""Chosen lines of JSON lines files, byte for byte."""

from __future__ import annotations

import contextlib
import gzip
import json
import tempfile
import zlib
from typing import IO, TYPE_CHECKING, Any

from thinset.data.export.chosen import Wanted, as_id
from thinset.data.export.outputs import name_of_target, named, targets_of
from thinset.data.export.spool import naming_temporary_folder
from thinset.files.regular import open_regular
from thinset.progress import ProgressBar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from thinset.data.export.chosen import By, Chosen

SUFFIXES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")


def write_json_lines(
    files: Sequence[Path],
    out: Path,
    chosen: Chosen,
    by: By,
    *,
    id_column: str | None,
    in_selection_order: bool,
    overwrite: bool,
    show_progress: bool,
) -> None:
    """Write the chosen lines of `files`, whose lines are numbered through in the given order.

    Blank lines are no samples. By ids, each line is an object whose entry `id_column` is its id.
    Memory holds one line, and for selection order the places of the chosen ones.

    Raises ValueError, naming file and line, for a line that is no JSON object, has no id or the id
    of another, and if the files do not have the chosen rows or ids.
    """
    if by == "ids" and id_column is None:
        raise ValueError(
            "lines are found by ids in one of their entries; name it with id_column= (on the "
            "command line --id-column NAME), or select by row numbers"
        )
    wanted = Wanted(chosen, by, named(files))
    with (
        targets_of(
            files,
            out,
            suffixes=SUFFIXES,
            overwrite=overwrite,
            form="jsonl",
            chosen=chosen,
            one_file=in_selection_order,
        ) as targets,
        ProgressBar("lines", len(chosen), unit="lines", enabled=show_progress) as bar,
    ):
        is_one_file = len(set(targets)) == 1
        row = 0
        with (
            tempfile.TemporaryFile(prefix="thinset-") as spool,
            contextlib.ExitStack() as stack,
        ):
            places: list[tuple[int, int, int]] = []
            target: IO[bytes] | None = None
            for file, path in zip(files, targets, strict=True):
                if target is None or not is_one_file:
                    compresses = name_of_target(file, out, SUFFIXES).endswith(".gz")
                    stack.close()
                    target = stack.enter_context(_written(path, compresses=compresses))
                for number, line in _lines(file):
                    place = f"{file}, line {number}"
                    key = None if by == "rows" else _id_of(line, id_column, place)
                    position = wanted.position(row, key, place)
                    row += 1
                    if position is None:
                        continue
                    line = line.rstrip(b"\r\n") + b"\n"  # noqa: PLW2901 - the last may have none
                    if in_selection_order:
                        places.append((position, spool.tell(), len(line)))
                        with naming_temporary_folder():
                            spool.write(line)
                    else:
                        target.write(line)
                    bar.update(1)
            wanted.require_complete(row)
            with naming_temporary_folder():
                spool.flush()
            for _, start, length in sorted(places):
                spool.seek(start)
                assert target is not None
                target.write(spool.read(length))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers from 1."""
    try:
        with open_regular(path) as file, contextlib.ExitStack() as stack:
            is_compressed = path.name.lower().endswith(".gz")
            lines: Any = stack.enter_context(gzip.GzipFile(fileobj=file)) if is_compressed else file
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is damaged or truncated: {error}") from error


def _id_of(line: bytes, id_column: str | None, place: str) -> str:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{place} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{place} must be a JSON object with the entry {id_column!r}")
    if content.get(id_column) is None:
        raise ValueError(f"{place} has no entry {id_column!r}; it has {', '.join(content)}")
    return as_id(content[id_column], place)


@contextlib.contextmanager
def _written(path: Path, *, compresses: bool) -> Iterator[IO[bytes]]:
    with open(path, "wb") as file:
        if not compresses:
            yield file
            return
        # Without name and time stamp: equal lines give equal files.
        with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as compressed:
            yield compressed  # type: ignore[misc]
