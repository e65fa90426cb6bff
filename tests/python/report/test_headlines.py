"""Headlines advise against something only where harm was shown."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest

from thinset.report.audit_page import headline
from thinset.report.probe_page import write_probe_report
from thinset.results import FULL, Arm
from thinset.results.audit import THE_SET
from thinset.results.data_facts import DataFacts
from thinset.results.probe import ArmScores, Probe, ProbeAdvice
from thinset.results.summaries import PairedDifference

WORSE, UNCLEAR, BETTER = (
    PairedDifference((0, 1, 2), mean, (mean - 1, mean + 1)) for mean in (-2.0, 0.5, 3.0)
)
FEW = PairedDifference((0,), 1.0, None)


@pytest.mark.parametrize(
    ("differences", "advice"),
    [
        ((WORSE, WORSE), "Do not use a set: clearly better than as many random images in 0 of 2"),
        ((WORSE, UNCLEAR), "No evidence for a set: clearly better than as many random images in 0"),
        ((FEW,), "No evidence for a set: "),
        ((), "No evidence for a set: "),
        ((UNCLEAR, BETTER), "Use a set with care: "),
        ((BETTER,), "Use a set: "),
    ],
)
def test_an_audit_advises_against_a_set_that_is_worse_in_every_use(differences, advice):
    rows = [SimpleNamespace(name=THE_SET, minus=lambda _, d=found: d) for found in differences]
    audit = SimpleNamespace(rows=rows, reference_of=lambda row: row)
    assert headline([SimpleNamespace(name="a set", audit=audit)]).startswith(advice)


def test_a_probe_with_one_seed_claims_no_interval(tmp_path):
    advice = ProbeAdvice(
        "do not select", "Do not select.", "no repetition", None, "nothing", 0.0, "low", "few",
    )  # fmt: skip
    arms = (ArmScores(FULL, (90.0,)), ArmScores(Arm.parse("full:balanced"), (80.0,)))
    probe = Probe("data", DataFacts(600, (4, 4, 1)), None, 300, 40, 100, arms, {}, advice, 60.0)
    page = write_probe_report(probe, "thinset probe", {}, tmp_path / "one")
    assert "10.0 points (spread unknown)" in page.read_text(encoding="utf-8")
    arms = (ArmScores(FULL, (90.0, 91.0)), ArmScores(Arm.parse("full:balanced"), (80.0, 82.0)))
    page = write_probe_report(
        dataclasses.replace(probe, arms=arms), "thinset probe", {}, tmp_path / "two"
    )
    assert "points (\N{MINUS SIGN}15.9 to \N{MINUS SIGN}3.1)" in page.read_text(encoding="utf-8")
