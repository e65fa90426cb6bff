"""The file of measures: what is written is read, and nothing else."""

from __future__ import annotations

import json

import pytest

from thinset.results.measures import Measures, load_measures, save_measures

ONE = Measures(
    augmentation="flow", share=0.1, seed=0, n_real=100, n_artificial=100, extractor="c (SHA-256 1)",
    fid=12.5, kid=-0.001, density=1.2, coverage=0.5, agreement=0.9, near_copies=0.01, seconds=3.5,
)  # fmt: skip


def test_measures_come_back_as_they_were(tmp_path):
    other = Measures(**{**{name: getattr(ONE, name) for name in ONE.__struct_fields__}, "seed": 1})
    save_measures([ONE, other], tmp_path / "measures.json")
    assert load_measures(tmp_path / "measures.json") == (ONE, other)
    assert load_measures(tmp_path / "nothing.json") == ()


def test_a_changed_file_is_refused(tmp_path):
    path = tmp_path / "measures.json"
    save_measures([ONE], path)
    path.write_text(path.read_text().replace("12.5", "11.5"))
    with pytest.raises(ValueError, match=r"measures\.json has changed since it was written"):
        load_measures(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, r"must be thinset-measures version 1, got \('thinset-measures', 2\)"),
        ({"format": "thinset-run"}, "must be thinset-measures version 1"),
        ({"measures": None}, r"measures\.json"),
        ({"measures": [{"augmentation": "flow"}]}, r"measures\.json"),
        ({"measures": "REMOVED"}, r"measures\.json: .*measures"),
        ({"more": 1}, r"measures\.json: .*more"),
    ],
)
def test_other_content_is_refused(tmp_path, change, message):
    path = tmp_path / "measures.json"
    save_measures([ONE], path)
    content = {**json.loads(path.read_text()), **change}
    content = {name: value for name, value in content.items() if value != "REMOVED"}
    content.pop("sha256")
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        load_measures(path)


def test_numbers_out_of_range_are_refused(tmp_path):
    path = tmp_path / "measures.json"
    for name, value in (("share", 1.5), ("seed", -1), ("n_real", 0), ("fid", "x")):
        save_measures([ONE], path)
        content = json.loads(path.read_text())
        content.pop("sha256")
        content["measures"][0][name] = value
        path.write_text(json.dumps(content))
        with pytest.raises(ValueError, match=name):
            load_measures(path)
