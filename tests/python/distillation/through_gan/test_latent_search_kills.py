"""A search that is killed and started again ends with the same images, bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from killed_trainings import run_script
from thinset.data import open_dataset

SCRIPT = Path(__file__).with_name("resumable_through_gan.py")


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path: Path) -> None:
    run_script(SCRIPT, tmp_path)
    for name in ("fresh", "pretrained"):
        whole, killed = (open_dataset(tmp_path / where / name) for where in ("whole", "killed"))
        np.testing.assert_array_equal(whole.array("latents"), killed.array("latents"))
        assert whole.fingerprint == killed.fingerprint
        assert whole.manifest.provenance == killed.manifest.provenance
