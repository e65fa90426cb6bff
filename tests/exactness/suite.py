"""Holds a selector to the oracles in as many cases as asked for."""

from __future__ import annotations

import struct

from hypothesis import HealthCheck, Phase, given, settings

from exactness.answers import expected
from exactness.cases import cases

# Cases by size, for each method. "fast" belongs to every run of the tests.
FAST = {"small": 120, "mid": 12, "tall": 2}
FULL = {"small": 2600, "mid": 200, "tall": 12}


def check(select, method, size, n_cases, *, repeatable=True):
    """Raise AssertionError at a case that `select` answers wrongly; returns the cases seen.

    repeatable: the same cases each time. Otherwise other ones, which hypothesis prints where one
    fails; small ones are then made as simple as they can be.
    """
    seen = set()
    phases = [Phase.explicit, Phase.generate]
    if size == "small" and not repeatable:
        phases.append(Phase.shrink)

    @settings(
        max_examples=n_cases,
        derandomize=repeatable,
        database=None,
        deadline=None,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(method, size))
    def hold(case):
        seen.add(case)
        check_case(select, case)

    hold()
    return seen


def check_case(select, case):
    found, right = answer_or_refusal(select, case), answer_or_refusal(expected, case)
    if isinstance(found, str) or isinstance(right, str):
        assert isinstance(found, str), f"not refused, though {right}: {case}"
        assert isinstance(right, str), f"refused, as {found}: {case}"
        assert right in found
        return
    for t, (row, right_row) in enumerate(zip(found[0], right[0], strict=False)):
        assert row == right_row, f"pick {t} of {case}"
    assert len(found[0]) == len(right[0]), case
    assert bits(found[1]) == bits(right[1]), f"gains of {case}"


def answer_or_refusal(select, case):
    try:
        return select(case)
    except ValueError as refusal:
        return str(refusal)


def bits(gains):
    """Doubles as they lie in memory, where -0.0 is not 0.0."""
    return [struct.pack("<d", gain) for gain in gains]
