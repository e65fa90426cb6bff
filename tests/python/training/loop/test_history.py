from __future__ import annotations

import json

import pytest

from thinset.training import Best, Evaluation, History, PhaseTotals


def evaluation(step: int, **scores: float) -> Evaluation:
    return Evaluation(step, 2 * step, 0.5, 1.5, "fast", 0.25, scores, {"fid": 30.0})


def test_history_round_trips_through_json() -> None:
    history = History(
        curve=[evaluation(1, fid=40.0), evaluation(2, loss=0.5, accuracy=0.75)],
        phases=[PhaseTotals("fast", "digits", 2, 1.0)],
        steps=2,
        best=Best("fid", 30.0, 1),
    )
    assert History.from_dict(json.loads(json.dumps(history.to_dict()))) == history


def test_loss_and_accuracy_are_scores_on_test_data() -> None:
    point = evaluation(1, loss=0.5, accuracy=0.75)
    assert (point.test_loss, point.test_accuracy) == (0.5, 0.75)
    point = evaluation(1, fid=40.0)
    assert (point.test_loss, point.test_accuracy) == (None, None)


@pytest.mark.parametrize(
    ("test_loss", "test_accuracy", "scores"),
    [(0.5, 0.75, {"loss": 0.5, "accuracy": 0.75}), (0.5, None, {"loss": 0.5}), (None, None, {})],
)
def test_histories_of_earlier_versions_are_read(test_loss, test_accuracy, scores) -> None:
    point = {"step": 3, "samples": 6, "epoch": 0.5, "seconds": 1.0, "phase": "all"}
    point.update(train_loss=0.25, test_loss=test_loss, test_accuracy=test_accuracy)
    phases = [{"name": "all", "dataset": "digits", "steps": 3, "seconds": 1.0}]
    history = History.from_dict({"curve": [point], "phases": phases, "steps": 3})
    assert history.final.scores == scores
    assert (history.final.test_loss, history.final.test_accuracy) == (test_loss, test_accuracy)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"curve": [], "phases": [], "extra": 1},
        {"curve": [{"step": 1}], "phases": []},
        {"curve": [3], "phases": []},
        {"curve": [], "phases": [], "best": {"metric": "loss"}},
        [],
    ],
)
def test_other_contents_are_refused(content) -> None:
    with pytest.raises(ValueError, match="not the content of a training history"):
        History.from_dict(content)
