from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from thinset.results import FULL, Arm, FastPhase, RunRecord, Score, load_records, save_records

if TYPE_CHECKING:
    from conftest import MakeRecord


GOLDEN = Path(__file__).parents[2] / "golden"


def test_a_saved_record_loads_as_it_was(tmp_path: Path, make_record: MakeRecord) -> None:
    record = make_record(settings={"nested": {"list": [1, 2.5, None, "ß"]}})
    record.save(tmp_path / "run.json")
    assert RunRecord.load(tmp_path / "run.json") == record


def test_what_was_not_measured_survives_as_null(tmp_path: Path, make_record: MakeRecord) -> None:
    record = make_record()
    point = dataclasses.replace(record.curve[0], train_loss=None, scores={"accuracy": None})
    record = dataclasses.replace(record, curve=(point,))
    record.save(tmp_path / "run.json")
    assert RunRecord.load(tmp_path / "run.json").curve == (point,)


def test_every_field_is_required_and_no_other_is_known(make_record: MakeRecord) -> None:
    content = make_record().to_dict()
    for key in content:
        lacking = {name: value for name, value in content.items() if name != key}
        with pytest.raises(ValueError, match=key):
            RunRecord.from_dict(lacking)
    with pytest.raises(ValueError, match="the record: has no entry 'surprise'; it has arm"):
        RunRecord.from_dict({**content, "surprise": 1})
    content["phases"][1]["surprise"] = 1
    with pytest.raises(ValueError, match=r"phases\[1\] has no entry 'surprise'"):
        RunRecord.from_dict(content)


@pytest.mark.parametrize("version", [0, 3, "1", True, None])
def test_another_version_is_refused(make_record: MakeRecord, version: Any) -> None:
    with pytest.raises(ValueError, match="version must be 1 or 2"):
        RunRecord.from_dict({**make_record().to_dict(), "version": version})


@pytest.mark.parametrize("content", [None, [], "run", {"schema": "other"}])
def test_another_schema_is_refused(content: Any) -> None:
    with pytest.raises(ValueError, match="schema must be 'thinset-run'"):
        RunRecord.from_dict(content)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("arm", 3),
        ("comparison", "energy"),
        ("seed", -1),
        ("seed", True),
        ("seed", 2**63),
        ("fast_phase", {"n_samples": 5}),
        ("fast_phase", {"n_samples": 5, "split": 1.5}),
        ("fast_phase", {"n_samples": 5, "split": math.nan}),
        ("total", "40"),
        ("metric", "fid"),
        ("metrics", {}),
        ("metrics", {"accuracy": {"label": "accuracy", "better": "bigger"}}),
        ("training_seconds", -0.1),
        ("training_seconds", "1"),
        ("preparation_seconds", {"selection": -1.0}),
        ("preparation_seconds", [1.0]),
        ("settings", None),
    ],
)
def test_a_value_out_of_range_is_named(make_record: MakeRecord, field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"run.json: .*{field}"):
        RunRecord.from_dict({**make_record().to_dict(), field: value}, "run.json")


def test_what_may_not_be_read_is_not_written(tmp_path: Path, make_record: MakeRecord) -> None:
    with pytest.raises(ValueError, match=r"training_seconds must be a number of at least 0"):
        make_record(training_seconds=-1.0).save(tmp_path / "run.json")
    with pytest.raises(ValueError, match="must be a finite number, got"):
        make_record(evaluation_seconds=math.inf).save(tmp_path / "run.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("accuracy", [100.5, -0.1])
def test_an_accuracy_outside_0_to_100_percent_is_refused(
    make_record: MakeRecord, accuracy: float
) -> None:
    with pytest.raises(ValueError, match="final.accuracy must be from 0 to 100 %"):
        make_record(accuracy=accuracy)


def test_scores_of_several_networks_have_a_spread(tmp_path: Path, make_record: MakeRecord) -> None:
    record = make_record(
        "data:distilled",
        final={"accuracy": Score(61.0, spread=1.5, n_networks=20)},
        n_subset=100,
        n_trained=400,
    )
    record.save(tmp_path / "run.json")
    loaded = RunRecord.load(tmp_path / "run.json")
    assert loaded == record
    assert loaded.final["accuracy"].spread == 1.5
    assert loaded.n_trained > loaded.n_full, "a set may be larger than the original"


def test_an_arm_of_another_program_is_kept_by_its_text(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    make_record("my own: selector").save(tmp_path / "run.json")
    assert str(RunRecord.load(tmp_path / "run.json").arm) == "my own: selector"


def test_records_of_version_1_still_load() -> None:
    selected = RunRecord.load(GOLDEN / "record_v1.json")
    assert selected.arm == Arm.parse("kmeans:per_class"), "written kmeans:per_class=balanced"
    assert selected.fast_phase == FastPhase(124, 1.0)
    assert (selected.n_full, selected.n_trained) == (1438, 1438)
    assert str(selected.total) == "30st"
    assert selected.score == pytest.approx(88.57938718662952)
    assert selected.main_metric.label == "test accuracy"
    assert selected.curve[-1].scores["accuracy"] == selected.score
    assert selected.curve[-1].scores["loss"] == selected.final["loss"].value
    full = RunRecord.load(GOLDEN / "record_v1_full.json")
    assert (full.arm, full.fast_phase) == (FULL, None)


def test_a_damaged_record_of_version_1_is_refused() -> None:
    content = json.loads((GOLDEN / "record_v1.json").read_text())
    del content["sha256"]
    with pytest.raises(ValueError, match="old.json: split must be a number from 0 to 1, got 7"):
        RunRecord.from_dict({**content, "split": 7}, "old.json")
    with pytest.raises(ValueError, match="old.json: lacks the entry 'method'"):
        RunRecord.from_dict({k: v for k, v in content.items() if k != "method"}, "old.json")


def test_a_curve_that_runs_backwards_is_refused(make_record: MakeRecord) -> None:
    curve = make_record().curve
    with pytest.raises(ValueError, match=r"curve\[1\]"):
        make_record(curve=(curve[1], curve[0]))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_refused(
    tmp_path: Path, make_record: MakeRecord, number: str
) -> None:
    content = make_record(settings={"rate": "RATE"}).to_dict()
    path = tmp_path / "run.json"
    path.write_text(json.dumps(content).replace('"RATE"', number), encoding="utf-8")
    with pytest.raises(ValueError, match=r"run\.json.*finite"):
        RunRecord.load(path)
    with pytest.raises(ValueError, match="must be a finite number, got"):
        make_record(settings={"rate": float(number)}).save(path)


@pytest.mark.parametrize("text", ["", "{", "[" * 200_000, "\x00", '{"schema": "thinset-run"'])
def test_a_broken_file_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"run\.json"):
        RunRecord.load(tmp_path / "run.json")


def test_bytes_that_are_no_text_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"run\.json"):
        RunRecord.load(tmp_path / "run.json")


def test_records_load_from_a_folder_in_the_order_of_their_names(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    records = [make_record(seed=seed) for seed in range(3)]
    for number, record in enumerate(records):
        record.save(tmp_path / f"{2 - number}.json")
    assert load_records(tmp_path) == tuple(reversed(records))


def test_records_load_from_one_file(tmp_path: Path, make_record: MakeRecord) -> None:
    records = tuple(make_record(seed=seed) for seed in range(3))
    save_records(records, tmp_path / "records.json")
    assert load_records(tmp_path / "records.json") == records


def test_a_folder_without_records_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no run record"):
        load_records(tmp_path)


def test_a_collection_of_another_shape_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    for content in ({}, {"runs": 3}, {"runs": [], "more": 1}):
        header = {"schema": "thinset-runs", "version": 1}
        path.write_text(json.dumps({**header, **content}), encoding="utf-8")
        with pytest.raises(ValueError, match=r"records\.json: expected the entry 'runs'"):
            load_records(path)


def test_total_seconds_count_everything_the_user_waits_for(make_record: MakeRecord) -> None:
    assert make_record().total_seconds == pytest.approx(3.5 + 3.5 + 0.5)
    assert make_record("full").total_seconds == pytest.approx(3.5 + 0.5)
    assert make_record().steps == 40
