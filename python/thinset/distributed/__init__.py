"""Selection over many machines: shards in, the rows of one machine out.

`select` and `deduplicate` cut the rows of a matrix in shards into parts, one for each worker of an
engine: Ray actors, ranks of torch.distributed, or this process.
"""

from __future__ import annotations

from thinset.distributed.algorithms import exact_methods
from thinset.distributed.duplicates import deduplicate
from thinset.distributed.estimate import estimate
from thinset.distributed.failures import ShardChangedError, ShardError, WorkerLostError
from thinset.distributed.select import select
from thinset.distributed.shards import files_of
from thinset.distributed.table import write_table

__all__ = [
    "ShardChangedError",
    "ShardError",
    "WorkerLostError",
    "deduplicate",
    "estimate",
    "exact_methods",
    "files_of",
    "select",
    "write_table",
]
