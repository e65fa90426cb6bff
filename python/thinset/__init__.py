"""Train on the samples that matter first.

`select` chooses a small, diverse subset of rows of an embedding matrix, `write_subset` writes
those samples as a dataset of their own, `export_subset` in the form that they came in
(image files, parquet, ...), `open_dataset` maps one into memory, and
`thinset.training` trains on the subset first and on everything after.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from thinset._core import FormatError, __version__
from thinset.selection import (
    ConstantColumnsWarning,
    Estimate,
    NearDuplicates,
    Selection,
    deduplicate,
    estimate,
    methods,
    select,
)

if TYPE_CHECKING:
    from thinset import distributed, training
    from thinset.data import export_subset, open_dataset, write_subset
    from thinset.selection import WorkersEstimate

__all__ = [
    "ConstantColumnsWarning",
    "Estimate",
    "FormatError",
    "NearDuplicates",
    "Selection",
    "WorkersEstimate",
    "__version__",
    "deduplicate",
    "distributed",
    "estimate",
    "export_subset",
    "methods",
    "open_dataset",
    "select",
    "training",
    "write_subset",
]


def __getattr__(name: str) -> Any:
    # Loaded on first use: training imports torch, data imports the readers of every source, and few
    # programs estimate what many machines take.
    if name in ("distributed", "training"):
        return importlib.import_module(f"thinset.{name}")
    if name in ("export_subset", "open_dataset", "write_subset"):
        return getattr(importlib.import_module("thinset.data"), name)
    if name == "WorkersEstimate":
        return getattr(importlib.import_module("thinset.selection"), name)
    raise AttributeError(f"module 'thinset' has no attribute {name!r}")
