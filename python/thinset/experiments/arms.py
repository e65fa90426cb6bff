"""Arms of a study, written as short texts.

    full                         everything, shuffled
    full:resident                the same, with the data in the training device's memory
    full:balanced                everything, every class shown equally often
    full:dedup=0.2               everything that deduplication leaves
    loss_pruning                 everything but some of what is learned (see LossPruning)
    repeated_random              a new random subset in every fast pass
    random  random:stratified    a random subset
    topk  topk:per_class         a subset by any method of thinset.methods(), with its options
    kmeans:per_class=balanced:then=loss_pruning
    kmeans:weighted              each sample counts as much as its cluster holds
    random:dedup=0.2             near-duplicates left out first
    file:mine.npz                a selection made elsewhere, saved by Selection.save

Options stand behind colons; one without a value is switched on. Beside a method's own there are
`per_class` (balanced, where no value is given), `metric`, `dedup` (see SelectionSettings), and
`then`: what fine-tuning goes through, `full` or `loss_pruning`. Those of `full` go together, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from thinset.experiments.settings import SelectionSettings
from thinset.selection import methods, select

if TYPE_CHECKING:
    from thinset.results.records import Arm

FineTuning = Literal["full", "loss_pruning"]

_FOUR_ROWS = np.array([[1.0, 2.0], [2.0, 5.0], [3.0, 1.0], [4.0, 4.0]])
_LABELS = np.array([0, 1, 0, 1])

RANDOM = "random"
FULL = "full"
BALANCED = "full:balanced"


@dataclass(frozen=True)
class ArmSpec:
    """What one arm trains on, but for the size of its subset.

    text: as it was written. selection: how its subset is selected; None where there is none. file:
    where it is read from instead. is_weighted: whether the loss weighs samples by the gains of the
    selection, which for kmeans are the sizes of clusters. is_repeated: whether every fast pass
    draws a new random subset. then: what fine-tuning goes through; all of training, where there is
    no subset. resident: see `thinset.training.fit`. is_balanced: whether every class is shown
    equally often. distinct: everything means what deduplication leaves at this share of the typical
    distance; None for no deduplication.
    """

    text: str
    arm: Arm
    selection: SelectionSettings | None = field(default=None, hash=False)
    file: Path | None = None
    is_weighted: bool = False
    is_repeated: bool = False
    then: FineTuning = "full"
    resident: bool | None = None
    is_balanced: bool = False
    distinct: float | None = None

    @property
    def has_fast_phase(self) -> bool:
        return self.selection is not None or self.file is not None or self.is_repeated

    @property
    def needs_embeddings(self) -> bool:
        if self.selection is None:
            return self.distinct is not None
        return self.selection.method != RANDOM or self.selection.dedup is not None

    @property
    def depends_on_seed(self) -> bool:
        """Whether another seed may select other rows."""
        return self.selection is not None and self.selection.method in (RANDOM, "kmeans")


@dataclass
class _Options:
    """The options of an arm that are not taken yet."""

    text: str
    values: dict[str, Any] = field(default_factory=dict)

    def take(self, name: str, default: Any, allowed: tuple[Any, ...]) -> Any:
        value = self.values.pop(name, default)
        if value not in (default, *allowed):
            raise ValueError(
                f"arm {self.text!r}: {name} must be {' or '.join(map(str, allowed))}, got {value}"
            )
        return value

    def take_dedup(self) -> Any:
        dedup = self.values.pop("dedup", None)
        if dedup is not None and (isinstance(dedup, (bool, str)) or not 0 <= dedup < 1):
            raise ValueError(
                f"arm {self.text!r}: dedup must be at least 0 and below 1, got {dedup}"
            )
        return dedup

    def refuse_others(self) -> None:
        if self.values:
            raise ValueError(f"arm {self.text!r} has no option {next(iter(self.values))!r}")


def parse_arm(text: str) -> ArmSpec:
    """Read an arm; ValueError, quoting it, for an unknown name, option or value."""
    name, *words = text.split(":")
    pairs = (word.partition("=") for word in words)
    options = _Options(text, {key: _value(value) if sign else True for key, sign, value in pairs})
    if name == FULL:
        resident = options.take("resident", None, (True,))
        is_balanced = options.take("balanced", False, (True,))
        distinct = options.take_dedup()
        options.refuse_others()
        return ArmSpec(text, "full", resident=resident, is_balanced=is_balanced, distinct=distinct)
    if name == "loss_pruning":
        options.refuse_others()
        return ArmSpec(text, "full", then="loss_pruning")
    then: FineTuning = options.take("then", "full", ("full", "loss_pruning"))
    if name == "file":
        paths = [key for key, value in options.values.items() if value is True]
        if len(paths) != 1 or len(options.values) != 1:
            raise ValueError(f"arm {text!r} must name one file, such as file:mine.npz")
        return ArmSpec(text, "selected", file=Path(paths[0]), then=then)
    if name == "repeated_random":
        options.refuse_others()
        return ArmSpec(text, "random", is_repeated=True, then=then)
    if name not in methods():
        known = ", ".join((FULL, "loss_pruning", "repeated_random", "file", *methods()))
        raise ValueError(f"arm {text!r}: the name must be one of {known}; got {name!r}")
    is_weighted = options.take("weighted", False, (True,))
    if is_weighted and name != "kmeans":
        raise ValueError(f"arm {text!r}: only the clusters of kmeans have sizes to weigh by")
    per_class = options.take("per_class", None, (True, "balanced", "proportional"))
    metric = options.take("metric", "euclidean", ("sqeuclidean", "cosine"))
    dedup = options.take_dedup()
    if per_class is True:
        per_class = "balanced"
    try:
        # Whatever is wrong with the options shows on four rows, before any training.
        select(
            _FOUR_ROWS, 2, name, labels=_LABELS, per_class=per_class, metric=metric,
            **options.values,
        )  # fmt: skip
    except ValueError as error:
        raise ValueError(f"arm {text!r}: {error}") from None
    selection = SelectionSettings(
        name, per_class=per_class, metric=metric, dedup=dedup, options=options.values
    )
    return ArmSpec(
        text,
        "random" if name == RANDOM else "selected",
        selection,
        is_weighted=is_weighted,
        then=then,
    )


def arm_text(settings: SelectionSettings) -> str:
    """The text of the arm that selects as the settings say, whatever the size."""
    options = {"metric": settings.metric, "dedup": settings.dedup, **settings.options}
    defaults = {"metric": "euclidean", "dedup": None}
    words = [settings.method]
    if settings.per_class is not None:
        per_class = settings.per_class
        words.append("per_class" if per_class == "balanced" else f"per_class={per_class}")
    words += [
        name if value is True else f"{name}={'false' if value is False else value}"
        for name, value in options.items()
        if name not in defaults or value != defaults[name]
    ]
    return ":".join(words)


def _value(text: str) -> Any:
    words = {"true": True, "false": False}
    if text in words:
        return words[text]
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text
