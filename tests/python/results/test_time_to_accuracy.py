from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from thinset.report import StudyInputs, write_study_report
from thinset.results import Score
from thinset.results.time_to_accuracy import seconds_to_reach, times_to_accuracy

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeRecord
    from thinset.results import RunRecord


@pytest.fixture
def timed(make_record: MakeRecord) -> list[RunRecord]:
    """Everything ends at 60 % after 40 s; random is there after 25 s, or never; topk at once."""
    return [
        curve(make_record, "full", 0, (20.0, 40.0, 60.0)),
        curve(make_record, "full", 1, (20.0, 40.0, 60.0)),
        curve(make_record, "random", 0, (30.0, 50.0, 70.0)),
        curve(make_record, "random", 1, (30.0, 50.0, 59.0)),
        curve(make_record, "topk", 0, (65.0, 66.0, 67.0)),
        curve(make_record, "topk", 1, (40.0, 70.0, 50.0)),
    ]


def curve(make_record: MakeRecord, arm: str, seed: int, accuracies: tuple[float, ...]) -> RunRecord:
    record = make_record(arm, seed, comparison="time", total="40s")
    point = record.curve[-1]
    points = tuple(
        replace(point, step=int(seconds), seconds=seconds, scores={"accuracy": accuracy})
        for seconds, accuracy in zip((10.0, 20.0, 40.0), accuracies, strict=True)
    )
    return replace(record, curve=points, final={"accuracy": Score(accuracies[-1])})


def test_the_first_time_counts_read_between_evaluations(timed: list[RunRecord]) -> None:
    random = timed[2]
    assert seconds_to_reach(30.0, random) == 10.0
    assert seconds_to_reach(40.0, random) == 15.0
    assert seconds_to_reach(60.0, random) == 30.0
    assert seconds_to_reach(70.0, random) == 40.0
    assert seconds_to_reach(70.1, random) is None
    assert seconds_to_reach(55.0, timed[5]) == 15.0, "though it falls back later"


def test_arms_are_compared_on_the_seeds_of_everything(timed: list[RunRecord]) -> None:
    times = {str(arm.configuration.arm): arm for arm in times_to_accuracy(timed)}
    assert times["full"].seconds == (40.0, 40.0)
    assert times["full"].speedups == (1.0, 1.0)
    assert times["random"].seconds == (30.0, None)
    assert times["random"].n_reached == 1
    assert times["random"].speedups == (pytest.approx(4 / 3), None)
    assert times["topk"].seconds == (10.0, pytest.approx(10 + 10 * 20 / 30))
    (alone,) = times_to_accuracy(timed[1:3])
    assert str(alone.configuration.arm) == "full", "random shares no seed with everything"


def test_curves_of_two_points_tell_too_little(timed: list[RunRecord]) -> None:
    short = [replace(run, curve=run.curve[1:]) for run in timed]
    assert times_to_accuracy(short) == ()
    mixed = [timed[0], short[2]]
    assert [str(arm.configuration.arm) for arm in times_to_accuracy(mixed)] == ["full"]


def test_the_page_of_a_study_has_the_table(timed: list[RunRecord], tmp_path: Path) -> None:
    inputs = StudyInputs("A study", "noise", timed, "thinset compare noise")
    page = write_study_report(inputs, tmp_path / "timed").read_text(encoding="utf-8")
    assert "Time to full-data accuracy" in page
    assert "1 of 2" in page
    assert "13.3 s" in page
    steps = [replace(run, comparison="steps") for run in timed]
    inputs = StudyInputs("A study", "noise", steps, "thinset compare noise")
    page = write_study_report(inputs, tmp_path / "steps").read_text(encoding="utf-8")
    assert "Time to full-data accuracy" not in page
