from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from thinset.results import RunRecord, load_records, save_records

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeRecord


def test_a_saved_record_loads_as_it_was(tmp_path: Path, make_record: MakeRecord) -> None:
    record = make_record(settings={"nested": {"list": [1, 2.5, None, "ß"]}})
    record.save(tmp_path / "run.json")
    assert RunRecord.load(tmp_path / "run.json") == record


def test_what_was_not_measured_survives_as_null(tmp_path: Path, make_record: MakeRecord) -> None:
    record = make_record()
    point = dataclasses.replace(
        record.curve[0], train_loss=None, test_loss=None, test_accuracy=None
    )
    record = dataclasses.replace(record, curve=(point,))
    record.save(tmp_path / "run.json")
    assert RunRecord.load(tmp_path / "run.json").curve == (point,)


def test_every_field_is_required_and_no_other_is_known(make_record: MakeRecord) -> None:
    content = make_record().to_dict()
    for key in content:
        lacking = {name: value for name, value in content.items() if name != key}
        with pytest.raises(ValueError, match=key):
            RunRecord.from_dict(lacking)
    with pytest.raises(ValueError, match=r"unknown keys \['surprise'\]"):
        RunRecord.from_dict({**content, "surprise": 1})
    content["phases"][1]["surprise"] = 1
    with pytest.raises(ValueError, match=r"phases\[1\] has the unknown keys \['surprise'\]"):
        RunRecord.from_dict(content)


@pytest.mark.parametrize("version", [0, 2, "1", True, None])
def test_another_version_is_refused(make_record: MakeRecord, version: Any) -> None:
    with pytest.raises(ValueError, match="version must be 1"):
        RunRecord.from_dict({**make_record().to_dict(), "version": version})


@pytest.mark.parametrize("content", [None, [], "run", {"schema": "other"}])
def test_another_schema_is_refused(content: Any) -> None:
    with pytest.raises(ValueError, match="schema must be 'thinset-run'"):
        RunRecord.from_dict(content)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("arm", "both"),
        ("comparison", "energy"),
        ("seed", -1),
        ("seed", True),
        ("seed", np.int64(1)),
        ("n_subset", 201),
        ("split", 1.5),
        ("split", math.nan),
        ("method", 3),
        ("training_seconds", -0.1),
        ("training_seconds", "1"),
        ("evaluation_seconds", math.inf),
        ("preparation_seconds", {"selection": -1.0}),
        ("preparation_seconds", [1.0]),
        ("settings", None),
    ],
)
def test_a_value_out_of_range_is_named(make_record: MakeRecord, field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=field):
        make_record(**{field: value})


def test_an_accuracy_above_100_percent_is_refused(make_record: MakeRecord) -> None:
    with pytest.raises(ValueError, match="test_accuracy must be a finite number from 0 to 100"):
        make_record(accuracy=100.5)


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
    with pytest.raises(ValueError, match="JSON"):
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
        with pytest.raises(ValueError, match=r"records\.json: expected the key 'runs'"):
            load_records(path)


def test_total_seconds_count_everything_the_user_waits_for(make_record: MakeRecord) -> None:
    assert make_record().total_seconds == pytest.approx(3.5 + 3.5 + 0.5)
    assert make_record("full").total_seconds == pytest.approx(3.5 + 0.5)
    assert make_record().steps == 40
