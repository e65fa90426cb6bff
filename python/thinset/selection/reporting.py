"""Turns the `progress` argument of a selection into a callback for the core."""

from __future__ import annotations

import contextlib
import itertools
import math
from typing import TYPE_CHECKING

from thinset.progress import ProgressBar
from thinset.selection.arguments import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Progress = bool | Callable[[int, int], None] | None

# The number of steps in which the progress of several pieces of work is counted.
_STEPS = 1000


def progress_callback(
    progress: Progress, label: str
) -> contextlib.AbstractContextManager[Callable[[int, int], None] | None]:
    """The function for the core to call with (done, total); shows a bar if requested."""
    if progress is None or progress is False:
        return contextlib.nullcontext()
    if progress is True:
        return _bar_callback(label)
    if callable(progress):
        return contextlib.nullcontext(progress)
    raise ValueError(
        "progress must be True, False, None or a callable that takes (done, total), got "
        + shown(progress)
    )


@contextlib.contextmanager
def _bar_callback(label: str) -> Iterator[Callable[[int, int], None]]:
    with ProgressBar(label, total=100, unit="%") as bar:
        yield lambda done, total: bar.update_to(100 * done // max(total, 1))


@contextlib.contextmanager
def progress_of_parts(
    progress: Progress, label: str, weights: Mapping[str, float]
) -> Iterator[Callable[[str], Callable[[int, int], None] | None]]:
    """One progress for several pieces of work, in order, with the share of time of each.

    Returns a function from the name of a piece to its callback.
    """
    starts = dict(zip(weights, itertools.accumulate(weights.values(), initial=0.0), strict=False))
    whole = sum(weights.values())

    def overall(name: str, done: int, total: int) -> int:
        share = weights[name] * min(done, total) / max(total, 1)
        return math.floor(_STEPS * (starts[name] + share) / whole)

    if progress is True:
        with ProgressBar(label, total=100, unit="%") as bar:
            yield (
                lambda name: (
                    lambda done, total: bar.update_to(
                        overall(name, done, total) * 100 // _STEPS, figure=name
                    )
                )
            )
    else:
        with progress_callback(progress, label) as callback:
            if callback is None:
                yield lambda _: None
            else:
                yield lambda name: lambda done, total: callback(overall(name, done, total), _STEPS)
