"""With `overwrite`, folders are replaced that thinset wrote, and no others."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from thinset.command_line import main
from thinset.data import Dataset, DatasetWriter, import_dataset, open_dataset, write_subset
from thinset.data.replaceable import foreign_to_dataset, foreign_to_import

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REFUSED = "which is not part of such an output"

FOREIGN: dict[str, Callable[[Path], object]] = {
    "notes.txt": lambda path: path.write_text("mine"),
    "thesis": lambda path: path.mkdir(),
    "embeddings.npy": lambda path: path.write_bytes(b"not in the manifest"),
    ".hidden": lambda path: path.write_text("mine"),
    "link": lambda path: path.symlink_to("labels.npy"),
}


def everything_in(folder: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize("name", FOREIGN)
def test_a_dataset_folder_with_something_else_in_it_stays(
    tmp_path: Path, dataset: Dataset, name: str
) -> None:
    out = write_subset([1, 2], dataset, tmp_path / "subset").path
    assert foreign_to_dataset(out) is None
    FOREIGN[name](out / name)
    before = everything_in(tmp_path)
    assert foreign_to_dataset(out) == name
    with pytest.raises(FileExistsError, match=REFUSED):
        write_subset([3], dataset, out, overwrite=True)
    with pytest.raises(FileExistsError, match=REFUSED):
        DatasetWriter(
            out, name="n", image_shape=(1, 1, 1), image_dtype="uint8", n_samples=1, overwrite=True
        ).__enter__()
    assert everything_in(tmp_path) == before


@pytest.mark.parametrize("content", [None, "", "{}", "not JSON", '{"format": "other"}'])
def test_a_folder_without_our_manifest_is_not_ours(
    tmp_path: Path, dataset: Dataset, content: str | None
) -> None:
    out = tmp_path / "photos"
    out.mkdir()
    (out / "images.npy").write_bytes(b"somebody's")
    if content is not None:
        (out / "manifest.json").write_text(content)
    with pytest.raises(FileExistsError, match=REFUSED):
        write_subset([3], dataset, out, overwrite=True)
    assert (out / "images.npy").read_bytes() == b"somebody's"


def test_a_damaged_array_of_ours_may_be_replaced(tmp_path: Path, dataset: Dataset) -> None:
    out = write_subset([1, 2], dataset, tmp_path / "subset").path
    (out / "images.npy").write_bytes(b"damaged")
    (out / "labels.npy").unlink()
    (out / ".images.npy.Ab3_56.partial").write_bytes(b"of a killed process")
    assert len(write_subset([3], dataset, out, overwrite=True)) == 1
    assert sorted(path.name for path in out.iterdir()) == [
        "images.npy", "indices.npy", "labels.npy", "manifest.json"
    ]  # fmt: skip


def test_an_empty_folder_may_be_replaced(tmp_path: Path, dataset: Dataset) -> None:
    (tmp_path / "empty").mkdir()
    assert len(write_subset([3], dataset, tmp_path / "empty", overwrite=True)) == 1


def test_an_import_replaces_imports_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    import_dataset("digits", out)
    first = everything_in(out)
    import_dataset("digits", out, overwrite=True)
    assert everything_in(out) == first
    for name in ("notes.txt", "train/notes.txt", "other"):
        if name == "other":
            shutil.copytree(out / "test", out / name)
        else:
            (out / name).write_text("mine")
        before = everything_in(out)
        assert foreign_to_import(out) == name
        with pytest.raises(FileExistsError, match=REFUSED):
            import_dataset("digits", out, overwrite=True)
        assert everything_in(out) == before
        shutil.rmtree(out / name) if name == "other" else (out / name).unlink()


@pytest.mark.parametrize("command", ["data import digits", "subset rows.npy data"])
def test_commands_refuse_a_home_folder(
    tmp_path: Path,
    dataset: Dataset,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset.path.rename("data")
    np.save("rows.npy", np.array([3, 1]))
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("years of work")
    assert main([*command.split(), "-o", "home", "--overwrite"]) == 4
    assert "holds 'thesis.tex'" in capsys.readouterr().err
    assert everything_in(home) == {"thesis.tex": b"years of work"}


def test_nothing_that_cannot_be_opened_is_put_in_place(
    tmp_path: Path, dataset: Dataset, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = write_subset([1, 2], dataset, tmp_path / "subset").path
    before = everything_in(tmp_path)

    def damaged(_indices: object, _source: object, path: Path, _threads: object) -> object:
        np.save(path, images[:1].astype(">i2"))
        return dataset.manifest.arrays["images"]

    monkeypatch.setattr("thinset.data.subset._gather", damaged)
    with pytest.raises(ValueError, match="manifest"):
        write_subset(range(len(dataset)), (images, None), out, overwrite=True)
    assert everything_in(tmp_path) == before
    assert len(open_dataset(out)) == 2
