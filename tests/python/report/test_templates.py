"""The templates: every value is escaped on every page, and nothing is left unset."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.resources import files
from typing import TYPE_CHECKING

import jinja2
import pytest

from thinset.duration import Duration
from thinset.report import (
    PublishedFigure,
    RankingInputs,
    StudyInputs,
    write_plan_report,
    write_ranking_report,
    write_report,
    write_study_report,
)
from thinset.report.document import write_document
from thinset.results import REFERENCE, Arm, Plan
from thinset.results.arm import FULL
from thinset.results.plan import Choice
from thinset.results.ranking import HyperParameters, Ranker, Ranking

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import MakeRecord
    from thinset.report import ReportInputs

ATTACK = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;"


def study(record: MakeRecord, out: Path) -> Path:
    inputs = StudyInputs(
        title=ATTACK,
        subject=ATTACK,
        records=[record(hardware={ATTACK: ATTACK}), record("random")],
        command=ATTACK,
        settings={ATTACK: ATTACK},
        stage_seconds={ATTACK: 1.0},
        source=ATTACK,
        published=(PublishedFigure(ATTACK, ATTACK),),
        embedding_facts={ATTACK: ATTACK},
        left_out={ATTACK: ATTACK},
    )
    return write_study_report(inputs, out)


def ranking(record: MakeRecord, out: Path) -> Path:
    scores = {HyperParameters(0.1, 1.0): 50.0, ATTACK: 40.0}
    rankings = [
        Ranking(ranker, {0: 1.0}, {0: 0.0}, 1.0, scores)
        for ranker in (REFERENCE, Ranker(Arm.recorded(ATTACK)))
    ]
    inputs = RankingInputs(
        ATTACK, ATTACK, rankings, [record()], ATTACK, ATTACK, left_out={ATTACK: ATTACK},
        settings={ATTACK: ATTACK}, stage_seconds={ATTACK: 1.0},
    )  # fmt: skip
    return write_ranking_report(inputs, out)


def plan(record: MakeRecord, out: Path) -> Path:
    choice = Choice(FULL, None, {ATTACK: 1.0}, 40, 1.0, 1.0, 0.0, 10**8, 0, None)
    made = Plan(
        ATTACK, Duration(40, "st"), {ATTACK: ATTACK}, (choice,), 0, (ATTACK,), 2.0, {}, {}, ATTACK
    )
    return write_plan_report(made, record(), None, {ATTACK: ATTACK}, out)


@pytest.mark.parametrize("write", [study, ranking, plan])
def test_hostile_texts_stay_texts_on_every_page(
    write: Callable[[MakeRecord, Path], Path], make_record: MakeRecord, tmp_path: Path
) -> None:
    text = write(make_record, tmp_path / "out").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "<img src=x" not in text
    # Nothing is escaped twice.
    assert "&lt;script&gt;" in text
    assert "&amp;lt;" not in text
    assert "&amp;amp;" in text


def test_the_page_of_a_plan_compares_prediction_and_outcome(
    make_record: MakeRecord, tmp_path: Path
) -> None:
    choice = Choice(FULL, None, {"selection": 1.0}, 40, 5.0, 1.0, 0.25, 10**8, 0, None)
    made = Plan(
        "digits", Duration(40, "st"), {"samples": "200"}, (choice,), 0, ("small data",), 2.0,
        {}, {}, "thinset plan digits",
    )  # fmt: skip
    page = write_plan_report(made, make_record("full", accuracy=50.0), None, {}, tmp_path / "out")
    text = page.read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    for expected in (
        '<p class="kicker">Trained as planned on digits</p>',
        "<h1>50.0 % after 40 steps on everything, with one seed; nothing was predicted</h1>",
        "<li>small data.</li>",
        "<td><strong>full <small>everything</small></strong></td>",
        "<td>all steps</td><td>5.00 s</td><td>3.50 s</td>",
        "<td>memory</td><td>100 MB</td><td>not recorded</td>",
        "<td>test accuracy</td><td>not predicted</td><td>50.00 %</td>",
    ):
        assert expected in text


def test_a_value_that_a_template_needs_cannot_be_forgotten(tmp_path: Path) -> None:
    with pytest.raises(jinja2.UndefinedError, match="is undefined"):
        write_document("run.html.j2", {}, {}, [], tmp_path / "out", overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_templates_hold_no_address_and_no_script_but_the_explorer() -> None:
    folder = files("thinset.report").joinpath("templates")
    templates = [file for file in folder.iterdir() if file.is_file()]
    assert len(templates) >= 6
    parts = list(folder.joinpath("explorer").iterdir())
    assert len(parts) >= 6
    for template in (*templates, *parts):
        text = template.read_text(encoding="utf-8")
        found = re.search(r"<link|https?:|@import|url\(|innerHTML|eval\(", text)
        assert found is None, f"{template.name} holds {found[0]}"
        found = re.search(r"<script|\|\s*safe", text)
        assert found is None or template.name == "explorer.html.j2", f"{template.name}: {found[0]}"
    # JSON without "<", and the script that the policy names by its digest.
    explorer = folder.joinpath("explorer.html.j2").read_text(encoding="utf-8")
    unescaped = re.findall(r"\{\{ (\S+) \| safe \}\}", explorer)
    assert unescaped == ["explorer.data", "explorer.script"]
    assert len(re.findall(r"\|\s*safe", explorer)) == 2


def test_reports_are_imported_without_the_extra_and_name_it(tmp_path: Path) -> None:
    program = """
import sys
sys.modules["jinja2"] = sys.modules["matplotlib"] = None
from thinset.report.document import write_document
try:
    write_document("run.html.j2", {}, {}, [], sys.argv[1], overwrite=False)
except ImportError as error:
    print(error)
"""
    found = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "out")],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert found.stdout == "report pages need jinja2: pip install 'thinset[report]'\n"


def test_a_page_is_html_without_blank_values(
    make_inputs: Callable[..., ReportInputs], tmp_path: Path
) -> None:
    text = write_report(make_inputs(), tmp_path / "out").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>\n")
    assert text.endswith("</html>\n")
    assert "{{" not in text
    assert "{%" not in text
    assert ">None<" not in text
