"""What was measured of training data, as numbers and in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

from thinset.files.decoding import (  # noqa: TC001 - decode looks them up
    AtLeastZero,
    Count,
    Positive,
    Share,
)


@dataclass(frozen=True)
class DataFacts:
    """Facts of training data; None for what was not measured, with the reason in `not_measured`.

    smallest_class, largest_class: samples in each; n_classes counts classes that have samples.
    n_looked_at: the samples, drawn at random, that repetition was measured on. near_duplicates: the
    probability that two random samples are near-duplicates. repeated_share: the share of those
    samples that deduplication leaves out; repeated_share_of_all: the same of all samples,
    predicted. decoded_per_second: images. not_measured: reasons, by the name of the fact.
    """

    n_samples: Positive
    image_shape: tuple[int, int, int]
    n_classes: Count | None = None
    smallest_class: Positive | None = None
    largest_class: Positive | None = None
    n_looked_at: Count = 0
    near_duplicates: Share | None = None
    repeated_share: Share | None = None
    repeated_share_of_all: Share | None = None
    steps_per_second: AtLeastZero | None = None
    waiting_share: Share | None = None
    decoded_per_second: AtLeastZero | None = None
    not_measured: dict[str, str] | None = None

    @property
    def imbalance(self) -> float | None:
        """The size of the largest class divided by that of the smallest."""
        if self.largest_class is None or self.smallest_class is None:
            return None
        return self.largest_class / self.smallest_class

    @property
    def largest_share(self) -> float | None:
        """The share of all samples that are in the largest class."""
        return None if self.largest_class is None else self.largest_class / self.n_samples

    def in_words(self) -> dict[str, str]:
        """A line for each fact, by its name."""
        words = {"samples": f"{self.n_samples:,}, {' x '.join(map(str, self.image_shape))}"}
        missing = self.not_measured or {}
        if self.steps_per_second is not None and self.waiting_share is not None:
            words["steps"] = (
                f"{self.steps_per_second:.3g} per second, {100 * self.waiting_share:.0f} % of the "
                "time waiting for images"
            )
        if self.imbalance is not None and self.largest_share is not None:
            words["classes"] = (
                f"{self.n_classes}, of {self.smallest_class:,} to {self.largest_class:,} samples "
                f"(1 : {self.imbalance:.3g}; the largest has {100 * self.largest_share:.3g} %)"
            )
        if self.near_duplicates is not None:
            words["repetition"] = self._repetition(self.near_duplicates)
        if self.decoded_per_second is not None:
            words["decoding"] = f"{self.decoded_per_second:,.0f} images per second"
        return {**words, **{name: f"not measured: {why}" for name, why in missing.items()}}

    def _repetition(self, probability: float) -> str:
        looked_at = f"{self.n_looked_at:,} samples looked at"
        share = "hardly any"
        if probability > 0:
            share = f"at least 1 in {_rounded_up(1 / probability):,}"
        pairs = f"{share} pairs drawn at random are near-duplicates"
        if self.repeated_share is None:
            return f"{pairs} ({looked_at})"
        words = f"{100 * self.repeated_share:.3g} % of {looked_at} nearly repeat another"
        if self.repeated_share_of_all is not None and self.n_looked_at < self.n_samples:
            words += f", about {100 * self.repeated_share_of_all:.3g} % of all"
        return f"{words}; {pairs}"


def _rounded_up(number: float) -> int:
    """To two digits."""
    unit = int(10 ** max(0, math.floor(math.log10(number)) - 1))
    return math.ceil(number / unit) * unit
