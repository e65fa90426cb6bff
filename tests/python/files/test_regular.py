"""Only regular files are opened: a pipe or a device is refused at once, wherever a file is read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from thinset.command_line import main
from thinset.data import Dataset, DatasetWriter, Manifest, open_dataset, verify_dataset
from thinset.data.npy_file import file_digest, open_npy
from thinset.files.regular import open_regular, read_text, require_regular
from thinset.selection import Selection, select

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    with DatasetWriter(
        tmp_path / "data", name="d", image_shape=(2, 2, 1), image_dtype="uint8", n_samples=4
    ) as writer:
        writer.append(np.zeros((4, 2, 2, 1), np.uint8), np.arange(4))
    return open_dataset(tmp_path / "data")


def test_a_regular_file_is_opened_through_links(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes("é".encode())
    (tmp_path / "link").symlink_to("file")
    with open_regular(tmp_path / "link") as file:
        assert file.read() == b"\xc3\xa9"
    assert read_text(tmp_path / "link") == "é"
    require_regular(tmp_path / "link")


def test_other_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\xff")
    with pytest.raises(ValueError, match="file is not UTF-8 text"):
        read_text(tmp_path / "file")


def test_what_is_missing_or_a_folder(tmp_path: Path) -> None:
    for action in (open_regular, require_regular):
        with pytest.raises(FileNotFoundError, match="absent"):
            action(tmp_path / "absent")
        with pytest.raises(IsADirectoryError, match=tmp_path.name):
            action(tmp_path)


@pytest.mark.parametrize("action", [open_regular, require_regular, read_text])
def test_pipes_and_devices_are_refused_at_once(pipe: Path, action: object) -> None:
    assert callable(action)
    (pipe.parent / "link").symlink_to(pipe)
    for path in (pipe, pipe.parent / "link"):
        with pytest.raises(ValueError, match="is a named pipe, not a regular file"):
            action(path)
    with pytest.raises(ValueError, match="/dev/zero is a device"):
        action("/dev/zero")


def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(
    pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thinset.files.regular.require_regular", lambda _: None)
    with pytest.raises(ValueError, match="is a named pipe"):
        open_regular(pipe)


@pytest.mark.parametrize("action", [open_npy, file_digest, Selection.load])
def test_readers_refuse_pipes(pipe: Path, action: object) -> None:
    assert callable(action)
    with pytest.raises(ValueError, match="pipe"):
        action(pipe)


@pytest.mark.parametrize("name", ["manifest.json", "images.npy", "labels.npy"])
@pytest.mark.parametrize("action", [open_dataset, verify_dataset])
def test_datasets_refuse_pipes(dataset: Dataset, name: str, action: object) -> None:
    assert callable(action)
    (dataset.path / name).unlink()
    os.mkfifo(dataset.path / name)
    with pytest.raises(ValueError, match=f"{name}.* is a (named pipe|FIFO)"):
        action(dataset.path)
    if name == "manifest.json":
        with pytest.raises(ValueError, match="named pipe"):
            Manifest.load(dataset.path)


def test_embeddings_refuse_pipes(pipe: Path) -> None:
    with pytest.raises(ValueError, match=r"pipe.*(named pipe|FIFO)"):
        select(str(pipe), 2)


@pytest.mark.parametrize(
    "command",
    [
        "select PIPE -n 2 -o out.npz",
        "select x.npy -n 2 -o out.npz --per-class balanced --labels PIPE",
        "select x.npy -n 2 -o out.npz --initial-subset PIPE",
        "select x.npy -n 2 -o PIPE",
        "subset PIPE data -o out",
        "verify PIPE",
    ],
)
def test_commands_refuse_pipes(
    dataset: Dataset,
    pipe: Path,
    command: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(pipe.parent)
    np.save("x.npy", np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32))
    assert dataset.path.exists()
    assert main(command.replace("PIPE", "pipe").split()) == 3
    message = capsys.readouterr().err
    assert "pipe" in message
    assert message.count("\n") == 1
    assert pipe.is_fifo()


def test_a_training_s_files_are_no_pipes(pipe: Path) -> None:
    pytest.importorskip("torch")
    from thinset.training import JsonLines
    from thinset.training.loop.checkpoint import read_tensors

    with pytest.raises(ValueError, match="named pipe"):
        read_tensors(pipe)
    with pytest.raises(ValueError, match="named pipe"):
        JsonLines(pipe)({"loss": 1.0}, 3)
