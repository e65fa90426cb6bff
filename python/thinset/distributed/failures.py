"""What may go wrong when many machines work on one selection."""

from __future__ import annotations


class ShardError(ValueError):
    """A shard is missing, damaged, or does not fit the other shards; the message names it."""


class ShardChangedError(ShardError):
    """A shard is no longer the file that the selection started with; the message names it."""


class WorkerLostError(RuntimeError):
    """A worker died, or cannot be reached, and was not replaced.

    With a `folder`, the same call continues after the last finished round.
    """
