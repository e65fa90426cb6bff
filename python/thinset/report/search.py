"""How far a search on subsets finds what a search on everything would find."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


REFERENCE = "reference"


class Configuration(NamedTuple):
    """One point of the search."""

    learning_rate: float
    width: float

    def __str__(self) -> str:
        return f"rate {self.learning_rate:g}, width {self.width:g}"


@dataclass(frozen=True)
class Trained:
    """The score of one training, in percent on held-out data, and its seconds in all."""

    arm: str
    configuration: Configuration
    seed: int
    accuracy: float
    seconds: float


@dataclass(frozen=True)
class ArmOfSearch:
    """One arm's search, over all seeds.

    agreement: Kendall's tau-b between the arm's ranking of the configurations and that of the
    reference, seed by seed: 1 for the same order, 0 for none in common. regret: by how many points
    the reference training of the configuration that the arm would take stays behind that of the
    best, seed by seed. seconds: of the whole search with one seed, preparation counted once.
    accuracies: of each configuration, in percent, mean over seeds.
    """

    arm: str
    agreement: tuple[float, ...]
    regret: tuple[float, ...]
    seconds: float
    accuracies: Mapping[Configuration, float]

    @property
    def mean_agreement(self) -> float:
        return statistics.fmean(self.agreement)


def summarise_search(
    reference: Sequence[Trained],
    arms: Mapping[str, Sequence[Trained]],
    preparation: Mapping[str, float],
) -> tuple[ArmOfSearch, ...]:
    """Compare each arm's search with the reference on the seeds that both have.

    preparation: seconds that an arm needs once, before any of its trainings; those of its
    trainings do not hold them. The first of the result is the reference itself.
    """
    return tuple(
        _summarise(name, runs, reference, preparation.get(name, 0.0))
        for name, runs in {REFERENCE: reference, **arms}.items()
    )


def kendall_tau_b(first: Sequence[float], second: Sequence[float]) -> float:
    """Kendall's rank correlation with its correction for ties; 0 where either has no order at all.

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
    name: str, runs: Sequence[Trained], reference: Sequence[Trained], preparation: float
) -> ArmOfSearch:
    mine, best = _by_seed(runs), _by_seed(reference)
    seeds = [seed for seed in mine if seed in best]
    agreement, regret = [], []
    for seed in seeds:
        configurations = list(best[seed])
        scores = [mine[seed][configuration].accuracy for configuration in configurations]
        truth = [best[seed][configuration].accuracy for configuration in configurations]
        agreement.append(kendall_tau_b(scores, truth))
        # Of configurations with one score the first of the grid is taken.
        regret.append(max(truth) - truth[scores.index(max(scores))])
    configurations = list(best[seeds[0]])
    return ArmOfSearch(
        arm=name,
        agreement=tuple(agreement),
        regret=tuple(regret),
        seconds=preparation + sum(run.seconds for run in runs) / len(mine),
        accuracies={
            configuration: statistics.fmean(mine[seed][configuration].accuracy for seed in seeds)
            for configuration in configurations
        },
    )


def _by_seed(runs: Sequence[Trained]) -> dict[int, dict[Configuration, Trained]]:
    seeds: dict[int, dict[Configuration, Trained]] = {}
    for run in runs:
        seeds.setdefault(run.seed, {})[run.configuration] = run
    return seeds
