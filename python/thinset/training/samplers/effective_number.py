"""Classes weighted by their effective number of samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from thinset.training.arguments import is_number, shown
from thinset.training.samplers.class_balance import class_numbers, validated_labels
from thinset.training.samplers.orders import WeightedPasses

if TYPE_CHECKING:
    from thinset.data.batches import ImageRows
    from thinset.data.passes import Passes

    Sizes = np.ndarray[Any, Any]


def effective_number_weights(
    class_sizes: Sizes, beta: float = 0.9999
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The weight of each class, float64 (C,): 1 over its effective number of samples, scaled.

    A class of n samples has the effective number (1 - beta**n) / (1 - beta): about n where n is
    small against 1 / (1 - beta), and at most that. The weights of all classes that have samples sum
    to their number; a class without samples gets 0. Cui et al., "Class-Balanced Loss Based on
    Effective Number of Samples", 2019, Eq. 2 and section 4.

    `class_sizes`: (C,) whole numbers. `beta`: above 0 and below 1; near 0 all classes weigh the
    same, near 1 they weigh in inverse proportion to their size.

    Raises ValueError for other sizes or another beta.
    """
    _require_beta(beta)
    sizes = np.asarray(class_sizes)
    if sizes.ndim != 1 or sizes.dtype.kind not in "iu" or (sizes < 0).any() or not sizes.any():
        raise ValueError(
            "class_sizes must be one row of whole numbers, none below 0 and at least one above 0; "
            f"got {sizes.dtype} of shape {sizes.shape}"
        )
    has_samples = sizes > 0
    weights: np.ndarray[tuple[int], np.dtype[np.float64]] = np.zeros(len(sizes))
    # expm1: with beta near 1 and few samples, 1 - beta**n would lose its digits.
    weights[has_samples] = -1 / np.expm1(sizes[has_samples] * math.log(beta))
    weights *= np.count_nonzero(has_samples) / weights.sum()
    return weights


@dataclass(frozen=True)
class EffectiveNumber:
    """Everything in each pass, shuffled; samples of small classes count more in the loss.

    The weight of a sample is that of its class: see `effective_number_weights`. The classes are
    the labels of the dataset that the phase trains on.
    """

    beta: float = 0.9999

    def __post_init__(self) -> None:
        _require_beta(self.beta)

    def over(self, dataset: ImageRows) -> Passes:
        """Raise ValueError if the dataset has no labels, or soft labels."""
        if dataset.labels is None:
            raise ValueError("classes cannot be weighted: the dataset has no labels")
        if getattr(dataset, "soft_labels", None) is not None:
            raise ValueError(
                "classes cannot be weighted: the dataset has soft labels, by which it is trained"
            )
        numbers = class_numbers(validated_labels(dataset.labels))
        weights = effective_number_weights(np.bincount(numbers), self.beta)
        return WeightedPasses(torch.from_numpy(weights[numbers].astype(np.float32)))


def _require_beta(beta: object) -> None:
    if not is_number(beta) or not 0 < beta < 1:  # type: ignore[operator]
        raise ValueError(f"beta must be above 0 and below 1, got {shown(beta)}")
