"""The headline of an augmentation experiment: whether generated images help, harm or neither."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from thinset.results.arm import FULL, Arm
from thinset.results.arm_options import GENERATORS
from thinset.results.arm_words import made_images
from thinset.results.summaries import paired_difference
from thinset.results.verdicts import verdict_of
from thinset.results.wording import spoken_points

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thinset.report.augmentation_inputs import AugmentationInputs
    from thinset.results.summaries import PairedDifference

TWICE = Arm(augment="augorig")


def spoken_baseline(baseline: Arm) -> str:
    """What a baseline trains on, in words."""
    if baseline == FULL:
        return "the original images"
    return "the original images twice" if baseline == TWICE else str(baseline)


def augmentation_headline(inputs: AugmentationInputs) -> str:
    """Whether generated images helped more than the first baseline that was trained.

    Help and harm are claimed only where an interval excludes zero. The title, where no comparison
    has an interval.
    """
    trained = {run.arm for run in inputs.records}
    baseline = next((arm for arm in inputs.baselines if arm in trained), None)
    compared = [] if baseline is None else list(_compared(inputs, baseline))
    if baseline is None or not compared:
        return inputs.title
    means = [difference.mean for difference, _ in compared]
    found = Counter(verdict_of(difference) for difference, _ in compared)
    n, n_better, n_worse = len(compared), found["better"], found["worse"]
    comparisons = "the only comparison" if n == 1 else f"{n} comparisons"
    beside = f"with training on {spoken_baseline(baseline)}"
    spread = f"differences of {_range(means)} points"
    if n_better:
        mean, where = max(
            (difference.mean, where)
            for difference, where in compared
            if verdict_of(difference) == "better"
        )
        harmed = f" and harmed in {n_worse}" if n_worse else ""
        of = "" if n == 1 else f"{n_better} of "
        return (
            f"Generated images helped in {of}{comparisons} {beside}{harmed}; most with {where}: "
            f"{spoken_points(mean)} points"
        )
    if n_worse == n:
        return (
            f"Do not add generated images: they did worse in "
            f"{comparisons if n == 1 else f'all {comparisons}'} {beside}; {spread}"
        )
    if n_worse:
        return (
            f"No evidence that generated images help, and harm in {n_worse} of {comparisons} "
            f"{beside}; {spread}"
        )
    return (
        f"No evidence that generated images help: no clear difference in {comparisons} {beside}; "
        f"{spread}"
    )


def _range(means: list[float]) -> str:
    low, high = spoken_points(min(means)), spoken_points(max(means))
    return low if low == high else f"{low} to {high}"


def _compared(inputs: AugmentationInputs, baseline: Arm) -> Iterator[tuple[PairedDifference, str]]:
    """The differences of arms with a generator that have an interval, and where they are."""
    for size in inputs.sizes:
        for total in dict.fromkeys(run.total for run in size.records):
            among = [run for run in size.records if run.total == total]
            others = [run for run in among if run.arm == baseline]
            for arm in dict.fromkeys(run.arm for run in among):
                if arm.augment not in GENERATORS:
                    continue
                difference = paired_difference([run for run in among if run.arm == arm], others)
                if verdict_of(difference) not in ("no baseline", "spread unknown"):
                    assert difference is not None
                    yield difference, f"{made_images(arm)} at {size.name}"
