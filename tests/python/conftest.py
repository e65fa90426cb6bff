from __future__ import annotations

import shutil
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
