"""A distillation that is killed and started again ends with the same images, bit for bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from killed_trainings import run_script
from thinset.data import open_dataset

SCRIPT = Path(__file__).with_name("resumable_matching.py")


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path: Path) -> None:
    run_script(SCRIPT, tmp_path)
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
