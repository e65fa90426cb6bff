"""Arms and trainings on distilled datasets, by their stored steps and without them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from torch.nn.utils import parameters_to_vector

from grids import SETTINGS, arms, lengths
from thinset.data import write_subset
from thinset.experiments.classifier import new_classifier
from thinset.experiments.kinds.trainings import Study
from thinset.experiments.replayed import replays
from thinset.experiments.where import Where
from thinset.results import FastPhase, RunRecord, summarise
from thinset.results.findings import find
from thinset.training import StepSizesUnusedWarning

pytest.importorskip("matplotlib")

STEPS = tuple(((0, 10), 0.3) for _ in range(4))


@pytest.fixture
def distil(tmp_path, write_distilled, digits):
    def distil(name="distilled", **options):
        labels = np.asarray(digits["train"].labels)
        rows = [int(np.flatnonzero(labels == number)[0]) for number in range(10)]
        images = digits["train"].images[rows].astype(np.float32) / 255
        arguments = {"steps": STEPS, **options}
        return write_distilled(tmp_path / name, images, np.arange(10), **arguments)

    return distil


def settings_of(*texts, **changes):
    training = dataclasses.replace(SETTINGS.training, model="small_networks:small")
    values = {"arms": arms(*texts), "seeds": (0,), "splits": (0.5,), "totals": lengths("10st")}
    return dataclasses.replace(SETTINGS, **{**values, "training": training, **changes})


@pytest.fixture
def study(tmp_path, digits):
    where = Where(str(digits["train"].path.parent), tmp_path / "study", device="cpu")
    return lambda *texts, **changes: Study(where, settings_of(*texts, **changes))


def test_the_fast_phase_is_the_stored_steps_once_whatever_the_split(study, distil):
    path = distil().path
    settings = {"splits": (0.0, 0.3, 0.5, 1.0), "totals": lengths("10st")}
    records = study(f"data:{path}", "full", **settings).train()
    phases = {
        0.0 if record.fast_phase is None else record.fast_phase.split: [
            (phase.name, phase.dataset, phase.steps) for phase in record.phases
        ]
        for record in records
    }
    assert phases == {
        0.0: [("fine-tuning", "full", 10)],
        0.3: [("replay", "subset", 4), ("fine-tuning", "full", 6)],
        0.5: [("replay", "subset", 4), ("fine-tuning", "full", 6)],
        1.0: [("replay", "subset", 4)],
    }
    by_split = {r.fast_phase.split: r for r in records if r.fast_phase is not None}
    assert by_split[0.5].fast_phase == FastPhase(10, 0.5)
    assert by_split[0.3].final == by_split[0.5].final
    assert [record.replayed_steps for record in by_split.values()] == [4, 4, 4]
    assert RunRecord.from_dict(by_split[1.0].to_dict()) == by_split[1.0]


def test_pages_say_so(study, distil, tmp_path):
    path = distil().path
    records = study(f"data:{path}", f"data:{path}:ordinary", splits=(0.5, 1.0)).train
    with pytest.warns(StepSizesUnusedWarning):
        summaries = summarise(records())
    details = {finding.label: " ".join(finding.details) for finding in find(summaries)}
    assert len(details) == 4
    told = {label: "It was replayed" in text for label, text in details.items()}
    assert told == {label: "not used" not in label for label in details}
    both = next(text for label, text in details.items() if told[label] and "50" in label)
    assert "trained by its 4 stored steps, then 6 steps on everything." in both
    alone = next(text for label, text in details.items() if told[label] and "100" in label)
    assert "trained by its 4 stored steps alone." in alone


def test_an_ordinary_arm_does_not_replay(study, distil):
    path = distil().path
    with pytest.warns(StepSizesUnusedWarning, match="step sizes of distilled are not used"):
        (record,) = study(f"data:{path}:ordinary").train()
    assert [(phase.name, phase.steps) for phase in record.phases] == [
        ("fast", 5),
        ("fine-tuning", 5),
    ]
    assert record.replayed_steps == 0
    assert not replays(record.arm)


def test_added_data_are_trained_on_without_their_steps(study, distil):
    path = distil().path
    with pytest.warns(StepSizesUnusedWarning, match="step sizes of distilled are not used"):
        (record,) = study(f"full+data:{path}").train()
    assert record.n_trained == 1448


def test_stored_initial_weights_are_where_training_starts(study, distil, digits):
    training = settings_of("full").training.resolved_for((8, 8, 1))
    stored = new_classifier(digits["train"], training, seed=7)
    weights = parameters_to_vector(stored.parameters()).detach().numpy()
    params = {"initial_weights": {"kind": "fixed", "n_fixed_layers": None}}
    path = distil(initial_weights=weights, params=params).path
    one, other = study(f"data:{path}", splits=(1.0,), seeds=(0, 1)).train()
    assert one.final == other.final
    fewer = distil("fewer", initial_weights=weights[1:], params=params).path
    with pytest.raises(ValueError, match=r"data:.*fewer: .* have the shape \(689,\)"):
        study(f"data:{fewer}")


def test_faults_are_found_before_anything_is_trained(study, distil):
    path = distil().path
    normalised = dataclasses.replace(SETTINGS.training, model="small_networks:normalised")
    with pytest.raises(
        ValueError, match=r"data:.*distilled: .*BatchNorm2d.* The arm data:.*distilled:ordinary"
    ):
        study("full", f"data:{path}", training=normalised)
    with pytest.raises(ValueError, match=r"longer than the 4 stored steps .* got 4st"):
        study("full", f"data:{path}", totals=lengths("4st"))
    assert study(f"data:{path}", totals=lengths("4st"), splits=(1.0,)).train()[0].steps == 4


def test_a_selected_part_of_a_distilled_dataset_is_trained_on_as_usual(study, distil, tmp_path):
    part = write_subset(range(5), distil(), tmp_path / "part")
    (record,) = study(f"data:{part.path}").train()
    assert [phase.name for phase in record.phases] == ["fast", "fine-tuning"]


def test_budgets_in_time_are_for_stored_steps_too(study, distil):
    path = distil().path
    (record,) = study(f"data:{path}", totals=lengths("1s")).train()
    assert [phase.name for phase in record.phases] == ["replay", "fine-tuning"]
    assert record.phases[1].steps > 1
    assert record.curve[-1].seconds < 10


@pytest.mark.parametrize("option", ["ordinary", "new_weights"])
def test_options_about_steps_need_stored_steps(study, digits, option):
    path = digits["train"].path
    with pytest.raises(ValueError, match=f"{option} does not apply: .* has no stored steps; use"):
        study("full", f"data:{path}:{option}")
