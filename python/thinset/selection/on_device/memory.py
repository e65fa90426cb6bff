"""What a selection takes beside the embeddings, on the device and on the host together."""

from __future__ import annotations

from thinset.selection.on_device.facility_location import (
    BYTES_PER_TERM as FACILITY_BYTES_PER_TERM,
)
from thinset.selection.on_device.rows import bytes_per_row
from thinset.selection.on_device.top_k import BYTES_PER_SCORE

_BLOCK_BYTES = 256 * 2**20
_SMALLEST_BLOCK_BYTES = 2**20
_WORD = 8


def block_bytes(method: str, shape: tuple[int, int], k: int, max_memory: int) -> int:
    """How much a step may take at a time, so that all stays within max_memory (0: no limit).

    Raises ValueError where even small steps would take more.
    """
    if max_memory == 0:
        return _BLOCK_BYTES
    held = _held(method, shape, k)
    smallest = max(_SMALLEST_BLOCK_BYTES, bytes_per_row(shape[1]))
    if held + smallest > max_memory:
        raise ValueError(
            f"max_memory is {max_memory} bytes, but this selection may need {held + smallest} "
            "beyond the embeddings; fewer samples need less"
        )
    return min(_BLOCK_BYTES, max_memory - held)


def _held(method: str, shape: tuple[int, int], k: int) -> int:
    """Bytes held from step to step."""
    n, d = shape
    # Labels, classes and a random draw on the host; picks and column summaries on both sides.
    shared = (6 * n + 8 * k + 8 * d) * _WORD
    if method == "topk":
        # One column is scored at a time, at least; boards start at twice the rounds.
        depth = min(k, 2 * (k // d + 1) + 16)
        return shared + BYTES_PER_SCORE * n + 8 * depth * d * _WORD
    if method in ("max_sum", "max_min"):
        return shared + 9 * n * _WORD
    if method == "facility_location":
        # On the host a heap of pairs; on the device distances to one candidate, at least.
        return shared + 30 * n * _WORD + FACILITY_BYTES_PER_TERM * n
    if method == "kmeans":
        return shared + (14 * n + 3 * k * d) * _WORD
    return shared
