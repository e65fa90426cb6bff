"""Chosen samples in the form that they came in: files, parquet, JSON lines, tar shards, ..."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from thinset.data.export.chosen import By, Chosen
from thinset.data.export.hugging_face import write_hugging_face
from thinset.data.export.image_files import (
    Link,
    files_of_other_splits,
    find_chosen,
    write_files,
    write_paths,
)
from thinset.data.export.json_lines import write_json_lines
from thinset.data.export.parquet import write_parquet
from thinset.data.export.sources import find_source
from thinset.data.export.tar_shards import write_tar_shards
from thinset.data.subset import write_subset
from thinset.files.overlap import require_not_inside

if TYPE_CHECKING:
    import os

    from thinset.data.export.sources import Found

Form: TypeAlias = Literal[
    "dataset", "files", "paths", "parquet", "jsonl", "webdataset", "huggingface"
]
Order: TypeAlias = Literal["file", "selection"]

FORMS: dict[str, tuple[Form, ...]] = {
    "dataset": ("dataset",),
    "files": ("files", "paths"),
    "parquet": ("parquet",),
    "jsonl": ("jsonl",),
    "webdataset": ("webdataset",),
    "huggingface": ("huggingface",),
}
"""The forms that a source of each kind can be written in, the usual one first."""

_ORDERS: dict[str, tuple[Order, ...]] = {
    "dataset": ("selection",),
    "files": ("file",),
    "paths": ("selection", "file"),
    "parquet": ("file", "selection"),
    "jsonl": ("file", "selection"),
    "webdataset": ("file",),
    "huggingface": ("selection", "file"),
}
"""The orders that samples of each form can come in, the usual one first."""


class ExportedSubset(NamedTuple):
    """What was written: where, in which form, and how many samples."""

    path: Path
    form: Form
    n_samples: int


def export_subset(
    selection: Any,
    source: Any,
    out: str | os.PathLike[str],
    *,
    form: Form | None = None,
    split: str = "train",
    ids: Any = None,
    by: By | None = None,
    id_column: str | None = None,
    order: Order | None = None,
    link: Link = "copy",
    other_splits: bool = False,
    overwrite: bool = False,
    show_progress: bool = False,
) -> ExportedSubset:
    """Write the selected samples of `source` in the form that they came in.

    Args:
        selection: a `Selection`, row numbers (k,) in any order, a mask (N,) of booleans, or the ids
            of the chosen samples, as texts. No sample may come twice.
        source: a folder of images; .parquet, .jsonl or .tar files (one, a list, or a folder of
            them); a Hugging Face dataset, as an object or as a folder that `save_to_disk` wrote; or
            a dataset folder of thinset. Rows of several files are numbered through in the given
            order, those of a folder in the order of `import_dataset`. A dataset folder stands for
            the files that it was imported from if `form` is one of theirs.
        out: the folder or file to write. Parquet, JSON lines and tar become one file if the name
            ends accordingly; else a folder with a file for each file of the source, empty ones
            included.
        form: "dataset", "files", "paths" (a text file with the absolute path of each file),
            "parquet", "jsonl", "webdataset" or "huggingface"; None for that of the source.
        split: the split that the rows belong to, if the source has several.
        ids: (N,) texts or integers, the id of every sample that was selected from.
        by: find samples by "rows" or by "ids": the path of an image file, the key of a tar sample,
            or the value of `id_column`. None for ids if there are any and the source has them.
        id_column: the column of parquet and Hugging Face datasets, or the entry of JSON lines, that
            holds the ids; it implies by="ids".
        order: "selection" or "file"; None for the usual order of the form, see the documentation.
        link: files as a "copy", or as "hard" or "symbolic" links to the source.
        other_splits: also put the files of all other splits there, complete.
        overwrite: replace `out` if it exists: a folder only if an export wrote everything in it.

    The output is written beside its target and renamed, so that it is complete or not there; run it
    again after an interruption. Memory does not grow with the size of the samples.

    Raises:
        ValueError: a constraint is broken or a file is damaged; the message names file and row.
        OSError: a file cannot be read or written.
        FileExistsError: `out` exists.
    """
    chosen = Chosen(selection, ids)
    found = find_source(source, form, split)
    form = FORMS[found.kind][0] if form is None else form
    if form not in FORMS[found.kind]:
        raise ValueError(
            f"form must be one of {', '.join(FORMS[found.kind])} for {found.named}, got {form!r}"
        )
    if link not in ("copy", "hard", "symbolic"):
        raise ValueError(f"link must be copy, hard or symbolic, got {link!r}")
    for name, value in (("link", link != "copy"), ("other_splits", other_splits)):
        if value and form != "files":
            raise ValueError(f"{name} applies to the form 'files', not to {form!r}")
    in_selection_order = _order(order, form) == "selection"
    by = _by(by, chosen, found.kind, id_column)
    target = Path(out)
    if found.folder is not None and form != "paths":
        # The output would be read as a part of the source the next time.
        require_not_inside(target, found.folder)
    write: dict[str, Any] = {"overwrite": overwrite}
    if found.kind != "dataset" and form != "paths":
        write["show_progress"] = show_progress
    if form == "dataset":
        write_subset(_rows_or_selection(selection, chosen), found.dataset, target, **write)
    elif found.kind == "files":
        assert found.root is not None
        files = find_chosen(found.root, chosen, by, found.split, found.imported)
        if form == "paths":
            files = files if in_selection_order else sorted(files)
            write_paths(found.root, files, target, **write)
        else:
            others = files_of_other_splits(found.root, found.split) if other_splits else []
            others = sorted(set(others) - set(files))
            write_files(found.root, files, target, chosen, link=link, others=others, **write)
    elif form == "webdataset":
        write_tar_shards(found.files, target, chosen, by, **write)
    else:
        write |= {"id_column": id_column, "in_selection_order": in_selection_order}
        _write_rows(found, target, chosen, by, write)
    return ExportedSubset(target, form, len(chosen))


def _write_rows(found: Found, out: Path, chosen: Chosen, by: By, write: dict[str, Any]) -> None:
    if found.kind == "parquet":
        write_parquet(found.files, out, chosen, by, imported=found.imported, **write)
    elif found.kind == "jsonl":
        write_json_lines(found.files, out, chosen, by, **write)
    else:
        write.pop("show_progress")  # the library shows its own
        write_hugging_face(found.dataset, out, chosen, by, split=found.split, **write)


def _order(order: Order | None, form: Form) -> Order:
    if order is None:
        return _ORDERS[form][0]
    if order not in _ORDERS[form]:
        raise ValueError(
            f"order must be {' or '.join(map(repr, _ORDERS[form]))} for the form {form!r}, got "
            f"{order!r}"
        )
    return order


def _by(by: By | None, chosen: Chosen, kind: str, id_column: str | None) -> By:
    if by not in (None, "rows", "ids"):
        raise ValueError(f"by must be 'rows' or 'ids', got {by!r}")
    if id_column is not None:
        if kind not in ("parquet", "jsonl", "huggingface"):
            raise ValueError("id_column applies to parquet, JSON lines and Hugging Face datasets")
        if by == "rows":
            raise ValueError("id_column does not go with by='rows'")
        by = "ids"
    if by is None:
        has_own_ids = kind in ("files", "webdataset")
        by = "ids" if chosen.ids is not None and (has_own_ids or chosen.rows is None) else "rows"
    if by == "ids" and chosen.ids is None:
        raise ValueError(
            "the selection holds no ids; pass those of all samples as ids=, or select by rows"
        )
    if by == "ids" and kind == "dataset":
        raise ValueError("a dataset folder has no ids; select by rows")
    return by


def _rows_or_selection(selection: Any, chosen: Chosen) -> Any:
    if chosen.rows is None:
        raise ValueError("the selection holds ids, but a dataset folder needs row numbers")
    return selection
