"""Folders that earlier versions wrote still open, and grow."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from thinset.command_line import main
from thinset.experiments.finished import Finished
from thinset.experiments.kinds.trainings import Study
from thinset.experiments.settings import StudySettings
from thinset.experiments.settings_v1 import upgraded_settings
from thinset.experiments.where import Where
from thinset.results import Arm

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture
def compared(tmp_path):
    """A comparison of four arms by two seeds, one of them typed kmeans:per_class=balanced."""
    shutil.copytree(GOLDEN / "compare_v1", tmp_path / "out")
    return tmp_path / "out"


def test_the_page_of_a_comparison_of_version_1_is_written_again(compared, capsys):
    assert main(["report", str(compared)]) == 0
    text = (compared / "report" / "index.html").read_text(encoding="utf-8")
    for arm in ("kmeans:per_class", "topk", "random", "everything"):
        assert arm in text
    shown = text.partition("</header>")[2].partition("How to run it again")[0]
    assert "kmeans:per_class=balanced" not in shown
    assert main(["verify", str(compared)]) == 0
    capsys.readouterr()


def test_a_comparison_of_version_1_grows(compared):
    finished = Finished.read(compared, StudySettings)
    told: list[str] = []
    study = Study(Where("digits", compared), finished.settings)
    records = study.train(told.append)
    assert told == []
    assert len(records) == 8
    assert {record.arm for record in records} == {
        *map(Arm.parse, ("full", "random", "kmeans:per_class", "topk"))
    }


def test_a_comparison_of_version_1_takes_another_seed(compared):
    settings = dataclasses.replace(
        Finished.read(compared, StudySettings).settings,
        arms=tuple(map(Arm.parse, ("full", "random"))),
        seeds=(0, 1, 2),
    )
    told: list[str] = []
    records = Study(Where("digits", compared), settings).train(told.append)
    assert [line.rpartition(" ")[2] for line in told] == [
        "steps-full-30st-seed2",
        "steps-random-k0.0864-split1-30st-seed2",
    ]
    assert {record.n_full for record in records} == {1438}


def test_the_selection_of_an_earlier_run_is_an_arm():
    selection = {
        "method": "kmeans", "n_samples": 0.0864, "per_class": "balanced", "metric": "euclidean",
        "dedup": 0.2, "options": {"n_iterations": 3},
    }  # fmt: skip
    assert upgraded_settings({"seeds": [0], "selection": selection}) == {
        "seeds": [0],
        "arm": "kmeans:per_class:dedup=0.2:n_iterations=3",
        "size": 0.0864,
    }
    with pytest.raises(ValueError, match=r"settings\.json: selection is damaged"):
        upgraded_settings({"selection": {**selection, "method": "best"}})
    with pytest.raises(ValueError, match=r"settings\.json: selection is damaged"):
        upgraded_settings({"selection": {"method": "kmeans"}})


def test_a_folder_without_trainings_says_so(compared):
    shutil.rmtree(compared / "records")
    finished = Finished.read(compared, StudySettings)
    with pytest.raises(
        FileNotFoundError, match="has no finished training; run the experiment first"
    ):
        finished.records(["steps-full-30st-seed0"])
