"""A training that is killed and started again ends with the same generator, bit for bit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from killed_trainings import run_script

SCRIPT = Path(__file__).with_name("resumable_generators.py")


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path: Path) -> None:
    run_script(SCRIPT, tmp_path)
    for name in ("cdcgan", "cdcvae", "flow", "sngan"):
        results = [
            json.loads((tmp_path / folder / f"{name}.json").read_text())
            for folder in ("whole", "killed")
        ]
        assert results[0] == results[1], name
        assert [point[0] for point in results[0]["curve"]] == [2, 4, 6, 8, 10]
