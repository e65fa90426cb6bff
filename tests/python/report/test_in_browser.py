"""Pages in a real browser: nothing is wider than the screen, and no labels overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import chromium
from thinset.duration import Duration
from thinset.report import (
    NextStep,
    Progress,
    StudyInputs,
    write_plan_report,
    write_probe_report,
    write_report,
    write_study_report,
)
from thinset.results import FULL, Arm, Plan, RunRecord
from thinset.results.data_facts import DataFacts
from thinset.results.plan import Choice, PlannedSubset, Prediction
from thinset.results.probe import ArmScores, Probe, ProbeAdvice

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import MakeRecord
    from thinset.report import ReportInputs

pytestmark = chromium.NEEDED
LONG = "thinset compare /a/folder/with/a/long/name --methods " + " ".join(["kmeans:per_class"] * 9)
NEXT = NextStep("more seeds make the interval narrower.", LONG)
# What is wider than the screen, which labels overlap, and which cells are cut off.
MEASURE = """(() => {
  for (const details of document.querySelectorAll("details")) details.open = true;
  const box = element => element.getBoundingClientRect();
  const width = document.documentElement.clientWidth;
  const wide = [...document.querySelectorAll("main *")].filter(element =>
    box(element).right > width + 0.5 && !element.closest(".scroll, .image")).map(e => e.outerHTML);
  const labels = ".point .name, .point .value, .score .arm, .score .value";
  const text = [...document.querySelectorAll(labels)];
  const overlaps = [];
  for (let i = 0; i < text.length; i++) for (let j = i + 1; j < text.length; j++) {
    const a = box(text[i]), b = box(text[j]);
    const beside = a.left >= b.right - 1 || b.left >= a.right - 1;
    if (!beside && a.top < b.bottom - 1 && b.top < a.bottom - 1)
      overlaps.push(text[i].textContent + " / " + text[j].textContent);
  }
  const cut = [...document.querySelectorAll("td, th")].filter(cell =>
    cell.scrollWidth > cell.clientWidth + 1).map(cell => cell.textContent);
  const blank = [...document.querySelectorAll("h2, h3")].filter(heading => {
    const next = heading.nextElementSibling;
    return !next || next.tagName <= heading.tagName && /^H[23]$/.test(next.tagName);
  }).map(heading => heading.textContent);
  return {width: document.documentElement.scrollWidth, wide, overlaps, cut, blank};
})()"""


@pytest.fixture
def pages(
    tmp_path: Path, make_record: MakeRecord, make_inputs: Callable[..., ReportInputs]
) -> dict[str, Path]:
    """A page of each kind, with long names."""
    arms = ("kmeans:per_class=proportional:dedup=0.2", "random", "full:dedup=0.2:weighted", "topk")
    records = [
        make_record(arm, seed, 50.0 + number + seed / 3, command=LONG)
        for number, arm in enumerate(arms)
        for seed in range(5)
    ]
    once = [record_without_curve(record) for record in records]
    prediction = Prediction(71.0, 68.0, 74.1)
    choices = tuple(
        Choice(arm, subset, {"selection": 1.0}, 400, 50.0, 1.0, 0.25, 10**9, 10**9, prediction)
        for arm, subset in ((FULL, None), (Arm.parse(arms[0]), PlannedSubset(0.0864, 0.5)))
    )
    plan = Plan(
        "a/folder", Duration(7, "min"), {"samples": "50,000"}, choices, 1, ("samples repeat",), 2.0,
        {"cpu": "a CPU"}, {"python": "3.11"}, LONG,
    )  # fmt: skip
    advice = ProbeAdvice(
        "do not select", "Do not select; train on everything.", "samples do not repeat", LONG,
        "two minutes", 120.0, "medium", "two seeds", ("More.",),
    )  # fmt: skip
    probe = Probe(
        "a/folder", DataFacts(600, (4, 4, 1)), None, 300, 40, 100,
        (ArmScores(FULL, (90.0, 91.0)), ArmScores(Arm.parse(arms[0]), (80.0, 84.0))),
        {"waiting": "images are not decoded in the loop (see --encoded)"}, advice, 60.0,
    )  # fmt: skip

    def study(name: str, runs: list[RunRecord], **more: object) -> Path:
        inputs = StudyInputs("A study", "noise", runs, LONG, next_step=NEXT, **more)  # type: ignore[arg-type]
        return write_study_report(inputs, tmp_path / name)

    return {
        "run": write_report(make_inputs(records=records, next_step=NEXT), tmp_path / "run"),
        "study": study("study", records),
        "one evaluation": study("once", once),
        "unfinished": study("unfinished", records, progress=Progress(3, 12)),
        "plan": write_plan_report(plan, None, None, {}, tmp_path / "plan", next_step=NEXT),
        "followed": write_plan_report(plan, records[0], 10**9, {}, tmp_path / "followed"),
        "probe": write_probe_report(probe, LONG, {"time": "1min"}, tmp_path / "probe"),
    }


def record_without_curve(record: RunRecord) -> RunRecord:
    return type(record)(**{**vars(record), "curve": record.curve[-1:]})


def test_nothing_is_wider_than_the_screen(pages: dict[str, Path]) -> None:
    with chromium.browser() as browser:
        for width, dark in ((400, False), (1300, True)):
            browser.size(width, 900, phone=width == 400, dark=dark)
            for name, page in pages.items():
                browser.open(page)
                found = browser.run(MEASURE)
                expected = {"width": width, "wide": [], "overlaps": [], "cut": [], "blank": []}
                assert found == expected, f"{name} at {width}"
        assert browser.errors == []
