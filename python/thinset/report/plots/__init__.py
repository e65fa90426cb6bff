"""One function per figure; each returns a matplotlib Figure that is bound to no window.

matplotlib is imported when a figure is drawn, not before.
"""

from thinset.report.plots.budgets import budget_bars
from thinset.report.plots.class_balance import class_balance
from thinset.report.plots.curves import (
    accuracy_against_seconds,
    accuracy_against_steps,
    loss_against_seconds,
)
from thinset.report.plots.differences import differences_to_full, differences_to_random
from thinset.report.plots.embedding_map import MAX_ROWS, embedding_map
from thinset.report.plots.grids import accuracy_against_size, accuracy_against_split
from thinset.report.plots.rankings import rankings
from thinset.report.plots.samples import contact_sheet, reproduction_triples
from thinset.report.plots.style import rendered
from thinset.report.plots.timeline import two_phase_timeline

__all__ = [
    "MAX_ROWS",
    "accuracy_against_seconds",
    "accuracy_against_size",
    "accuracy_against_split",
    "accuracy_against_steps",
    "budget_bars",
    "class_balance",
    "contact_sheet",
    "differences_to_full",
    "differences_to_random",
    "embedding_map",
    "loss_against_seconds",
    "rankings",
    "rendered",
    "reproduction_triples",
    "two_phase_timeline",
]
