"""Dataset folders: written from any source, memory-mapped, subset and split.

`thinset.data.batches` is imported by its own name: it and the modules that it stands on need torch.
"""

from __future__ import annotations

from thinset.data.download import download
from thinset.data.encoded import EncodedDataset, open_encoded
from thinset.data.export import ExportedSubset, export_subset
from thinset.data.group_splits import hold_out_groups
from thinset.data.joined import join_datasets
from thinset.data.manifest import ArrayEntry, Manifest
from thinset.data.matching_splits import require_matching_splits
from thinset.data.provenance import (
    DistilledBy,
    GeneratedBy,
    ImportedFrom,
    JoinedFrom,
    Parent,
    Provenance,
    SelectedFrom,
)
from thinset.data.schedule import ScheduleStep, TrainingSchedule
from thinset.data.sources import SOURCES, import_dataset, import_map_style
from thinset.data.splits import SPLITS, hold_out, nested_subsets
from thinset.data.store import Dataset, open_dataset, verify_dataset
from thinset.data.subset import write_subset
from thinset.data.variants import write_long_tailed, write_photographs, write_redundant
from thinset.data.writer import DatasetWriter

__all__ = [
    "SOURCES",
    "SPLITS",
    "ArrayEntry",
    "Dataset",
    "DatasetWriter",
    "DistilledBy",
    "EncodedDataset",
    "ExportedSubset",
    "GeneratedBy",
    "ImportedFrom",
    "JoinedFrom",
    "Manifest",
    "Parent",
    "Provenance",
    "ScheduleStep",
    "SelectedFrom",
    "TrainingSchedule",
    "download",
    "export_subset",
    "hold_out",
    "hold_out_groups",
    "import_dataset",
    "import_map_style",
    "join_datasets",
    "nested_subsets",
    "open_dataset",
    "open_encoded",
    "require_matching_splits",
    "verify_dataset",
    "write_long_tailed",
    "write_photographs",
    "write_redundant",
    "write_subset",
]
