"""What the page of an augmentation experiment shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from thinset.results.arm import Arm  # noqa: TC001 - decode looks it up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from thinset.duration import Duration
    from thinset.report.cells import NextStep
    from thinset.results.measures import Measures
    from thinset.results.records import RunRecord


@dataclass(frozen=True)
class PublishedTable:
    """A table of a paper: scores of arms by size of the training data.

    Attributes:
        channels: of the images of the data, which tell whose table it is.
        metric: "accuracy" or "fid".
        arms: of the columns; for FID those whose images are measured.
        rows: the size in percent of the training data, then a score for each arm.
        remark: what a reader must know about the published values.
    """

    what: str
    channels: int
    metric: Literal["accuracy", "fid"]
    arms: tuple[Arm, ...]
    rows: tuple[tuple[float, ...], ...]
    remark: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != 1 + len(self.arms):
                raise ValueError(f"row {row[0]:g} must have {len(self.arms)} scores, got {row[1:]}")


JUDGED = frozenset({"fid", "agreement"})
"""The scores of a generator's training that a classifier gives"""


@dataclass(frozen=True)
class ShownGenerator:
    """A trained generator: images (n, H, W, C) of ten for each class, and scores by step.

    extractor: what scores of JUDGED are by; None without such scores.
    """

    name: str
    images: np.ndarray[Any, Any]
    steps: Sequence[int]
    scores: Mapping[str, Sequence[float]]
    collapse: str | None
    extractor: str | None = None


@dataclass(frozen=True)
class SizeResults:
    """The results at one share of the training data."""

    share: float
    records: Sequence[RunRecord] = ()
    measures: Sequence[Measures] = ()
    shown: Sequence[ShownGenerator] = ()
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The share in percent."""
        return f"{100 * self.share:g}\N{NO-BREAK SPACE}%"


@dataclass(frozen=True)
class AugmentationInputs:
    """What `write_augmentation_report` shows; a part that is missing leaves its section out.

    `sizes` in ascending order.

    Attributes:
        arms: in the order of tables.
        baselines: the arms that all others are compared with.
        absent_classes: numbers and names of the classes without training samples.
        n_generators: of each kind; seeds take turns through them.
        source: where `published` was published.
    """

    title: str
    subject: str
    sizes: Sequence[SizeResults]
    arms: Sequence[Arm]
    baselines: Sequence[Arm]
    command: str
    absent_classes: Sequence[str] = ()
    n_generators: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    published: Sequence[PublishedTable] = ()
    next_step: NextStep | None = None

    @property
    def records(self) -> list[RunRecord]:
        """The records of all sizes."""
        return [record for size in self.sizes for record in size.records]

    @property
    def lengths(self) -> list[Duration]:
        """The lengths of the trainings, from the shortest to the longest."""
        steps: dict[Duration, int] = {}
        for run in self.records:
            steps[run.total] = max(run.steps, steps.get(run.total, 0))
        return sorted(steps, key=lambda total: (steps[total], str(total)))
