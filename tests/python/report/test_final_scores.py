from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.report.final_scores import points
from thinset.results import summarise

if TYPE_CHECKING:
    from conftest import MakeRecord


def test_results_that_are_the_same_for_all_seeds_have_no_interval(make_record: MakeRecord) -> None:
    records = [
        *(make_record("topk", seed, 89.02) for seed in (0, 1, 2)),
        *(make_record("random", seed, 50.0 + seed) for seed in (0, 1, 2)),
    ]
    (found,) = points(summarise(records))
    assert {(row["name"], row["interval"], row["n"]) for row in found["rows"]} == {
        ("top-k", "the same for all seeds", 3),
        ("random samples", "48.5 to 53.5", 3),
    }
