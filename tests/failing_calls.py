"""Programs whose calls into the C library fail, one at a time, or that are killed at one of them.

`FailingCalls.environment` makes one call of a program fail, `FailingCalls.sweep` every call of a
kind in turn. A Python program may load what it needs before the count starts: with `wait=True`
counting starts at `start_failing()`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).with_name("failing_calls.c")

# What each group of calls fails with where it fails in practice. A full disk or a limit stays:
# those are also tried with every later call failing.
ERRORS = {
    "malloc": ("ENOMEM",),
    "open": ("EMFILE", "EIO"),
    "read": ("EIO",),
    "write": ("ENOSPC", "EIO"),
    "fsync": ("EIO", "ENOSPC"),
    "rename": ("EIO", "ENOSPC"),
    "mmap": ("ENOMEM",),
    "pthread_create": ("EAGAIN",),
    "fallocate": ("ENOSPC", "EIO"),
    "mkdir": ("ENOSPC", "EIO"),
    "link": ("ENOSPC", "EIO"),
    "ftruncate": ("EIO", "ENOSPC"),
    "fstat": ("EIO",),
    "unlink": ("EIO",),
    "flock": ("EIO",),
    "close": ("EIO",),
    "opendir": ("EMFILE",),
}


class FailingCalls:
    """The shared library that makes calls fail, built in a folder by the machine's C compiler."""

    def __init__(self, folder: Path) -> None:
        self.library = folder / "libfailing_calls.so"
        self.report = folder / "call-has-failed"
        command = ["cc", "-std=c11", "-shared", "-fPIC", "-O1", "-o", self.library, SOURCE, "-ldl"]
        subprocess.run(command, check=True)

    @staticmethod
    def reason_to_skip() -> str | None:
        if not sys.platform.startswith("linux") or not hasattr(
            ctypes.CDLL(None), "__libc_memalign"
        ):
            return "needs Linux with the GNU C library"
        if "LD_PRELOAD" in os.environ:
            return "LD_PRELOAD is taken"
        if shutil.which("cc") is None:
            return "needs a C compiler named cc"
        return None

    def environment(
        self,
        call: str,
        at: int,
        error: str,
        *,
        always: bool = False,
        wait: bool = False,
        exchange: bool = True,
    ) -> dict[str, str]:
        """Variables under which call number `at` of a group fails with `error`, or is a kill.

        `error` is a name such as "ENOSPC", or "KILL" for SIGKILL just before the call. With
        `always`, every later call of the group fails as well. Without `exchange`, names cannot be
        exchanged, as on many network file systems.
        """
        self.report.unlink(missing_ok=True)
        number = 0 if error == "KILL" else getattr(errno, error)
        added = {
            "LD_PRELOAD": str(self.library),
            "THINSET_FAIL_CALL": call,
            "THINSET_FAIL_AT": str(at),
            "THINSET_FAIL_ERRNO": str(number),
            "THINSET_FAIL_REPORT": str(self.report),
        }
        if always:
            added["THINSET_FAIL_ALWAYS"] = "1"
        if wait:
            added["THINSET_FAIL_WAIT"] = "1"
        if not exchange:
            added["THINSET_FAIL_EXCHANGE"] = "1"
        return {**os.environ, **added}

    def has_failed(self) -> bool:
        """Whether a call has failed, or has been a kill, since the last `environment`."""
        return self.report.exists()

    def sweep(
        self, call: str, error: str, *, step: int = 1, **options: bool
    ) -> Iterator[dict[str, str]]:
        """Environments with failures at calls 1, 1 + step, ... until the program makes no more.

        Run the program under each of them before taking the next. Options as of `environment`.
        """
        at = 1
        while True:
            yield self.environment(call, at, error, **options)
            if not self.has_failed():
                return
            at += step


def start_failing() -> None:
    """Start counting calls in this process, which runs under `environment(..., wait=True)`."""
    ctypes.CDLL(None).thinset_start_failing()
