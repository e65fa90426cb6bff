"""What a probe is made for."""

from __future__ import annotations

from dataclasses import dataclass

from thinset.duration import Duration
from thinset.files.decoding import Count, Positive  # noqa: TC001 - decode looks them up


@dataclass(frozen=True)
class ProbeSettings:
    """The question, and the time for it.

    time: for the whole probe. label_budget: how many labels can be afforded; None if it is no
    question of labels. embeddings: a .npy file with a row for each training sample; None for
    principal components of the pixels. encoded: whether training decodes images in its loop.
    """

    time: Duration = Duration(1, "min")
    label_budget: Positive | None = None
    embeddings: str | None = None
    encoded: bool = False
    model: str | None = None
    seed: Count = 0

    def __post_init__(self) -> None:
        if not self.time.is_time or self.time.amount == 0:
            raise ValueError(f"time must be longer than 0, such as 1min; got {self.time}")
        if self.label_budget is not None and self.label_budget < 1:
            raise ValueError(f"label_budget must be at least 1, got {self.label_budget}")
