"""Plans in files and in words."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from thinset.results import FULL, Arm
from thinset.results.plan import Choice, Plan, PlannedSubset
from thinset.training import Duration

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.mark.parametrize(
    ("seconds", "typed"), [(44.2, "45s"), (8.01, "8.1s"), (269, "4.5min"), (7201, "2.1h")]
)
def test_the_least_budget_is_rounded_up(seconds, typed) -> None:
    choice = Choice(FULL, None, {}, 0, 0.0, 1.0, 0.0, 10**8, 0, None)
    plan = Plan("d", Duration(1, "s"), {}, (choice,), 0, (), 2.0, {}, {}, "", seconds)
    assert f"plan again with at least {typed}, in another folder" in plan.advice


@pytest.mark.parametrize(
    ("arm", "advice"),
    [
        ("full:balanced", "balance the classes; then train on everything (full:balanced)"),
        (
            "full:balanced:dedup=0.2",
            (
                "balance the classes, leave out near-duplicates; then train on all that is left "
                "(full:balanced:dedup=0.2)"
            ),
        ),
        ("full:resident", "keep all images in memory; then train on everything (full:resident)"),
    ],
)
def test_advice_says_what_to_do_first(arm, advice) -> None:
    full = Choice(FULL, None, {}, 100, 1.0, 1.0, 0.0, 10**8, 0, None)
    other = dataclasses.replace(full, arm=Arm.parse(arm))
    plan = Plan("d", Duration(9, "s"), {}, (full, other), 1, (), 2.0, {}, {}, "")
    assert plan.advice == advice


def test_other_files_are_not_plans(tmp_path) -> None:
    path = tmp_path / "plan.json"
    path.write_text('{"schema": "thinset-run", "version": 1}')
    with pytest.raises(ValueError, match="is not a thinset-plan of version 1 or 2"):
        Plan.load(path)
    path.write_text('{"schema": "thinset-plan", "version": 1, "choices": []}')
    with pytest.raises(ValueError, match=r"plan\.json: lacks the entry"):
        Plan.load(path)


def test_plans_of_version_1_still_load(tmp_path) -> None:
    plan = Plan.load(GOLDEN / "plan_v1.json")
    assert [str(choice.arm) for choice in plan.choices] == ["full", "loss_pruning"]
    assert [choice.subset for choice in plan.choices] == [None, None]
    assert plan.total == Duration(20, "s")
    plan.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json") == plan
    content = json.loads((GOLDEN / "plan_v1.json").read_text())
    del content["sha256"]
    content["choices"][1] |= {"arm": "kmeans:per_class", "size": 0.0864, "split": 0.5}
    (tmp_path / "subset.json").write_text(json.dumps(content))
    assert Plan.load(tmp_path / "subset.json").choices[1].subset == PlannedSubset(0.0864, 0.5)
    content["choices"][1]["steps"] = -1
    (tmp_path / "damaged.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"damaged\.json: choices\[1\]\.steps must be a whole"):
        Plan.load(tmp_path / "damaged.json")
