"""Choosing rows of an embedding matrix. Indices in, indices out: nothing here knows a model."""

from thinset.selection.methods import methods
from thinset.selection.result import Selection
from thinset.selection.select import ConstantColumnsWarning, select

__all__ = ["ConstantColumnsWarning", "Selection", "methods", "select"]
