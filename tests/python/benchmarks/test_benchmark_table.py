"""The figures and the table that the benchmarks print."""

import importlib.util
import math
from pathlib import Path

import pytest

_FOLDER = Path(__file__).parents[3] / "benchmarks"


def load(name):
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", _FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


table = load("table")


def timed(contender, seconds, **more):
    record = {"problem": "p", "size": "s", "contender": contender, "status": "timed"}
    return record | {"seconds": seconds, "answer": "exact", "reason": ""} | more


def floors():
    floor = {"seconds": [0.75, 0.5], "amount": 1e9, "unit": "B"}
    record = {"problem": "p", "size": "s", "contender": "floors", "status": "timed"}
    return record | {"floors": {"read": floor}}


def absent(contender, status, reason):
    record = {"problem": "p", "size": "s", "contender": contender}
    return record | {"status": status, "reason": reason}


def test_median_and_spread():
    assert table.median_and_spread([5.0, 1.0, 3.0, 2.0, 4.0]) == (3.0, 2.0)
    assert table.median_and_spread([2.0]) == (2.0, None)


def test_ratios_are_to_the_best_other_and_to_the_fastest_round_of_a_floor():
    records = [floors(), timed("thinset", [2.0] * 3), timed("a", [4.0] * 3), timed("b", [8.0] * 3)]
    (race,) = table.summarise(records)
    contenders = race["contenders"]
    assert contenders["thinset"]["ratio_to_best_other"] == 0.5
    assert contenders["a"]["ratio_to_best_other"] == 2.0
    assert contenders["b"]["ratio_to_best_other"] == 4.0
    assert contenders["thinset"]["ratio_to_floors"] == {"read": 4.0}
    assert race["floors"]["read"]["rate"] == 2e9


def test_a_contender_at_another_size_is_in_a_race_of_its_own():
    records = [
        timed("thinset", [1.0]),
        timed("small", [0.1], size="less", why_fewer_rows="N x N"),
        timed("thinset", [0.2], size="less"),
    ]
    large, small = table.summarise(records)
    assert large["contenders"]["thinset"]["ratio_to_best_other"] is None
    assert small["contenders"]["thinset"]["ratio_to_best_other"] == pytest.approx(2.0)
    assert "  small: N x N" in table.lines_of(small)


@pytest.mark.parametrize(
    ("own", "other", "words"),
    [
        (2.0, 1.0, "thinset LOSES to peer, 2.00x slower."),
        (1.0, 2.0, "thinset wins, 2.00x faster than the best other."),
        (1.0, None, "thinset ran alone."),
        (None, 1.0, "thinset did not run."),
    ],
)
def test_who_wins_is_plain(own, other, words):
    times = {"thinset": own, "peer": other}
    records = [timed(name, [seconds]) for name, seconds in times.items() if seconds]
    (race,) = table.summarise(records)
    assert table.lines_of(race)[-1].strip() == words


def test_rounded_answers_are_marked_and_the_absent_are_named():
    records = [
        timed("exact", [1.0, 1.0]),
        timed("rough", [0.5, 0.5], answer="rounded", reason="float32"),
        absent("wrong", "wrong", "float16"),
        absent("gone", "skipped", "gone is not installed"),
    ]
    lines = table.lines_of(*table.summarise(records))
    assert [line.split()[0] for line in lines[2:4]] == ["~rough", "exact"]
    assert "  rough: float32" in lines
    assert "  wrong: wrong: float16" in lines
    assert "  gone: skipped: gone is not installed" in lines


def test_a_race_that_nobody_ran_says_why():
    (race,) = table.summarise([absent("thinset", "skipped", "there is no file")])
    assert table.lines_of(race) == ["p: s", "  thinset: skipped: there is no file"]


def test_slopes_of_growth():
    curves = load("growth_curves")
    at = [10, 100, 1000]
    assert curves.slope(at, [3 * n**2 for n in at]) == pytest.approx(2.0)
    assert math.isnan(curves.slope([10], [1.0]))
    assert math.isnan(curves.slope(at, [0, 1, 2]))
