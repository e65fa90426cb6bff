"""Progress of long work: a bar on a terminal and in a notebook, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

_SECONDS_BETWEEN_LINES = 10.0


class ProgressBar:
    """Shows the progress of one piece of work on standard error.

    A context manager. `total` is in `unit`s and may be None if unknown. On a terminal this is a
    tqdm bar, and in a notebook of Jupyter the widget of tqdm, or its text bar where ipywidgets is
    not installed. Elsewhere it is a line every ten seconds and one at the end, so that logs stay
    readable. With `enabled=False` it prints nothing. Work that an error ends before any of it was
    done, because it was refused, leaves no line.
    """

    def __init__(
        self, label: str, total: float | None = None, *, unit: str = "it", enabled: bool = True
    ) -> None:
        self._label = label
        self._total = total
        self._unit = unit
        self._enabled = enabled
        self._done = 0.0
        self._facts = ""
        self._start = self._last_line = time.monotonic()
        # Work may be resumed: what was done before the first report says nothing about the speed.
        self._first: tuple[float, float] | None = None
        self._bar: Any = None
        kind = _kind_of_bar() if enabled else None
        if kind is not None:
            # The rate of a share of the work is meaningless.
            form = "{l_bar}{bar}| {elapsed}<{remaining}{postfix}" if unit == "%" else None
            self._bar = kind(
                desc=label, total=total, unit=unit, dynamic_ncols=True, bar_format=form
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Work that ended without an error is complete, even if the last part was not reported.
        if kind is None and self._total is not None and self._done < self._total:
            self.update_to(self._total)
        was_refused = kind is not None and self._done == 0
        if self._bar is not None:
            self._bar.leave = not was_refused
            self._bar.close()
        elif self._enabled and not was_refused:
            self._print_line("done" if kind is None else "stopped")

    def update_to(self, done: float, /, **facts: Any) -> None:
        """Report that `done` units in all are finished, with figures to show beside them."""
        step = done - self._done
        self._done = done
        if not self._enabled:
            return
        if facts:
            self._facts = ", ".join(
                f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
                for key, value in facts.items()
            )
        if self._bar is not None:
            if facts:
                self._bar.set_postfix_str(self._facts, refresh=False)
            self._bar.update(step)
            return
        if self._first is None:
            self._first = (done, time.monotonic())
        if time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._print_line("")

    def update(self, step: float = 1, /, **facts: Any) -> None:
        """Report that `step` more units are finished."""
        self.update_to(self._done + step, **facts)

    def _print_line(self, state: str) -> None:
        self._last_line = time.monotonic()
        elapsed = self._last_line - self._start
        amount = (
            f"{self._done:.0f}" if self._total is None else f"{self._done:.0f}/{self._total:.0f}"
        )
        parts = [
            f"{self._label}: {amount} {self._unit}",
            f"{elapsed:.1f} s",
            self._facts,
            state or self._remaining(self._last_line),
        ]
        print(", ".join(part for part in parts if part), file=sys.stderr, flush=True)  # noqa: T201

    def _remaining(self, now: float) -> str:
        """How long the rest takes at the speed so far; empty if that is not known."""
        if self._first is None or self._total is None:
            return ""
        done, since = self._first
        if self._done <= done:
            return ""
        seconds = (self._total - self._done) * (now - since) / (self._done - done)
        return f"{_rounded(seconds)} left"


def _rounded(seconds: float) -> str:
    """A time in the unit that fits it."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _kind_of_bar() -> Any:
    """The class of tqdm for the current standard error; None to print lines."""
    if _runs_in_notebook():
        # If ipywidgets is missing, tqdm warns that it falls back to text; the warning is not useful
        # here.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from tqdm.auto import tqdm as notebook_bar
        return notebook_bar
    if sys.stderr.isatty():
        from tqdm import tqdm

        return tqdm
    return None


def _runs_in_notebook() -> bool:
    # A kernel can only run if IPython is already loaded.
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = get_ipython() if get_ipython is not None else None
    # The shell of a terminal has no kernel.
    return getattr(shell, "kernel", None) is not None
