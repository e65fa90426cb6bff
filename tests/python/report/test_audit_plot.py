from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

from thinset.report.plots import audit_accuracies
from thinset.results.audit import EQUAL_BYTES, THE_SET

LONG = f"k-means, nearest images{EQUAL_BYTES}"


def row(name: str, *, way: str = "training", is_augmented: bool = False) -> Any:
    return SimpleNamespace(
        network="convnet", name=name, labels="hard", is_augmented=is_augmented, way=way, mean=50.0,
        standard_deviation=2.0,
    )  # fmt: skip


def test_bars_of_one_set_do_not_cover_each_other() -> None:
    rows = [
        row(THE_SET), row(THE_SET, is_augmented=True), row(THE_SET, way="replay"),
        row(THE_SET, way="replay from new weights"), row(LONG), row(LONG, is_augmented=True),
    ]  # fmt: skip
    audit: Any = SimpleNamespace(networks=("convnet",), rows=rows)
    (axes,) = audit_accuracies(audit).axes
    heights = [float(bar.lines[0].get_ydata()[0]) for bar in axes.containers]
    ours, others = heights[:4], heights[4:]
    assert ours == sorted(ours)
    assert min(b - a for a, b in itertools.pairwise(ours)) > 0.15
    assert others[1] - others[0] > 0.15
    # Each row is centred on its label, and ends before the next one.
    assert (sum(ours) / 4, sum(others) / 2) == (0.0, 1.0)
    assert max(ours) < 0.5 < min(others)
    assert axes.get_yticklabels()[1].get_text() == f"{LONG}, hard labels"
