"""Compares rankings by trainings on small data with the ranking by long training on everything.

What is ranked are candidates: settings of a training, or architectures.
"""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from thinset.results.arm import RANDOM, Arm
from thinset.results.arm_words import plain_name
from thinset.results.rank_correlation import (
    bootstrap_draws,
    kendall_tau_b,
    percentile_interval,
    taus_of_draws,
)
from thinset.results.wording import PERCENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Interval: TypeAlias = tuple[float, float]


class HyperParameters(NamedTuple):
    """One setting of a training that is ranked against others."""

    learning_rate: float
    width: float

    def __str__(self) -> str:
        return f"rate {self.learning_rate:g}, width {self.width:g}"


Candidate: TypeAlias = HyperParameters | str
"""Hyper-parameters, or the text of an architecture"""


class Ranker(NamedTuple):
    """What ranks the candidates: an arm, and the size of its subset, a count or a fraction.

    Attributes:
        size: None for arms without a subset, and for those that fix its size.
    """

    arm: Arm
    size: float | None = None


REFERENCE = Ranker(Arm(other="reference"))
"""The long training on everything that others are compared with"""

MULTIPLY_ADDS = Ranker(Arm(other="multiply-adds"))
"""The control without any training: the larger an architecture, the better"""


@dataclass(frozen=True)
class Trained:
    """The score of one training, in percent on held-out data, and its seconds in all.

    Of MULTIPLY_ADDS, the score is their number.
    """

    ranker: Ranker
    candidate: Candidate
    seed: int
    accuracy: float
    seconds: float


_Seeds = dict[int, dict[Candidate, Trained]]


@dataclass(frozen=True)
class Ranking:
    """How one ranker ranks the candidates, over all seeds.

    Attributes:
        agreement: Kendall's tau-b between this ranking of the candidates and that of the reference,
            by seed: 1 for the same order, 0 for unrelated orders; of the reference itself, between
            its rankings with this seed and with the others, and empty with one seed.
        agreement_interval: the 95 % percentile interval of the mean agreement over bootstrap draws
            of the candidates; it covers which candidates there happen to be, and no other chance.
        versus_random: agreement minus that of random subsets of the same size, by seed; empty where
            there are none.
        versus_random_interval: the interval of its mean on the same draws; None where there are
            none.
        regret: how many points the reference training loses with the candidate that ranks first
            here instead of the best, by seed.
        seconds: of the whole ranking with one seed, preparation counted once.
        accuracies: of each candidate, in percent, mean over seeds.
    """

    ranker: Ranker
    agreement: Mapping[int, float]
    regret: Mapping[int, float]
    seconds: float
    accuracies: Mapping[Candidate, float]
    agreement_interval: Interval | None = None
    versus_random: Mapping[int, float] | None = None
    versus_random_interval: Interval | None = None

    @property
    def mean_agreement(self) -> float:
        return statistics.fmean(self.agreement.values())


def summarise_ranking(
    reference: Sequence[Trained],
    others: Mapping[Ranker, Sequence[Trained]],
    preparation: Mapping[Ranker, float],
) -> tuple[Ranking, ...]:
    """Compare each ranking with the reference's on the seeds that both have finished.

    Args:
        preparation: seconds that are needed once, before any of the trainings; not included in
            those of the trainings.

    The first result is the reference itself; others without a finished seed are omitted.
    """
    candidates = tuple(dict.fromkeys(run.candidate for run in reference))
    best = _finished_seeds(reference, candidates)
    comparison = _Comparison(best, candidates)
    finished: dict[Ranker, _Seeds] = {}
    for ranker, runs in {REFERENCE: reference, **others}.items():
        seeds = _finished_seeds(runs, candidates)
        mine = {seed: runs for seed, runs in seeds.items() if seed in best}
        if mine:
            finished[ranker] = mine
    return tuple(
        comparison.ranking(
            ranker,
            mine,
            preparation.get(ranker, 0.0),
            # Plain random subsets are compared with nothing.
            None if ranker.arm == RANDOM else _random_beside(ranker, finished),
        )
        for ranker, mine in finished.items()
    )


def ranked_by_size(
    multiply_adds: Mapping[Candidate, int], seeds: Iterable[int]
) -> dict[Ranker, list[Trained]]:
    """The ranking by MULTIPLY_ADDS, the same for each seed; nothing if they are not known."""
    runs = [
        Trained(MULTIPLY_ADDS, candidate, seed, float(size), 0.0)
        for seed in seeds
        for candidate, size in multiply_adds.items()
    ]
    return {MULTIPLY_ADDS: runs} if runs else {}


class _Comparison:
    """The bootstrap draws of the candidates, which all rankings share, so that they are paired."""

    def __init__(self, best: _Seeds, candidates: Sequence[Candidate]) -> None:
        self._candidates = candidates
        self._truth = {seed: self._scores(runs) for seed, runs in best.items()}
        self._draws = bootstrap_draws(len(candidates))

    def ranking(
        self, ranker: Ranker, mine: _Seeds, preparation: float, random: _Seeds | None
    ) -> Ranking:
        is_reference = ranker == REFERENCE
        agreement = self._agreement_of_reference() if is_reference else self._agreement(mine)
        interval = None if is_reference else percentile_interval(self._mean_taus(mine))
        versus, versus_interval = None, None
        if random is not None and not is_reference:
            shared = [seed for seed in mine if seed in random]
            pairs = [{seed: runs[seed] for seed in shared} for runs in (mine, random)]
            if shared:
                ours, theirs = map(self._agreement, pairs)
                versus = {seed: ours[seed] - theirs[seed] for seed in shared}
                differences = self._mean_taus(pairs[0]) - self._mean_taus(pairs[1])
                versus_interval = percentile_interval(differences)
        return Ranking(
            ranker=ranker,
            agreement=agreement,
            regret={seed: self._regret(seed, runs) for seed, runs in mine.items()},
            seconds=preparation
            + statistics.fmean(sum(run.seconds for run in runs.values()) for runs in mine.values()),
            accuracies={
                candidate: statistics.fmean(runs[candidate].accuracy for runs in mine.values())
                for candidate in self._candidates
            },
            agreement_interval=interval,
            versus_random=versus,
            versus_random_interval=versus_interval,
        )

    def _scores(self, runs: Mapping[Candidate, Trained]) -> list[float]:
        return [runs[candidate].accuracy for candidate in self._candidates]

    def _agreement(self, mine: _Seeds) -> dict[int, float]:
        return {
            seed: kendall_tau_b(self._scores(runs), self._truth[seed])
            for seed, runs in mine.items()
        }

    def _agreement_of_reference(self) -> dict[int, float]:
        """The mean agreement of the reference with this seed and with each other one."""
        pairs = itertools.combinations(self._truth, 2)
        taus = {pair: kendall_tau_b(*(self._truth[seed] for seed in pair)) for pair in pairs}
        return {
            seed: statistics.fmean(tau for pair, tau in taus.items() if seed in pair)
            for seed in self._truth
            if taus
        }

    def _mean_taus(self, mine: _Seeds) -> np.ndarray[Any, Any]:
        """The agreement on each draw of the candidates, mean over the seeds."""
        taus = [
            taus_of_draws(self._scores(runs), self._truth[seed], self._draws)
            for seed, runs in mine.items()
        ]
        mean: np.ndarray[Any, Any] = np.mean(taus, axis=0)
        return mean

    def _regret(self, seed: int, runs: Mapping[Candidate, Trained]) -> float:
        truth, scores = self._truth[seed], self._scores(runs)
        # If scores are equal, the first candidate is taken.
        return max(truth) - truth[scores.index(max(scores))]


def labels_of(rankers: Iterable[Ranker]) -> dict[Ranker, str]:
    """The names of rankers in plain words, with the sizes if there are several."""
    rankers = tuple(rankers)
    sizes = {ranker.size for ranker in rankers if ranker.size is not None}
    return {
        ranker: plain_name(ranker.arm)
        if len(sizes) < 2 or ranker.size is None
        else f"{plain_name(ranker.arm)}, {_spoken_size(ranker.size)}"
        for ranker in rankers
    }


def _spoken_size(size: float) -> str:
    return f"{size:,} samples" if isinstance(size, int) else f"{100 * size:g}{PERCENT}"


def _random_beside(ranker: Ranker, finished: Mapping[Ranker, _Seeds]) -> _Seeds | None:
    """The random subsets of the same size; for a ranker without a size, those of the only size."""
    random = [other for other in finished if other.arm == RANDOM]
    if ranker.size is not None:
        random = [other for other in random if other.size == ranker.size]
    return finished[random[0]] if len(random) == 1 else None


def _finished_seeds(runs: Sequence[Trained], candidates: Sequence[Candidate]) -> _Seeds:
    seeds: _Seeds = {}
    for run in runs:
        seeds.setdefault(run.seed, {})[run.candidate] = run
    return {seed: mine for seed, mine in seeds.items() if set(candidates) <= set(mine)}
