"""`thinset verify` notices whatever has changed in a run, and reports need no torch."""

from __future__ import annotations

import random
import re
import subprocess
import sys

import pytest

from thinset.command_line import main
from thinset.data import import_dataset
from thinset.duration import Duration
from thinset.experiments.figures.registry import recipe_of
from thinset.experiments.kinds import run
from thinset.experiments.settings import (
    EncoderSettings,
    RunSettings,
    TrainingSettings,
)
from thinset.experiments.verification import verify
from thinset.experiments.where import Where
from thinset.results import Arm

SETTINGS = RunSettings(
    seeds=(0,),
    steps=Duration(2, "st"),
    encoder=EncoderSettings(length=Duration(2, "st"), batch_size=64),
    arm=Arm.parse("topk"),
    size=60,
    training=TrainingSettings(batch_size=32, learning_rate=0.02, evaluations=1, width=0.1),
)


@pytest.fixture(scope="module", autouse=True)
def plots():
    """They are drawn here: pages are compared with those that other processes write."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    run.make(recipe_of("run"), SETTINGS, Where("digits", folder, command="thinset run digits"))
    return folder


def test_every_file_that_is_read_back_is_covered(finished):
    assert verify(finished) > 0
    generator = random.Random(0)
    pages = finished / "report"
    files = sorted(path for path in finished.rglob("*") if path.is_file())
    # The lock holds the number of the process that has the folder open: this one.
    unread = (pages / "index.html", finished / ".lock")
    checked = [path for path in files if path.suffix != ".png" and path not in unread]
    assert len(checked) > 30
    for path in checked:
        whole = path.read_bytes()
        for _ in range(2):
            changed = bytearray(whole)
            place = generator.randrange(len(whole) - 1)
            changed[place] ^= 1 << generator.randrange(8)
            path.write_bytes(changed)
            message = _refusal(finished)
            if message is None:
                # What zip keeps beside the content: time stamps, flags, attributes.
                assert path.suffix == ".npz", f"{path} at byte {place}"
            else:
                assert path.name in message or path.parent.name in message
        path.write_bytes(whole)
    assert verify(finished) > 0


def _refusal(folder):
    try:
        verify(folder)
    except ValueError as error:
        return str(error)
    return None


def test_a_part_can_be_verified_by_itself(finished, capsys):
    for part in ("embeddings", "encoder", "records", "settings.json", "selections/topk-k60.npz"):
        assert main(["verify", str(finished / part)]) == 0, capsys.readouterr().err


NO_TORCH = (
    "import sys\n"
    "class Refuse:\n"
    "    def find_spec(self, name, *_):\n"
    "        if name.split('.')[0] in ('torch', 'safetensors'):\n"
    "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
    "sys.meta_path.insert(0, Refuse())\n"
    "from thinset.command_line import main\n"
    "sys.exit(main(sys.argv[1:]))"
)


def without_torch(*arguments):
    return subprocess.run(
        [sys.executable, "-c", NO_TORCH, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_report_needs_no_torch_and_is_the_same(finished):
    page = finished / "report" / "index.html"
    before = page.read_bytes()
    page.unlink()
    result = without_torch("report", finished)
    assert result.returncode == 0, result.stderr
    assert page.read_bytes() == before


def test_the_list_of_figures_needs_no_torch():
    result = without_torch("reproduce", "--list")
    assert result.returncode == 0, result.stderr
    assert "fig5" in result.stdout


@pytest.mark.filterwarnings("ignore::thinset.augmentation.train.CollapseWarning")
def test_the_pages_of_figures_and_comparisons_need_no_torch(tmp_path):
    common = ("--steps", "2st", "--preset", "smoke", "--seeds", "0", "1")
    for arguments in (
        ("compare", "digits", *common, "-m", "random", "full", "-o", tmp_path / "comparison"),
        ("reproduce", "fig6", *common, "-o", tmp_path / "figure"),
        (
            "reproduce", "aug-table2", *common, "-m", "full", "--shares", "0.2", "--augmentations",
            "cdcvae", "--generator-length", "2st", "-o", tmp_path / "augmentation",
        ),
    ):  # fmt: skip
        assert main([str(word) for word in arguments]) == 0
        page = tmp_path.joinpath(arguments[-1], "report", "index.html")
        before = page.read_bytes()
        result = without_torch("report", arguments[-1])
        assert result.returncode == 0, result.stderr
        assert page.read_bytes() == before


def test_training_without_torch_says_what_to_install(tmp_path):
    result = without_torch("demo", "-o", tmp_path / "out")
    assert result.returncode == 1
    assert "pip install 'thinset[train]'" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_planned_run_is_reported_again(tmp_path):
    options = ("--preset", "smoke", "--steps", "4st", "--probe-share", "0")
    out = str(tmp_path / "out")
    assert main(["plan", "digits", "-o", out, *options]) == 0
    file = tmp_path / "out" / "report" / "index.html"
    assert f"thinset run digits --plan -o {out}" in " ".join(
        re.findall('<span class="word">(.*?)</span>', file.read_text(encoding="utf-8"))
    )
    assert main(["report", out]) == 0
    assert "Prediction and outcome" not in file.read_text(encoding="utf-8")
    assert main(["run", "digits", "--plan", "-o", out]) == 0
    assert main(["report", out]) == 0
    page = (tmp_path / "out" / "report" / "index.html").read_text(encoding="utf-8")
    assert "Prediction and outcome" in page


@pytest.mark.parametrize("form", ["gone", "a folder", "a link to nothing"])
def test_a_dataset_without_its_manifest_is_damaged(tmp_path, form):
    import_dataset("digits", tmp_path / "data")
    assert verify(tmp_path / "data") == 2
    manifest = tmp_path / "data" / "test" / "manifest.json"
    manifest.unlink()
    if form == "a folder":
        manifest.mkdir()
    elif form == "a link to nothing":
        manifest.symlink_to("nowhere")
    with pytest.raises(ValueError, match=r"data/test.* manifest\.json|json is a broken link"):
        verify(tmp_path / "data")
    (tmp_path / "data" / "test" / "images.npy").unlink()
    with pytest.raises(ValueError, match=r"data/test.* manifest\.json|json is a broken link"):
        verify(tmp_path / "data")


def test_links_to_nothing_are_damage(tmp_path):
    import_dataset("digits", tmp_path / "data")
    (tmp_path / "data" / ".#lock-of-an-editor").symlink_to("nowhere")
    assert verify(tmp_path / "data") == 2
    (tmp_path / "data" / "validation").symlink_to("nowhere")
    with pytest.raises(ValueError, match="data/validation is a broken link"):
        verify(tmp_path / "data")
