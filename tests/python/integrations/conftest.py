"""Scripts that run in two processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def in_two_processes() -> Callable[..., list[Any]]:
    return written_by_both


def written_by_both(script: Path, folder: Path, *arguments: str) -> list[Any]:
    """What each process wrote to FOLDER/RANK.json; torchrun starts them."""
    # fmt: off
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        script, *arguments, folder,
    ]
    # fmt: on
    path = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]
