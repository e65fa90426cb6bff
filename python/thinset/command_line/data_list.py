"""thinset data list."""

from __future__ import annotations

from dataclasses import dataclass

from thinset.data import SOURCES


@dataclass(frozen=True)
class Command:
    """List the kinds of source that `thinset data import` and `thinset run` read."""

    def run(self) -> None:
        width = max(len(name) for name in SOURCES)
        for name, source in SOURCES.items():
            print(f"{name:<{width}}  {source.summary}")
