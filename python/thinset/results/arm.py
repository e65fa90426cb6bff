"""Arms: the ways to train that an experiment compares, each parsed once from a short text.

    full                         everything, shuffled
    full:resident                the same, with the data in the training device's memory
    full:cached                  encoded images, each decoded once and kept in memory
    full:draft                   encoded images, JPEG decoded at a part of their size
    full:balanced                everything, every class shown equally often
    full:logit_adjusted          everything, logits adjusted by the frequency of each class; =TAU
    full:effective               everything, classes weighted by effective numbers of samples; =BETA
    full:dedup=0.2               everything that deduplication leaves
    full:dedup=0.2:weighted      everything, near-duplicates weighted down instead of left out
    full:progressive             everything, on smaller images at first; =SHARE of their sides
    full+data:FOLDER             everything, and the samples of another dataset folder
    loss_pruning                 everything except part of what is already learned (see LossPruning)
    repeated_random              a new random subset in every fast pass
    random  random:stratified    a random subset
    topk  topk:per_class         a subset by any method of thinset.methods(), with its options
    kmeans:per_class=balanced:then=loss_pruning
    kmeans:weighted              each sample weighted by the size of its cluster
    random:dedup=0.2             near-duplicates removed first
    file:mine.npz                a selection made elsewhere, saved by Selection.save
    data:FOLDER                  another dataset folder: generated, distilled or chosen elsewhere;
                                 a distilled one is trained on by its stored steps, once
    data:FOLDER:ordinary         the same without the stored steps of a distilled one
    full:augment=rot             everything, and one transformed or generated image for each sample
    kmeans:augment=flow          the same with a subset
    generated:flow               generated images instead of real ones
    generated:flow:keep=coverage the best of ten times as many
    distilled:dm                 images that are learned from all training data; dd, soft, gm or dm
    distilled:dd:start=fixed     the same, for networks that start from the same weights
    distilled:dd:start=fixed:new_weights  its control: networks that start from other weights

Options follow colons; an option without a value is switched on. Besides the options of a method
there are `per_class` (balanced by default), `metric`, `dedup` (see SelectionRule), `augment` (see
AUGMENTATIONS), and `then`: the data of fine-tuning, `full` or `loss_pruning`. Options of `full`
combine.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias, final

from thinset.results.arm_options import BETA, SMALLEST, TAU, ArmOptions, Keep, generator_of
from thinset.results.distillation_rule import DistillationRule
from thinset.results.selection_rule import SelectionRule, as_text
from thinset.selection import methods

if TYPE_CHECKING:
    from collections.abc import Callable

FineTuning: TypeAlias = Literal["full", "loss_pruning"]
Kind: TypeAlias = Literal["selected", "data", "random", "full"]
"""Groups of arms on pages"""

_EXAMPLES = {"file": "mine.npz", "data": "generated", "full+data": "generated"}
"""Examples of the path that follows the name of an arm"""


def _plain(path: str | None) -> str | None:
    """One text for all spellings of a path: ./data and data/ are data."""
    return None if path is None else os.path.normpath(path)


@final
class Arm:
    """One way to train, without the size of its subset; arms with the same meaning are equal.

    The data of the fast phase are one of: rule, which selects a subset; file, a saved selection;
    data, another dataset folder; generated, images drawn by this generator, of which `keep` says
    how the best are kept; distilled, images that are learned by this rule; is_repeated, a new
    random subset in every pass. Without any of them, the arm trains on everything.

    Attributes:
        augment: one image is made for each of these samples and trained on, too.
        added: a dataset folder whose samples are added to everything.
        distinct: everything means the samples that deduplication at this share of the typical
            distance keeps.
        down_weighted: each sample counts 1 over the size of its group of near-duplicates at this
            share.
        is_weighted: the loss weighs samples by the gains of the selection, which for kmeans are
            sizes of clusters.
        is_balanced: every class is shown equally often.
        logit_adjusted: the loss adds the log of each class's frequency, times this, to the logits.
        effective: the loss weighs each class by 1 over its effective number of samples at this
            beta.
        progressive: at first, images have this share of their sides.
        is_resident: the data are kept in the training device's memory.
        is_cached: images that stay encoded are decoded once.
        is_draft: JPEG that stays encoded is decoded at a part of its size.
        is_ordinary: the stored steps of distilled data are not used.
        has_new_weights: training by stored steps starts from new weights, not from stored ones.
        fine_tuning: the data of fine-tuning.
        other: the text of an arm in a record that this version cannot train.
    """

    # Not a dataclass: in files an arm is one text, not a table of its fields.
    __slots__ = (
        "_text", "added", "augment", "data", "distilled", "distinct", "down_weighted",
        "effective", "file", "fine_tuning", "generated", "has_new_weights", "is_balanced",
        "is_cached", "is_draft", "is_ordinary", "is_repeated", "is_resident", "is_weighted",
        "keep", "logit_adjusted", "other", "progressive", "rule",
    )  # fmt: skip
    _text: str
    rule: SelectionRule | None
    file: str | None
    data: str | None
    added: str | None
    distinct: float | None
    down_weighted: float | None
    augment: str | None
    generated: str | None
    keep: Keep | None
    distilled: DistillationRule | None
    is_repeated: bool
    logit_adjusted: float | None
    effective: float | None
    progressive: float | None
    is_weighted: bool
    is_balanced: bool
    is_resident: bool
    is_cached: bool
    is_draft: bool
    is_ordinary: bool
    has_new_weights: bool
    fine_tuning: FineTuning
    other: str | None

    def __init__(
        self,
        rule: SelectionRule | None = None,
        *,
        file: str | None = None,
        data: str | None = None,
        added: str | None = None,
        distinct: float | None = None,
        down_weighted: float | None = None,
        augment: str | None = None,
        generated: str | None = None,
        keep: Keep | None = None,
        distilled: DistillationRule | None = None,
        logit_adjusted: float | None = None,
        effective: float | None = None,
        progressive: float | None = None,
        is_repeated: bool = False,
        is_weighted: bool = False,
        is_balanced: bool = False,
        is_resident: bool = False,
        is_cached: bool = False,
        is_draft: bool = False,
        is_ordinary: bool = False,
        has_new_weights: bool = False,
        fine_tuning: FineTuning = "full",
        other: str | None = None,
    ) -> None:
        values = {
            "rule": rule, "file": _plain(file), "data": _plain(data), "added": _plain(added),
            "distinct": distinct, "down_weighted": down_weighted, "augment": augment,
            "generated": generated, "keep": keep, "distilled": distilled,
            "logit_adjusted": logit_adjusted, "effective": effective,
            "progressive": progressive,
            "is_repeated": is_repeated, "is_weighted": is_weighted, "is_balanced": is_balanced,
            "is_resident": is_resident, "is_cached": is_cached, "is_draft": is_draft,
            "is_ordinary": is_ordinary,
            "has_new_weights": has_new_weights, "fine_tuning": fine_tuning, "other": other,
        }  # fmt: skip
        for name, value in values.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_text", self._canonical_text())

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"an Arm is immutable: cannot set {name!r}")

    def __reduce__(self) -> tuple[Callable[[str], Arm], tuple[str]]:
        return Arm.recorded, (self._text,)

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Arm) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"Arm.parse({self._text!r})"

    def __str__(self) -> str:
        """The canonical text of this arm; Arm.parse reads it."""
        return self._text

    @classmethod
    def parse(cls, text: str) -> Arm:
        """Read an arm; ValueError, quoting it, for an unknown name, option or value."""
        name, colon, rest = text.partition(":")
        path = None
        if name in _EXAMPLES:
            path, _, rest = rest.partition(":")
            if not path:
                raise ValueError(
                    f"arm {text!r} must name a file or folder, such as {name}:{_EXAMPLES[name]}"
                )
        elif colon and not rest:
            raise ValueError(f"arm {text!r} ends with a colon; an option must follow it")
        options = ArmOptions.read(text, rest)
        if name == "full":
            return cls(**options.take_of_full())
        if name == "loss_pruning":
            options.refuse_others()
            return cls(fine_tuning="loss_pruning")
        fine_tuning: FineTuning = options.take("then", "full", ("full", "loss_pruning"))
        if name == "full+data":
            arm = cls(added=path, fine_tuning=fine_tuning, **options.take_of_full())
            is_deduplicated = arm.distinct is not None or arm.down_weighted is not None
            for option, is_given in (
                ("dedup", is_deduplicated), ("augment", arm.augment is not None),
                ("cached", arm.is_cached), ("draft", arm.is_draft),
            ):  # fmt: skip
                if is_given:
                    raise ValueError(f"arm {text!r}: {option} does not apply to added data")
            for option, is_given in (
                ("balanced", arm.is_balanced), ("effective", arm.effective is not None),
            ):  # fmt: skip
                if is_given and fine_tuning != "full":
                    raise ValueError(
                        f"arm {text!r}: {option} and then={fine_tuning} exclude each other"
                    )
            return arm
        if name in ("file", "data"):
            uses: dict[str, Any] = {}
            if name == "data":
                uses = options.take_uses_of_steps(has_steps=True)
            options.refuse_others()
            if name == "file":
                return cls(file=path, fine_tuning=fine_tuning)
            return cls(data=path, fine_tuning=fine_tuning, **uses)
        if name == "repeated_random":
            options.refuse_others()
            return cls(is_repeated=True, fine_tuning=fine_tuning)
        if name == "generated":
            return cls(fine_tuning=fine_tuning, **options.take_generated())
        if name == "distilled":
            rule = DistillationRule.take(options)
            uses = options.take_uses_of_steps(has_steps=rule.has_steps)
            options.refuse_others()
            return cls(distilled=rule, fine_tuning=fine_tuning, **uses)
        if name not in methods():
            names = ("full", "loss_pruning", "repeated_random", "generated", "distilled")
            known = ", ".join((*names, *_EXAMPLES, *methods()))
            raise ValueError(f"arm {text!r}: the name must be one of {known}; got {name!r}")
        is_weighted = options.take("weighted", False, (True,))
        if is_weighted and name != "kmeans":
            raise ValueError(
                f"arm {text!r}: only the clusters of kmeans have sizes to weigh by; "
                "full:dedup=0.2:weighted weighs near-duplicates"
            )
        augment = options.take_augment()
        if is_weighted and augment is not None:
            raise ValueError(f"arm {text!r}: weighted and augment exclude each other")
        return cls(
            rule=options.take_rule(name),
            augment=augment,
            is_weighted=is_weighted,
            fine_tuning=fine_tuning,
        )

    @classmethod
    def recorded(cls, text: str) -> Arm:
        """The arm named by a record, which this version may be unable to train."""
        try:
            return cls.parse(text)
        except ValueError:
            return cls(other=text)

    @property
    def kind(self) -> Kind:
        """Its group on pages."""
        if self.is_repeated or (self.rule is not None and self.rule.method == "random"):
            return "random"
        if self.data is not None or self.added is not None or self.generated is not None:
            return "data"
        if self.distilled is not None:
            return "data"
        if self.augment is not None and self.rule is None:
            return "data"
        return "selected" if self.has_fast_phase else "full"

    @property
    def path(self) -> str | None:
        """The file or folder that the arm names."""
        return self.file or self.data or self.added

    @property
    def is_plain(self) -> bool:
        """Whether it has no options."""
        return ":" not in self._name() and self._text == self._name()

    @property
    def has_fast_phase(self) -> bool:
        return (
            self.is_repeated
            or self.rule is not None
            or self.file is not None
            or self.data is not None
            or self.generated is not None
            or self.distilled is not None
            or self.other is not None
        )

    @property
    def has_own_size(self) -> bool:
        """Whether the arm, not the experiment, fixes the size of its subset."""
        return self.file is not None or self.data is not None

    @property
    def needs_labels(self) -> bool:
        """Whether the training counts the samples of each class."""
        strengths = (self.logit_adjusted, self.effective)
        return self.is_balanced or any(value is not None for value in strengths)

    @property
    def needs_images(self) -> bool:
        """Whether all images are needed as pixels before the training."""
        made = (self.augment, self.added, self.generated, self.distilled)
        return any(value is not None for value in made)

    @property
    def generator(self) -> str | None:
        """The generator that makes images for the arm; None if there is none."""
        return self.generated or (None if self.augment is None else generator_of(self.augment))

    @property
    def needs_embeddings(self) -> bool:
        if self.distilled is not None:
            return self.distilled.selection is not None
        if self.rule is None:
            return self.distinct is not None or self.down_weighted is not None
        return self.rule.needs_embeddings

    def _canonical_text(self) -> str:
        words = [self._name()]
        if self.is_resident:
            words.append("resident")
        if self.is_cached:
            words.append("cached")
        if self.is_draft:
            words.append("draft")
        if self.is_balanced:
            words.append("balanced")
        for name, value, default in (
            ("logit_adjusted", self.logit_adjusted, TAU), ("effective", self.effective, BETA),
            ("progressive", self.progressive, SMALLEST),
        ):  # fmt: skip
            if value is not None:
                words.append(name if value == default else f"{name}={as_text(value)}")
        if self.is_ordinary:
            words.append("ordinary")
        if self.has_new_weights:
            words.append("new_weights")
        distances = (self.distinct, self.down_weighted)
        words += [f"dedup={as_text(distance)}" for distance in distances if distance is not None]
        if self.augment is not None:
            words.append(f"augment={self.augment}")
        if self.is_weighted or self.down_weighted is not None:
            words.append("weighted")
        if self.fine_tuning != "full":
            words.append(f"then={self.fine_tuning}")
        text = ":".join(words)
        return "loss_pruning" if text == "full:then=loss_pruning" else text

    def _name(self) -> str:
        if self.other is not None:
            return self.other
        if self.rule is not None:
            return str(self.rule)
        for name, path in (("file", self.file), ("data", self.data), ("full+data", self.added)):
            if path is not None:
                return f"{name}:{path}"
        if self.generated is not None:
            return f"generated:{self.generated}" + (f":keep={self.keep}" if self.keep else "")
        if self.distilled is not None:
            return f"distilled:{self.distilled}"
        return "repeated_random" if self.is_repeated else "full"


FULL = Arm()
BALANCED = Arm(is_balanced=True)
LOSS_PRUNING = Arm(fine_tuning="loss_pruning")
RANDOM = Arm(SelectionRule("random"))
