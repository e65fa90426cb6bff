"""The architectures that searches choose from, and random draws of them; needs no torch."""

from __future__ import annotations

import functools
import itertools
import random
from typing import TYPE_CHECKING

from thinset.models.architecture import POOLINGS, Architecture, Block

if TYPE_CHECKING:
    from collections.abc import Iterator

N_BLOCKS = (2, 3)
KERNELS = (3, 5)
FILTERS = (8, 16, 32, 64)
LAYERS = ((1, False), (2, False), (2, True))
"""Depths of a block, without or with a skip"""
MOST_MULTIPLY_ADDS = 10_000_000
"""Of an architecture, for a 32x32 colour image of 10 classes"""


def is_small(architecture: Architecture) -> bool:
    """Whether it needs at most MOST_MULTIPLY_ADDS."""
    return architecture.multiply_adds((32, 32, 3), 10) <= MOST_MULTIPLY_ADDS


@functools.cache
def search_space() -> tuple[Architecture, ...]:
    """Every architecture of two or three blocks that is small, in a fixed order."""
    return tuple(architecture for architecture in _combinations() if is_small(architecture))


def draw_architectures(n: int, seed: int) -> tuple[Architecture, ...]:
    """`n` distinct architectures of search_space(), each as likely as any other.

    Of two draws with one seed, the shorter one is the beginning of the longer one. Raises
    ValueError if n is below 1 or there are fewer.
    """
    space = list(search_space())
    if not 1 <= n <= len(space):
        raise ValueError(f"n must be from 1 to {len(space)}, the architectures that exist; got {n}")
    random.Random(seed).shuffle(space)  # noqa: S311 - nothing here is secret
    return tuple(space[:n])


def _combinations() -> Iterator[Architecture]:
    blocks = [
        Block(kernel, filters, pooling, depth, has_skip)
        for kernel, filters, pooling, (depth, has_skip) in itertools.product(
            KERNELS, FILTERS, POOLINGS, LAYERS
        )
    ]
    for n_blocks in N_BLOCKS:
        yield from map(Architecture, itertools.product(blocks, repeat=n_blocks))
