from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def binary() -> str:
    """The binary that the wheel put beside this interpreter, or the first on PATH."""
    beside = Path(sys.executable).parent / "thinset-filter"
    found = str(beside) if beside.exists() else shutil.which("thinset-filter")
    assert found, "thinset-filter is not installed"
    return found


@pytest.fixture(scope="session")
def run(binary):
    """Run thinset-filter: (exit status, standard output or its JSON object, standard error)."""

    def call(*arguments, check=True):
        result = subprocess.run(
            [binary, *map(str, arguments)], capture_output=True, text=True, timeout=120
        )
        if check:
            assert result.returncode == 0, result.stderr
        output = json.loads(result.stdout) if "--json" in arguments else result.stdout
        return result.returncode, output, result.stderr

    return call
