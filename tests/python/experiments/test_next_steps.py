from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from thinset.experiments.next_steps import after_plan, after_run, after_study, with_option
from thinset.experiments.settings import PlanSettings, TrainingSettings
from thinset.results import Arm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conftest import MakeRecord
    from thinset.results import RunRecord

KEPT = Path("out/selections/topk.npz")


def finished(command: str, source: str = "photos", seeds: Sequence[int] = (0, 1, 2)):
    return SimpleNamespace(
        source=source,
        path=Path("out"),
        command=command,
        settings=SimpleNamespace(seeds=tuple(seeds), baseline=None),
        data=SimpleNamespace(path=Path("out/data/train")),
    )


def records_of(make_record: MakeRecord, split: float = 1.0, **scores: Sequence[float]):
    return [
        make_record(arm, seed, score, split=split)
        for arm, of_seeds in scores.items()
        for seed, score in enumerate(of_seeds)
    ]


WIN = {"topk": (50.0, 51.1, 52.0), "random": (45.0, 46.0, 47.2)}
LOSS = {"topk": (45.0, 46.0, 47.2), "random": (50.0, 51.1, 52.0)}
EVEN = {"topk": (50.0, 51.1, 52.0), "random": (51.0, 50.0, 52.2)}
BELOW_FULL = {**WIN, "full": (80.0, 80.5, 82.0)}
ONE_SEED = {"topk": (50.0,), "random": (45.0,)}
MORE = "thinset run photos --n-seeds 6 --out out-6-seeds"
PROBE = "thinset probe photos"


@pytest.mark.parametrize(
    ("scores", "split", "seeds", "command"),
    [
        (WIN, 1.0, (0, 1, 2), f"thinset subset {KEPT} out/data/train -o out-kept"),
        (BELOW_FULL, 1.0, (0, 1, 2), f"thinset subset {KEPT} out/data/train -o out-kept"),
        (BELOW_FULL, 0.5, (0, 1, 2), PROBE),
        (LOSS, 1.0, (0, 1, 2), PROBE),
        (EVEN, 1.0, (0, 1, 2), MORE),
        (EVEN, 1.0, range(8), PROBE),
        (ONE_SEED, 1.0, (0,), "thinset run photos --n-seeds 3 --out out-3-seeds"),
    ],
)
def test_what_to_do_after_a_run(make_record: MakeRecord, scores, split, seeds, command) -> None:
    records = records_of(make_record, split, **scores)
    step = after_run(finished("thinset run photos --out out", seeds=seeds), records, KEPT)
    assert step is not None
    assert step.command == command


def test_what_to_do_after_a_comparison(make_record: MakeRecord) -> None:
    compared = finished("thinset compare photos --seeds 0 1 2 --out out")

    def command(records: list[RunRecord]) -> str | None:
        step = after_study(compared, records, {Arm.parse("topk"): KEPT})
        return None if step is None else step.command

    more = "thinset compare photos --out out --seeds 0 1 2 3 4 5"
    assert command(records_of(make_record, **WIN)) == (
        f"thinset subset {KEPT} out/data/train -o out-kept"
    )
    assert command(records_of(make_record, **EVEN)) == more
    assert command(records_of(make_record, **LOSS)) == PROBE
    two = records_of(make_record, max_sum=(60.0, 61.1, 62.0), **WIN)
    assert command(two) == more  # none of several is picked
    assert command(records_of(make_record, full=(60.0,))) is None


def test_toy_data_lead_to_real_ones(make_record: MakeRecord) -> None:
    records = records_of(make_record, **WIN)
    toy = finished("thinset compare digits --out out --preset smoke", source="digits")
    step = after_study(toy, records, {})
    assert step is not None
    assert step.command == "thinset compare path/to/your/data --preset quick --out out-quick"
    figure = finished("thinset reproduce fig5 --out out", source="digits")
    step = after_study(figure, records, {})
    assert step is not None
    assert step.command == (
        "thinset reproduce fig5 --preset quick --data path/to/your/data --out out-quick"
    )
    step = after_run(finished("thinset run digits", source="digits"), records, KEPT)
    assert step is not None
    assert step.command == "thinset run path/to/your/data -o my-run"


def test_a_plan_is_followed_and_then_checked() -> None:
    planned = finished("thinset plan photos --budget 7min --out out")
    planned.settings = PlanSettings()
    advised = Arm.parse("full:balanced")
    assert after_plan(planned, advised, is_followed=False).command == (
        "thinset run photos --plan -o out"
    )
    planned.settings = PlanSettings(training=TrainingSettings(model="mine:small"))
    assert after_plan(planned, advised, is_followed=False).command == (
        "thinset run photos --plan -o out --model mine:small"
    )
    assert after_plan(planned, advised, is_followed=True).command == (
        "thinset compare photos --methods full random full:balanced -o out-compared"
    )


def test_an_option_is_replaced_with_all_its_values() -> None:
    command = "thinset compare 'my data' --seeds 0 1 --out a"
    assert with_option(command, "--seeds", 0, 1, 2) == (
        "thinset compare 'my data' --out a --seeds 0 1 2"
    )
    assert with_option(command, "--preset", "quick").endswith(" --preset quick")
