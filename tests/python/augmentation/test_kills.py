"""A training that is killed and started again ends with the same generator, bit for bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("resumable_generators.py")


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path: Path) -> None:
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, SCRIPT, tmp_path], env=environment, check=True)
    for name in ("cdcgan", "cdcvae", "flow"):
        results = [
            json.loads((tmp_path / folder / f"{name}.json").read_text())
            for folder in ("whole", "killed")
        ]
        assert results[0] == results[1], name
        assert [point[0] for point in results[0]["curve"]] == [2, 4, 6, 8, 10]
