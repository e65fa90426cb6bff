"""One function per figure; each returns a matplotlib Figure that is bound to no window.

matplotlib is imported when a figure is drawn, not before.
"""

from thinset.report.plots.audits import audit_accuracies
from thinset.report.plots.budgets import budget_bars
from thinset.report.plots.class_balance import class_balance
from thinset.report.plots.curves import (
    loss_against_seconds,
    score_against_seconds,
    score_against_steps,
)
from thinset.report.plots.differences import differences_to_baseline, differences_to_full
from thinset.report.plots.distilled import Curve, distilled_images
from thinset.report.plots.embedding_map import MAX_ROWS, embedding_map
from thinset.report.plots.fixed_layers import score_by_fixed_layers
from thinset.report.plots.grids import score_against_size, score_against_split
from thinset.report.plots.learning_curves import (
    fid_against_size,
    generator_curves,
    learning_curves,
)
from thinset.report.plots.rankings import agreements, rankings
from thinset.report.plots.samples import contact_sheet, reconstruction_triples
from thinset.report.plots.style import rendered
from thinset.report.plots.timeline import two_phase_timeline

__all__ = [
    "MAX_ROWS",
    "Curve",
    "agreements",
    "audit_accuracies",
    "budget_bars",
    "class_balance",
    "contact_sheet",
    "differences_to_baseline",
    "differences_to_full",
    "distilled_images",
    "embedding_map",
    "fid_against_size",
    "generator_curves",
    "learning_curves",
    "loss_against_seconds",
    "rankings",
    "reconstruction_triples",
    "rendered",
    "score_against_seconds",
    "score_against_size",
    "score_against_split",
    "score_against_steps",
    "score_by_fixed_layers",
    "two_phase_timeline",
]
