"""thinset subset: every form by the command, with statuses and messages."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import thinset
from thinset.command_line import main


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for split, n in (("train", 6), ("val", 2)):
        for name in ("ant", "bee"):
            folder = tmp_path / "photos" / split / name
            folder.mkdir(parents=True)
            for number in range(n):
                pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "photos"


def names_below(folder):
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    )


def test_from_a_folder_of_photos_to_a_smaller_one(tmp_path, photos, capsys):
    """Images are imported at one size; the subset is made of the original files."""
    (photos / "train" / "ant" / "2.png").write_bytes(b"broken")
    assert main(["data", "import", "photos", "-o", "data", "--skip-unreadable"]) == 0
    images = thinset.open_dataset("data/train").images
    np.save("embeddings.npy", images.reshape(len(images), -1).astype(np.float32))
    assert main(["select", "embeddings.npy", "-n", "5", "-m", "max_min", "-o", "sel.npz"]) == 0
    command = ["subset", "sel.npz", "data/train", "--as", "files", "--link", "symbolic"]
    assert main([*command, "--other-splits", "-o", "small"]) == 0
    assert "5 samples: small" in capsys.readouterr().out
    small = tmp_path / "small"
    found = names_below(small)
    assert [name for name in found if name.startswith("val/")] == names_below(photos)[12:]
    assert len(found) == 9
    assert all((small / name).readlink() == photos / name for name in found)
    chosen = thinset.Selection.load("sel.npz").indices
    assert main(["subset", "sel.npz", "data/train", "--as", "paths", "-o", "small.txt"]) == 0
    for row, line in zip(chosen, (tmp_path / "small.txt").read_text().splitlines(), strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(line)), images[row])
    assert main(["subset", "sel.npz", "data/train", "-o", "as-before"]) == 0
    subset = thinset.open_dataset("as-before")
    np.testing.assert_array_equal(subset.images, images[chosen])


def test_damaged_photos_need_no_import_of_their_own(tmp_path, photos, capsys):
    pytest.importorskip("torch", reason="torch is not installed")
    (photos / "train" / "ant" / "2.png").write_bytes(b"broken")
    command = ["embed", "photos", "-o", "emb", "--encoder", "pca"]
    assert main(command) == 3
    assert "2.png" in capsys.readouterr().err
    for _ in ("first", "again"):
        assert main([*command, "-o", "emb-2", "--skip-unreadable"]) == 0
    assert "left out 1 unreadable image" in capsys.readouterr().err
    embeddings = "emb-2/embeddings/embeddings.npy"
    assert main(["select", embeddings, "-n", "11", "-o", "sel.npz"]) == 0
    command = ["subset", "sel.npz", "emb-2/data/train", "--as", "files", "-o", "small"]
    assert main(command) == 0, capsys.readouterr().err
    kept = [name for name in names_below(photos) if name.startswith("train/")]
    assert names_below(tmp_path / "small") == [name for name in kept if name != "train/ant/2.png"]


def test_by_ids(tmp_path, photos, capsys):
    names = [name for name in names_below(photos) if name.startswith("train/")][::-1]
    (tmp_path / "names.txt").write_text("\n".join(names) + "\n")
    np.save("names.npy", np.array(names))
    np.save("rows.npy", np.array([3, 0]))
    for file in ("names.txt", "names.npy"):
        out = f"by-{file[-3:]}"
        assert main(["subset", "rows.npy", "photos", "--ids", file, "-o", out]) == 0
        assert names_below(tmp_path / out) == sorted([names[3], names[0]])
    (tmp_path / "chosen.txt").write_text("train/bee/1.png\r\nval/ant/0.png")
    assert main(["subset", "chosen.txt", "photos", "-o", "chosen"]) == 0
    assert names_below(tmp_path / "chosen") == ["train/bee/1.png", "val/ant/0.png"]
    (tmp_path / "chosen.txt").write_text("train/bee/1.png\n../secret\n")
    assert main(["subset", "chosen.txt", "photos", "-o", "none"]) == 3
    assert "photos does not have 1 chosen id: '../secret'" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_lines_and_shards(tmp_path, photos, capsys):
    (tmp_path / "a.jsonl").write_text('{"id": 1}\n{"id": 2}\n')
    (tmp_path / "b.jsonl").write_text('{"id": 3}\n{"id": 4}\n')
    np.save("rows.npy", np.array([3, 0]))
    command = ["subset", "rows.npy", "a.jsonl", "b.jsonl"]
    assert main([*command, "-o", "out.jsonl", "--order", "selection"]) == 0
    assert (tmp_path / "out.jsonl").read_text() == '{"id": 4}\n{"id": 1}\n'
    assert main([*command, "-o", "out.jsonl"]) == 4
    assert "already exists" in capsys.readouterr().err
    (tmp_path / "ids.txt").write_text("3\n2\n")
    command = ["subset", "ids.txt", "a.jsonl", "b.jsonl", "-o", "out"]
    assert main([*command, "--id-column", "id"]) == 0
    assert (tmp_path / "out" / "a.jsonl").read_text() == '{"id": 2}\n'
    for wrong in (["--as", "files"], ["--order", "none"], ["--link", "hard"]):
        assert main([*command, "--id-column", "id", *wrong]) in (2, 3)
    err = capsys.readouterr().err
    assert "form must be one of jsonl for JSON lines, got 'files'" in err
    assert "--order must be one of file, selection; got 'none'" in err
    assert "link applies to the form 'files', not to 'jsonl'" in err


def test_the_output_replaces_no_input_of_the_command(tmp_path, photos, capsys):
    (tmp_path / "ids.txt").write_text("train/ant/0.png\n")
    command = ["subset", "ids.txt", "photos", "--as", "paths", "-o", "ids.txt", "--overwrite"]
    assert main(command) == 3
    assert "would replace its own source" in capsys.readouterr().err
    assert (tmp_path / "ids.txt").read_text() == "train/ant/0.png\n"
