"""A distillation that is killed and started again ends with the same images, bit for bit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from killed_trainings import run_script

SCRIPT = Path(__file__).with_name("resumable_unrolling.py")


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path: Path) -> None:
    run_script(SCRIPT, tmp_path)
    for name, roles in (
        ("random", {"images", "labels"}),
        ("pretrained", {"images", "labels", "soft_labels", "initial_weights"}),
    ):
        whole, killed = (
            json.loads((tmp_path / folder / f"{name}.json").read_text())
            for folder in ("whole", "killed")
        )
        assert whole == killed, name
        assert whole["digests"].keys() == roles
        assert len(whole["sizes"]) == 2
