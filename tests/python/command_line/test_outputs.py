"""No command writes over what it reads, by whatever name; nothing of somebody else is replaced."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from thinset.command_line import main
from thinset.data import DatasetWriter, open_dataset, write_subset

ONTO_AN_INPUT = [
    "select x.npy -n 3 -o x.npy",
    "select x.npy -n 3 -o ./sub/../x.npy",
    "select x.npy -n 3 -o soft",
    "select soft -n 3 -o x.npy",
    "select x.npy -n 3 -o hard",
    "select hard -n 3 -o soft",
    "select other.npy x.npy -n 3 -o x.npy",
    "select x.npy -n 3 -o y.npy --labels y.npy --per-class balanced",
    "select x.npy -n 3 -o hard-labels --labels y.npy --per-class balanced",
    "select x.npy -n 3 -o data/labels.npy --labels data --per-class balanced",
    "select x.npy -n 3 -o data/images.npy --labels data --per-class balanced",
    "select x.npy -n 3 -o data/manifest.json --labels data --per-class balanced",
    "select x.npy -n 3 -o z.npy --initial-subset z.npy",
    "select x.npy -n 3 -o hard -m random --dry-run",
    "select file:/HERE/x.npy -n 3 -o hard",
    "deduplicate x.npy -d 0 -o x.npy",
    "deduplicate soft -d 0 -o y.npy --keep y.npy",
    "deduplicate y.npy -d 0 -o x.npy --against soft",
    "subset z.npy data -o data",
    "subset z.npy data -o data --overwrite",
    "subset z.npy data -o soft-data --overwrite",
    "subset z.npy soft-data -o data --overwrite",
    "subset z.npy data -o . --overwrite",
    "subset out/indices.npy data -o out --overwrite",
    "subset shared-rows.npy data -o out --overwrite",
    "show z.npy --data data -o data/labels.npy --overwrite",
    "show z.npy --data soft-data --embeddings x.npy -o hard --overwrite",
    "show z.npy --data data --labels y.npy -o hard-labels --overwrite",
    "show z.npy --data data -o z.npy --overwrite",
    "data import pair -o pair --overwrite",
    "data import pair -o . --overwrite",
    "data import pair -o shared --overwrite",
    "data import imported -o imported --overwrite",
    "data import imported -o imported/train --overwrite",
    "data split data -o data --overwrite",
    "data split imported -o imported --overwrite",
    "data split imported -o imported/train --overwrite",
    "data split imported -o . --overwrite",
    "data split pair -o pair --overwrite",
    "embed data -o data",
    "embed data -o .",
    "embed imported -o soft-imported",
    "augment apply data --method rot -o data --overwrite",
    "augment apply data --method rot -o soft-data --overwrite",
    "augment apply data --method flow -o . --overwrite",
    "augment apply imported --method augorig -o imported/train --overwrite",
    "augment apply pair --method rot -o shared --overwrite",
    "augment train data -o data",
    "augment train imported -o soft-imported",
    "run imported -o imported",
    "train data --test out -o data",
    "train out --test data -o data",
    "train out --test out --subset data -o data",
    "plan imported --budget 60s -o imported",
    "compare imported -o imported",
]


def save_dataset(folder: Path, images: np.ndarray, labels: np.ndarray) -> None:
    with DatasetWriter(
        folder,
        name=folder.name,
        image_shape=images.shape[1:],
        image_dtype="uint8",
        n_samples=len(images),
    ) as writer:
        writer.append(images, labels)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Inputs of every kind in the current folder, some of them under several names."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    images, labels = generator.integers(0, 256, (20, 8, 8, 1), np.uint8), np.arange(20) % 4
    for name in ("x.npy", "other.npy"):
        np.save(name, generator.normal(size=(20, 4)).astype(np.float32))
    np.save("y.npy", labels)
    np.save("z.npy", np.array([3, 4, 15]))
    Path("sub").mkdir()
    save_dataset(Path("data"), images, labels)
    for split in ("train", "test"):
        save_dataset(Path("imported", split), images, labels)
    write_subset([1, 2, 3], Path("data"), Path("out"))
    Path("pair").mkdir()
    np.save("pair/images.npy", images)
    np.save("pair/labels.npy", labels)
    Path("soft").symlink_to("x.npy")
    Path("soft-data").symlink_to("data")
    Path("soft-imported").symlink_to("imported")
    os.link("x.npy", "hard")
    os.link("y.npy", "hard-labels")
    os.link("out/indices.npy", "shared-rows.npy")
    # A dataset folder whose array is another name for the one that is read.
    save_dataset(Path("shared"), images, labels)
    Path("shared/images.npy").unlink()
    os.link("pair/images.npy", "shared/images.npy")
    return tmp_path


def state_of(folder: Path) -> dict[str, object]:
    return {
        str(path.relative_to(folder)): os.readlink(path)
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else None
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("command", ONTO_AN_INPUT)
def test_an_output_over_an_input_is_refused(
    here: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state_of(here)
    assert main(command.replace("/HERE", str(here)).split()) == 3
    message = capsys.readouterr().err
    assert "would replace its own source" in message
    assert message.count("\n") == 1
    assert state_of(here) == before


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        ("select x.npy -n 3 -o sub", 4, "sub: is a folder; name a file to write"),
        ("select x.npy -n 3 -o . --dry-run", 4, ".: is a folder; name a file to write"),
        ("select x.npy -n 3 -o x.npy/s.npz --dry-run", 4, "x.npy: part of this path is a file"),
        ("select x.npy -n 3 -o s.npz --dry-run --engine local --table sub", 4, "sub: is a folder"),
        ("select x.npy -n 3 -o chosen", 2, "--out must end in .npz or .parquet, got chosen"),
        ("show z.npy --data data -o .", 4, ".: is a folder; name a file to write"),
        ("select x.npy -n 3 -o /dev/full", 3, "is a device, not a regular file"),
        ("select x.npy -n 3 -o x.npy/s.npz", 4, "x.npy"),
        ("subset z.npy data -o out", 4, "out already exists; choose another output, or pass over"),
        ("subset z.npy data -o x.npy --overwrite", 4, "is not a folder and is not replaced"),
        (
            "subset z.npy data -o sub/../pair --overwrite",
            4,
            "'images.npy', which is not part of such an output",
        ),
        ("subset z.npy data -o imported --overwrite", 4, "which is not part of such an output"),
        ("data import pair -o data", 4, "already exists"),
        ("embed data -o pair", 4, "is not the folder of a run"),
        (
            "augment apply data --method rot -o imported --overwrite",
            4,
            "which is not part of such an output",
        ),
        ("augment apply data --method rot -o out", 4, "out already exists"),
        ("augment train data -o pair", 4, "is not the folder of a run"),
        ("train data --test data -o sub/../pair", 4, "is not the folder of a run"),
    ],
)
def test_other_outputs_that_are_refused(
    here: Path, command: str, status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state_of(here)
    assert main(command.split()) == status
    assert message in capsys.readouterr().err
    assert state_of(here) == before


@pytest.mark.parametrize(
    "command",
    [
        "select x.npy -n 3 -o sub/new.npz",
        "subset z.npy data -o data/inside",
        "subset z.npy data -o out --overwrite",
        "augment apply data --method rot -o out --overwrite",
        "augment apply data --method rot -o data/inside",
        "data import pair -o data --overwrite",
        "data import pair -o imported --overwrite",
        "data import pair -o pair/inside",
    ],
)
def test_outputs_that_lose_nothing_are_written(here: Path, command: str) -> None:
    assert main(command.split()) == 0
    assert not list(here.rglob("*.partial"))
    words = command.split()
    out = Path(words[words.index("-o") + 1])
    if out.is_dir():
        open_dataset(out if words[0] in ("subset", "augment") else out / "train")


def test_folders_that_cannot_be_synced_are_written(tmp_path: Path) -> None:
    """In a process of its own: whatever syncs, in Python or the core, it fails."""
    program = """
        import errno, os, stat, sys
        sync = os.fsync
        def fsync(descriptor):
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "Invalid argument")
            sync(descriptor)
        os.fsync = fsync
        from thinset.command_line import main
        sys.exit(main(["data", "import", "digits", "-o", "d"]))
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr.count("error")) == (0, 0)
    assert len(open_dataset(tmp_path / "d" / "train")) > 0
