"""An architecture as a sequence of decisions, each among few options."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from thinset.models.architecture import POOLINGS, Architecture, Block
from thinset.models.architecture_space import FILTERS, KERNELS, LAYERS, N_BLOCKS, is_small

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Decision: TypeAlias = Literal["n_blocks", "kernel", "filters", "layers", "pooling"]

OPTIONS: Mapping[Decision, Sequence[Any]] = {
    "n_blocks": N_BLOCKS,
    "kernel": KERNELS,
    "filters": FILTERS,
    "layers": LAYERS,
    "pooling": POOLINGS,
}
"""What each decision chooses from; the first option needs the fewest multiply-adds"""
_OF_BLOCK: tuple[Decision, ...] = ("kernel", "filters", "layers", "pooling")


def next_decision(chosen: Sequence[int]) -> Decision | None:
    """What comes after these options: the number of blocks, then four for each; None at the end."""
    if not chosen:
        return "n_blocks"
    n_before = len(chosen) - 1
    is_complete = n_before == N_BLOCKS[chosen[0]] * len(_OF_BLOCK)
    return None if is_complete else _OF_BLOCK[n_before % len(_OF_BLOCK)]


def architecture_of(chosen: Sequence[int]) -> Architecture:
    """The architecture of these options; decisions that are missing take the first option."""
    n_blocks = N_BLOCKS[chosen[0] if chosen else 0]
    n_missing = 1 + n_blocks * len(_OF_BLOCK) - len(chosen)
    rest = [*chosen, *[0] * n_missing][-n_blocks * len(_OF_BLOCK) :]
    blocks = []
    for start in range(0, len(rest), len(_OF_BLOCK)):
        options = zip(_OF_BLOCK, rest[start : start + len(_OF_BLOCK)], strict=True)
        kernel, filters, (depth, has_skip), pooling = (OPTIONS[name][row] for name, row in options)
        blocks.append(Block(kernel, filters, pooling, depth, has_skip))
    return Architecture(tuple(blocks))


@functools.lru_cache(maxsize=100_000)
def allowed_options(chosen: tuple[int, ...]) -> tuple[bool, ...]:
    """Which options of the next decision leave a small architecture possible; at least one."""
    decision = next_decision(chosen)
    assert decision is not None
    n_options = len(OPTIONS[decision])
    return tuple(is_small(architecture_of([*chosen, option])) for option in range(n_options))
