from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from thinset.report import StudyInputs, write_study_report
from thinset.results import RANDOM, Arm, Score
from thinset.results.overtaking import overtakings

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeRecord
    from thinset.results import RunRecord


def curve(make_record: MakeRecord, arm: str, seed: int, accuracies: tuple[float, ...]) -> RunRecord:
    record = make_record(arm, seed, split=1.0)
    points = tuple(
        replace(record.curve[-1], step=step, scores={"accuracy": accuracy})
        for step, accuracy in zip((10, 20, 30, 40), accuracies, strict=False)
    )
    return replace(record, curve=points, final={"accuracy": Score(accuracies[-1])})


def test_the_first_step_at_which_the_mean_is_better_counts(make_record: MakeRecord) -> None:
    records = [
        curve(make_record, "random", 0, (10.0, 30.0, 50.0, 60.0)),
        curve(make_record, "random", 1, (10.0, 30.0, 50.0, 60.0)),
        # Better in the mean at 20 and 30 steps, though not with each seed.
        curve(make_record, "topk", 0, (9.0, 35.0, 60.0, 55.0)),
        curve(make_record, "topk", 1, (10.0, 26.0, 45.0, 55.0)),
        curve(make_record, "max_min", 0, (9.0, 30.0, 50.0, 60.0)),
        curve(make_record, "max_min", 2, (99.0, 99.0, 99.0, 99.0)),
    ]
    found = {str(one.configuration.arm): one for one in overtakings(records, RANDOM)}
    assert set(found) == {"topk", "max_min"}
    topk, max_min = found["topk"], found["max_min"]
    assert (topk.first_step, topk.n_better, topk.n_compared, topk.seeds) == (20, 2, 4, (0, 1))
    assert (max_min.first_step, max_min.n_better, max_min.seeds) == (None, 0, (0,))


def test_short_curves_and_other_steps_say_nothing(make_record: MakeRecord) -> None:
    records = [
        curve(make_record, "random", 0, (10.0, 30.0)),
        curve(make_record, "topk", 0, (20.0, 40.0)),
    ]
    assert overtakings(records, RANDOM) == ()
    assert overtakings(records, Arm.parse("kmeans")) == ()


def test_the_page_says_when_an_arm_was_better(make_record: MakeRecord, tmp_path: Path) -> None:
    records = [
        curve(make_record, "random", 0, (10.0, 30.0, 50.0)),
        curve(make_record, "topk", 0, (9.0, 35.0, 60.0)),
        curve(make_record, "kmeans", 0, (9.0, 25.0, 40.0)),
    ]
    inputs = StudyInputs("A study", "noise: 200 samples", records, "thinset compare noise")
    text = write_study_report(inputs, tmp_path / "out").read_text(encoding="utf-8")
    assert "During the training, beside random" in text
    assert "<td>20</td><td>2 of 3</td>" in text
    assert "<td>never</td><td>0 of 3</td>" in text
    assert (tmp_path / "out" / "plots" / "accuracy-against-steps.png").exists()
