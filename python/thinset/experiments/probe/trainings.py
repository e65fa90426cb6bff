"""Short trainings of a few ways to train, paired by seed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

from thinset.experiments.plan.deadline import NoTimeToMeasureError
from thinset.experiments.plan.options import Option
from thinset.experiments.plan.probes import MOST_VALIDATION, Probes
from thinset.experiments.plan.rules import SUBSET
from thinset.experiments.prepare.subsets import NEAR_DUPLICATES
from thinset.results import BALANCED, FULL, Arm, SelectionRule
from thinset.results.probe import ArmScores
from thinset.selection.arguments import as_count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from thinset.experiments.plan.deadline import Deadline
    from thinset.experiments.plan.measuring import Measured
    from thinset.experiments.probe.sampled import SampledBench
    from thinset.experiments.settings import PlanSettings

FEWEST_SAMPLES = 100
"""Fewer samples, near-duplicates left out, say nothing about a way to train"""
_SHORTEST = 40
_LONGEST = 400  # steps
_MOST_SEEDS = 3
_FEWEST_SEEDS = 2
_SHARE_OF_TIME_LEFT = 0.75
"""The rest is for what cannot be predicted"""


class Trained(NamedTuple):
    """The scores of every arm, on the same seeds, and the steps of each training.

    n_held_out: samples that each seed is scored on; the fewest of all seeds.
    """

    arms: tuple[ArmScores, ...]
    steps: int
    n_held_out: int


class _OfSeed(NamedTuple):
    scores: dict[Option, float]
    n_held_out: int


def options_to_train(
    n_samples: int, n_classes: int, *, balance: bool, distinct: bool
) -> list[Option]:
    """Everything, what the facts advise, and a k-means and a random subset."""
    options = [Option(FULL)]
    if balance:
        options.append(Option(BALANCED))
    if distinct:
        options.append(Option(Arm(distinct=NEAR_DUPLICATES)))
    if balance and distinct:
        options.append(Option(Arm(is_balanced=True, distinct=NEAR_DUPLICATES)))
    if as_count(SUBSET.size, n_samples // 2) >= n_classes:
        options += [
            Option(Arm(SelectionRule(method, "balanced")), SUBSET)
            for method in ("kmeans", "random")
        ]
    return options


def train_in_pairs(
    bench: SampledBench,
    settings: PlanSettings,
    options: Sequence[Option],
    measured: Measured,
    *,
    deadline: Deadline,
    scratch: Path,
    note: Callable[[str], None],
) -> Trained:
    """Train each option with two or three seeds, each scored on held-out data of its own.

    Held-out samples differ between seeds, so that intervals cover their choice too. Raises
    NoTimeToMeasureError if fewer than two seeds fit.
    """
    data, pace, sample = bench.data.train, measured.in_memory, measured.sample
    if sample is None:
        raise NoTimeToMeasureError("they need near-duplicates, which were not measured")
    n_distinct = round(len(data) * sample.n_distinct / sample.n_rows)
    if n_distinct < FEWEST_SAMPLES:
        raise NoTimeToMeasureError(
            f"they need at least {FEWEST_SAMPLES} different samples, got {n_distinct}"
        )
    n_classes = data.n_classes
    n_tested = min(MOST_VALIDATION * n_classes, len(data) // 5)
    # Of one seed: tests, finding near-duplicates and writing samples.
    fixed = (
        len(options) * (n_tested * pace.test_seconds + 2 * sample.writing_seconds * len(data))
        + 2 * sample.deduplication_seconds * len(data) / bench.n_total
    )
    steps, n_seeds = _length(len(options), fixed, pace.step_seconds, deadline)
    scores: dict[Option, list[float]] = {option: [] for option in options}
    n_held_out: list[int] = []
    seed_seconds = fixed + len(options) * steps * pace.step_seconds
    for seed in range(n_seeds):
        if seed >= _FEWEST_SEEDS and seed_seconds > deadline.left:
            break
        of_seed = _scores_of(
            bench,
            settings,
            options,
            steps,
            seed=seed,
            deadline=deadline,
            scratch=scratch,
            note=note,
        )
        if of_seed is None:
            break
        n_held_out.append(of_seed.n_held_out)
        for option, score in of_seed.scores.items():
            scores[option].append(score)
    n_done = len(scores[options[0]])
    if n_done < _FEWEST_SEEDS:
        raise NoTimeToMeasureError(
            f"they took longer than predicted: {n_done} of {_FEWEST_SEEDS} seeds were trained"
        )
    return Trained(
        tuple(ArmScores(option.arm, tuple(values)) for option, values in scores.items()),
        steps,
        min(n_held_out),
    )


def _length(
    n_options: int, fixed: float, step_seconds: float, deadline: Deadline
) -> tuple[int, int]:
    """The steps of each training and the number of seeds that fit into the time left."""
    allowed = _SHARE_OF_TIME_LEFT * deadline.left
    for n_seeds in range(_MOST_SEEDS, _FEWEST_SEEDS - 1, -1):
        steps = int((allowed / n_seeds - fixed) / (n_options * step_seconds))
        if steps >= _SHORTEST:
            return min(steps, _LONGEST), n_seeds
    needed = _FEWEST_SEEDS * (fixed + n_options * _SHORTEST * step_seconds) / _SHARE_OF_TIME_LEFT
    deadline.require(needed, f"{_FEWEST_SEEDS} short trainings of each way to train")
    return _SHORTEST, _FEWEST_SEEDS


def _scores_of(
    bench: SampledBench,
    settings: PlanSettings,
    options: Sequence[Option],
    steps: int,
    *,
    seed: int,
    deadline: Deadline,
    scratch: Path,
    note: Callable[[str], None],
) -> _OfSeed | None:
    """The score of each option with this seed; None if time runs out."""
    settings = dataclasses.replace(settings, seed=seed)
    probes = Probes(bench, settings, bench.device, scratch / f"seed {seed}", held_out_seed=seed)
    scores = {}
    for option in options:
        if deadline.left == 0:
            return None
        note(f"short training, seed {seed}: {option.arm}")
        (scores[option],) = probes.scores(option, [steps])
    return _OfSeed(scores, probes.n_tested)
