"""The benchmark of encoded images runs, and its ways decode the same pixels."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("PIL")
pytest.importorskip("pyarrow")

_FILE = Path(__file__).parents[3] / "benchmarks" / "encoded_images.py"


def test_every_way_is_measured(capsys):
    spec = importlib.util.spec_from_file_location("benchmarks_encoded_images", _FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(["--images", "20", "--side", "16", "--size", "8", "--rounds", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("20 images, 1 rounds, ")
    rows = [line.split(" | ") for line in lines[4:]]
    assert [row[0] for row in rows] == [f"| {way}" for way in module.WAYS]
    assert rows[0][-1] == "1.000 |"
    assert float(rows[2][-1].removesuffix(" |")) < 0.5
