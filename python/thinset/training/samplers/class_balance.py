"""Passes that show every class equally often: which samples, in which order."""

from __future__ import annotations

import hashlib
import operator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from thinset.training.randomness import generator_for
from thinset.training.samplers.subset import whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    Labels = Sequence[int] | Sequence[str] | np.ndarray[Any, Any] | torch.Tensor


class BalancedPasses:
    """Passes of `n_samples` samples in which all classes are equally frequent.

    `labels`: (N,) the class of each sample. `n_samples`: length of a pass; None for N. Where it is
    not a multiple of the number of classes, the passes take turns in which classes get one more, so
    that over any number of whole passes no class is ahead by more than one sample.

    Each class goes through its samples in random order, and begins again in another order only when
    all of them were shown, across the borders of passes. Order depends on `seed` and the number of
    the pass alone.

    Raises ValueError for labels that are empty, missing (negative), or not one integer or text for
    each sample, and for `n_samples` below 1.
    """

    def __init__(self, labels: Labels, n_samples: int | None, seed: int) -> None:
        values = validated_labels(labels)
        self.n_total = len(values)
        self.seed = operator.index(seed)
        self.n_samples = self.n_total
        if n_samples is not None:
            self.n_samples = whole_number("n_samples", n_samples, "the length of a pass")
        if self.n_samples < 1:
            raise ValueError(f"n_samples must be at least 1, got {n_samples}")
        self._classes = class_numbers(values)
        # Stable: the rows of a class stay in ascending order, so that a seed means one order.
        by_class = np.argsort(self._classes, kind="stable")
        counts = np.bincount(self._classes)
        self._members = [
            torch.from_numpy(rows) for rows in np.split(by_class, np.cumsum(counts)[:-1])
        ]

    def length(self, number: int) -> int:  # noqa: ARG002
        """How many samples pass `number`, from 0 on, has: all passes are alike."""
        return self.n_samples

    def numbers_of_each_length(self, first: int) -> list[int]:
        """Passes, from `first` on, that have every length there is from then on."""
        return [first]

    def order(self, number: int) -> torch.Tensor:
        """The samples of pass `number`: int64 (n_samples,)."""
        start, end = number * self.n_samples, (number + 1) * self.n_samples
        rows = torch.cat(
            [
                self._of_class(index, self._turns(index, start), self._turns(index, end))
                for index in range(len(self._members))
            ]
        )
        generator = generator_for(self.seed, f"class-balanced, pass {number}")
        return rows[torch.randperm(len(rows), generator=generator)]

    def identity(self) -> dict[str, Any]:
        """What makes the sequence of samples what it is, as plain numbers and texts."""
        return {
            "n_total": self.n_total,
            "labels_sha256": hashlib.sha256(self._classes.tobytes()).hexdigest(),
            "n_samples": self.n_samples,
            "seed": self.seed,
        }

    def _turns(self, index: int, n_shown: int) -> int:
        """How many of the first `n_shown` samples are of class `index`: classes take turns."""
        n_classes = len(self._members)
        return (n_shown + n_classes - 1 - index) // n_classes

    def _of_class(self, index: int, start: int, end: int) -> torch.Tensor:
        """Samples `start` to `end` of the endless sequence of class `index`."""
        members = self._members[index]
        rounds = range(start // len(members), -(-end // len(members)))
        parts = [members[:0]]
        for number in rounds:
            generator = generator_for(self.seed, f"class-balanced, class {index}, round {number}")
            first = number * len(members)
            part = slice(max(start - first, 0), end - first)
            parts.append(members[torch.randperm(len(members), generator=generator)[part]])
        return torch.cat(parts)


def class_numbers(labels: np.ndarray[Any, Any]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The place of each sample's class among the classes that occur: int64 (N,)."""
    return np.unique(labels, return_inverse=True)[1].astype(np.int64).reshape(-1)


def validated_labels(labels: Labels) -> np.ndarray[Any, Any]:
    """Labels as an array (N,) of integers or texts; ValueError for anything else."""
    values = np.asarray(labels)
    if values.ndim != 1 or values.size == 0 or values.dtype.kind not in "biuU":
        raise ValueError(
            "labels must be one integer or text for each sample, at least one; "
            f"got {values.dtype} of shape {values.shape}"
        )
    if values.dtype.kind == "i" and values.min() < 0:
        row = int(np.argmax(values < 0))
        raise ValueError(
            f"labels must be 0 or more, got {values[row]} at position {row}; a class cannot be "
            "balanced where labels are missing"
        )
    return values
