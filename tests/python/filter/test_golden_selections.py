"""thinset-filter makes the golden selections: the check of wheels and of other processors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "golden" / "check_binary.py"


def test_all_golden_selections(binary):
    done = subprocess.run(
        [sys.executable, SCRIPT, binary], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    equal, _, total, *_ = done.stdout.split()
    assert int(equal) == int(total) > 100
