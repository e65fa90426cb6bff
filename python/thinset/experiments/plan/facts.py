"""Reads the facts of training data from measurements, for plans and probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.results.data_facts import DataFacts

if TYPE_CHECKING:
    from thinset.experiments.plan.pace import Pace
    from thinset.experiments.plan.rules import Sizes
    from thinset.experiments.plan.sampling import Sample


def repeated_share(sample: Sample) -> float:
    """The share of the samples looked at that deduplication leaves out."""
    return 1 - sample.n_distinct / sample.n_rows


def facts_of(
    n_samples: int,
    image_shape: tuple[int, int, int],
    sizes: Sizes | None,
    *,
    sample: Sample | None,
    pace: Pace | None,
    decoding_seconds: float | None,
    not_measured: dict[str, str],
) -> DataFacts:
    """Facts of `n_samples` training samples; `sizes` are those of their classes."""
    of_all = None if sample is None else 1 - sample.distinct_share
    return DataFacts(
        n_samples=n_samples,
        image_shape=image_shape,
        n_classes=None if sizes is None else len(sizes),
        smallest_class=None if sizes is None else int(sizes.min()),
        largest_class=None if sizes is None else int(sizes.max()),
        n_looked_at=0 if sample is None else sample.n_rows,
        near_duplicates=None if sample is None else sample.near_duplicates,
        repeated_share=None if sample is None else repeated_share(sample),
        # The prediction is a count of groups, which can only be too large.
        repeated_share_of_all=of_all,
        steps_per_second=None if pace is None else 1 / pace.step_seconds,
        waiting_share=None if pace is None else min(pace.waiting_share, 1.0),
        decoded_per_second=None if decoding_seconds is None else 1 / decoding_seconds,
        not_measured=not_measured,
    )
