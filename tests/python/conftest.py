from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from failing_calls import FailingCalls


@pytest.fixture(scope="session")
def binary() -> str:
    """The binary that the wheel put beside this interpreter, or the first on PATH."""
    beside = Path(sys.executable).parent / "thinset-filter"
    found = str(beside) if beside.exists() else shutil.which("thinset-filter")
    assert found, "thinset-filter is not installed"
    return found


@pytest.fixture(scope="session")
def failing_calls(tmp_path_factory) -> FailingCalls:
    """Makes the calls of a program into the C library fail, one at a time."""
    reason = FailingCalls.reason_to_skip()
    if reason is not None:
        pytest.skip(reason)
    return FailingCalls(tmp_path_factory.mktemp("failing-calls"))
