"""How an arm distils the training data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from thinset.results.gan_rules import LatentRule, TermRule
from thinset.results.selection_rule import SelectionRule

if TYPE_CHECKING:
    from thinset.results.arm_options import ArmOptions

Method: TypeAlias = Literal["dd", "soft", "gm", "dm", "gan-difference", "gan-magnitude", "latent"]
Selected: TypeAlias = Literal["topk", "max_sum", "max_min", "kmeans", "facility_location"]
Init: TypeAlias = Literal["noise", "real"] | Selected
Start: TypeAlias = Literal["random", "fixed", "pretrained", "fresh"]

METHODS: tuple[Method, ...] = get_args(Method)
SELECTED: tuple[Selected, ...] = get_args(Selected)
WITH_STEPS: tuple[Method, ...] = ("dd", "soft")
"""The methods that learn step sizes"""
WITH_TERM: tuple[Method, ...] = ("gan-difference", "gan-magnitude")
"""The methods that train a GAN with an additional term, and draw images from it"""
_GAN = "sngan"
_STARTS: tuple[Start, ...] = ("random", "fixed", "pretrained")


@dataclass(frozen=True)
class DistillationRule:
    """How images are learned, independent of their number; see thinset.distillation.

    init: what the images start from: noise, random real images, or those that a selection chooses
    in each class. start: the weights of the networks that the images are for: their initial ones,
    with methods that learn step sizes; those of the evaluation network, through a GAN, where
    "fresh" ones are drawn for each step. fixed_layers: how many first layers start from these
    weights, the others from random ones; None for all. through: what
    a method through a GAN adds or searches; None for other methods.
    """

    method: Method
    init: Init
    start: Start = "random"
    fixed_layers: int | None = None
    through: TermRule | LatentRule | None = None

    @classmethod
    def take(cls, options: ArmOptions) -> DistillationRule:
        """The rule in the options of an arm; ValueError, quoting the arm, for what it cannot be."""
        arm = options.text
        methods = [name for name in METHODS if options.take(name, False, (True,))]
        if len(methods) != 1:
            raise ValueError(
                f"arm {arm!r} must name a method, {', '.join(METHODS)}, such as distilled:dm"
            )
        method = methods[0]
        inits = ("noise",) if method in WITH_TERM else ("noise", "real", *SELECTED)
        init = options.take("init", default_init(method), inits)
        if method in WITH_TERM or method == "latent":
            start = options.take("start", "fresh", ("fresh", "pretrained"))
            through = TermRule.take(options) if method in WITH_TERM else LatentRule.take(options)
            return cls(method, init, start, through=through)
        start = options.take("start", "random", _STARTS)
        fixed_layers = options.values.pop("fixed_layers", None)
        if fixed_layers is not None and (type(fixed_layers) is not int or fixed_layers < 0):
            raise ValueError(
                f"arm {arm!r}: fixed_layers must be a whole number of at least 0, "
                f"got {fixed_layers}"
            )
        if method not in WITH_STEPS and (start != "random" or fixed_layers is not None):
            raise ValueError(f"arm {arm!r}: {method} has no start and no fixed_layers")
        if start == "random" and fixed_layers is not None:
            raise ValueError(f"arm {arm!r}: fixed_layers needs start=fixed or start=pretrained")
        return cls(method, init, start, fixed_layers)

    @property
    def generator(self) -> str | None:
        """The generator that draws its images; None if none does."""
        return None if self.through is None else _GAN

    @property
    def has_steps(self) -> bool:
        """Whether it learns step sizes, which a training replays."""
        return self.method in WITH_STEPS

    @property
    def selection(self) -> SelectionRule | None:
        """How the images that it starts from are selected; None if they are not."""
        if self.init not in SELECTED:
            return None
        return SelectionRule.of(self.init, per_class="balanced")

    def __str__(self) -> str:
        words: list[str] = [self.method]
        if self.init != default_init(self.method):
            words.append(f"init={self.init}")
        if self.start not in ("random", "fresh"):
            words.append(f"start={self.start}")
        if self.fixed_layers is not None:
            words.append(f"fixed_layers={self.fixed_layers}")
        if self.through is not None:
            words += self.through.words
        return ":".join(words)


def default_init(method: Method) -> Init:
    """What the images of a method start from, as published."""
    return "real" if method in ("gm", "dm") else "noise"
