"""Selection of rows of an embedding matrix; independent of models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thinset.selection.estimate import Estimate, FiguresEstimate, estimate, estimate_figures
from thinset.selection.methods import methods
from thinset.selection.near_duplicates import NearDuplicates, deduplicate
from thinset.selection.result import Selection
from thinset.selection.select import ConstantColumnsWarning, select

if TYPE_CHECKING:
    from thinset.selection.workers_estimate import WorkersEstimate

__all__ = [
    "ConstantColumnsWarning",
    "Estimate",
    "FiguresEstimate",
    "NearDuplicates",
    "Selection",
    "WorkersEstimate",
    "deduplicate",
    "estimate",
    "estimate_figures",
    "methods",
    "select",
]


def __getattr__(name: str) -> Any:
    if name == "WorkersEstimate":  # see thinset.__getattr__
        from thinset.selection import workers_estimate

        return workers_estimate.WorkersEstimate
    raise AttributeError(f"module 'thinset.selection' has no attribute {name!r}")
