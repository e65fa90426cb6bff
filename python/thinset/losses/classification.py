"""Cross-entropy classification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional as F

from thinset.losses.objective import Outcome

if TYPE_CHECKING:
    import torch
    from torch import nn


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """-log softmax(logits)[label] of every sample, in nats: (B,) float32.

    `logits` (B, K) float, `labels` (B,) int64 in [0, K) or probabilities (B, K) float, which weigh
    the terms of all classes. This is the cross-entropy that Eq. 1 of
    "Faster Training by Selecting Samples Using Embeddings" means; as printed there,
    log(1 - y) is a misprint of log(y).

    Raises ValueError, on the CPU, for class numbers that are not in [0, K).
    """
    try:
        return F.cross_entropy(logits.float(), labels, reduction="none")
    except IndexError as error:
        raise ValueError(
            f"labels must be class numbers in [0, {logits.shape[1]}), one for each logit of the "
            f"model: {error} Samples without a label have the label -1"
        ) from error


def classification(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> Outcome:
    """Objective: cross-entropy of the logits `model(images)`; the largest logit is the prediction.

    With probabilities (B, K) for labels, the most probable class is the correct one.
    """
    logits = model(images)
    classes = labels.argmax(dim=1) if labels.ndim == 2 else labels
    n_correct = (logits.detach().argmax(dim=1) == classes).sum()
    return Outcome(cross_entropy(logits, labels), n_correct)
