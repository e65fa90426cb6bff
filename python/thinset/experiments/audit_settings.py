"""Settings of the audit of a small training set."""

from __future__ import annotations

from dataclasses import dataclass, field

from thinset.distillation.set_training import SetTraining
from thinset.duration import Duration
from thinset.experiments.prepare.baselines import BASELINES, Baseline
from thinset.experiments.settings import EncoderSettings, require_distinct
from thinset.files.decoding import (  # noqa: TC001 - decode looks them up
    AboveZero,
    Count,
    Fraction,
    Positive,
    Share,
)


@dataclass(frozen=True)
class AuditSettings:
    """What an audit compares.

    networks, width: the architectures; see NetworkKind. The first one is the teacher's. n_networks:
    of each architecture with each seed. baselines: see baseline_set. hold_out: the share of the
    training data held out for testing, if the source has no test data. validation: the share of the
    training data, at most 5,000 samples, that learning rates are chosen on, with up to three of the
    networks; nothing else uses them. A validation split of the data is used instead.
    encoder: of the embeddings that baselines are selected by. teacher_length, teacher_rate: of the
    training of the network that labels the baselines of a set with soft labels.
    """

    networks: tuple[str, ...] = ("convnet",)
    width: AboveZero = 1.0
    n_networks: Positive = 10
    seeds: tuple[Count, ...] = (0, 1, 2)
    baselines: tuple[Baseline, ...] = BASELINES
    hold_out: Share = 0.2
    validation: Fraction = 0.1
    encoder: EncoderSettings = field(default_factory=lambda: EncoderSettings(kind="pca"))
    training: SetTraining = field(default_factory=SetTraining)
    teacher_length: Duration = Duration(2000, "st")
    teacher_rate: AboveZero = 0.05

    def __post_init__(self) -> None:
        require_distinct(self, "networks", "seeds", "baselines")
        if "random" not in self.baselines:
            raise ValueError("baselines must have random: all others are compared with it")
        if self.validation == 1:
            raise ValueError("validation must be below 1")
        if self.teacher_length.amount == 0:
            raise ValueError(f"teacher_length must be longer than {self.teacher_length}")
