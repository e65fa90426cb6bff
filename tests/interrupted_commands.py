"""Commands that are interrupted as by Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def interrupt(arguments: Sequence[str], file: Path) -> None:
    """Interrupt `thinset` with these arguments when `file` exists; it must say so and end.

    It has as many threads as the tests, whose weights may be compared with its own.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "thinset", *arguments],
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        while not file.exists():
            assert run.poll() is None
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        error = run.communicate()[1]
    assert run.returncode == 130, error
    assert "interrupted; the same command resumes" in error
