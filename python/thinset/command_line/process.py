"""Signals and standard streams of a command's process."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_ENDING = ("SIGTERM", "SIGHUP")


class Terminated(BaseException):
    """A signal asked the process to end. Unlike SystemExit it names the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def exit_status(self) -> int:
        """128 and the number of the signal, as shells report it."""
        return 128 + self.number


@contextlib.contextmanager
def signals_as_exceptions() -> Iterator[None]:
    """Raise Terminated for SIGTERM and SIGHUP, so that partial files are removed on the way out.

    Later signals are ignored, so that they cannot interrupt the removal. A signal that is already
    ignored (nohup) stays ignored. Does nothing outside the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    for name in _ENDING:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            before[number] = signal.signal(number, _raise)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)
    raise Terminated(number)


def prepare_output() -> None:
    """Prepare standard output and error for any text and for closed streams.

    File names that are not UTF-8 are printed with escapes. A closed standard output is replaced by
    a stream that fails on write, because Python would drop the output silently. A closed standard
    error is replaced by a stream that discards its output.
    """
    for name, flags in (("stdout", os.O_RDONLY), ("stderr", os.O_WRONLY)):
        stream = getattr(sys, name)
        if stream is None:
            stream = os.fdopen(os.open(os.devnull, flags), "w", encoding="utf-8")
            setattr(sys, name, stream)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def flush_output() -> None:
    """Flush standard output; OSError if that fails."""
    if sys.stdout is not None and not sys.stdout.closed:
        sys.stdout.flush()


def abandon_output() -> None:
    """Discard unwritten output, so that the interpreter does not fail on it again at exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, sys.stdout.fileno())
        os.close(descriptor)
        sys.stdout.flush()
