"""Cross-entropy with logits that are adjusted by how frequent each class is in training."""

from __future__ import annotations

import hashlib
import numbers
from typing import TYPE_CHECKING, Any

import torch

from thinset.losses.classification import classification, cross_entropy
from thinset.losses.objective import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from thinset.losses.objective import Objective

MOST_TAU = 100.0


class LogitAdjusted:
    """Objective: cross-entropy of the logits plus `tau` times the log of each class's frequency.

    A model that is trained on adjusted logits learns plain logits that favour no class for its
    size. Scores are therefore those of the plain logits: see `scores_by`. Menon et al., "Long-Tail
    Learning via Logit Adjustment", 2021, Eq. 10.

    `class_sizes`: (K,) the number of training samples in each class of the model, such as
    `LogitAdjusted.class_sizes_of(labels, n_classes)`. The logits of a class without samples are
    not adjusted. `tau`: strength, above 0 and at most 100; 1 is right for equally weighted classes.

    Raises ValueError for other sizes or strengths, and when called for soft labels or for another
    number of logits than sizes.
    """

    scores_by: Objective = staticmethod(classification)
    """The objective of scores: plain cross-entropy"""

    def __init__(self, class_sizes: Sequence[int] | torch.Tensor | Any, tau: float = 1.0) -> None:
        # Copies, because torch warns of arrays that cannot be written, such as mapped labels.
        sizes = torch.asarray(class_sizes, dtype=torch.float64, copy=True).cpu()
        if sizes.ndim != 1 or not bool(sizes.isfinite().all()) or bool((sizes < 0).any()):
            raise ValueError("class_sizes must be one row of finite numbers, none below 0")
        if not float(sizes.sum()) > 0:
            raise ValueError("class_sizes must have at least one class with samples")
        _require_tau(tau)
        self._tau = float(tau)
        # A class that never occurs must not get the adjustment -inf: nothing would then train its
        # logit, and test samples might be assigned to it.
        frequencies = torch.where(sizes > 0, sizes / sizes.sum(), 1.0)
        self._adjustment = (self._tau * frequencies.log()).float()
        self._digest = hashlib.sha256(sizes.numpy().tobytes()).hexdigest()

    @staticmethod
    def class_sizes_of(labels: Any, n_classes: int) -> torch.Tensor:
        """How many of `labels` (N,), class numbers in [0, n_classes), are of each class."""
        classes = torch.asarray(labels, copy=True)
        if classes.ndim != 1 or classes.is_floating_point():
            raise ValueError(
                f"labels must be one class number for each sample, got {classes.dtype} of shape "
                f"{tuple(classes.shape)}"
            )
        is_outside = (classes < 0) | (classes >= n_classes)
        if bool(is_outside.any()):
            row = int(is_outside.int().argmax())
            raise ValueError(
                f"labels must be in [0, {n_classes - 1}], got {int(classes[row])} at position {row}"
            )
        return torch.bincount(classes.long(), minlength=n_classes)

    def __repr__(self) -> str:
        n_classes = len(self._adjustment)
        return f"LogitAdjusted({n_classes} classes, tau={self._tau:g}, sha256={self._digest})"

    def __call__(self, model: nn.Module, images: torch.Tensor, labels: torch.Tensor, /) -> Outcome:
        """Return adjusted losses; the largest plain logit is the prediction."""
        if labels.ndim != 1:
            raise ValueError(
                "logit adjustment needs class numbers (B,) for labels, got soft labels of shape "
                f"{tuple(labels.shape)}"
            )
        logits = model(images)
        if logits.shape[1:] != self._adjustment.shape:
            raise ValueError(
                f"the model must return one logit for each of {len(self._adjustment)} class sizes, "
                f"got logits of shape {tuple(logits.shape)}"
            )
        if self._adjustment.device != logits.device:
            self._adjustment = self._adjustment.to(logits.device)
        n_correct = (logits.detach().argmax(dim=1) == labels).sum()
        return Outcome(cross_entropy(logits.float() + self._adjustment, labels), n_correct)


def _require_tau(tau: object) -> None:
    is_number = isinstance(tau, numbers.Real) and not isinstance(tau, bool)
    if not is_number or not 0 < tau <= MOST_TAU:  # type: ignore[operator]
        raise ValueError(f"tau must be above 0 and at most {MOST_TAU:g}, got {tau!r}")
