"""Selection of rows of an embedding matrix; independent of models."""

from thinset.selection.estimate import Estimate, FiguresEstimate, estimate, estimate_figures
from thinset.selection.methods import methods
from thinset.selection.near_duplicates import NearDuplicates, deduplicate
from thinset.selection.result import Selection
from thinset.selection.select import ConstantColumnsWarning, select
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
