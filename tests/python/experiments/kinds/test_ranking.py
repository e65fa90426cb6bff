from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys

import pytest

from thinset.data import open_dataset
from thinset.distillation.methods import dm
from thinset.duration import Duration
from thinset.experiments.distillation import DistillationSettings
from thinset.experiments.figures.registry import recipe_of
from thinset.experiments.finished import Finished
from thinset.experiments.kinds import ranking
from thinset.experiments.settings import EncoderSettings, RankingSettings, TrainingSettings
from thinset.experiments.where import Where
from thinset.files.json import write_json_with_digest
from thinset.models.architecture_space import draw_architectures
from thinset.results import FULL, RANDOM, REFERENCE, Arm, load_records, summarise_ranking
from thinset.results.ranking import Ranker

SETTINGS = RankingSettings(
    arms=(FULL, RANDOM),
    seeds=(0,),
    sizes=(100,),
    total=Duration(3, "st"),
    reference_total=Duration(5, "st"),
    learning_rates=(0.01, 0.05),
    widths=(0.25, 1.0),
    encoder=EncoderSettings(kind="pca", n_components=8),
    training=TrainingSettings(batch_size=32, evaluations=1),
)


def make(out, settings, note=None):
    return ranking.make(recipe_of("repeated_search"), settings, Where("digits", out), note)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rankings") / "ranking"
    told: list[str] = []
    page = make(folder, SETTINGS, told.append)
    return folder, page, told


def test_every_arm_trains_every_setting(finished):
    folder, page, told = finished
    records = load_records(folder / "records")
    assert len(told) == len(records) == 12
    settings = {(r.settings["learning_rate"], r.settings["width"]) for r in records}
    assert settings == {(0.01, 0.25), (0.01, 1.0), (0.05, 0.25), (0.05, 1.0)}
    assert sorted(record.steps for record in records) == [3] * 8 + [5] * 4
    text = page.read_text(encoding="utf-8")
    assert "rate 0.05, width 0.25" in text
    assert "Every candidate" in text


def test_scores_are_of_held_out_training_data(finished):
    folder, *_ = finished
    parts = [open_dataset(folder / "split" / name) for name in ("train", "test")]
    assert [len(part) for part in parts] == [1294, 144]
    assert {record.n_full for record in load_records(folder / "records")} == {1294}


def test_a_ranking_grows_in_its_folder(finished):
    folder, *_ = finished
    told: list[str] = []
    more = dataclasses.replace(SETTINGS, seeds=(0, 1), learning_rates=(0.01, 0.05, 0.1))
    make(folder, more, told.append)
    assert len(told) == 2 * 18 - 12
    page = make(folder, dataclasses.replace(more, sizes=(100, 0.1)), told.append)
    assert len(told) == 2 * 18 - 12 + 2 * 6
    text = page.read_text(encoding="utf-8")
    assert "random samples, 100 samples" in text
    assert "random samples, 10\N{NO-BREAK SPACE}%" in text
    with pytest.raises(ValueError, match="settings.total is '3st' there and '4st' here"):
        make(folder, dataclasses.replace(SETTINGS, total=Duration(4, "st")))


def test_a_setting_that_diverges_scores_nothing(tmp_path):
    settings = dataclasses.replace(SETTINGS, learning_rates=(0.01, 1e20))
    make(tmp_path / "ranking", settings)
    finished = Finished.read(tmp_path / "ranking", RankingSettings)
    points = tuple(ranking.points_of(settings))
    left_out = finished.left_out(point.name for point in points)
    assert len(finished.records(point.name for point in points)) == len(left_out) == 6
    trained, preparation = ranking.trained_by_ranker(points, finished, left_out)
    assert preparation[Ranker(FULL)] == 0.0
    assert preparation[Ranker(RANDOM, 100)] > 0.0
    assert all(len(runs) == 4 for runs in trained.values())
    diverged = [
        run.accuracy for run in trained[Ranker(RANDOM, 100)] if run.candidate.learning_rate > 1
    ]
    assert diverged == [0.0, 0.0]
    reference, full, random = summarise_ranking(trained.pop(REFERENCE), trained, preparation)
    assert reference.regret == {0: 0.0}
    assert max(full.regret[0], random.regret[0]) < 100


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rates": (0.1,), "widths": (1.0,)}, "at least three settings"),
        ({"seeds": ()}, "seeds must have at least one"),
        ({"arms": (RANDOM, RANDOM)}, "arms must be distinct, got random twice"),
        ({"sizes": ()}, "sizes must have at least one"),
        ({"sizes": (0,)}, "sizes must be a count of at least 1"),
        ({"n_architectures": 2}, "at least three architectures to rank, got 2"),
        ({"architectures": ("lenet", "vgg")}, "at least three architectures to rank, got 2"),
        ({"architectures": ("vgg", "vgg", "lenet")}, "architectures must be distinct, got vgg"),
        (
            {"n_architectures": 3, "arms": (Arm.parse("distilled:dd:start=fixed"),)},
            "arm distilled:dd:start=fixed: its initial weights are those of one architecture",
        ),
    ],
)
def test_a_ranking_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SETTINGS, **changes)


ARCHITECTURES = dataclasses.replace(
    SETTINGS,
    arms=(RANDOM, Arm.parse("distilled:dm")),
    sizes=(20,),
    n_architectures=3,
    architecture_seed=4,
    distillation=DistillationSettings(
        evaluations=1,
        network="convnet",
        width=0.0625,
        dm=dm.Settings(batch_size=8, length="2st", n_scored=0),
    ),
)


@pytest.fixture(scope="module")
def ranked_architectures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rankings") / "architectures"
    return folder, make(folder, ARCHITECTURES)


def test_architectures_are_ranked_and_images_are_distilled_once(ranked_architectures):
    folder, page = ranked_architectures
    drawn = {str(each) for each in draw_architectures(3, 4)}
    records = load_records(folder / "records")
    assert len(records) == 9
    assert {record.settings["model"] for record in records} == drawn
    assert {record.settings["learning_rate"] for record in records} == {
        SETTINGS.training.learning_rate
    }
    (distilled,) = (folder / "subsets").glob("distilled-*/")
    provenance = open_dataset(distilled).manifest.provenance
    assert provenance.params["settings"]["network"] == "convnet"
    assert provenance.params["settings"]["width"] == 0.0625
    (seconds,) = {
        record.preparation_seconds["distilling"]
        for record in records
        if record.arm.distilled is not None
    }
    assert seconds > 0
    text = page.read_text(encoding="utf-8")
    assert all(name in text for name in drawn)
    assert "Ranked: 3 architectures" in text
    assert "multiply-adds" in text


def test_more_architectures_add_to_those_that_are_ranked(ranked_architectures):
    folder, _ = ranked_architectures
    told: list[str] = []
    make(folder, dataclasses.replace(ARCHITECTURES, n_architectures=4), told.append)
    assert len(told) == 3
    with pytest.raises(ValueError, match=r"settings\.distillation\.width is 0\.0625 there"):
        other = dataclasses.replace(ARCHITECTURES.distillation, width=0.125)
        make(folder, dataclasses.replace(ARCHITECTURES, distillation=other))


def test_the_page_is_written_again_without_torch(ranked_architectures):
    folder, page = ranked_architectures
    before = page.read_text(encoding="utf-8")
    page.unlink()
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from thinset.experiments.figures.registry import recipe_of\n"
        "from thinset.experiments.finished import Finished\n"
        "from thinset.experiments.kinds import ranking\n"
        f"ranking.write_page(recipe_of('repeated_search'),"
        f" Finished.read({str(folder)!r}, ranking.Settings))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    tables = re.compile("<table.*?</table>", re.DOTALL)
    assert tables.findall(page.read_text(encoding="utf-8")) == tables.findall(before) != []


def test_architectures_may_be_named(tmp_path):
    names = ("lenet", "cnn:3-8-max", "paper")
    settings = dataclasses.replace(SETTINGS, architectures=names, arms=(RANDOM,))
    assert ranking.candidates_of(ranking.with_drawn_architectures(settings)) == names
    assert len({point.name for point in ranking.points_of(settings)}) == 6
    settings = dataclasses.replace(settings, architectures=("lenet", "cnn:3-8", "paper"))
    with pytest.raises(ValueError, match="got 'cnn:3-8'"):
        make(tmp_path / "out", settings)
    assert not (tmp_path / "out").exists()


def test_names_of_points_are_unique():
    drawn = ranking.with_drawn_architectures(
        dataclasses.replace(ARCHITECTURES, n_architectures=500, sizes=(20, 200))
    )
    names = [point.name for point in ranking.points_of(drawn)]
    assert len(set(names)) == len(names) == 500 * 5


def test_a_folder_of_an_earlier_version_is_continued(tmp_path):
    folder = tmp_path / "ranking"
    settings = dataclasses.replace(SETTINGS, arms=(RANDOM,), learning_rates=(0.01, 0.02, 0.05))
    settings = dataclasses.replace(settings, widths=(0.25,))
    make(folder, settings)
    # The size was one value, among the settings that a folder fixes.
    stored = json.loads((folder / "settings.json").read_text())
    del stored["sha256"]
    for name in ("sizes", "architectures", "n_architectures", "architecture_seed"):
        del stored["notes"]["grid"][name]
    stored["settings"]["size"] = 100
    write_json_with_digest(folder / "settings.json", stored)
    assert Finished.read(folder, RankingSettings).settings == settings
    told: list[str] = []
    make(folder, dataclasses.replace(settings, sizes=(100, 200)), told.append)
    assert len(told) == 3
