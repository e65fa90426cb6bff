"""Means, spreads and paired differences over the seeds of each configuration."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thinset.files.decoding import encode
from thinset.results.arm import FULL, RANDOM, Arm
from thinset.results.grouping import Configuration, group_runs
from thinset.results.student import mean_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from thinset.results.metrics import Metric
    from thinset.results.records import RunRecord


@dataclass(frozen=True)
class PairedDifference:
    """Score minus the baseline's on the same seeds, in the unit of the metric.

    `interval` is the 95 % Student t interval of the mean over the pairs, None with one pair. It
    covers only the variation between seeds, not the finite size of the test set.
    """

    seeds: tuple[int, ...]
    mean: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class ArmSummary:
    """The runs of one configuration, summarised.

    Attributes:
        scores: final scores in the unit of `metric`, in the order of `seeds`.
        standard_deviation: of the sample (n - 1); None with one run.
        n_samples: in a pass of the fast phase or, without one, over the training data.
        mean_seconds: wall-clock, preparation included.
        baseline: the reference arm; None if there is none.
        versus_baseline: None for the baseline itself, and if none of its runs shares a seed, a size
            and a split with these runs. An arm without a size and a split, or with a fixed size, is
            compared with the only runs of the baseline.
        versus_full: the same against full-data training.
        replayed_steps: of each run; 0 for ordinary training.
    """

    configuration: Configuration
    metric: Metric
    seeds: tuple[int, ...]
    scores: tuple[float, ...]
    mean: float
    standard_deviation: float | None
    n_samples: int
    mean_steps: float
    mean_seconds: float
    mean_preparation_seconds: float
    baseline: Arm | None
    versus_baseline: PairedDifference | None
    versus_full: PairedDifference | None
    replayed_steps: int = 0

    @property
    def n(self) -> int:
        """Number of runs."""
        return len(self.seeds)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        configuration = encode(self.configuration._asdict())
        return {**encode(self), "n": self.n, "configuration": configuration}


def summarise(records: Iterable[RunRecord], baseline: Arm | None = None) -> tuple[ArmSummary, ...]:
    """Summarise runs per configuration (comparison, arm, size of the subset, split, total).

    Each is compared with `baseline`; None means plain random selection or, if that was not trained,
    everything. The order is fixed: equal time before equal steps; selected, data, random, full.
    Raises ValueError if a seed occurs twice in one configuration, the runs disagree on the
    dataset's size or on the metric, or the baseline is not among them.
    """
    groups = group_runs(records)
    _require_one_metric(groups)
    baseline = _resolved(baseline, groups)
    return tuple(_summarise_group(key, runs, groups, baseline) for key, runs in groups.items())


def difference_between(summary: ArmSummary, baseline: ArmSummary) -> PairedDifference | None:
    """Compare two arms on the seeds that both have; None if they share none."""
    return paired_scores(
        dict(zip(summary.seeds, summary.scores, strict=True)),
        dict(zip(baseline.seeds, baseline.scores, strict=True)),
    )


def paired_difference(
    runs: Sequence[RunRecord], baseline: Sequence[RunRecord]
) -> PairedDifference | None:
    """Compare final scores on the seeds that both have; None if they share none."""
    ours, theirs = ({run.seed: run.score for run in group} for group in (runs, baseline))
    return paired_scores(ours, theirs)


def paired_scores(
    scores: Mapping[int, float], reference: Mapping[int, float]
) -> PairedDifference | None:
    """Compare scores by seed, on the seeds that both have; None if they share none."""
    differences = {
        seed: score - reference[seed] for seed, score in scores.items() if seed in reference
    }
    if not differences:
        return None
    values = list(differences.values())
    return PairedDifference(tuple(differences), statistics.fmean(values), mean_interval(values))


Groups = dict[Configuration, tuple["RunRecord", ...]]


def _require_one_metric(groups: Groups) -> None:
    names = sorted({run.metric for runs in groups.values() for run in runs})
    if len(names) > 1:
        raise ValueError(f"all runs must be compared by one metric, got {', '.join(names)}")
    metrics = {run.main_metric for runs in groups.values() for run in runs}
    if len(metrics) > 1:
        one, other = (encode(metric) for metric in sorted(metrics, key=str)[:2])
        field = next(name for name in one if one[name] != other[name])
        raise ValueError(
            f"all runs must agree on the metric {names[0]}, but its {field} is "
            f"{_shortened(one[field])} in one and {_shortened(other[field])} in another"
        )


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def trained_baseline(records: Sequence[RunRecord], baseline: Arm | None) -> Arm | None:
    """`baseline` if it was trained; None, for the default, while it was not or if it diverged."""
    return baseline if any(run.arm == baseline for run in records) else None


def _resolved(baseline: Arm | None, groups: Groups) -> Arm | None:
    arms = {key.arm for key in groups}
    if baseline is None:
        return next((arm for arm in (RANDOM, FULL) if arm in arms), None)
    if arms and baseline not in arms:
        raise ValueError(
            f"the baseline must be one of the arms {', '.join(sorted(map(str, arms)))}; "
            f"got {baseline}"
        )
    return baseline


def _summarise_group(
    key: Configuration, runs: tuple[RunRecord, ...], groups: Groups, baseline: Arm | None
) -> ArmSummary:
    scores = tuple(run.score for run in runs)
    fast = key.fast_phase
    return ArmSummary(
        configuration=key,
        metric=runs[0].main_metric,
        seeds=tuple(run.seed for run in runs),
        scores=scores,
        mean=statistics.fmean(scores),
        standard_deviation=statistics.stdev(scores) if len(runs) > 1 else None,
        n_samples=runs[0].n_trained if fast is None else fast.n_samples,
        mean_steps=statistics.fmean(run.steps for run in runs),
        mean_seconds=statistics.fmean(run.total_seconds for run in runs),
        mean_preparation_seconds=statistics.fmean(
            sum(run.preparation_seconds.values()) for run in runs
        ),
        baseline=baseline,
        versus_baseline=None if baseline is None else _versus(runs, baseline, key, groups),
        versus_full=_versus(runs, FULL, key, groups),
        replayed_steps=runs[0].replayed_steps,
    )


def _versus(
    runs: Sequence[RunRecord], baseline: Arm, key: Configuration, groups: Groups
) -> PairedDifference | None:
    beside = baseline_of(key, baseline, groups)
    return None if beside is None or beside == key else paired_difference(runs, groups[beside])


def baseline_of(
    key: Configuration, baseline: Arm, among: Iterable[Configuration]
) -> Configuration | None:
    """Return the configuration of `baseline` that `key` is compared with; None without one."""
    wanted = key._replace(arm=baseline)
    there = [other for other in among if other._replace(fast_phase=key.fast_phase) == wanted]
    if wanted in there:
        return wanted
    has_own_size = key.arm.has_own_size or baseline.has_own_size
    if len(there) != 1:
        return None
    phases = (key.fast_phase, there[0].fast_phase)
    return there[0] if None in phases or has_own_size else None
