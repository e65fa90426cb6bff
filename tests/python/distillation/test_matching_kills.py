"""A distillation that is killed and started again ends with the same images, bit for bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from thinset.data import open_dataset

SCRIPT = Path(__file__).with_name("resumable_matching.py")


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path: Path) -> None:
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, SCRIPT, tmp_path], env=environment, check=True)
    for method in ("gm", "dm"):
        whole, killed = (open_dataset(tmp_path / name / method) for name in ("whole", "killed"))
        np.testing.assert_array_equal(whole.images, killed.images)
        assert whole.fingerprint == killed.fingerprint
        logs = [
            [json.loads(line) for line in path.read_text().splitlines()]
            for path in (tmp_path / name / f"{method}-log.jsonl" for name in ("whole", "killed"))
        ]
        assert [step for step, *_ in logs[0]] == [2, 4, 6, 8, 10]
        assert logs[0] == logs[1]
