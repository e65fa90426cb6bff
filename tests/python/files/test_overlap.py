"""Outputs are compared with inputs by device and inode, whatever name leads to either."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from thinset import _core
from thinset.files.overlap import require_apart, require_not_above
from thinset.selection import select

if TYPE_CHECKING:
    from collections.abc import Callable

REFUSED = "would replace its own source"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def matrix() -> Path:
    np.save("x.npy", np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32))
    return Path("x.npy")


def names_of(path: Path) -> list[Path]:
    """Names that lead to `path`: itself, absolute, by way of "..", symbolic and hard links."""
    Path("folder").mkdir()
    Path("soft").symlink_to(path)
    Path("soft-to-soft").symlink_to(Path("soft").absolute())
    os.link(path, "hard")
    return [
        path, path.absolute(), Path("folder", "..", path), Path("soft"), Path("soft-to-soft"),
        Path("hard"),
    ]  # fmt: skip


def test_a_file_is_known_by_every_name(matrix: Path) -> None:
    for name in names_of(matrix):
        with pytest.raises(ValueError, match=REFUSED):
            require_apart(name, matrix)
        with pytest.raises(ValueError, match=REFUSED):
            require_apart(matrix, name)
    require_apart("y.npy", matrix)
    require_apart("folder/x.npy", matrix)


def test_a_copy_is_another_file(matrix: Path) -> None:
    shutil.copy(matrix, "copy.npy")
    require_apart("copy.npy", matrix)
    with pytest.raises(ValueError, match=REFUSED):
        require_apart("copy.npy", matrix, "copy.npy")


@pytest.mark.parametrize(
    "held",
    [
        lambda path: np.load(path, mmap_mode="r"),
        lambda path: np.load(path, mmap_mode="r")[3:, ::2],
        lambda path: np.asarray(np.load(path, mmap_mode="r"))[5],
        lambda path: _core.open_npy(str(path)),
        lambda path: _core.open_npy(str(path))[7:9],
        lambda path: [np.zeros(3), [np.load(path, mmap_mode="r")]],
        lambda path: np.load(path, mmap_mode="r").view(np.int32),
    ],
)
def test_a_mapped_array_stands_for_its_file(matrix: Path, held: Callable[[Path], Any]) -> None:
    array = held(matrix)
    for name in names_of(matrix):
        with pytest.raises(ValueError, match=REFUSED):
            require_apart(name, array)
    # The file that the memory belongs to, not the one that has taken its name since.
    matrix.rename("renamed.npy")
    matrix.write_bytes(b"another file")
    with pytest.raises(ValueError, match=REFUSED):
        require_apart("renamed.npy", array)


def test_a_mapped_tensor_stands_for_its_file(matrix: Path) -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.from_file(str(matrix), size=10, dtype=torch.float32)
    with pytest.raises(ValueError, match=REFUSED):
        require_apart(matrix, tensor[3:])
    require_apart(matrix, torch.zeros(3))


def test_what_is_in_memory_has_no_file(matrix: Path) -> None:
    others = (np.load(matrix), None, [1, 2, 3], (), 7, "", object())
    require_apart(matrix, *others)
    with pytest.raises(ValueError, match=REFUSED):
        require_apart(matrix, *others, np.load(matrix, mmap_mode="r"))


def test_a_folder_and_what_is_in_it() -> None:
    Path("in/deep").mkdir(parents=True)
    Path("in/deep/file").write_bytes(b"1")
    for out in ("in", "in/deep", "in/deep/..", ".", "in/deep/file"):
        with pytest.raises(ValueError, match=REFUSED):
            require_apart(out, "in/deep/file")
        with pytest.raises(ValueError, match=REFUSED):
            require_apart(out, "in")
    require_apart("in/new", "in")
    require_apart("out", "in")


def test_folders_that_share_a_file() -> None:
    for name in ("in", "out"):
        Path(name).mkdir()
    Path("in/file").write_bytes(b"1")
    os.link("in/file", "out/other")
    with pytest.raises(ValueError, match=REFUSED):
        require_apart("out", "in")
    Path("out/other").unlink()
    require_apart("out", "in")
    # Here the input would be lost, there only a link.
    Path("out/file").write_bytes(b"2")
    Path("in/link").symlink_to(Path("out/file").absolute())
    with pytest.raises(ValueError, match=REFUSED):
        require_apart("out", "in")
    Path("in/loop").symlink_to(Path("in").absolute())
    with pytest.raises(ValueError, match=REFUSED):
        require_apart("out", "in")


def test_links_alone_lose_nothing() -> None:
    for name in ("in", "out"):
        Path(name).mkdir()
    Path("in/file").write_bytes(b"1")
    Path("out/link").symlink_to(Path("in/file").absolute())
    require_apart("out", "in")
    os.link("in/file", "out/hard")
    with pytest.raises(ValueError, match=REFUSED):
        require_apart("out", "in")


def test_above_is_above() -> None:
    Path("a/b").mkdir(parents=True)
    Path("ab").mkdir()
    for out in ("a", "a/b", "a/b/../b"):
        with pytest.raises(ValueError, match=REFUSED):
            require_not_above(out, "a/b")
    require_not_above("a/b/c", "a/b")
    require_not_above("a", "ab")


@pytest.mark.parametrize("as_path", [True, False])
def test_a_selection_is_not_saved_onto_what_it_was_made_from(matrix: Path, as_path: bool) -> None:
    labels = np.arange(40) % 3
    np.save("y.npy", labels)
    np.save("z.npy", np.array([3, 4]))
    content = {name: Path(name).read_bytes() for name in ("x.npy", "y.npy", "z.npy")}
    selection = select(
        str(matrix) if as_path else np.load(matrix, mmap_mode="r"),
        6,
        labels=np.load("y.npy", mmap_mode="r"),
        per_class=True,
        initial_subset=np.load("z.npy", mmap_mode="r"),
    )
    for name in [*names_of(matrix), "y.npy", "z.npy"]:
        with pytest.raises(ValueError, match=REFUSED):
            selection.save(name)
    assert content == {name: Path(name).read_bytes() for name in content}
    selection.save("s.npz")
    selection.save("s.npz")


def test_shards_are_inputs(matrix: Path) -> None:
    shutil.copy(matrix, "second.npy")
    selection = select(["x.npy", "second.npy"], 6)
    with pytest.raises(ValueError, match=REFUSED):
        selection.save("second.npy")
