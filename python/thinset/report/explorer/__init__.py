"""The parts of a page to look at a selection with: map, contact sheet, stacks, reasons."""

from thinset.report.explorer.inputs import ExplorerInputs, OtherSelection, Reasons, Stacks
from thinset.report.explorer.parts import Explorer, explorer_content, explorer_of
from thinset.report.explorer.plane import plane_through

__all__ = [
    "Explorer",
    "ExplorerInputs",
    "OtherSelection",
    "Reasons",
    "Stacks",
    "explorer_content",
    "explorer_of",
    "plane_through",
]
