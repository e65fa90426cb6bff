"""Settings of a learning curve of classifiers trained with artificial images."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from thinset.duration import Duration
from thinset.experiments.settings import (
    DataSettings,
    StudySettings,
    TrainingSettings,
    require_distinct,
)
from thinset.files.decoding import Count, Fraction, Positive  # noqa: TC001 - decode looks them up
from thinset.results.arm import Arm
from thinset.results.arm_options import AUGMENTATIONS, GENERATORS


@dataclass(frozen=True)
class AugmentationSettings(DataSettings):
    """Trainings with artificial images, and what those images are like, by size of the data.

    n_train: size of the training data if there are more; the rest is validation data then, instead
    of `validation`. shares: how much of the training data there is; each is a nested subset
    (see DataSettings).
    arms, seeds, sizes, splits, totals, accounting, training: of the trainings at each share, as in
    StudySettings; without arms nothing is trained. baselines: the arms that all others are compared
    with. measured: augmentations whose images are measured at each share, for each of the seeds.
    shown: generators whose images are drawn in grids. There is one size, one split and one way to
    account for time: sizes of the training data are compared here, not of subsets.
    """

    n_train: Positive | None = None
    shares: tuple[Fraction, ...] = (1.0,)
    arms: tuple[Arm, ...] = ()
    baselines: tuple[Arm, ...] = (Arm(augment="augorig"), Arm())
    seeds: tuple[Count, ...] = (0, 1, 2)
    sizes: tuple[int | float, ...] = (1.0,)
    splits: tuple[float, ...] = (1.0,)
    totals: tuple[Duration, ...] = (Duration(500, "st"),)
    accounting: tuple[Literal["everything", "training"], ...] = ("everything",)
    measured: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def __post_init__(self) -> None:
        require_distinct(self, "shares", "seeds")
        for name, known in (("measured", AUGMENTATIONS), ("shown", GENERATORS)):
            for value in getattr(self, name):
                if value not in known:
                    raise ValueError(f"{name} must be among {', '.join(known)}; got {value}")
        if any(share == 0 for share in self.shares):
            raise ValueError("shares must be above 0")
        for name in ("sizes", "splits", "accounting"):
            if len(values := getattr(self, name)) > 1:
                raise ValueError(f"{name} must have one value here, got {len(values)}")
        if not (self.arms or self.measured or self.shown):
            raise ValueError("there must be arms to train, or augmentations to measure or to show")
        self.at(self.shares[0])  # checks the rest

    @property
    def shown_seed(self) -> int:
        """The seed of the generators in grids."""
        return self.seeds[0] % self.generation.n_seeds

    @property
    def measurements(self) -> tuple[tuple[str, int], ...]:
        """The augmentations to measure, each with its seeds; copies are the same with any seed."""
        return tuple(
            (name, seed)
            for name in self.measured
            for seed in (self.seeds[:1] if name == "augorig" else self.seeds)
        )

    @property
    def image_stages(self) -> tuple[str, ...]:
        """Names of what may be left out besides trainings of arms."""
        measured = (measuring(name, seed) for name, seed in self.measurements)
        return (*measured, *(showing(name, self.shown_seed) for name in self.shown))

    def at(self, share: float) -> StudySettings:
        """The trainings with this share of the training data."""
        names = (
            "hold_out", "on_validation", "from_encoded", "photograph_side", "variant", "encoder",
            "generation", "seeds", "sizes", "splits", "totals", "accounting", "training",
            "validation", "split_seed",
        )  # fmt: skip
        values = {name: getattr(self, name) for name in names}
        # A study has arms; here there may be none.
        return StudySettings(**values, arms=self.arms or (Arm(),), share=share)


def measuring(augmentation: str, seed: int) -> str:
    """The name of measuring its images, where that is left out."""
    return f"measuring {augmentation}, seed {seed}"


def showing(generator: str, seed: int) -> str:
    """The name of drawing its grid, where that is left out."""
    return f"showing {generator}, seed {seed}"
