"""One output file for all sources, or a folder with one for each."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from thinset.data.export.record import RECORD_FILE, files_below, foreign_to_subset, write_record
from thinset.files.atomic import atomic_file, atomic_folder, require_file_target
from thinset.files.overlap import require_apart, require_not_above

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from thinset.data.export.chosen import Chosen


@contextlib.contextmanager
def new_file(
    out: Path, inputs: Sequence[str | os.PathLike[str]], *, overwrite: bool
) -> Iterator[Path]:
    """Yield a temporary path that becomes the file `out`.

    Raises FileExistsError if `out` exists and `overwrite` is false, ValueError if it is an input.
    """
    require_apart(out, *inputs)
    require_file_target(out)
    if os.path.lexists(out) and not overwrite:
        raise FileExistsError(
            f"{out} already exists; choose another output, or pass overwrite (--overwrite)"
        )
    with atomic_file(out) as partial:
        yield partial


@contextlib.contextmanager
def new_folder(
    out: Path,
    inputs: Sequence[str | os.PathLike[str]],
    *,
    overwrite: bool,
    form: str,
    chosen: Chosen,
) -> Iterator[tuple[Path, list[str]]]:
    """Yield a temporary folder that becomes `out`, and a list for the names of files in order.

    A record of the selection is written last, with these names, or with those of all files if the
    list stays empty. Raises FileExistsError if `out` exists and `overwrite` is false or something
    in it was not written by an export, ValueError if `out` is an input or above one.
    """
    require_not_above(out, *inputs)
    with atomic_folder(out, overwrite=overwrite, foreign=foreign_to_subset) as folder:
        names: list[str] = []
        yield folder, names
        source = os.fspath(inputs[0]) if inputs else ""
        write_record(folder, form, str(source), chosen, names or files_below(folder))


@contextlib.contextmanager
def targets_of(
    sources: Sequence[Path],
    out: Path,
    *,
    suffixes: tuple[str, ...],
    overwrite: bool,
    form: str,
    chosen: Chosen,
    one_file: bool = False,
) -> Iterator[list[Path]]:
    """Yield the file that the samples of each source go to, all the same if `out` is a file.

    `out` is a file if its name ends with one of `suffixes`; else a folder, in which the files have
    the names of the sources, relative to the folder that all of these are in.

    Raises ValueError if `one_file`, the order being that of the selection, and there are several.
    """
    if one_file and len(sources) > 1 and not out.name.lower().endswith(suffixes):
        raise ValueError(
            f"order='selection' writes one file; give an output that ends with {suffixes[0]}"
        )
    if out.name.lower().endswith(suffixes):
        with new_file(out, sources, overwrite=overwrite) as partial:
            yield [partial] * len(sources)
        return
    parents = [Path(os.path.abspath(source)).parent for source in sources]  # noqa: PTH100 - keeps links
    common = Path(os.path.commonpath(parents))
    names = [
        parent.relative_to(common) / source.name
        for parent, source in zip(parents, sources, strict=True)
    ]
    twice = (
        {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else ()
    )
    if twice:
        raise ValueError(f"the source {min(twice)} is given twice")
    if Path(RECORD_FILE) in names:
        raise ValueError(f"a source must not be named {RECORD_FILE}; rename it")
    with new_folder(out, sources, overwrite=overwrite, form=form, chosen=chosen) as (folder, _):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        yield [folder / name for name in names]


def name_of_target(source: Path, out: Path, suffixes: tuple[str, ...]) -> str:
    """The name, in lower case, of the file that `targets_of` writes the samples of `source` to."""
    return (out if out.name.lower().endswith(suffixes) else source).name.lower()


def named(files: Sequence[Path]) -> str:
    """The files in a message."""
    if len(files) == 1:
        return str(files[0])
    return f"the {len(files):,} files from {files[0]} on"
