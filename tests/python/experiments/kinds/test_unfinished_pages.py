"""Pages of experiments that are not finished: written early, and valid whenever it ends."""

from __future__ import annotations

import dataclasses
import re

import pytest

from grids import SETTINGS, arms
from thinset.duration import Duration
from thinset.experiments import refreshing
from thinset.experiments.figures.registry import recipe_of
from thinset.experiments.kinds import run, trainings
from thinset.experiments.pages import write_page
from thinset.experiments.refreshing import Refresher
from thinset.experiments.settings import EncoderSettings, RunSettings, TrainingSettings
from thinset.experiments.where import Where
from thinset.experiments.workbench import Workbench
from thinset.results import Arm, load_records

RUN = RunSettings(
    seeds=(0,),
    steps=Duration(6, "st"),
    encoder=EncoderSettings(kind="pca"),
    arm=Arm.parse("max_min"),
    size=100,
    training=TrainingSettings(batch_size=32, learning_rate=0.02, evaluations=2),
)
STUDY = dataclasses.replace(SETTINGS, arms=arms("full", "random"), seeds=(0, 1), splits=(1.0,))


@pytest.fixture
def stopped_at(monkeypatch):
    """Interrupt the training of this number, from 1 on; None lets all of them finish."""

    def stop(number):
        monkeypatch.setattr(refreshing, "_PAUSES", 0)
        trained = []

        def train(bench, *args, **options):
            trained.append(args)
            if len(trained) == number:
                raise KeyboardInterrupt
            return real(bench, *args, **options)

        monkeypatch.setattr(Workbench, "train", train)

    real = Workbench.train
    return stop


@pytest.mark.parametrize(
    ("kind", "name", "settings", "n_total"),
    [(run, "run", RUN, 6), (trainings, "compare", STUDY, 4)],
)
def test_the_page_follows_the_trainings(tmp_path, stopped_at, kind, name, settings, n_total):
    out = tmp_path / "out"
    where = Where("digits", out, command=f"thinset {name} digits --out {out}")
    page = out / "report" / "index.html"

    stopped_at(1)
    with pytest.raises(KeyboardInterrupt):
        kind.make(recipe_of(name), settings, where)
    assert not page.exists()  # there is nothing to show

    stopped_at(3)
    with pytest.raises(KeyboardInterrupt):
        kind.make(recipe_of(name), settings, where)
    text = page.read_text(encoding="utf-8")
    assert f"2 of {n_total} trainings done." in text
    assert '<meta http-equiv="refresh" content="30">' in text
    assert "<h2>Final scores</h2>" in text
    assert "<img" not in text
    assert "<strong>Next:</strong>" not in text
    assert len(load_records(out / "report" / "records.json")) == 2
    assert write_page(out).read_text(encoding="utf-8") == text  # thinset report

    stopped_at(None)
    kind.make(recipe_of(name), settings, where)
    text = page.read_text(encoding="utf-8")
    assert "trainings done" not in text
    assert "refresh" not in text
    assert "<strong>Next:</strong> these digits are a toy dataset" in text
    assert "<img" in text
    headline = re.search("<h1>(.*)</h1>", text)
    assert headline is not None
    assert "%" in headline[1]


def test_refreshing_takes_a_small_part_of_the_time(monkeypatch):
    clock, written = [0.0], []

    def write():
        written.append(clock[0])
        clock[0] += 1.0

    monkeypatch.setattr(refreshing.time, "monotonic", lambda: clock[0])
    refresh = Refresher(write)
    for _ in range(100):
        refresh()
        clock[0] += 1.0
    assert written == [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
