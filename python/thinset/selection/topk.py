"""Top-k activations: Eq. 4 of "Faster Training by Selecting Samples Using Embeddings"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from thinset.selection.method import Method


@dataclass(frozen=True, eq=False)
class TopKOptions:
    """Options of `topk`.

    mode: which activations count as strong: the largest ("max"), the smallest ("min") or the
        largest in magnitude ("abs").
    refill: choose exactly n_samples rows, in rounds: in each round, every element takes its best
        row not yet chosen. False gives the plain union of every element's best n_samples / D rows,
        which is smaller if elements share rows.
    drop_constant: ignore elements with one value in every row; they would contribute rows in index
        order, whatever their content.
    """

    mode: Literal["max", "min", "abs"] = "max"
    refill: bool = True
    drop_constant: bool = False


TOPK = Method(
    "topk",
    "the rows that activate each embedding element most (Eq. 4); gains are activations",
    TopKOptions,
)
