"""Train on the samples that matter first.

`select` chooses a small, diverse subset of rows of an embedding matrix, `write_subset` writes
those samples as a dataset of their own, `open_dataset` maps one into memory, and
`thinset.training` trains on the subset first and on everything after.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from thinset._core import FormatError
from thinset.data import open_dataset, write_subset
from thinset.selection import ConstantColumnsWarning, Selection, methods, select

if TYPE_CHECKING:
    from thinset import training

__version__ = "0.1.0"

__all__ = [
    "ConstantColumnsWarning",
    "FormatError",
    "Selection",
    "__version__",
    "methods",
    "open_dataset",
    "select",
    "training",
    "write_subset",
]


def __getattr__(name: str) -> Any:
    # torch is loaded with the first use of thinset.training, not with thinset.
    if name == "training":
        return importlib.import_module("thinset.training")
    raise AttributeError(f"module 'thinset' has no attribute {name!r}")
