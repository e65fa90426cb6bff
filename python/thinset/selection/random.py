"""Random selection: the baseline for every other method."""

from __future__ import annotations

from dataclasses import dataclass

from thinset.selection.method import Method


@dataclass(frozen=True, eq=False)
class RandomOptions:
    """Options of `random`.

    stratified: draw from every class in proportion to its size; needs labels.
    """

    stratified: bool = False


RANDOM = Method(
    "random",
    "drawn without replacement, stratified by class if asked; gains are 0",
    RandomOptions,
)
