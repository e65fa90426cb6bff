"""Means, spreads and paired differences over the seeds of each configuration."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from thinset.results.grouping import Configuration, group_runs
from thinset.results.student import mean_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from thinset.results.records import RunRecord


@dataclass(frozen=True)
class PairedDifference:
    """Accuracy minus the baseline's on the same seeds, in percentage points.

    `interval` is the 95 % Student t interval of the mean over the pairs, None with one pair. It
    speaks of the variation between seeds alone, not of the finite size of the test set.
    """

    seeds: tuple[int, ...]
    mean: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class ArmSummary:
    """The runs of one configuration, summarised.

    Accuracies are final test accuracies in percent, in the order of `seeds`. The sample standard
    deviation (n - 1) is None with one run. Seconds are wall-clock, preparation included. A paired
    difference is None where no run of that baseline shares a seed; that of an arm without a subset
    to random also where random has several sizes or splits.
    """

    configuration: Configuration
    seeds: tuple[int, ...]
    accuracies: tuple[float, ...]
    mean: float
    standard_deviation: float | None
    mean_steps: float
    mean_seconds: float
    mean_preparation_seconds: float
    versus_random: PairedDifference | None
    versus_full: PairedDifference | None

    @property
    def n(self) -> int:
        """Number of runs."""
        return len(self.seeds)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "n": self.n, "configuration": self.configuration._asdict()}


def summarise(records: Iterable[RunRecord]) -> tuple[ArmSummary, ...]:
    """Summarise runs per configuration (comparison, arm, method, subset size, split, total).

    The order is fixed: equal time before equal steps; selected, random, full. Raises ValueError
    where a seed occurs twice in one configuration or the runs disagree on the dataset's size.
    """
    groups = group_runs(records)
    return tuple(_summarise_group(key, runs, groups) for key, runs in groups.items())


def paired_difference(
    runs: Sequence[RunRecord], baseline: Sequence[RunRecord]
) -> PairedDifference | None:
    """Compare final accuracies on the seeds that both have; None where they share none."""
    ours, theirs = (
        {run.seed: run.final.test_accuracy for run in group} for group in (runs, baseline)
    )
    return _paired(ours, theirs)


def difference_between(summary: ArmSummary, baseline: ArmSummary) -> PairedDifference | None:
    """Compare two arms on the seeds that both have; None where they share none."""
    return _paired(
        dict(zip(summary.seeds, summary.accuracies, strict=True)),
        dict(zip(baseline.seeds, baseline.accuracies, strict=True)),
    )


def _paired(
    accuracies: Mapping[int, float], reference: Mapping[int, float]
) -> PairedDifference | None:
    differences = {
        seed: accuracy - reference[seed]
        for seed, accuracy in accuracies.items()
        if seed in reference
    }
    if not differences:
        return None
    values = list(differences.values())
    return PairedDifference(tuple(differences), statistics.fmean(values), mean_interval(values))


def _summarise_group(
    key: Configuration,
    runs: tuple[RunRecord, ...],
    groups: Mapping[Configuration, tuple[RunRecord, ...]],
) -> ArmSummary:
    accuracies = tuple(run.final.test_accuracy for run in runs)
    random = _random_beside(key, groups)
    full = key._replace(arm="full", method="full", n_subset=None, split=None)
    return ArmSummary(
        configuration=key,
        seeds=tuple(run.seed for run in runs),
        accuracies=accuracies,
        mean=statistics.fmean(accuracies),
        standard_deviation=statistics.stdev(accuracies) if len(runs) > 1 else None,
        mean_steps=statistics.fmean(run.steps for run in runs),
        mean_seconds=statistics.fmean(run.total_seconds for run in runs),
        mean_preparation_seconds=statistics.fmean(
            sum(run.preparation_seconds.values()) for run in runs
        ),
        versus_random=_versus(runs, random, key, groups),
        versus_full=_versus(runs, full, key, groups),
    )


def _random_beside(
    key: Configuration, groups: Mapping[Configuration, tuple[RunRecord, ...]]
) -> Configuration:
    """Return the configuration of plain random selection that belongs to `key`.

    An arm without a subset has one only where there is but one in its comparison.
    """
    random = key._replace(arm="random", method="random")
    if key.arm != "full":
        return random
    beside = [other for other in groups if other[:3] == random[:3] and other.total == key.total]
    return beside[0] if len(beside) == 1 else random


def _versus(
    runs: Sequence[RunRecord],
    baseline: Configuration,
    key: Configuration,
    groups: Mapping[Configuration, tuple[RunRecord, ...]],
) -> PairedDifference | None:
    if baseline == key or baseline not in groups:
        return None
    return paired_difference(runs, groups[baseline])
