"""Compares hyper-parameter rankings on subsets with the ranking on everything."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from thinset.results.arm import Arm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


REFERENCE = Arm(other="reference")
"""The long training on everything that others are compared with"""


class HyperParameters(NamedTuple):
    """One setting of a training that is ranked against others."""

    learning_rate: float
    width: float

    def __str__(self) -> str:
        return f"rate {self.learning_rate:g}, width {self.width:g}"


@dataclass(frozen=True)
class Trained:
    """The score of one training, in percent on held-out data, and its seconds in all."""

    arm: Arm
    setting: HyperParameters
    seed: int
    accuracy: float
    seconds: float


_Seeds = dict[int, dict[HyperParameters, Trained]]


@dataclass(frozen=True)
class ArmRanking:
    """How one arm ranks the settings, over all seeds.

    agreement: Kendall's tau-b between the arm's ranking of the settings and that of the
    reference, by seed: 1 for the same order, 0 for unrelated orders. regret: how many points the
    reference training loses with the setting that the arm ranks first instead of the best, by seed.
    seconds: of the whole ranking with one seed, preparation counted once.
    accuracies: of each setting, in percent, mean over seeds.
    """

    arm: Arm
    agreement: Mapping[int, float]
    regret: Mapping[int, float]
    seconds: float
    accuracies: Mapping[HyperParameters, float]

    @property
    def mean_agreement(self) -> float:
        return statistics.fmean(self.agreement.values())


def summarise_ranking(
    reference: Sequence[Trained],
    arms: Mapping[Arm, Sequence[Trained]],
    preparation: Mapping[Arm, float],
) -> tuple[ArmRanking, ...]:
    """Compare each arm's ranking with the reference's on the seeds that both have finished.

    preparation: seconds that an arm needs once, before any of its trainings; not included in those
    of its trainings. The first result is the reference itself; an arm without a finished seed is
    omitted.
    """
    grid = tuple(dict.fromkeys(run.setting for run in reference))
    best = _finished_seeds(reference, grid)
    summaries = []
    for arm, runs in {REFERENCE: reference, **arms}.items():
        mine = {
            seed: scores for seed, scores in _finished_seeds(runs, grid).items() if seed in best
        }
        if mine:
            summaries.append(_summarise(arm, mine, best, grid, preparation.get(arm, 0.0)))
    return tuple(summaries)


def kendall_tau_b(first: Sequence[float], second: Sequence[float]) -> float:
    """Kendall's rank correlation with its correction for ties; 0 if either is constant.

    Kendall, "The Treatment of Ties in Ranking Problems", 1945.
    """
    concordant = ties_in_first = ties_in_second = 0
    n_pairs = len(first) * (len(first) - 1) // 2
    for i in range(len(first)):
        for j in range(i):
            a, b = first[i] - first[j], second[i] - second[j]
            concordant += (a * b > 0) - (a * b < 0)
            ties_in_first += a == 0
            ties_in_second += b == 0
    scale = ((n_pairs - ties_in_first) * (n_pairs - ties_in_second)) ** 0.5
    return concordant / scale if scale > 0 else 0.0


def _summarise(
    arm: Arm,
    mine: _Seeds,
    best: _Seeds,
    grid: Sequence[HyperParameters],
    preparation: float,
) -> ArmRanking:
    agreement, regret = {}, {}
    for seed, runs in mine.items():
        scores = [runs[setting].accuracy for setting in grid]
        truth = [best[seed][setting].accuracy for setting in grid]
        agreement[seed] = kendall_tau_b(scores, truth)
        # If scores are equal, the first setting of the grid is taken.
        regret[seed] = max(truth) - truth[scores.index(max(scores))]
    return ArmRanking(
        arm=arm,
        agreement=agreement,
        regret=regret,
        seconds=preparation
        + statistics.fmean(sum(run.seconds for run in runs.values()) for runs in mine.values()),
        accuracies={
            setting: statistics.fmean(runs[setting].accuracy for runs in mine.values())
            for setting in grid
        },
    )


def _finished_seeds(runs: Sequence[Trained], grid: Sequence[HyperParameters]) -> _Seeds:
    seeds: _Seeds = {}
    for run in runs:
        seeds.setdefault(run.seed, {})[run.setting] = run
    return {seed: mine for seed, mine in seeds.items() if set(grid) <= set(mine)}
