"""Plans: what is measured, what is advised, and whether the advice is followed."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from thinset.data import write_subset
from thinset.experiments.figures.registry import recipe_of
from thinset.experiments.finished import Finished
from thinset.experiments.kinds import plan as plan_kind
from thinset.experiments.plan import pace, planning, sampling
from thinset.experiments.plan.deadline import Deadline, NoTimeToMeasureError
from thinset.experiments.plan.measuring import measure
from thinset.experiments.plan.planning import Planner
from thinset.experiments.plan.sampling import SampledData
from thinset.experiments.prepare.subsets import distinct_rows, typical_distance
from thinset.experiments.settings import EncoderSettings, PlanSettings, TrainingSettings
from thinset.experiments.where import Where
from thinset.experiments.workbench import Workbench
from thinset.files.decoding import encode
from thinset.files.json import write_json_with_digest
from thinset.models import Classifier
from thinset.results import FULL
from thinset.results.plan import Plan
from thinset.selection import Selection, deduplicate
from thinset.training import Duration, load_weights

SETTINGS = PlanSettings(
    total=Duration(40, "st"),
    probe_share=0,
    encoder=EncoderSettings(kind="pca", n_components=8),
    training=TrainingSettings(batch_size=32, learning_rate=0.02, evaluations=2),
)


@pytest.fixture
def unhurried(monkeypatch):
    """Planning takes the time it needs, however busy the machine is."""
    monkeypatch.setattr(planning, "_PLANNING_SHARE", 100.0)


def test_repetition_is_seen_in_a_sample(digits, tmp_path) -> None:
    train = digits["train"]
    # Every other sample is the same one: two drawn at random are, in a quarter of all cases.
    rows = np.arange(len(train))
    rows[::2] = 7
    repeated = write_subset(rows, train, tmp_path / "data" / "train")
    write_subset(np.arange(50), digits["test"], tmp_path / "data" / "test")
    found = {}
    for name, source in (("repeated", str(tmp_path / "data")), ("digits", "digits")):
        bench = Workbench(Where(source, tmp_path / name), SETTINGS, fixed=(), figure="plan")
        settings = dataclasses.replace(
            SETTINGS, training=SETTINGS.training.resolved_for(repeated.image_shape)
        )
        found[name] = measure(bench, settings, 0.2, Deadline(600))
    sample = found["repeated"].sample
    # A quarter, less 1.645 standard errors: rows have shares of a half or 0.
    least = 0.25 - 1.645 * 2 * 0.25 / sample.n_rows**0.5
    assert sample.near_duplicates == pytest.approx(least, abs=0.01)
    assert found["digits"].sample.near_duplicates < 0.002
    embeddings = bench.embeddings()
    n_left = len(deduplicate(embeddings, 0.2 * typical_distance(embeddings)))
    assert found["digits"].sample.distinct_share == pytest.approx(n_left / len(train))
    assert found["repeated"].sample.distinct_share < n_left / len(train)
    assert list(found["digits"].embedding_seconds) == ["principal components"]
    assert found["digits"].pace.step_seconds > 0


@pytest.mark.usefixtures("unhurried")
def test_every_stage_has_its_seconds_and_a_budget_is_used_up(tmp_path) -> None:
    settings = dataclasses.replace(SETTINGS, total=Duration(90, "s"))
    plan = Planner(Where("digits", tmp_path / "plan"), settings).plan(lambda _: None)
    choices = {str(choice.arm): choice for choice in plan.choices}
    assert list(choices) == ["full", "full:dedup=0.2", "kmeans:per_class", "loss_pruning"]
    assert choices["full"].preparation_seconds == {}
    assert set(choices["kmeans:per_class"].preparation_seconds) == {
        "principal components", "selection", "writing the subset",
    }  # fmt: skip
    assert set(choices["full:dedup=0.2"].preparation_seconds) == {
        "principal components", "leaving out near-duplicates",
    }  # fmt: skip
    for choice in plan.choices:
        # The second of two evaluations comes when the budget is used up.
        spent = plan.planning_seconds + choice.seconds - choice.evaluation_seconds / 2
        assert spent == pytest.approx(90, abs=0.5)
        less = choices["full"].training_seconds - choice.training_seconds
        assert less == pytest.approx(sum(choice.preparation_seconds.values()))
    assert choices["full"].steps >= choices["kmeans:per_class"].steps > 0
    assert plan.choice.arm == FULL
    assert Plan.load(tmp_path / "plan" / "plan.json") == plan
    assert "advice: do not select; train on everything" in plan.describe()


@pytest.mark.parametrize(
    "total",
    ["37st", *(pytest.param(length, marks=pytest.mark.slow) for length in ("1.5ep", "3000sa"))],
)
@pytest.mark.usefixtures("unhurried")
def test_steps_are_predicted_exactly(tmp_path, total) -> None:
    settings = dataclasses.replace(SETTINGS, total=Duration.parse(total))
    planner = Planner(Where("digits", tmp_path / "plan"), settings)
    plan = planner.plan(lambda _: None)
    for number, choice in enumerate(plan.choices):
        if str(choice.arm) not in {"full", "kmeans:per_class"}:
            continue
        other = Planner(Where("digits", tmp_path / str(choice.arm)[:4]), settings)
        record = other.follow(dataclasses.replace(plan, recommended=number))
        assert record.steps == choice.steps, choice.arm


@pytest.mark.usefixtures("unhurried")
def test_the_page_shows_what_the_plan_keeps(tmp_path) -> None:
    folder = tmp_path / "plan"
    where, recipe = Where("digits", folder), recipe_of("plan")
    made = Planner(where, SETTINGS).plan(lambda _: None)
    page = folder / "report" / "index.html"
    assert made.choice.arm == FULL

    def explored_by(arm: str) -> dict[str, Any]:
        number = [str(choice.arm) for choice in made.choices].index(arm)
        dataclasses.replace(made, recommended=number).save(folder / "plan.json")
        plan_kind.write_page(recipe, Finished.read(folder, PlanSettings))
        (content,) = re.findall(r'id="explorer-data">(.*?)</script>', page.read_text(), re.DOTALL)
        return json.loads(content)

    plan_kind.write_page(recipe, Finished.read(folder, PlanSettings))
    assert "explorer-data" not in page.read_text()  # there are no embeddings yet
    Workbench(where, SETTINGS, fixed=("training", "total", "probe_share", "seed"), figure="plan"
    ).embeddings()  # fmt: skip
    explored = explored_by("kmeans:per_class")
    assert "What would be kept: k-means per class" in page.read_text()
    assert "advises against" not in page.read_text()
    assert (explored["name"], explored["other"]["name"]) == ("k-means per class", "random samples")
    n_kept = round(0.0864 * 1438)
    assert (explored["nTotal"], explored["nKept"]) == (1438, n_kept)
    assert explored_by("full") == explored  # not advised, and the only subset
    assert "advises against" in page.read_text()
    distinct = explored_by("full:dedup=0.2")
    rows = distinct_rows(np.load(folder / "embeddings" / "embeddings.npy"), 0.2)
    assert distinct["nKept"] == len(rows) < 1438
    assert "stacks" in distinct

    explored_by("kmeans:per_class")
    plan_kind.make(recipe, SETTINGS, where, lambda _: None)
    assert "What was kept: k-means per class" in page.read_text()
    (trained_on,) = (folder / "selections").glob("kmeans*.npz")
    assert len(Selection.load(trained_on)) == n_kept


@pytest.mark.usefixtures("unhurried")
def test_a_plan_is_made_once_and_followed(tmp_path) -> None:
    where = Where("digits", tmp_path / "plan")
    plan = Planner(where, SETTINGS).plan(lambda _: None)
    told: list[str] = []
    page = plan_kind.make(recipe_of("plan"), SETTINGS, where, told.append)
    assert told == [plan.describe()]
    record = json.loads((tmp_path / "plan" / "records" / "planned.json").read_text())
    assert record["arm"] == "full"
    assert record["preparation_seconds"] == {"planning": plan.planning_seconds}
    assert sum(phase["steps"] for phase in record["phases"]) == 40
    load_weights(Classifier((8, 8, 1), 10), tmp_path / "plan" / "classifier.safetensors")
    text = page.read_text(encoding="utf-8")
    for expected in ("Prediction and outcome", "all steps", "memory", "do not select"):
        assert expected in text
    with pytest.raises(ValueError, match="settings.total is '40st' there and '41st' here"):
        Planner(where, dataclasses.replace(SETTINGS, total=Duration(41, "st")))
    stored = plan_kind.stored_settings(tmp_path / "plan")
    assert stored == SETTINGS
    assert plan_kind.stored_settings(tmp_path) is None


def test_functions_that_only_a_folder_names_are_not_used(tmp_path) -> None:
    (tmp_path / "plan.json").touch()
    encoder = EncoderSettings(kind="module", function="theirs:encoder")
    training = TrainingSettings(model="theirs:model")
    settings = PlanSettings(encoder=encoder, training=training)
    notes = {"command": "", "grid": {}}
    stored = {"source": "digits", "device": "cpu", "settings": encode(settings), "notes": notes}
    write_json_with_digest(tmp_path / "settings.json", stored)
    message = r"settings\.json: settings\.training\.model is 'theirs:model'.*give --model theirs:"
    with pytest.raises(ValueError, match=message):
        plan_kind.stored_settings(tmp_path, encoder="theirs:encoder")
    message = r"settings\.encoder\.function is 'theirs:encoder'.*give --encoder theirs:encoder"
    with pytest.raises(ValueError, match=message):
        plan_kind.stored_settings(tmp_path, model="theirs:model")
    found = plan_kind.stored_settings(tmp_path, model="theirs:model", encoder="theirs:encoder")
    assert found == settings


@pytest.mark.slow
@pytest.mark.usefixtures("unhurried")
def test_a_plan_for_images_that_are_decoded_in_the_loop(tmp_path) -> None:
    settings = dataclasses.replace(SETTINGS, from_encoded=True, photograph_side=32)
    where = Where("digits", tmp_path / "plan")
    plan = Planner(where, settings).plan(lambda _: None)
    choices = {str(choice.arm): choice for choice in plan.choices}
    by_embeddings, random, full = (choices[arm] for arm in ("kmeans:per_class", "random", "full"))
    assert by_embeddings.preparation_seconds["decoding everything"] > 0
    # Images of 8 x 8: of the 1,438, only those that are decoded once and kept take memory.
    assert random.memory_bytes - full.memory_bytes == round(0.2 * 1438) * 64
    assert by_embeddings.memory_bytes - full.memory_bytes > 1438 * 64
    assert "images per second" in plan.facts["decoding"]
    assert not (tmp_path / "plan" / "decoded").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("unhurried")
def test_probes_predict_the_accuracy(tmp_path) -> None:
    settings = dataclasses.replace(SETTINGS, total=Duration(360, "st"), probe_share=0.9)
    planner = Planner(Where("digits", tmp_path / "plan"), settings)
    plan = planner.plan(lambda _: None)
    forecast = plan.choices[0].accuracy
    assert forecast is not None
    assert forecast.low < forecast.mean < forecast.high
    assert 80 < forecast.mean <= 100
    assert plan.choices[-1].accuracy is None
    # Embeddings made for the forecasts count, whether an arm uses them or not.
    seconds = planner.folder.stage_seconds["principal components"]
    choices = {str(choice.arm): choice.preparation_seconds for choice in plan.choices}
    assert choices["full"] == {"embeddings for the forecasts": seconds}
    assert choices["full:dedup=0.2"]["principal components"] == seconds
    assert "embeddings for the forecasts" not in choices["full:dedup=0.2"]
    record = planner.follow(plan)
    assert record.preparation_seconds["embeddings for the forecasts"] == seconds


@pytest.mark.usefixtures("unhurried")
def test_forecasts_are_left_out_where_they_take_too_long(tmp_path) -> None:
    settings = dataclasses.replace(SETTINGS, total=Duration(20, "s"), probe_share=0.001)
    plan = Planner(Where("digits", tmp_path / "plan"), settings).plan(lambda _: None)
    assert all(choice.accuracy is None for choice in plan.choices)
    assert "none: short trainings would take about" in plan.facts["forecasts"]
    assert not (tmp_path / "plan" / "embeddings").exists()


def test_looking_at_a_sample_ends_at_the_deadline(digits, tmp_path, monkeypatch) -> None:
    def endless(*_args, before_piece, **_options):
        while True:
            time.sleep(0.01)
            before_piece()

    monkeypatch.setattr(sampling, "pca", endless)
    with pytest.raises(NoTimeToMeasureError, match="no time left"):
        SampledData(digits["train"], SETTINGS.encoder, None, tmp_path, Deadline(0.1))
    settings = dataclasses.replace(SETTINGS, total=Duration(5, "s"))
    plan = Planner(Where("digits", tmp_path / "plan"), settings).plan(lambda _: None)
    assert plan.facts["repetition"] == plan.facts["embeddings"]
    assert "not measured: planning has no time left for it" in plan.facts["repetition"]
    assert [str(choice.arm) for choice in plan.choices] == ["full", "loss_pruning"]
    assert "repetition of samples was not measured" in plan.reasons[0]


def test_fewer_samples_are_looked_at_where_time_is_short(digits, tmp_path, monkeypatch) -> None:
    looked_at = []

    def slow(data, n_components, *_args, **_options):
        looked_at.append(len(data))
        time.sleep(0.001 * len(data))
        return np.random.default_rng(0).normal(size=(len(data), n_components))

    monkeypatch.setattr(sampling, "pca", slow)
    train, encoder = digits["train"], SETTINGS.encoder
    first = SampledData(train, encoder, None, tmp_path / "short", Deadline(1)).look()
    whole = SampledData(train, encoder, None, tmp_path / "long", Deadline(1000)).look()
    assert (first.n_rows, whole.n_rows) == (600, len(train))
    assert looked_at == [200, 600, 200, 600, 480, len(train)]


@pytest.fixture
def slow_model(tmp_path, monkeypatch):
    """The name of a model that takes half a second for each batch and keeps a file of calls."""
    (tmp_path / "slow_models.py").write_text(
        "import time\n"
        "from torch import nn\n"
        "class Slow(nn.Flatten):\n"
        "    def forward(self, images):\n"
        "        time.sleep(0.5)\n"
        "        with open('calls', 'a') as file:\n"
        "            file.write('.')\n"
        "        return super().forward(images)\n"
        "def slow(image_shape, n_classes):\n"
        "    return nn.Sequential(Slow(), nn.Linear(64, n_classes))\n"
    )
    monkeypatch.chdir(tmp_path)
    return "slow_models:slow"


@pytest.mark.alone
def test_a_budget_that_is_too_short_is_called_so(tmp_path, slow_model) -> None:
    training = dataclasses.replace(SETTINGS.training, model=slow_model)
    settings = dataclasses.replace(SETTINGS, total=Duration(3, "s"), training=training)
    planner = Planner(Where("digits", tmp_path / "plan"), settings)
    plan = planner.plan(lambda _: None)
    # A step and a test on a few samples, of half a second each, are always taken. A fifth of the
    # budget is not enough for more, but a few seconds are taken to predict whole batches.
    assert len((tmp_path / "calls").read_text()) <= 2 + 4 / 0.5 + 1
    assert plan.choice.steps < 10
    # 45 steps of 32 make one pass. The time of tests is measured on few samples, and too long.
    assert 45 * 0.5 < plan.least_seconds < 5 * 45 * 0.5
    assert plan.least_seconds >= 1.5 * 3
    assert plan == Plan.load(tmp_path / "plan" / "plan.json")
    text = plan.describe()
    assert "advice: the budget of 3s is too short to train" in text
    assert "plan again with at least " in text
    assert "->" not in text
    with pytest.raises(ValueError, match="cannot be followed: the budget of 3s is too short"):
        planner.follow(plan)
    with pytest.raises(ValueError, match="cannot be followed: the budget of 3s is too short"):
        plan_kind.make(
            recipe_of("plan"), settings, Where("digits", tmp_path / "plan"), lambda _: None
        )


def test_planning_keeps_within_its_share_of_the_budget(tmp_path, slow_model) -> None:
    training = dataclasses.replace(SETTINGS.training, model=slow_model, evaluations=1)
    encoder = EncoderSettings(kind="autoencoder", length=Duration(50, "st"), batch_size=32)
    settings = dataclasses.replace(
        SETTINGS, total=Duration(30, "s"), training=training, encoder=encoder
    )
    plan = Planner(Where("digits", tmp_path / "plan"), settings).plan(lambda _: None)
    # A fifth of the budget is enough for twelve batches; the last burst may have begun before.
    assert 2 <= len((tmp_path / "calls").read_text()) <= 12 + 3
    assert plan.choice.steps >= 10
    assert plan.least_seconds is None


@pytest.mark.parametrize(
    ("fixed", "each", "expected", "per_second"),
    [
        # In proportion: a step of 512 would take 25.6 s, and planning has 12 s.
        pytest.param(0.0, 0.05, [(8, 1), (8, 1), (32, 1), (128, 1)], 1 / 25.6, id="proportional"),
        # 128 samples would take 16.8 s in proportion to 32, and take 13.8 s by the line from 8; 64
        # take 7.4 s.
        pytest.param(1.0, 0.1, [(8, 1), (8, 1), (32, 1), (64, 1)], 1 / 52.2, id="line"),
        # 32 samples would take 12.4 s in proportion to 8, and 16 would take 6.2 s.
        pytest.param(
            3.08,
            0.0025,
            [(8, 1), (8, 1), (16, 1), (64, 1), (256, 1), (512, 1)],
            1 / 4.36,
            id="doubled",
        ),
        # Few samples take most of the time of many.
        pytest.param(
            1.0, 0.001, [(8, 1), (8, 1), (32, 1), (128, 1), (512, 1)], 1 / 1.512, id="fixed"
        ),
        # A step of 32 would take 32 s, one of 512 even longer.
        pytest.param(0.0, 1.0, [(8, 1), (8, 1)], 1 / 512, id="slow"),
    ],
)
def test_batches_grow_as_long_as_there_is_time(
    tmp_path, monkeypatch, fixed, each, expected, per_second
) -> None:
    sizes = []

    def train(_full, test, training, total, **_options):
        n_steps = 1 if total.is_time else int(total.amount)
        sizes.append((training.batch_size, n_steps))
        return SimpleNamespace(
            training_seconds=(fixed + each * training.batch_size) * n_steps, steps=n_steps,
            evaluation_seconds=1e-5 * len(test), curve=[None], data_wait_seconds=0.0,
        )  # fmt: skip

    monkeypatch.setattr(pace, "short_training", train)
    settings = dataclasses.replace(
        SETTINGS,
        total=Duration(60, "s"),
        training=dataclasses.replace(SETTINGS.training, batch_size=512),
    )
    planner = Planner(Where("digits", tmp_path / "plan"), settings)
    plan = planner.plan(lambda _: None)
    assert sizes[: len(expected)] == expected
    assert all(size == 512 for size, _ in sizes[len(expected) :])
    told = float(plan.facts["steps"].split(" ")[0])
    assert told == pytest.approx(per_second, rel=0.01)


def test_batches_may_be_larger_than_the_test_set(digits, tmp_path, monkeypatch) -> None:
    tested = []

    def train(_full, test, training, total, **_options):
        tested.append((training.batch_size, len(test)))
        return SimpleNamespace(
            training_seconds=0.01, steps=1, evaluation_seconds=1e-5 * len(test), curve=[None],
            data_wait_seconds=0.0,
        )  # fmt: skip

    monkeypatch.setattr(pace, "short_training", train)
    training = dataclasses.replace(SETTINGS.training, batch_size=4096)
    bursts = pace.Bursts(
        digits["train"], digits["test"], training, 3.0,
        mapped=(), device="cpu", deadline=Deadline(60), scratch=tmp_path,
    )  # fmt: skip
    sizes = [(32, 32), (128, 128), (512, 359), (2048, 359), (4096, 359), (4096, 359)]
    assert tested[:8] == [(8, 8), (8, 8), *sizes]
    assert bursts.pace().step_seconds == 0.01


@pytest.mark.parametrize(("count", "labelled"), [(99, True), (200, False)])
def test_too_little_data_are_refused(tmp_path, digits, count, labelled) -> None:
    train = digits["train"]
    arrays = (train.images[:count], train.labels[:count] if labelled else None)
    write_subset(np.arange(count), arrays, tmp_path / "data" / "train")
    write_subset(np.arange(50), digits["test"], tmp_path / "data" / "test")
    message = "at least 100 training samples with labels, got 99 with" if labelled else "no labels"
    with pytest.raises(ValueError, match=message):
        Planner(Where(str(tmp_path / "data"), tmp_path / "plan"), SETTINGS)


def test_samples_that_are_held_out_do_not_count(tmp_path, digits, capsys) -> None:
    write_subset(np.arange(120), digits["train"], tmp_path / "photographs")
    where = Where(str(tmp_path / "photographs"), tmp_path / "plan", show_progress=True)
    message = "got 96 with labels, besides 24 that were held out to test on"
    with pytest.raises(ValueError, match=message):
        Planner(where, SETTINGS)
    notes = capsys.readouterr().err.splitlines()
    assert "thinset: note: 24 of the 120 training samples are held out to test on" in notes[0]
    assert "has 24 samples to test on: one of them is 4.17 points of accuracy" in notes[1]


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_share_of_probes_is_checked(tmp_path, share) -> None:
    settings = dataclasses.replace(SETTINGS, probe_share=share)
    with pytest.raises(ValueError, match=f"probe_share must be a number from 0 to 1, got {share}"):
        Planner(Where("digits", tmp_path / "plan"), settings)
    assert not (tmp_path / "plan").exists()
